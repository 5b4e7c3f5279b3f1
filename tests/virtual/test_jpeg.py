"""The virtual JPEG beside Pillow's: quality, own tables, extremes; and what its quantiser's gradient says."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from mvlib.codecs import RealCodec
from mvlib.datasets import Photos
from mvlib.virtual import VirtualCodec

# Rows and columns of frequencies get other steps, and so do colour and brightness.
TABLES = [np.clip(9 + np.add.outer(k * np.arange(8), 2 * np.arange(8)), 1, 255) for k in (3, 7)]


@pytest.fixture(scope="module")
def codec():
    return VirtualCodec.like("jpeg")


@pytest.fixture(scope="module")
def photos():
    """Three photographs, the second one grey, of sides that are no multiples of 16: uint8 (3, 117, 150, 3)."""
    data = Photos("val", 160, crop="centre", flip=False)
    x = torch.stack([data[i] for i in (0, 5, 9)])[..., 3:120, 5:155]
    x[1] = x[1].mean(0, keepdim=True)
    return (x * 255).round().byte().permute(0, 2, 3, 1).numpy()


def clips(photos):
    return torch.from_numpy(photos).permute(0, 3, 1, 2)[:, None] / 255


def pillow(photo, **options):
    """Bits of the file, and what Pillow reads from it."""
    file = io.BytesIO()
    Image.fromarray(photo).save(file, format="JPEG", subsampling="4:2:0", optimize=True, **options)
    return 8 * len(file.getvalue()), np.asarray(Image.open(io.BytesIO(file.getvalue())))


# libjpeg rounds otherwise inside, now and then by a level: measured 38 dB and more, 1.2 % at the most.
NEAR = {1: 37, 10: 39, 50: 43, 90: 45, 100: 49}


def follows(out, photos, near=43.0, rate=0.02, **options):
    """Whether each picture is Pillow's within ``near`` dB, and its bits within a share of ``rate``."""
    decoded = (out.frames[:, 0].detach() * 255).round().permute(0, 2, 3, 1).numpy()
    for i, photo in enumerate(photos):
        bits, real = pillow(photo, **options)
        error = ((decoded[i] - real.astype(float)) ** 2).mean()
        assert 10 * np.log10(255**2 / max(error, 1e-3)) > near
        assert out.bits[i].item() == pytest.approx(bits, rel=rate)


@pytest.mark.parametrize("quality", [1, 10, 50, 90, 100])
def test_a_quality_is_pillows(codec, photos, quality):
    with torch.no_grad():
        follows(codec(clips(photos), quality=quality), photos, NEAR[quality], quality=quality)


def test_a_quality_for_each_clip(codec, photos):
    with torch.no_grad():
        out = codec(clips(photos), quality=torch.tensor([20.0, 50, 80]))
        alone = [
            codec(clips(photos)[i : i + 1], quality=q).bits for i, q in enumerate((20, np.int64(50), 80.2))
        ]
    torch.testing.assert_close(out.bits, torch.cat(alone), rtol=1e-4, atol=0)


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (8, 8), (9, 7), (16, 25), (24, 16), (40, 41), (64, 48)]
)
def test_sides_that_no_square_of_blocks_fits(codec, photos, height, width):
    small = photos[:, :height, :width]
    with torch.no_grad():
        follows(codec(clips(small), quality=75), small, 40.0, rate=0.01, quality=75)


@pytest.mark.parametrize("form", ["squares", "rows", "one each"])
def test_own_tables_are_pillows(codec, photos, form):
    tables = [torch.tensor(t, dtype=torch.float32) for t in TABLES]
    tables = {
        "squares": tables,
        "rows": tuple(t.flatten() for t in tables),
        "one each": [t.expand(3, 8, 8) for t in tables],
    }[form]
    with torch.no_grad():
        out = codec(clips(photos), tables=tables)
    follows(out, photos, qtables=[t.flatten().tolist() for t in TABLES])


@pytest.mark.parametrize("given", ["qp", "quality", "tables"])
def test_what_sets_the_quantiser_has_a_gradient_of_the_right_sign(codec, photos, given):
    value = {
        "qp": torch.full((3,), 33.0),
        "quality": torch.full((3,), 45.0),
        "tables": torch.stack([torch.tensor(t, dtype=torch.float32) for t in TABLES]),
    }[given].requires_grad_()
    x, coarser = clips(photos), -1 if given == "quality" else 1
    out = codec(x, **{given: value})
    (bits,) = torch.autograd.grad(out.bits.sum(), value, retain_graph=True)
    (error,) = torch.autograd.grad((out.frames - x).square().sum(), value)
    assert bits.isfinite().all() and error.isfinite().all()
    assert (coarser * bits.sum()) < 0 < (coarser * error.sum())
    if given != "tables":
        assert (coarser * bits < 0).all() and (coarser * error > 0).all()
    # Straight through, a coefficient that became zero looks as if a coarser step lost more of it: too steep by 2.
    with torch.no_grad():
        near, far = ((codec(x, **{given: value + s}).frames - x).square().sum() for s in (-4, 4))
    assert 1 / 3 < (error.sum() / ((far - near) / 8)).item() < 3


@pytest.mark.parametrize("quality", [1.0, 100.0])
def test_at_the_ends_of_the_scale_gradients_are_finite(codec, photos, quality):
    value, x = torch.tensor(quality, requires_grad=True), clips(photos).requires_grad_()
    out = codec(x, quality=value)
    slopes = torch.autograd.grad(out.bits.sum() + out.frames.square().sum(), [value, x])
    assert all(slope.isfinite().all() for slope in slopes)


@pytest.mark.parametrize("name", ["x264", "x265"])
def test_its_neighbours_have_a_gradient_for_qp_too(name, photos):
    qp, x = torch.full((3,), 33.0, requires_grad=True), clips(photos)
    out = VirtualCodec.like(name, gop="intra")(x, qp)
    (bits,) = torch.autograd.grad(out.bits.sum(), qp, retain_graph=True)
    (error,) = torch.autograd.grad((out.frames - x).square().sum(), qp)
    assert (bits < 0).all() and (error > 0).all()


def test_real_values_at_a_quality_and_at_a_qp(codec, photos):
    real, x = RealCodec("jpeg"), clips(photos).requires_grad_()
    out = codec(x, quality=30, real=real)
    assert out.bits.tolist() == [real(p[None], native=30).bits for p in photos]
    assert codec(x, 30, real=real).bits.tolist() == [real(p[None], qp=30).bits for p in photos]
    assert torch.autograd.grad(out.bits.sum(), x)[0].abs().sum() > 0


def test_a_clip_in_any_structure_is_pictures_one_by_one(photos):
    clip = clips(photos).transpose(0, 1)
    for gop in ("stock", "ippp", "intra"):
        out = VirtualCodec.like("jpeg", gop=gop)(clip, 30.0, through=2)
        real = RealCodec("jpeg", gop=gop)(photos, qp=30)
        assert out.frame_types == real.frame_types
        torch.testing.assert_close(
            out.frame_bits[0], torch.tensor(real.frame_bits).float(), rtol=0.03, atol=0
        )


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({}, ValueError, "one of qp"),
        ({"qp": 30, "quality": 50}, ValueError, "one of qp"),
        ({"quality": 0}, ValueError, r"quality 0.*1\.\.100, as in libjpeg"),
        ({"quality": 101}, ValueError, r"quality 101"),
        ({"quality": True}, TypeError, "quality is bool"),
        ({"quality": torch.tensor([50.0, float("nan")])}, ValueError, "out of range"),
        ({"tables": torch.ones(64)}, ValueError, "not two"),
        ({"tables": [torch.ones(63)] * 2}, ValueError, r"luma table has shape \(63,\)"),
        ({"tables": [torch.ones(64), torch.zeros(64)]}, ValueError, r"chroma table spans 0.*1\.\.255"),
        ({"tables": [torch.ones(64), torch.full((64,), float("nan"))]}, ValueError, "chroma table spans nan"),
        (
            {"tables": [torch.ones(64)] * 2, "real": RealCodec("jpeg")},
            ValueError,
            "takes no such tables",
        ),
        ({"qp": 30, "through": -1}, ValueError, "through"),
    ],
)
def test_bad_quantisers_are_named(codec, given, error, words):
    with pytest.raises(error, match=words):
        codec(torch.rand(2, 1, 3, 16, 16), **given)
