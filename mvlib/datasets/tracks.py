"""Objects followed by eye through real clips: data/tracks.csv + clips → samples with a box in every few frames.

A person marked each box on the enlarged frame, every third to eighth frame; between them nothing is claimed, and
nothing interpolated.
"""

import numpy as np

from mvlib.errors import InputError, MissingFile
from mvlib.samples import Sample

from ._manifest import RESTORE, maybe, number, one_of, read_rows, some, whole
from ._root import data_root, read_manifest
from .clips import COLUMNS, SPLITS, read_film
from .readers.reader import Reader


class Tracks(Reader):
    """The marked objects of one split, in the order of the file, each from the first frame with a box on.

    Each is a source of its own; its ``file`` is its name, such as "red".

    Args:
        split: "train" or "test", that of the clip.
        frames: so many of each, from the first; None: all.

    Raises ValueError for an unknown split or a row that is wrong, and FileNotFoundError for a missing file.
    """

    is_video, gives = True, ("track",)
    annotation = "boxes marked by eye in every few frames; only those frames count"

    def __init__(self, split: str = "test", frames: int | None = None) -> None:
        self.frames = frames
        first = "" if frames is None else f", first {frames} frames of each"
        self.about = f"objects in whole frames of the films, split {split}{first}"
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

        super().__init__(data_root(), list(self._rows))

    def read(self, index: int) -> Sample:
        name = self.paths[index]
        rows = self._rows[name]
        item = self._clips[rows[0]["file"]]
        first = min(int(row["frame"]) for row in rows)
        frames = read_film(item)[first:]
        boxes = np.full((len(frames), 4), np.nan, np.float32)
        for row in rows:
            boxes[int(row["frame"]) - first] = [float(row[side]) for side in ("x1", "y1", "x2", "y2")]
        shown = slice(self.frames)
        known = np.all(np.isfinite(boxes), axis=1)
        return Sample(frames[shown], name, (), None, boxes[shown], known[shown], name, index)
