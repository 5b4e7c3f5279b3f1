"""Films and pictures of one's own as material: files | folders → pictures, or several excerpts of every film → samples.

Excerpts of one film are one source, and a bootstrap draws them together.  Where there is one film only, its shots are
the sources, or, if it has one shot, each excerpt: the interval then speaks of this film and of no other.
"""

from collections.abc import Sequence
from pathlib import Path

from mvlib.datasets.readers.files import CLIPS, PICTURES, media_files
from mvlib.errors import InputError, MissingFile
from mvlib.media import TooShort, cut, open_clip, raise_damage, read_picture
from mvlib.samples import Sample

from .samples import PSEUDO, PSEUDO_CLIPS, UNLABELLED, UNMARKED, Material, spread
from .shots import shots_of


def own_material(
    paths: Sequence[str | Path], frames: int = 16, excerpts: int = 8, limit: int | None = None
) -> Material:
    """The pictures, or the films, in ``paths`` and in the folders among them.

    Args:
        frames: of an excerpt of a film.
        excerpts: most of one film, evenly spread over it; they do not overlap.
        limit: most samples, from all over.
    Raises:
        FileNotFoundError: a file is not there, or a folder holds none.  ValueError: films beside pictures; a film is
            shorter than an excerpt.
    """
    if frames < 2 or excerpts < 1:
        raise InputError(f"frames is {frames}, excerpts is {excerpts}; give at least 2 and 1")
    files = [file for path in paths for file in _files(Path(path))]
    films = [file for file in files if file.suffix.lower() in CLIPS - PICTURES]
    if films and len(films) < len(files):
        raise InputError(
            f"there are pictures ({len(files) - len(films)}) beside films ({len(films)}); compare one after the other"
        )
    places = [(file, start) for file in films for start in _starts(file, frames, excerpts)]
    shots = shots_of(films[0], [start for _, start in places], frames) if len(films) == 1 else []
    taken = spread(len(places) if films else len(files), limit)

    def picture(i: int) -> Sample:
        file = files[taken[i]]
        return Sample(read_picture(file)[None], str(file))

    def excerpt(i: int) -> Sample:
        file, start = places[taken[i]]
        return Sample(cut(open_clip(file), start, frames, 1).frames, f"{file}{_part(shots, taken[i], start)}")

    what = f"excerpts of {frames} frames of {len(films)} films" if films else "pictures"
    about = f"{len(taken)} {what}; a file is one source"
    if shots:
        sources = (
            f"{shots[-1] + 1} shots, which are the sources"
            if shots[-1]
            else "one shot, each a source of its own"
        )
        about = (
            f"{len(taken)} excerpts of {frames} frames of one film, of {sources}: an interval speaks of this film and "
            "of no other"
        )
    truth, lacks = (PSEUDO_CLIPS if films else PSEUDO), UNLABELLED | UNMARKED
    return Material(about, truth, len(taken), excerpt if films else picture, None, lacks, bool(films))


def _part(shots: Sequence[int], place: int, start: int) -> str:
    """What a source's name says beside the file, where there is one file only."""
    if not shots:
        return ""
    return f", shot {shots[place] + 1}" if shots[-1] else f" from frame {start}"


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise MissingFile(f"{path} does not exist; give pictures, films or folders of them")
    if not path.is_dir():
        if path.suffix.lower() not in CLIPS | PICTURES:
            raise InputError(
                f"{path} is neither a picture nor a film by its name; give .png, .jpg, .mp4, .mkv, …"
            )
        return [path]
    found, _ = media_files(path, CLIPS | PICTURES)
    if not found:
        raise MissingFile(f"{path} holds no picture and no film")
    return found


def _starts(file: Path, frames: int, excerpts: int) -> list[int]:
    """Where the excerpts of a film begin, each in the middle of its share of the film."""
    clip = open_clip(file)
    count = clip.count
    if count < frames:
        raise_damage(clip)
        raise TooShort(f"{file} holds {count} frames; an excerpt has {frames}: give fewer frames")
    many = min(excerpts, count // frames)
    room = count / many
    return [int(i * room + (room - frames) / 2) for i in range(many)]
