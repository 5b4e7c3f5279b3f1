"""Pictures for a panel: labelled photographs of the test side → short side as asked → uint8 (H, W, 3)."""

import numpy as np
from PIL import Image

from mvlib.datasets import Photos


def example_pictures(count: int = 16) -> dict[str, np.ndarray]:
    """Name → uint8 (H, W, 3): photographs of the test side, one of each label first, spread over the others after.

    The name is the label where one is known, else the file's.
    """
    photos = Photos("test", crop="whole")
    items = [photos.item(i) for i in range(len(photos))]
    labelled: dict[str, int] = {}
    for i, item in enumerate(items):
        if item.labels:
            labelled.setdefault(item.row["label_text"], i)
    chosen = dict(list(labelled.items())[:count])
    rest = [i for i, item in enumerate(items) if not item.labels]
    wanted = count - len(chosen)
    for place in range(wanted if rest else 0):
        index = rest[place * len(rest) // wanted]
        chosen[items[index].path.stem] = index
    return {name: photos.uint8(index) for name, index in chosen.items()}


def shrink(name: str, picture: np.ndarray, short_side: int | None) -> np.ndarray:
    """``picture``, reduced so that its shorter side is at most ``short_side``; never enlarged."""
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        kind = picture.dtype if isinstance(picture, np.ndarray) else type(picture).__name__
        raise TypeError(f"picture {name!r} is {kind}; give a numpy array of uint8")
    if picture.ndim != 3 or picture.shape[2] != 3 or min(picture.shape[:2]) < 16:
        raise ValueError(
            f"picture {name!r} has shape {picture.shape}; give (H, W, 3) with sides of 16 pixels at least"
        )
    height, width = picture.shape[:2]
    if short_side is None or min(height, width) <= short_side:
        return picture
    scale = short_side / min(height, width)
    size = (round(width * scale), round(height * scale))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))
