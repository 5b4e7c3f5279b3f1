"""Pictures of the course: frames, planes and boxes → matplotlib figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mvlib.errors import InputError

from .style import FONT

if TYPE_CHECKING:  # matplotlib belongs to the notebooks' extra; importing this page needs only numpy
    from matplotlib.figure import Figure


def pictures(
    shown: Mapping[str, np.ndarray], *, width: float = 2.5, limits: tuple[float, float] = (0, 255)
) -> Figure:
    """Draw pictures in a row, each below its title.

    Args:
        shown: title → array or tensor: a picture (H, W, 3), or a plane (…, H, W).
        width: of one picture, in inches.
        limits: the values of a plane that are drawn black and white.
    """
    import matplotlib.pyplot as plt

    planes = [np.asarray(p).squeeze() for p in shown.values()]
    tall = max(p.shape[0] / p.shape[1] for p in planes)
    lines = 1 + max(title.count("\n") for title in shown)
    with plt.rc_context(FONT):
        size = width * len(planes), width * tall + 0.23 * lines
        figure, axes = plt.subplots(1, len(planes), figsize=size, layout="constrained", squeeze=False)
        for ax, title, plane in zip(axes[0], shown, planes, strict=True):
            ax.imshow(plane, cmap="gray", vmin=limits[0], vmax=limits[1])
            ax.set_title(title)
            ax.set_axis_off()
    return figure


def difference(original: np.ndarray, decoded: np.ndarray, gain: float = 4) -> np.ndarray:
    """Signed difference of two uint8 pictures of one shape, around 128, ``gain`` times, clipped to 0..255."""
    if original.shape != decoded.shape or original.dtype != np.uint8 or decoded.dtype != np.uint8:
        raise InputError(
            f"original is {original.dtype} {original.shape}, decoded {decoded.dtype} {decoded.shape}; "
            "give two uint8 pictures of one shape"
        )
    apart = decoded.astype(np.int16) - original
    return np.clip(apart * gain + 128, 0, 255).astype(np.uint8)


def followed(
    clips: Mapping[str, np.ndarray],
    boxes: Mapping[str, np.ndarray],
    frames: Sequence[int],
    truth: np.ndarray | None = None,
) -> Figure:
    """Draw what a tracker followed, a row a version of the clip: a few frames with the tracked and the true box.

    Args:
        clips: title of the row → uint8 (T, H, W, 3).
        boxes: the same titles → tracked boxes (T, 4), x1, y1, x2, y2 in pixels.
        frames: which frames are shown.
        truth: true boxes (T, 4), dashed; NaN where there is none.
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    height, width = next(iter(clips.values())).shape[1:3]
    size = 2.4 * len(frames), (2.4 * height / width + 0.25) * len(clips)
    with plt.rc_context(FONT):
        figure, axes = plt.subplots(
            len(clips), len(frames), figsize=size, layout="constrained", squeeze=False
        )
        for row, (title, clip) in zip(axes, clips.items(), strict=True):
            row[0].set_title(title, loc="left")
            for ax, t in zip(row, frames, strict=True):
                ax.imshow(clip[t])
                ax.set_axis_off()
                for path, colour, dashes in ((truth, "#FFFFFF", "--"), (boxes[title], "#E69F00", "-")):
                    if path is not None and np.isfinite(path[t]).all():
                        x1, y1, x2, y2 = path[t] - 0.5  # imshow puts a pixel's middle at its index
                        place = (x1, y1), x2 - x1, y2 - y1
                        ax.add_patch(Rectangle(*place, fill=False, ec=colour, ls=dashes, lw=1.6))
    return figure
