"""Objects followed by eye through real clips: data/tracks.csv + clips → frames, a box in every few frames.

A person marked each box on the enlarged frame, every third to eighth frame; between them nothing is claimed, and
nothing interpolated.
"""

from dataclasses import dataclass

import numpy as np
from torch.utils.data import Dataset

from mvlib.errors import InputError, MissingFile

from ._manifest import RESTORE, maybe, number, one_of, read_rows, some, whole
from ._root import data_root, read_manifest
from .clips import COLUMNS, SPLITS, _decode


@dataclass(frozen=True)
class Track:
    """One object in one clip.

    Attributes:
        name: the sequence, such as "red".
        frames: uint8 (T, H, W, 3), from the first frame with a box on; read-only.
        boxes: float32 (T, 4), x1, y1, x2, y2 in pixels; NaN where nobody looked.
        known: bool (T,), where somebody did; the first is.
        what: what is followed.
        source_id: the film; no film is in two splits.
    """

    name: str
    frames: np.ndarray
    boxes: np.ndarray
    known: np.ndarray
    what: str
    source_id: str


class Tracks(Dataset):
    """The marked objects of one split, in the order of the file.

    Args:
        split: "train" or "test", that of the clip.

    Raises ValueError for an unknown split or a row that is wrong, and FileNotFoundError for a missing file.
    """

    def __init__(self, split: str = "test") -> None:
        self.split = split
        self._clips = {item.file: item for item in read_manifest("clips.csv", split, SPLITS, COLUMNS)}
        path = data_root() / "tracks.csv"
        if not path.is_file():
            raise MissingFile(f"{path} is missing: {RESTORE}")
        self._rows: dict[str, list[dict[str, str]]] = {}
        sides = dict.fromkeys(("x1", "y1", "x2", "y2"), number)
        columns = {
            "sequence": some,
            "split": one_of(SPLITS),
            "file": some,
            "frame": whole,
            "what": maybe,
            **sides,
        }
        for row in read_rows(path, columns):
            if row["split"] != split:
                continue
            clip, frame = self._clips.get(row["file"]), int(row["frame"])
            if clip is None or frame >= int(clip.row["frames"]):
                raise InputError(
                    f"{path}: {row['file']}, frame {frame}, is not in the split {split!r} of clips.csv: {RESTORE}"
                )
            self._rows.setdefault(row["sequence"], []).append(row)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Track:
        """Return sequence ``index``; its clip is decoded."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"sequence {index} does not exist, {self.split!r} holds 0..{len(self) - 1}")
        name, rows = list(self._rows.items())[index]
        item = self._clips[rows[0]["file"]]
        first = min(int(row["frame"]) for row in rows)
        frames = _decode(item)[first:]
        boxes = np.full((len(frames), 4), np.nan, np.float32)
        for row in rows:
            boxes[int(row["frame"]) - first] = [float(row[side]) for side in ("x1", "y1", "x2", "y2")]
        known = np.isfinite(boxes).all(1)
        return Track(name, frames, boxes, known, rows[0]["what"], item.source_id)
