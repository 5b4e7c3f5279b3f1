"""A folder of pictures or clips that nobody labelled: every file below it → sample."""

from pathlib import Path

from mvlib.errors import MissingFile
from mvlib.samples import Sample

from .files import CLIPS, PICTURES, ClipReader, media_files
from .reader import counted, folder, read_picture


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
