"""Preprocessors for clips: causal, streamable, the identity before training, and what each of them is built for."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mvlib.datasets import Photos
from mvlib.preprocess import (
    Compact,
    CompactConfig,
    CompactVideo,
    CompactVideoConfig,
    ZhaoConfig,
    ZhaoPreprocessor,
    build_preprocessor,
    detail_bands,
    load_preprocessor,
    preprocess_frames,
    save_preprocessor,
)
from mvlib.preprocess.align import block_motion, moved

SMALL = CompactVideoConfig(CompactConfig(widths=(4, 8), blocks=(1, 1)))
BOTH = [lambda: CompactVideo(SMALL), ZhaoPreprocessor]


def awake(make) -> nn.Module:
    """A network that does something: what starts at 0 gets random weights."""
    torch.manual_seed(0)
    net = make().eval()
    for parameter in net.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.3)
    return net


@pytest.fixture(scope="module")
def pan():
    """A photograph under a camera that moves 3 pixels right and 1 down a frame: (1, 6, 3, 96, 128)."""
    picture = Photos("train", size=200, crop="centre", flip=False)[3]
    return torch.stack([picture[:, t : t + 96, 3 * t : 3 * t + 128] for t in range(6)])[None]


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 17, 31), (9, 24, 40)])
def test_untrained_is_exactly_the_identity(make, shape):
    t, h, w = shape
    x = torch.rand(2, t, 3, h, w)
    assert torch.equal(make()(x, torch.tensor([30.0, 50.0])), x)


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize("cuts", [(2, 1, 1, 1, 1), (4, 2), (2, 4)])
def test_chunks_equal_the_whole(make, cuts, pan):
    net, state, parts = awake(make), None, []
    for chunk in pan.split(cuts, 1):
        y, state = net.stream(chunk, 40, state)
        parts.append(y)
    whole = net(pan, 40)
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=0, atol=1e-5)
    assert (whole - pan).abs().mean() > 1e-3


def test_the_first_frame_waits_for_the_second_and_for_no_other(pan):
    net = awake(lambda: CompactVideo(SMALL))
    blind = awake(lambda: CompactVideo(replace(SMALL, opening=False)))
    first, other = net(pan, 40)[:, 0], pan.clone()
    other[:, 2:] = 1 - other[:, 2:]
    torch.testing.assert_close(net(other, 40)[:, 0], first, rtol=0, atol=1e-6)
    other[:, 1] = 1 - other[:, 1]
    assert (net(other, 40)[:, 0] - first).abs().mean() > 1e-4
    torch.testing.assert_close(blind(other, 40)[:, 0], blind(pan, 40)[:, 0], rtol=0, atol=1e-6)
    torch.testing.assert_close(net(pan[:, :1], 40), blind(pan[:, :1], 40), rtol=0, atol=1e-6)


def test_without_the_finest_band_it_is_the_same_network_through_a_low_pass(pan):
    whole, without = (
        awake(lambda f=f: CompactVideo(replace(SMALL, finest=f)))(pan, 40)[0] for f in (True, False)
    )
    torch.testing.assert_close(without, whole - detail_bands(whole, 1)[0], rtol=0, atol=1e-6)
    assert detail_bands(without, 1)[0].std() < 0.5 * detail_bands(whole, 1)[0].std()


@pytest.mark.parametrize("make", BOTH)
def test_no_frame_looks_ahead_and_every_frame_looks_back(make, pan):
    net, other = awake(make), pan.clone()
    other[:, 3] = 1 - other[:, 3]
    a, b = net(pan, 40), net(other, 40)
    torch.testing.assert_close(a[:, :3], b[:, :3], rtol=0, atol=1e-6)
    assert (a[:, 4] - b[:, 4]).abs().mean() > 1e-4, "frame 4 remembers frame 3"


@pytest.mark.parametrize("make", BOTH)
def test_batch_equals_loop(make):
    net, x, qp = awake(make), torch.rand(3, 4, 3, 32, 48), torch.tensor([30.0, 40.0, 50.0])
    loop = torch.cat([net(x[i : i + 1], qp[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(net(x, qp), loop, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize("batch", [1, 4, 8])
def test_frames_of_a_clip_are_processed_in_order(make, batch, pan):
    net = awake(make)
    frames = (pan[0] * 255).round().byte().permute(0, 2, 3, 1).numpy()
    out = preprocess_frames(net, frames, 40, batch=batch)
    whole = net(torch.from_numpy(frames).permute(0, 3, 1, 2)[None].float() / 255, 40)[0]
    expected = (whole.detach() * 255).round().byte().permute(0, 2, 3, 1).numpy()
    assert out.dtype == np.uint8 and np.abs(out.astype(int) - expected).max() <= 1  # a tie of rounding


@pytest.mark.parametrize("make", BOTH)
def test_weights_come_back_from_disk(make, tmp_path):
    net, x = awake(make), torch.rand(1, 3, 3, 16, 24)
    facts = {"command": "c", "data": "d", "seed": 0, "steps": 1, "analysers": ["a"], "codecs": ["x264"]}
    path = save_preprocessor(net, tmp_path / "video.safetensors", dtype=torch.float32, **facts)
    torch.testing.assert_close(load_preprocessor(path)(x, 40), net(x, 40), rtol=0, atol=0)


@pytest.mark.parametrize(
    "x, message",
    [(torch.rand(1, 3, 16, 16), r"\[:, None\]"), (torch.rand(1, 2, 1, 16, 16), "shape")],
)
def test_pictures_are_refused(x, message):
    with pytest.raises(ValueError, match=message):
        CompactVideo(SMALL)(x, 40)


@pytest.mark.parametrize("make", BOTH)
def test_a_state_of_another_clip_is_refused(make):
    net = make()
    _, state = net.stream(torch.rand(1, 8, 3, 32, 32), 40)
    for shape in ((1, 1, 3, 48, 32), (2, 1, 3, 32, 32)):
        with pytest.raises(ValueError, match="another clip"):
            net.stream(torch.rand(*shape), 40, state)


def macs_per_pixel(net):
    """Of a frame in the middle of a clip."""
    x = torch.rand(1, 3, 3, 128, 128)
    with torch.inference_mode():
        state = net.stream(x[:, :2], 40)[1]
        with FlopCounterMode(display=False) as counter:
            net.stream(x[:, 2:], 40, state)
    return counter.get_total_flops() / 2 / 128**2


def test_what_they_cost():
    assert 4000 < macs_per_pixel(CompactVideo()) <= 4200
    assert macs_per_pixel(ZhaoPreprocessor()) == pytest.approx(9696, rel=1e-3)
    assert sum(p.numel() for p in ZhaoPreprocessor().parameters()) == 9795


def test_weights_trained_on_pictures_fit_the_spatial_part():
    torch.manual_seed(0)
    still, net = Compact(SMALL.spatial).eval(), CompactVideo(SMALL).eval()
    for layer in (still.head, still.head_by_qp):
        nn.init.normal_(layer.weight, std=0.5)
    net.spatial.load_state_dict(still.state_dict())
    clip = torch.rand(1, 3, 3, 32, 48)
    torch.testing.assert_close(net(clip, 40), still(clip, 40), rtol=1e-4, atol=1e-5)


def test_motion_of_a_pan_is_found_and_undone(pan):
    luma = pan[0].mean(1, keepdim=True)
    motion = block_motion(luma[1:], luma[:-1])
    inner = motion[..., 1:-1, 1:-1]
    assert (inner - torch.tensor([3.0, 1.0]).view(2, 1, 1)).abs().median() <= 0.5
    still = (luma[:-1] - luma[1:])[..., 16:-16, 16:-16].square().mean()
    followed = (moved(luma[:-1], motion) - luma[1:])[..., 16:-16, 16:-16].square().mean()
    assert followed < 0.15 * still


def test_noise_does_not_move_a_camera_that_stands():
    picture = Photos("train", size=160, crop="centre", flip=False)[5].mean(0)[None, None]
    noisy = picture + 0.01 * torch.randn(2, 1, 160, 160, generator=torch.Generator().manual_seed(0))
    assert (block_motion(noisy[:1], noisy[1:]) == 0).float().mean() > 0.9


def test_a_full_gate_repeats_what_was_sent_last(pan):
    net = CompactVideo(CompactVideoConfig(SMALL.spatial, gate_bound=0.95)).eval()
    nn.init.constant_(net.gate_by_qp.bias, 20.0)
    y = net(pan, 40)
    torch.testing.assert_close(y[:, 0], pan[:, 0], rtol=0, atol=1e-5)  # nothing was sent before
    luma = torch.einsum("j,tjhw->thw", net.spatial.to_ycc[0], pan[0])[:, None]
    past = moved(y[:, 0], block_motion(luma[1:2], luma[:1]))
    torch.testing.assert_close(y[:, 1], torch.lerp(pan[:, 1], past, 0.95), rtol=0, atol=1e-5)


def test_it_learns_to_leave_out_noise(pan):
    """Frames of one picture under fresh noise: the best guess at the picture is an average over time."""
    torch.manual_seed(0)
    net = CompactVideo(CompactVideoConfig(SMALL.spatial, motion=False))
    optimiser, losses = torch.optim.Adam(net.parameters(), 1e-2), []
    clean = pan[:, :1].expand(-1, 5, -1, -1, -1)
    for _ in range(40):
        noisy = (clean + 0.1 * torch.randn(1, 5, 3, 96, 128)).clamp(0, 1)
        loss = (net(noisy, 40)[:, -1] - clean[:, -1]).square().mean()
        losses.append(loss.item() / (noisy[:, -1] - clean[:, -1]).square().mean().item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[0] == pytest.approx(1, abs=1e-3) and losses[-1] < 0.6


@pytest.mark.parametrize("branches", ["spatial", "temporal"])
def test_a_branch_alone_is_what_its_name_says(branches, pan):
    net = awake(lambda: ZhaoPreprocessor(ZhaoConfig(branches=branches)))
    other = pan.clone()
    other[:, 0] = 1 - other[:, 0]
    changed = (net(pan, 40)[:, 1] - net(other, 40)[:, 1]).abs().max() > 1e-3
    assert changed == (branches == "temporal")


def test_impossible_options_are_refused():
    for architecture, config in (
        ("CompactVideo", {"gate_bound": 1.0}),
        ("ZhaoPreprocessor", {"branches": "none"}),
        ("ZhaoPreprocessor", {"window": 0}),
    ):
        with pytest.raises(ValueError):
            build_preprocessor(architecture, config)
