"""Pictures for a panel: photographs of the test side → short side as asked → uint8 (H, W, 3) → PNG."""

import io

import numpy as np
from PIL import Image

from mvlib.datasets import Photos
from mvlib.errors import InputError, InputTypeError

# Of the test side: things that ImageNet has a class for and that the small networks recognise while undamaged.
# Those that compression hides from them come first; the last are recognised to the end.
_EXAMPLES = {
    "castle": "gcompris-germany_neuschwansteinCastle_0",
    "macaque": "gcompris-resource_macaque_0",
    "koala": "gcompris-animals_koala_0",
    "mountains": "lomiri-wallpapers-16.04_picosdeeuropa_by_Aitzol_Berasategi_0",
    "gibbon": "gcompris-resource_gibbon_0",
    "screwdriver": "gcompris-tools_screwDriver_0",
    "jaguar": "gcompris-animals_jaguar_0",
    "bison": "gcompris-animals_bison_0",
    "ladybird": "mate-backgrounds_LadyBird_0",
    "gorilla": "gcompris-resource_gorilla_0",
    "red panda": "gcompris-resource_red_panda_0",
    "panda": "gcompris-animals_panda_0",
}


def example_pictures() -> dict[str, np.ndarray]:
    """Name → uint8 (H, W, 3): photographs of the test side, as many as ``data/`` holds of the listed ones.

    Another data folder (``MVLIB_DATA``), which has none of them, gives its first twelve under their file names.
    """
    # Only whole pictures are taken: the side of a crop plays no role, and 1 fits every picture.
    photos = Photos("test", size=1, crop="whole")
    stored = {photos.item(i).path.stem: i for i in range(len(photos))}
    chosen = {name: stem for name, stem in _EXAMPLES.items() if stem in stored}
    chosen = chosen or {stem: stem for stem in list(stored)[:12]}
    return {name: photos.uint8(stored[stem]) for name, stem in chosen.items()}


def shrink(name: str, picture: np.ndarray, short_side: int | None) -> np.ndarray:
    """``picture``, reduced so that its shorter side is at most ``short_side``; never enlarged."""
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        kind = picture.dtype if isinstance(picture, np.ndarray) else type(picture).__name__
        raise InputTypeError(f"picture {name!r} is {kind}; give a numpy array of uint8")
    if picture.ndim != 3 or picture.shape[2] != 3 or min(picture.shape[:2]) < 16:
        raise InputError(
            f"picture {name!r} has shape {picture.shape}; give (H, W, 3) with sides of 16 pixels at least"
        )
    height, width = picture.shape[:2]
    if short_side is None or min(height, width) <= short_side:
        return picture
    scale = short_side / min(height, width)
    size = (round(width * scale), round(height * scale))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def png(picture: np.ndarray) -> bytes:
    """``picture``, uint8 (H, W, 3), as a PNG file."""
    file = io.BytesIO()
    # Lossless, because a panel is about what a lossy codec does; level 1, because it is drawn at every move.
    Image.fromarray(picture).save(file, "PNG", compress_level=1)
    return file.getvalue()
