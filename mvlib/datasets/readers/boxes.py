"""In which frame boxes are: annotation's width and height, picture as it is read → boxes of the upright picture.

A camera stores a picture as its sensor lies and notes how to turn it. Pictures are read upright; boxes may have been
drawn on either, and only the annotated size tells which.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from mvlib.media import orientation_of
from mvlib.samples import Objects

from .reader import BrokenItem

# EXIF orientations that swap width and height → the upright place of a stored one, in a picture stored as w x h.
_TURNED = {
    5: lambda x, y, w, h: (y, x),
    6: lambda x, y, w, h: (h - y, x),
    7: lambda x, y, w, h: (h - y, w - x),
    8: lambda x, y, w, h: (y, w - x),
}


def in_upright(objects: Objects, picture: Path, size: tuple[int, int], stated: tuple) -> Objects:
    """The objects of an annotation, checked, with boxes in pixels of the upright picture.

    Args:
        size: width and height of the picture as it is read.
        stated: what the annotation gives for them; None or 0: nothing.

    Raises ``BrokenItem`` where the annotation is of another picture or scale, leaves open how the boxes of a turned
    picture are meant, or has a box outside the picture.
    """
    if not len(objects.boxes):
        return objects
    boxes, turned, numbers = objects.boxes, orientation_of(picture), _numbers(stated, picture)
    stored = size[::-1] if turned in _TURNED else size
    if numbers not in (None, size, stored):
        raise _broken(picture, f"it is of a picture of {numbers}, the file has {stored} pixels")
    if turned != 1 and (numbers is None or size == stored):
        raise _broken(
            picture,
            f"EXIF turns or mirrors the picture (orientation {turned}), and no width and height tell whether its "
            "boxes are of the stored or the upright one; store it upright, without that mark",
        )
    if numbers not in (None, size):
        x, y = _TURNED[turned](boxes[:, 0::2], boxes[:, 1::2], *stored)
        boxes = np.stack([x.min(1), y.min(1), x.max(1), y.max(1)], 1)
    inside = (boxes[:, 2:] > 0).all(1) & (boxes[:, :2] < size).all(1)
    if not inside.all():
        raise _broken(picture, f"the box {boxes[~inside][0].tolist()} lies outside the picture of {size}")
    return replace(objects, boxes=boxes)


def _broken(picture: Path, why: str) -> BrokenItem:
    return BrokenItem("broken annotation", picture, why)


def _numbers(stated: tuple, picture: Path) -> tuple[int, int] | None:
    try:
        width, height = (int(float(side or 0)) for side in stated)
    except (TypeError, ValueError, OverflowError):
        raise _broken(picture, f"its size {stated} is no width and height") from None
    return (width, height) if width > 0 and height > 0 else None
