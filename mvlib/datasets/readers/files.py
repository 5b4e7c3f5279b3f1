"""What lies in a folder, as people have it: folder → media files in order → samples without labels.

Hidden files, what systems leave behind and what is neither picture nor clip is no item of a data set; it is counted.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mvlib.errors import InputError, MissingFile, choose
from mvlib.media import TooShort, read_window
from mvlib.samples import Sample

from .reader import BrokenItem, Reader, counted, folder, read_picture

log = logging.getLogger("mvlib.datasets")
PICTURES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".avif", ".gif", ".bmp", ".dib", ".ppm",
    ".pgm", ".pbm", ".pnm", ".tif", ".tiff", ".jp2", ".j2k", ".heic", ".heif", ".qoi", ".sgi", ".tga", ".ico",
})  # fmt: skip
CLIPS = frozenset({
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m2v", ".ts", ".m2ts", ".mts", ".wmv", ".flv",
    ".3gp", ".ogv", ".y4m", ".mxf", ".vob", ".gif",
})  # fmt: skip
# What Windows, macOS, Linux and network drives put into folders of their own accord.
_LEFT_BEHIND = {
    "thumbs.db", "desktop.ini", "lost+found", "__macosx", "$recycle.bin", "system volume information", "@eadir",
}  # fmt: skip


def hidden(name: str) -> bool:
    """Whether a file or folder of that name is no part of a data set."""
    return name.startswith(".") or name.lower() in _LEFT_BEHIND


def media_files(top: Path, suffixes: frozenset[str]) -> tuple[list[Path], Counter]:
    """All files below ``top`` that end in one of ``suffixes`` (in either case), sorted, and what was passed over.

    Symbolic links are followed, except to a folder that holds them. Counted by kind: "hidden" (a hidden folder
    counts as one), "of another kind" and "unreadable folder".
    """
    found: list[Path] = []
    passed: Counter[str] = Counter()
    holding = {str(top): {os.path.realpath(place) for place in (top, *top.absolute().parents)}}

    def unreadable(error: OSError) -> None:
        log.warning("%s cannot be read: %s", error.filename, error.strerror)
        passed["unreadable folder"] += 1

    for place, folders, files in os.walk(top, followlinks=True, onerror=unreadable):
        passed["hidden"] += sum(map(hidden, folders + files))
        above, inner = holding.pop(place), [name for name in folders if not hidden(name)]
        reals = {name: os.path.realpath(os.path.join(place, name)) for name in inner}
        folders[:] = [name for name in inner if reals[name] not in above]
        holding |= {os.path.join(place, name): above | {reals[name]} for name in folders}
        seen = [Path(place, name) for name in files if not hidden(name)]
        taken = [path for path in seen if path.suffix.lower() in suffixes]
        passed["of another kind"] += len(seen) - len(taken)
        found += taken
    return sorted(found, key=lambda path: path.parts), +passed


def class_folders(top: Path, suffixes: frozenset[str], passed: Counter) -> Iterator[tuple[str, list[Path]]]:
    """Name and files of each class folder in ``top``, in order; what is passed over is added to ``passed``."""
    for place in sorted(top.iterdir()):
        if hidden(place.name):
            passed["hidden"] += 1
        elif place.is_dir():
            files, others = media_files(place, suffixes)
            passed.update(others)
            yield place.name, files
        else:
            passed["outside of the class folders"] += 1


class ClipReader(Reader):
    """A reader of clips as windows out of video files.

    Args:
        frames, stride: the window: T frames, every ``stride``-th.
        window: "centre" or "random" (from seed, epoch and index alone).
        seed: of the random windows.
        root, paths, short_side, on_error, passed: see ``Reader``; a video shorter than the window is "too short".
    """

    is_video = True

    def __init__(
        self, root: Path, paths: list[str], frames: int, stride: int, window: str, seed: int,
        short_side: int | None, on_error: str, passed: dict[str, int],
    ) -> None:  # fmt: skip
        choose("window", window, ("centre", "random"))
        if frames < 1 or stride < 1:
            raise InputError(f"frames={frames} and stride={stride} must be at least 1")
        self.frames, self.stride, self.window, self.seed = frames, stride, window, seed
        super().__init__(root, paths, short_side, on_error, passed)

    def clip(self, index: int, place: Path) -> np.ndarray:
        """The window of item ``index`` out of the file ``place``: uint8 (T, H, W, 3); raises ``BrokenItem``."""
        path, at = self.paths[index], 0.5
        if self.window == "random":
            at = float(np.random.default_rng((self.seed, self._epoch.value, index)).random())
        try:
            return read_window(place, self.frames, self.stride, at).frames
        except FileNotFoundError:
            raise BrokenItem("missing file", path) from None
        except TooShort as error:
            raise BrokenItem("too short", path, str(error)) from error
        except (OSError, InputError) as error:
            # PyAV's own words, without the path again.
            why = getattr(error.__cause__, "strerror", None) or error
            raise BrokenItem("broken file", path, str(why)) from error


class Folder(ClipReader):
    """All pictures, or all clips, of a folder and the folders in it, in the order of their paths.

    Nothing is known of them, and each file is a source of its own. Hidden files and those of another kind are passed
    over and counted (``passed``).

    Args:
        root: the folder.
        frames: T, the frames of the window that is cut out of each clip; None reads pictures.
        stride, window, seed: of clips, see ``ClipReader``.
        short_side, on_error: see ``Reader``.

    Raises FileNotFoundError where there is no picture, or no clip.
    """

    has_splits = False

    def __init__(
        self, root: str | Path, frames: int | None = None, stride: int = 1, window: str = "centre",
        seed: int = 0, short_side: int | None = None, on_error: str = "stop",
    ) -> None:  # fmt: skip
        root, self.is_video = folder(Path(root), "give a folder of pictures or clips"), frames is not None
        found, passed = media_files(root, CLIPS if self.is_video else PICTURES)
        if not found:
            what, other = ("clips", "pictures") if self.is_video else ("pictures", "clips")
            there = counted(passed) or "nothing at all"
            more = media_files(root, PICTURES if self.is_video else CLIPS)[0]
            hint = f"; it holds {len(more)} {other}, which `evaluate` takes as such" if more else ""
            raise MissingFile(f"{root} holds no {what}, only files that are passed over ({there}){hint}")
        paths = [path.relative_to(root).as_posix() for path in found]
        super().__init__(
            root, paths, 1 if frames is None else frames, stride, window, seed, short_side, on_error, passed
        )

    def read(self, index: int) -> Sample:
        path = self.paths[index]
        place = self.root / path
        frames = self.clip(index, place) if self.is_video else read_picture(place)
        return Sample(frames, path, file=path, index=index)
