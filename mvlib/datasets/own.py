"""The project's own photographs, films, tracks and scenes as readers: split, size → samples as of any data set.

They lie in data/ or are made of it, and need no folder; a damaged file is not passed over but to be restored.
"""

import numpy as np

from mvlib._planes import to_frames
from mvlib.errors import InputError
from mvlib.samples import Crossed, Sample

from ._manifest import RESTORE, maybe, number, one_of, read_rows, some, whole
from ._root import data_root, read_manifest
from .acting import ActingCutouts
from .acting_paths import ACTIONS
from .clips import COLUMNS, SPLITS, Clips, read_film
from .photos import Photos
from .readers import ImageNet, Reader


class Photographs(Reader):
    """The photographs of data/photos.csv with their ImageNet labels, where there are any.

    Args:
        split: "train", "val" or "test".
        size: side of the centred square in pixels; None gives whole pictures.
    """

    gives = ("label",)
    classes = ImageNet.classes

    def __init__(self, split: str = "test", size: int | None = 224) -> None:
        self.size, self.photos = size, Photos(split, size or 1, crop="centre", flip=False)
        squares = f"centre squares at {size}x{size}" if size else "whole"
        self.about = f"photographs of data/photos.csv, split {split}, {squares}"
        super().__init__(data_root(), [item.file for item in self.photos.meta])

    def read(self, index: int) -> Sample:
        item = self.photos.item(index)
        picture = self.photos.uint8(index) if self.size is None else to_frames(self.photos[index])
        return Sample(picture[None], item.source_id, item.labels, file=item.file, index=index)


# Four excerpts of 4.8 s: people walk on, but half an excerpt later it is still partly the same people.
_FRAMES, _STRIDE, _PER_SOURCE = 12, 4, 6


class Pedestrians(Reader):
    """Single frames, 384x288, of the film vtest of the test side: a street; nobody labelled them."""

    has_splits = False
    about = (
        f"frames of the film vtest, every {_STRIDE}th of each excerpt in data/clips.csv, 384x288; {_PER_SOURCE} frames "
        "in a row (2.4 s) are one source: the interval speaks of this camera and no other"
    )

    def __init__(self) -> None:
        self.clips = Clips("test", frames=_FRAMES, stride=_STRIDE)
        self.windows = [i for i, item in enumerate(self.clips.meta) if item.source_id == "vtest"]
        files = [self.clips.item(window).file for window in self.windows]
        super().__init__(data_root(), [file for file in files for _ in range(_FRAMES)])

    def read(self, index: int) -> Sample:
        window, frame, file = self.windows[index // _FRAMES], index % _FRAMES, self.paths[index]
        frames = np.ascontiguousarray(self.clips.uint8(window)[frame])[None]
        return Sample(frames, f"{file} {frame // _PER_SOURCE}", file=file, index=index)


class WholeClips(Reader):
    """Excerpts of the films of data/clips.csv, which nobody labelled; all excerpts of one file are one source.

    Args:
        split: "train" or "test".
        frames: T, of each excerpt.
        size: side of the square that is cut out, without scaling; None gives whole frames, as large as each film's.
        manifest: where the films are listed; see ``Clips``.
    """

    is_video, one_source = True, "file of data/clips.csv"

    def __init__(
        self, split: str = "test", frames: int = 16, size: int | None = None, manifest: str = "clips.csv"
    ) -> None:
        self.clips = Clips(split, frames, size, flip=False, manifest=manifest)
        files, shape = [item.file for item in self.clips.meta], f"{size}x{size}" if size else "whole"
        self.about = (
            f"excerpts of the films {', '.join(sorted({item.source_id for item in self.clips.meta}))}, split {split}, "
            f"{shape}, {frames} frames each; a {self.one_source} is one source: the interval speaks of these "
            "films and no others"
        )
        super().__init__(data_root(), files)

    def read(self, index: int) -> Sample:
        return Sample(to_frames(self.clips[index]), self.source(index), file=self.paths[index], index=index)

    def source(self, index: int) -> str:
        """What excerpt ``index`` is out of, for the bootstrap."""
        return self.paths[index]


class Cameras(WholeClips):
    """Squares out of excerpts of seven films by seven cameras, all of the test side; a film is one source.

    Args:
        frames: T, of each excerpt; up to 64.
        size: side of the square that is cut out, without scaling.
    """

    has_splits, one_source = False, "film"

    def __init__(self, frames: int = 16, size: int = 176) -> None:
        super().__init__("test", frames, size, "films.csv")

    def source(self, index: int) -> str:
        return self.clips.item(index).source_id


_SIDES = ("x1", "y1", "x2", "y2")


class Tracks(Reader):
    """The objects of data/tracks.csv in the films of one split, in its order, each from the first frame with a box on.

    A person marked each box on the enlarged frame, every third to eighth frame; between them nothing is claimed, and
    nothing interpolated. Each object is a source of its own; its ``file`` is its name, such as "red".

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
        self._rows: dict[str, list[dict[str, str]]] = {}
        columns = {"sequence": some, "split": one_of(SPLITS), "file": some, "frame": whole, "what": maybe}
        for row in read_rows(path, columns | dict.fromkeys(_SIDES, number)):
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
            boxes[int(row["frame"]) - first] = [float(row[side]) for side in _SIDES]
        shown = slice(self.frames)
        known = np.all(np.isfinite(boxes), axis=1)
        return Sample(frames[shown], name, (), None, boxes[shown], known[shown], name, index)


class Scenes(Reader):
    """Generated scenes with their action as label and the actor's box; background and actor are its sources.

    Args:
        split, count, size, frames, seed, held_out: see ``ActingCutouts``. No recogniser knows held-out actions by name:
            they are no labels.
    """

    is_video = True
    gives: tuple[str, ...] = ("label", "track")
    classes: tuple[str, ...] = ACTIONS
    annotation = "exact actions and boxes, drawn from the same numbers as the scenes"

    def __init__(
        self,
        split: str = "test",
        count: int = 1000,
        size: int = 224,
        frames: int = 16,
        seed: int = 0,
        held_out: bool = False,
    ) -> None:
        self.scenes = ActingCutouts(split, count, size, frames, seed, held_out)
        self.about = (
            f"generated scenes (cut-outs that act before photographs and films), split {split}, seed {seed}, "
            f"{size}x{size}, {frames} frames; background and actor are its sources"
        )
        if held_out:
            self.gives, self.classes = ("track",), ()
            self.annotation = "exact boxes, drawn from the same numbers as the scenes"
            self.about += (
                f"; actions ({', '.join(self.scenes.actions)}) and a hand-held camera of no training"
            )
        super().__init__(data_root(), [f"scene {i}" for i in range(count)])

    def read(self, index: int) -> Sample:
        clip = self.scenes[index]
        # Half of the actor in the frame: less is nothing that a tracker could be expected to box.
        visible = clip.visible >= 0.5
        sources, path = Crossed((clip.background, clip.cutout)), self.paths[index]
        labels = (clip.action,) if self.classes else ()
        return Sample(clip.frames, sources, labels, None, clip.boxes, visible, path, index)
