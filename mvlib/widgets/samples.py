"""Material of panels: photographs, scenes and films of the test side, or your own arrays and files, checked."""

import io
import os
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import islice

import numpy as np
from PIL import Image

from mvlib._checks import check_uint8
from mvlib._planes import to_frames
from mvlib.datasets import ACTIONS, Clips, Photos
from mvlib.evaluation.experiment import Experiment
from mvlib.evaluation.material import load_material
from mvlib.media import open_clip, read_picture
from mvlib.media.colour import over_white
from mvlib.samples import Sample

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
_SCENES, _FRAMES, _FILM_SIDE = 6, 16, 224


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


def example_clips() -> dict[str, Sample]:
    """Name → clip and what is known of it: generated scenes and objects in real films, as the evaluation takes them."""
    scenes = load_material(Experiment("clips", material="acting", limit=_SCENES))
    films = load_material(Experiment("clips", material="tracks", frames=2 * _FRAMES, limit=None))
    acted = scenes.between(0, len(scenes))
    real = [film for i in range(0, len(films), 2) if (film := films[i]) is not None]
    return {ACTIONS[s.labels[0]]: s for s in acted} | {f"film: {s.source}": s for s in real}


def example_windows(frames: int = 8, side: int = 224) -> dict[str, np.ndarray]:
    """Name → uint8 (T, side, side, 3): one centred window of every clip of the test side."""
    clips = Clips("test", frames=frames, stride=2, size=side)
    first = {item.path.stem: i for i, item in reversed(list(enumerate(clips.meta)))}
    return {name: to_frames(clips[i]) for name, i in sorted(first.items())}


def pictures(
    given: Mapping[str, np.ndarray | str | os.PathLike] | None, short_side: int | None
) -> dict[str, Sample]:
    """Pictures, or the examples, reduced to ``short_side``: clips of one frame.

    A picture is uint8 (H, W, 3) RGB, (H, W) grey or (H, W, 4) with alpha, which is laid over white; or a file.
    """
    given = example_pictures() if given is None else given
    return {name: picture(name, value, short_side) for name, value in given.items()}


def picture(name: str, given: np.ndarray | str | os.PathLike, short_side: int | None) -> Sample:
    """One of ``pictures``."""
    pixels = read_picture(given) if isinstance(given, str | os.PathLike) else _colours(given, 2)
    sample = _checked("picture", name, Sample(pixels, name))
    return replace(sample, frames=shrink(sample.frames[0], short_side)[None])


def clip(name: str, given: np.ndarray | Sample | str | os.PathLike, frames: int = 2 * _FRAMES) -> Sample:
    """A clip uint8 (T >= 2, H, W, 3) with what is known of it, if anything.

    Of a film the first ``frames`` are taken, reduced to 224 pixels on the shorter side.
    """
    if isinstance(given, str | os.PathLike):
        first = islice(open_clip(given).frames(), frames)
        given = np.stack([shrink(frame, _FILM_SIDE) for frame in first])
    sample = given if isinstance(given, Sample) else Sample(_colours(given, 3), name)
    return _checked("clip", name, sample)


def _colours(given: np.ndarray, grey: int) -> np.ndarray:
    """Grey (with ``grey`` dimensions) and alpha as RGB; anything else as it is, to be checked."""
    if not isinstance(given, np.ndarray) or given.dtype != np.uint8:
        return given
    if given.ndim == grey and given.shape[-1] > 4:  # else somebody forgot the frames
        return given[..., None].repeat(3, -1)
    if given.ndim == grey + 1 and given.shape[-1] in (1, 4):
        return given.repeat(3, -1) if given.shape[-1] == 1 else over_white(given, {})
    return given


def _checked(kind: str, name: str, sample: Sample) -> Sample:
    """A sample of frames (T, H, W, 3) that can be coded; InputTypeError or InputError for any other."""
    dims, least = (3, 1) if kind == "picture" else (4, 2)
    frames = check_uint8(f"{kind} {name!r}", sample.frames, dims=dims, least=least, side=16)
    frames = frames[None] if dims == 3 else frames
    # torch warns of arrays that can't be written to, as real films are.
    return replace(sample, frames=frames if frames.flags.writeable else frames.copy())


def shrink(picture: np.ndarray, short_side: int | None) -> np.ndarray:
    """``picture``, uint8 (H, W, 3), reduced so that its shorter side is at most ``short_side``; never enlarged."""
    height, width = picture.shape[:2]
    if short_side is None or min(height, width) <= short_side:
        return picture
    scale = short_side / min(height, width)
    size = (round(width * scale), round(height * scale))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def png(picture: np.ndarray) -> bytes:
    """``picture``, uint8 (H, W, 3), as a PNG file."""
    return _png(picture.tobytes(), picture.shape)


@lru_cache(16)  # the original is the same at every move
def _png(data: bytes, shape: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    # Lossless, because a panel is about what a lossy codec does; level 1, because it is drawn at every move.
    Image.frombytes("RGB", shape[1::-1], data).save(file, "PNG", compress_level=1)
    return file.getvalue()
