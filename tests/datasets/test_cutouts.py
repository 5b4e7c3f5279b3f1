"""Cut-outs: alpha that means something, splits that share nothing, and errors that help."""

import numpy as np
import pytest

from mvlib.analysers.detectors.build import COCO_CLASSES
from mvlib.datasets import Cutouts, data_root

SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def every() -> dict[str, Cutouts]:
    return {split: Cutouts(split) for split in SPLITS}


def test_number_and_size(every):
    assert 150 <= sum(map(len, every.values())) <= 250
    assert all(len(c) >= 20 for c in every.values())
    for cutouts in every.values():
        for i in range(len(cutouts)):
            assert 60 <= max(cutouts[i].rgba.shape[:2]) <= 160


def test_sources_and_pixels_are_in_one_split_only(every):
    sources = [{cutouts[i].source_id for i in range(len(cutouts))} for cutouts in every.values()]
    pixels = [{cutouts[i].rgba.tobytes() for i in range(len(cutouts))} for cutouts in every.values()]
    for found in (sources, pixels):
        assert len(set.union(*found)) == sum(map(len, found))


def test_no_cutout_of_one_split_resembles_one_of_another(every):
    tiny = {s: np.stack([thumbnail(c[i].rgba) for i in range(len(c))]) for s, c in every.items()}
    for a, b in (("train", "val"), ("train", "test"), ("val", "test")):
        across = tiny[a] @ tiny[b].T  # correlation of one with each of the other side
        assert across.max() < 0.95, np.unravel_index(across.argmax(), across.shape)


def thumbnail(rgba: np.ndarray, side: int = 12) -> np.ndarray:
    """Tiny premultiplied copy, zero mean and unit length."""
    rows, columns = (np.linspace(0, n - 1, side).round().astype(int) for n in rgba.shape[:2])
    small = rgba[np.ix_(rows, columns)].astype(float)
    flat = (small[..., :3] * small[..., 3:] / 255).ravel()
    flat -= flat.mean()
    return flat / np.linalg.norm(flat)


def test_alpha_cuts_something_out(every):
    for cutouts in every.values():
        for i in range(len(cutouts)):
            cutout = cutouts[i]
            solid = (cutout.rgba[..., 3] > 127).mean()
            assert 0.05 < solid <= 1, cutout.name  # thin ones cover little of their box
            solid = cutout.rgba[..., 3] >= 16
            rims = (solid[:2], solid[-2:], solid[:, :2], solid[:, -2:])
            assert all(rim.any() for rim in rims), cutout.name  # trimmed: it reaches the border


def test_coco_names_are_cocos(every):
    for split in ("train", "test"):
        named = Cutouts(split, coco=True)
        assert len(named) >= 20
        assert {named[i].coco for i in range(len(named))} <= set(COCO_CLASSES)


def test_asymmetry_tells_a_plain_round_thing_from_an_animal(every):
    by_name = {c[i].name: c[i].asymmetry for c in every.values() for i in range(len(c))}
    assert max(by_name["kiwi"], by_name["cricketball"]) < 0.5 < 1.2 < min(by_name["zebra"], by_name["orca"])


def test_reading_twice_gives_the_same_read_only_pixels(every):
    cutout = every["val"][0]
    assert every["val"][0] is cutout is every["val"][-len(every["val"])]
    with pytest.raises(ValueError):
        cutout.rgba[0, 0, 0] = 1


def test_errors(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="split 'all' is unknown"):
        Cutouts("all")
    with pytest.raises(IndexError, match="cut-out 9999"):
        Cutouts("val")[9999]
    for name in ("photos.csv", "cutouts.csv"):
        (tmp_path / name).write_bytes((data_root() / name).read_bytes())
    (tmp_path / "cutouts").mkdir()
    monkeypatch.setenv("MVLIB_DATA", str(tmp_path))
    broken = Cutouts("val")
    with pytest.raises(FileNotFoundError, match="git checkout"):
        broken[0]
    broken.meta[0].path.write_bytes(b"RIFF")
    with pytest.raises(OSError, match="is not the file that the manifest means"):
        broken[0]
