"""Films and pictures of one's own: files | folders → pictures, or several excerpts of every film → samples.

Excerpts of one film are one source, and a bootstrap draws them together.  Where there is one film only, its shots are
the sources, or, if it has one shot, each excerpt: the interval then speaks of this film and of no other.  Where the
colours of neighbouring frames change at once, the film was cut.
"""

from collections.abc import Iterable, Sequence
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from mvlib import media
from mvlib.errors import InputError, MissingFile
from mvlib.media import TooShort, open_clip, raise_damage, read_clip
from mvlib.samples import Sample

from .files import CLIPS, PICTURES, media_files
from .reader import Reader

CUT = 0.3
"""Share of pixels that change their colour between two frames of different shots; of one shot, with all motion in the
films of ``data/clips``, at most 0.23, while the median of two films is 0.6."""
_MOST = 1500  # frames that are searched between two places; a minute of film without a cut is one shot


class OwnFiles(Reader):
    """The pictures, or excerpts of the films, in ``paths`` and in the folders among them.

    Args:
        frames: of an excerpt of a film.
        excerpts: most of one film, evenly spread over it; they do not overlap.
    Raises:
        FileNotFoundError: a file is not there, or a folder holds none.  ValueError: films beside pictures; a film is
            shorter than an excerpt.
    """

    has_splits = False

    def __init__(self, paths: Sequence[str | Path], frames: int = 16, excerpts: int = 8) -> None:
        if frames < 2 or excerpts < 1:
            raise InputError(f"frames is {frames}, excerpts is {excerpts}; give at least 2 and 1")
        files = [file for path in paths for file in _files(Path(path))]
        films = [file for file in files if file.suffix.lower() in CLIPS - PICTURES]
        if films and len(films) < len(files):
            raise InputError(
                f"there are pictures ({len(files) - len(films)}) beside films ({len(films)}); compare one after the "
                "other"
            )
        self.is_video, self.frames = bool(films), frames
        self._places = [(file, start) for file in films for start in _starts(file, frames, excerpts)]
        starts = [start for _, start in self._places]
        self._shots = shots_of(films[0], starts, frames) if len(films) == 1 else []
        what = f"excerpts of {frames} frames of {len(films)} films" if films else "pictures"
        self.about = f"{{n}} {what}; a file is one source"
        if self._shots:
            count = self._shots[-1] + 1
            sources = (
                f"{count} shots, which are the sources" if count > 1 else "one shot, each a source of its own"
            )
            self.about = (
                f"{{n}} excerpts of {frames} frames of one film, of {sources}: an interval speaks of this film and of "
                "no other"
            )
        super().__init__(Path(), [str(file) for file, _ in self._places] or [str(file) for file in files])

    def read(self, index: int) -> Sample:
        file, part = self.paths[index], ""
        if not self.is_video:
            return Sample(media.read_picture(file)[None], file, file=file, index=index)
        path, start = self._places[index]
        if self._shots:
            part = f", shot {self._shots[index] + 1}" if self._shots[-1] else f" from frame {start}"
        return Sample(read_clip(path, start, self.frames).frames, file + part, file=file, index=index)


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


def shots_of(film: Path, starts: Sequence[int], frames: int) -> list[int]:
    """For excerpts of ``frames`` frames from ``starts`` on, in rising order, the number of the shot that each lies in.

    The film is decoded from the end of an excerpt to the first cut, or to the next excerpt.
    """
    shots = [0] * min(1, len(starts))
    for start, following in pairwise(starts):
        last = start + frames - 1
        between = islice(open_clip(film).shown(last), min(following - last + 1, _MOST))
        shots.append(shots[-1] + has_cut(shown.pixels for shown in between))
    return shots


def has_cut(frames: Iterable[np.ndarray]) -> bool:
    """Whether two neighbours among ``frames``, uint8 (H, W, 3), are of different shots."""
    colours = (_histogram(frame) for frame in frames)
    return any(np.abs(a - b).sum() / 2 > CUT for a, b in pairwise(colours))


def _histogram(frame: np.ndarray) -> np.ndarray:
    """Shares (64,) of four levels each of red, green and blue, from every fourth pixel of every fourth row."""
    levels = frame[::4, ::4].reshape(-1, 3) // 64
    counts = np.bincount(levels @ np.array([16, 4, 1]), minlength=64)
    return counts / counts.sum()
