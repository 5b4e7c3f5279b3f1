"""P frames: skipping what stands still, following what moves, intra where nothing matches, gradients back in time."""

import dataclasses

import numpy as np
import pytest
import torch

from mvlib.codecs import RealCodec
from mvlib.fidelity.measuring import load, plane_psnr
from mvlib.fidelity.setup import Setup
from mvlib.virtual.codec import VirtualCodec, code_chain, frame_qps, plan_features
from mvlib.virtual.colour import Planes
from mvlib.virtual.fallback import intra_mask
from mvlib.virtual.inter import code_p
from mvlib.virtual.partition import Chosen
from mvlib.virtual.plan import INTER, INTRA, MERGE, SKIP
from mvlib.virtual.quantise import hard, straight_through
from mvlib.virtual.settings import INTER as TOOLS
from mvlib.virtual.settings import settings_for

CODECS = ("x265", "x264")


def scene(size: int, seed: int = 0) -> torch.Tensor:
    """Smooth texture (1, 1, size, size) in 16..235."""
    g = torch.Generator().manual_seed(seed)
    small = torch.rand(1, 1, size // 6 + 2, size // 6 + 2, generator=g)
    big = torch.nn.functional.interpolate(small, size=(size, size), mode="bicubic", align_corners=False)
    return (big * 219 + 16).clamp(16, 235).round()


def planes_of(y: torch.Tensor) -> Planes:
    c = torch.nn.functional.avg_pool2d(y, 2)
    return Planes(y, (c / 4 + 100).round(), (160 - c / 4).round())


def code(name: str, current: Planes, reference: Planes, qp: float, rounding=hard):
    qp = torch.full((len(current.y),), float(qp))
    return code_p(current, reference, qp, settings_for(name, "ippp"), rounding)


def moving_clip(t: int, size: int = 64, step: int = 2) -> torch.Tensor:
    """(1, T, 3, size, size) in [0, 1]: coloured texture that slides by `step` samples a frame."""
    y = scene(size + step * t) / 255
    frames = [y[..., i * step : i * step + size, i * step : i * step + size] for i in range(t)]
    return torch.stack([torch.cat([f, 1 - f, f * 0.5 + 0.2], 1) for f in frames], 1)


@pytest.mark.parametrize("name", CODECS)
def test_what_stands_still_is_skipped(name):
    still = planes_of(scene(64))
    frame = code(name, still, still, 32)
    assert (frame.plan.mode == SKIP).all()
    assert (frame.plan.size == max(TOOLS[name].blocks)).all()
    assert not frame.levels or all((g.values == 0).all() for g in frame.levels)
    assert (frame.planes.y - still.y).abs().max() == 0


@pytest.mark.parametrize("name", CODECS)
def test_a_moving_picture_is_followed_without_residual(name):
    big = scene(96)
    reference, current = planes_of(big[..., 16:80, 16:80]), planes_of(big[..., 20:84, 12:76])
    frame = code(name, current, reference, 37)
    inside = frame.plan.vectors[:, 1:-1, 1:-1]
    assert (inside == torch.tensor([-16, 16])).all(-1).float().mean() > 0.9
    error = (frame.planes.y - current.y)[..., 8:-8, 8:-8].square().mean()
    assert 10 * torch.log10(255**2 / error) > 38


@pytest.mark.parametrize("name", CODECS)
def test_a_cut_is_coded_without_reference(name):
    frame = code(name, planes_of(scene(64, 1)), planes_of(scene(64, 2)), 27)
    assert (frame.plan.mode == INTRA).float().mean() > 0.3
    error = (frame.planes.y - scene(64, 1)).square().mean()
    assert 10 * torch.log10(255**2 / error) > 33


@pytest.mark.parametrize("name", CODECS)
def test_every_cell_has_one_size_and_one_mode(name):
    noise = torch.Generator().manual_seed(5)
    reference = planes_of(scene(64))
    current = Planes(
        *((p + 6 * torch.randn(p.shape, generator=noise)).clamp(0, 255).round() for p in reference)
    )
    plan = code(name, current, reference, 24).plan
    for k in TOOLS[name].blocks:
        times = k // 8
        whole = torch.nn.functional.avg_pool2d((plan.size == k).float()[:, None], times)
        assert ((whole == 0) | (whole == 1)).all(), f"a block of {k} is torn"
        for field in (plan.mode, plan.transform):
            tall = field.reshape(1, 8 // times, times, 8 // times, times)
            same = (tall == tall[:, :, :1, :, :1]).all(4).all(2)
            assert same[whole[:, 0] == 1].all()
    assert set(plan.mode.unique().tolist()) <= {SKIP, MERGE, INTER, INTRA}
    if name == "x264":
        assert (plan.size[plan.mode == SKIP] == 16).all()


def test_distortion_rises_and_bits_fall_with_qp():
    clip = (
        moving_clip(3) + 0.03 * torch.randn(1, 3, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    ).clamp(0, 1)
    codec = VirtualCodec.like("x265", "ippp")
    out = [codec(clip, qp) for qp in (20, 28, 36, 44)]
    bits = [o.frame_bits[0, 1:].sum().item() for o in out]
    error = [(o.frames - clip).square().mean().item() for o in out]
    assert bits == sorted(bits, reverse=True) and error == sorted(error)
    assert bits[0] > 5 * bits[-1]


@pytest.mark.parametrize("name", CODECS)
def test_batch_of_clips_and_qps_equals_one_by_one(name):
    clips = torch.cat([moving_clip(3), moving_clip(3, step=5).flip(1)])
    qp = torch.tensor([25.0, 40.0])
    codec = VirtualCodec.like(name, "ippp")
    both = codec(clips, qp)
    for i in range(2):
        one = codec(clips[i : i + 1], qp[i : i + 1])
        assert torch.allclose(one.frames[0], both.frames[i], atol=2 / 255)
        assert torch.allclose(one.frame_bits[0], both.frame_bits[i], rtol=2e-3)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("gop", ["ippp", "stock"])
@pytest.mark.parametrize("shape", [(1, 1, 3, 16, 16), (2, 3, 3, 16, 16), (1, 2, 3, 37, 50)])
@pytest.mark.parametrize("qp", [0, 51])
def test_edges_are_finite(name, gop, shape, qp):
    for clip in (torch.full(shape, 0.5), torch.rand(shape, generator=torch.Generator().manual_seed(0))):
        clip.requires_grad_()
        out = VirtualCodec.like(name, gop)(clip, qp)
        (out.bits.sum() * 1e-3 + out.frames.square().sum()).backward()
        assert out.frames.shape == shape and out.frame_bits.shape == shape[:2]
        assert out.frame_types == ["I"] + ["P"] * (shape[1] - 1)
        for value in (out.frames, out.bits, clip.grad):
            assert torch.isfinite(value).all()
        assert (out.frame_bits > 0).all()


def test_gradient_reaches_the_first_frame_through_the_chain_and_stops_where_told():
    clip = moving_clip(4).requires_grad_()
    codec = VirtualCodec.like("x265", "ippp")
    for through, first in ((None, 0), (0, 3), (1, 2)):
        out = codec(clip, 40, through=through)
        (grad,) = torch.autograd.grad(out.frames[:, 3].square().sum(), clip)
        reached = [bool(grad[0, t].abs().sum() > 0) for t in range(4)]
        assert reached.index(True) == first and reached[3], (through, reached)


def test_bits_of_a_frame_are_charged_to_its_own_samples():
    clip = moving_clip(3).requires_grad_()
    out = VirtualCodec.like("x265", "ippp")(clip, 30)
    (grad,) = torch.autograd.grad(out.frame_bits[0, 2], clip)
    assert not grad[0, :2].any() and grad[0, 2].abs().sum() > 0


def test_gradient_of_a_skipped_block_is_its_references():
    still = planes_of(scene(64))
    reference, current = (Planes(*(p.clone().requires_grad_() for p in still)) for _ in range(2))
    frame = code("x265", current, reference, 30, straight_through)
    past, own = torch.autograd.grad(frame.planes.y.sum(), (reference.y, current.y), allow_unused=True)
    assert (past == 1).all() and (own is None or not own.any())


def test_reconstruction_follows_the_source_where_it_is_coded():
    noise = torch.Generator().manual_seed(3)
    reference = planes_of(scene(32))
    y = (reference.y + 20 * torch.randn(reference.y.shape, generator=noise)).clamp(16, 235).requires_grad_()
    frame = code("x265", Planes(y, *reference[1:]), reference, 4, straight_through)
    (grad,) = torch.autograd.grad(frame.planes.y.sum(), y)
    coded = (frame.plan.mode == INTER) | (frame.plan.mode == MERGE)
    cells = torch.nn.functional.avg_pool2d(grad, 8)[:, 0]
    assert coded.any()
    assert torch.allclose(cells[coded], torch.ones_like(cells[coded]), atol=0.2)


def test_counts_of_decisions_cover_the_picture():
    frame = code("x265", planes_of(scene(64, 1)), planes_of(scene(64, 2)), 30)
    features = plan_features(frame.plan, TOOLS["x265"].blocks)
    nominal = {"skip": 0.5, "merge": 2.5, "inter": 4.0, "intra": 6.0}
    area = sum(
        (features[f"{name}{k}.count"] / bits * k * k).item()
        for name, bits in nominal.items()
        for k in TOOLS["x265"].blocks
    )
    assert area == pytest.approx(64 * 64)


def test_frame_qps_of_the_stock_chain_stay_in_range():
    qps = frame_qps(torch.tensor([1.0, 30.0, 51.0]), settings_for("x265", "stock"))
    assert qps["I"].tolist() == [0, 27, 48] and qps["P"].tolist() == [1, 30, 51]


def test_intra_mask_marks_the_chosen_blocks_alone():
    chosen = [Chosen(8, torch.tensor([1]), torch.tensor([3]), torch.tensor([0]), [1])]
    mask = intra_mask(chosen, torch.zeros(2, 1, 16, 16))
    assert not mask[0].any() and mask[1, 0, 8:, 8:].all() and mask.sum() == 64


def test_no_intra_when_the_tools_have_none():
    tools = dataclasses.replace(TOOLS["x265"], intra=())
    settings = dataclasses.replace(settings_for("x265", "ippp"), inter=tools)
    frames = [planes_of(scene(64, 1)), planes_of(scene(64, 2))]
    *_, last = code_chain(frames, torch.tensor([30.0]), settings, hard)
    assert not (last.plan.mode == INTRA).any()


def test_unknown_gop_names_the_choices():
    with pytest.raises(ValueError, match="intra, ippp, stock"):
        VirtualCodec.like("x265", "ibbp")


# Measured on these clips (median error of P frames' bits; of whole clips'), with a margin of a fifth; the README's
# table is of larger ones. Least faithful is the stock x264 at QP 47, whose P and B frames come out a third too dear.
GATES = {
    ("x265", "ippp"): (0.11, 0.050),  # 0.091, 0.042
    ("x265", "stock"): (0.09, 0.041),  # 0.072, 0.034
    ("x264", "ippp"): (0.145, 0.055),  # 0.121, 0.046
    ("x264", "stock"): (0.27, 0.095),  # 0.229, 0.079
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "gop"), GATES)
def test_follows_the_real_encoder(name, gop):
    clips = load(Setup(material="clips", split="test", count=6, size=144, frames=5))
    batch = torch.from_numpy(np.stack(clips)).movedim(-1, 2) / 255
    real, virtual = RealCodec(name, gop=gop), VirtualCodec.like(name, gop)
    later, whole = [], []
    for qp in (27, 37, 47):
        coded = [real(clip, qp=qp) for clip in clips]
        with torch.no_grad():
            out = virtual(batch, float(qp))
        decoded = (out.frames * 255).round().byte().movedim(2, -1).numpy()
        off = [
            plane_psnr(x[1:], c) - plane_psnr(k.frames[1:], c) for x, k, c in triples(decoded, coded, clips)
        ]
        y, u, v = np.mean(off, 0)
        assert abs(y) < 0.6 and max(abs(u), abs(v)) < 1.3, (qp, y, u, v)  # measured: 0.5 and 1.14 at most
        bits = np.array([k.frame_bits for k in coded])
        later.append(out.frame_bits[:, 1:].sum(1).numpy() / bits[:, 1:].sum(1))
        whole.append(out.bits.numpy() / bits.sum(1))
    for ratio, gate in zip((later, whole), GATES[name, gop], strict=True):
        assert np.median(np.abs(np.array(ratio) - 1)) < gate
    assert np.min(whole) > 0.85 and np.max(whole) < 1.25  # measured: 0.92 to 1.20


def triples(decoded, coded, clips):
    """Each clip's virtual and real outcome, and its frames after the first."""
    return zip(decoded, coded, (clip[1:] for clip in clips), strict=True)
