"""Clips to look at: generated scenes | excerpts of films | objects followed by eye → frames and what is known."""

from dataclasses import dataclass, replace

import numpy as np

from mvlib.datasets import ACTIONS, ActingCutouts, Clips, Tracks

from .experiment import VideoExperiment
from .material import UNLABELLED, Material, spread
from .tracking import SCORES as TRACKING

EXACT = "exact actions and boxes, drawn from the same numbers as the scenes"
BY_EYE = "boxes marked by eye in every few frames; only those frames count"
NONE = "nobody labelled the clips: what a machine says of the clean clip counts as true (pseudo-truth)"
UNMARKED = dict.fromkeys(TRACKING, "nobody marked an object to follow in these clips")


@dataclass(frozen=True)
class ClipSample:
    """A clip and what is known of it.

    frames: uint8 (T, H, W, 3), RGB.
    source: clips of one source are not independent; a bootstrap draws them together.
    action: index into mvlib.datasets.ACTIONS; None: not known.
    boxes: (T, 4), x1, y1, x2, y2 in pixels, of the object to be followed; None: not known.
    visible: bool (T,), in which frames the box counts.
    """

    frames: np.ndarray
    source: str
    action: int | None = None
    boxes: np.ndarray | None = None
    visible: np.ndarray | None = None

    @staticmethod
    def shown(frames: np.ndarray) -> np.ndarray:
        """What an analyser is shown of decoded frames: all of them."""
        return frames

    @property
    def parts(self) -> list:
        """Everything that a measurement can depend on, for a digest."""
        return [self.frames, self.action, *([] if self.boxes is None else [self.boxes, self.visible])]


def load_clips(experiment: VideoExperiment) -> Material:
    """The clips of ``experiment``, at most ``limit`` of them."""
    makers = {"acting": _acting, "films": _films, "tracks": _tracks}
    if experiment.dataset is None:
        whole = makers[experiment.material](experiment)
    else:
        from .public import public_clips  # on use: that module builds on this one

        whole = public_clips(experiment)
    count = len(whole) if experiment.limit is None else min(experiment.limit, len(whole))
    return replace(whole, count=count)


def _acting(experiment: VideoExperiment) -> Material:
    size, count = experiment.size or 224, experiment.limit or 1000
    scenes = ActingCutouts(experiment.split, count, size, experiment.frames, seed=experiment.scene_seed)

    def get(i: int) -> ClipSample:
        clip = scenes[i]
        # Half of the actor in the frame: less is nothing that a tracker could be asked to box.
        visible = clip.visible >= 0.5
        boxes = np.nan_to_num(clip.boxes) if visible[0] else None
        return ClipSample(clip.frames, clip.background, clip.action, boxes, visible)

    about = (
        f"generated scenes (cut-outs that act before photographs and films), split {experiment.split}, seed "
        f"{experiment.scene_seed}, {size}x{size}, {experiment.frames} frames; one background, one source"
    )
    return Material(about, EXACT, count, get, ACTIONS)


def _films(experiment: VideoExperiment) -> Material:
    size = experiment.size or 176
    clips = Clips(experiment.split, experiment.frames, size, flip=False)
    taken = spread(len(clips), experiment.limit)

    def get(i: int) -> ClipSample:
        frames = (clips[taken[i]] * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
        return ClipSample(frames, clips.item(taken[i]).file)

    files = sorted({clips.item(i).source_id for i in taken})
    about = (
        f"excerpts of the films {', '.join(files)}, split {experiment.split}, {size}x{size}, {experiment.frames} "
        "frames each; a file of data/clips.csv is one source: the interval speaks of these films and no others"
    )
    return Material(about, NONE, len(taken), get, lacks=UNLABELLED | UNMARKED)


def _tracks(experiment: VideoExperiment) -> Material:
    tracks = Tracks(experiment.split)

    def get(i: int) -> ClipSample:
        t = tracks[i]
        cut = slice(None, experiment.frames)
        return ClipSample(t.frames[cut], t.name, None, np.nan_to_num(t.boxes[cut]), t.known[cut])

    about = f"objects in whole frames of the films, split {experiment.split}, first {experiment.frames} frames of each"
    return Material(about, BY_EYE, len(tracks), get, lacks=UNLABELLED)
