"""What is encoded, and how often things are made for it: samples once a cell of pictures, pictures once a condition."""

from collections import Counter

import numpy as np
import pytest

from mvlib.codecs import RealCodec
from mvlib.evaluation.conditions import BASELINES
from mvlib.evaluation.encoding import Cell, Encoding
from mvlib.evaluation.experiment import ANCHOR
from mvlib.evaluation.material import Material
from mvlib.samples import Sample

PICTURES = np.random.default_rng(0).integers(0, 256, (5, 32, 48, 3), dtype=np.uint8)


@pytest.fixture
def made():
    return Counter()


@pytest.fixture
def material(made):
    def get(i: int) -> Sample:
        made[i] += 1
        return Sample(PICTURES[i][None], f"source {i}")

    return Material("noise", "nothing", len(PICTURES), get)


def test_samples_are_made_once_whatever_stands_before_the_codec(material, made):
    encode, codec = Encoding(material, (30, 45)), RealCodec("jpeg")
    rows = [BASELINES[ANCHOR], BASELINES["blur 0.5"], BASELINES["blur 0.8"]]
    coded = [encode(Cell(row, codec, start, stop)) for start, stop in ((0, 3), (3, 5)) for row in rows]
    assert made == dict.fromkeys(range(5), 1)
    assert [len(c.samples) for c in coded] == [3, 3, 3, 2, 2, 2]
    for c, row in zip(coded[3:], rows, strict=True):
        prepared = row.prepare(PICTURES[3:], 30)
        expected = codec.map([p[None] for p in prepared], [30, 30])
        np.testing.assert_array_equal(c.rate["bpp"][:, 0], [e.bits / (32 * 48) for e in expected])


def clips(count: int, *shape: int) -> Material:
    """``count`` clips of that shape, of which the first can't be read."""
    frames = np.zeros((*shape, 3), np.uint8)
    return Material("black", "nothing", count, lambda i: Sample(frames, "a") if i else None)


def test_a_cell_holds_as_many_clips_as_fit():
    assert clips(70, 16, 224, 224).spans(32) == [(0, 32), (32, 64), (64, 70)]
    assert clips(5, 32, 480, 854).spans(32) == [(0, 2), (2, 4), (4, 5)]
    assert clips(2, 1, 6000, 6000).spans(32) == [(0, 1), (1, 2)]
    assert clips(40, 2, 16, 16).spans(32) == [(0, 32), (32, 40)]


def test_material_without_anything_to_read_is_named():
    with pytest.raises(ValueError, match="none of the 7 samples could be read: black squares"):
        Material("black squares", "nothing", 7, lambda i: None).spans(64)
