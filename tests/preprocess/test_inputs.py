import numpy as np
import pytest
import torch

from mvlib.preprocess import (
    NPP,
    Compact,
    CompactConfig,
    CompactVideo,
    CompactVideoConfig,
    NPPConfig,
    Preprocessor,
    ZhaoPreprocessor,
    centre_qp,
    preprocess_frames,
)

SMALL = CompactConfig(widths=(4, 4), blocks=(1, 1))


@pytest.fixture(params=["compact", "npp"])
def net(request):
    return Compact(SMALL) if request.param == "compact" else NPP(NPPConfig(skip=True)).eval()


@pytest.mark.parametrize(
    "x, error, says",
    [
        (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), TypeError, "uint8"),
        (np.zeros((1, 3, 32, 32), np.float32), TypeError, "ndarray"),
        (torch.zeros(3, 32, 32), ValueError, "x\\[None\\]"),
        (torch.zeros(1, 1, 32, 32), ValueError, "shape"),
        (torch.zeros(1, 3, 15, 32), ValueError, "15x32.*16"),
        (torch.full((1, 3, 32, 32), 200.0), ValueError, "200"),
        (torch.full((1, 3, 32, 32), -0.01), ValueError, "-0.01"),
        (torch.full((1, 3, 32, 32), torch.nan), ValueError, "nan"),
    ],
)
def test_bad_pictures(net, x, error, says):
    with pytest.raises(error, match=says):
        net(x, 37)


@pytest.mark.parametrize(
    "qp, error, says",
    [
        (-1, ValueError, "-1.*51"),
        (51.5, ValueError, "51.5"),
        (float("nan"), ValueError, "nan"),
        (torch.tensor([30.0, 30.0, 30.0]), ValueError, "batch of 2"),
        (torch.tensor([[30.0], [30.0]]), ValueError, "shape"),
        ("37", TypeError, "str"),
        (None, TypeError, "NoneType"),
        (True, TypeError, "bool"),
    ],
)
def test_bad_qp(net, qp, error, says):
    with pytest.raises(error, match=says):
        net(torch.rand(2, 3, 32, 32), qp)


def test_ways_to_give_qp(net):
    x = torch.rand(2, 3, 16, 23)
    results = [net(x, qp) for qp in (37, 37.0, np.float64(37), torch.tensor(37), torch.tensor([37, 37]))]
    assert all(torch.equal(r, results[0]) for r in results)


def test_a_clip_is_treated_frame_by_frame(net):
    clip, qp = torch.rand(2, 3, 3, 17, 24), torch.tensor([30.0, 45.0])
    frames = torch.stack([net(clip[:, t], qp) for t in range(3)], 1)
    torch.testing.assert_close(net(clip, qp), frames, rtol=1e-4, atol=1e-5)


def test_rounding_beyond_the_range_is_accepted_and_clamped(net):
    y = net(torch.tensor([-0.001, 1.001]).view(1, 1, 1, 2).expand(1, 3, 16, 2).repeat(1, 1, 1, 8), 37)
    assert y.min() >= 0 and y.max() <= 1


def test_one_normalisation_of_qp():
    torch.testing.assert_close(centre_qp(torch.tensor([0.0, 25.5, 51.0])), torch.tensor([-1.0, 0.0, 1.0]))


def test_frames_of_the_identity_come_back_as_they_were():
    frames = np.random.default_rng(0).integers(0, 256, (5, 18, 33, 3), dtype=np.uint8)
    np.testing.assert_array_equal(preprocess_frames(Compact(SMALL).eval(), frames, 37, batch=2), frames)


def test_frames_take_a_qp_each():
    torch.manual_seed(0)
    net = Compact(SMALL).eval()
    torch.nn.init.normal_(net.head_by_qp.weight)
    frames = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    together = preprocess_frames(net, frames, np.array([20, 30, 45]), batch=2)
    alone = [preprocess_frames(net, f[None], qp)[0] for f, qp in zip(frames, (20, 30, 45), strict=True)]
    assert np.abs(together.astype(int) - np.stack(alone)).max() <= 1  # a tie of rounding
    assert (together != frames).any()


@pytest.mark.parametrize(
    "frames, qp, error",
    [
        (np.zeros((2, 16, 16, 3), np.float32), 30, TypeError),
        (torch.zeros(2, 16, 16, 3, dtype=torch.uint8), 30, TypeError),
        (np.zeros((16, 16, 3), np.uint8), 30, ValueError),
        (np.zeros((2, 3, 16, 16), np.uint8), 30, ValueError),
        (np.zeros((2, 16, 16, 3), np.uint8), [30, 31, 32], ValueError),
        (np.zeros((2, 16, 16, 3), np.uint8), 60, ValueError),
    ],
)
def test_bad_frames(frames, qp, error):
    with pytest.raises(error):
        preprocess_frames(Compact(SMALL), frames, qp)


NETWORKS = {
    "compact": lambda: Compact(SMALL),
    "npp": lambda: NPP(NPPConfig(skip=True)),
    "compact video": lambda: CompactVideo(CompactVideoConfig(spatial=SMALL)),
    "zhao": lambda: ZhaoPreprocessor(),
}


def moved(name):
    """A network that changes its picture, and pictures or clips for it."""
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return network, torch.rand(2, 3, 3, 18, 20) if name in ("compact video", "zhao") else torch.rand(
        2, 3, 18, 20
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", NETWORKS)
def test_other_precisions_come_back_as_they_went_in(name, dtype):
    network, x = moved(name)
    given = x.to(dtype).requires_grad_()
    y = network(given, 36.7)
    assert y.dtype == dtype and y.shape == x.shape
    inside = network(given.detach().float(), 36.7)
    assert not torch.equal(inside, given.detach().float())
    assert torch.equal(y.detach(), inside.to(dtype))  # computed in float32, the QP too, and rounded once
    y.float().sum().backward()
    assert given.grad.dtype == dtype and given.grad.isfinite().all() and given.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["compact", "npp", "compact video", "zhao"])
def test_weights_in_double_compute_in_double(name):
    network, x = moved(name)
    single = network(x, 37)
    y = network.double()(x, 37)
    assert y.dtype == torch.float32
    torch.testing.assert_close(y, single, rtol=1e-4, atol=1e-5)
    assert network(x.double(), 37).dtype == torch.float64


def test_a_stream_of_half_precision_goes_on_as_it_began():
    network, x = moved("compact video")
    x = x.half()
    first, state = network.stream(x[:, :2], 37)
    rest, _ = network.stream(x[:, 2:], 37, state)
    assert torch.equal(torch.cat([first, rest], 1), network(x, 37))


def test_a_preprocessor_without_weights_computes_in_the_type_of_the_picture():
    class Darker(Preprocessor):
        def process(self, x, qp):
            assert x.dtype == qp.dtype == torch.float16
            return x / 2

    assert Darker()(torch.ones(1, 3, 16, 16).half(), 37).dtype == torch.float16
    frames = np.full((2, 16, 16, 3), 200, np.uint8)
    assert (
        preprocess_frames(type("Same", (Preprocessor,), {"process": lambda _, x, qp: x})(), frames, 37) == 200
    ).all()


@pytest.mark.parametrize("name", ["compact", "compact video"])
def test_frames_that_run_backwards_in_memory(name):
    network, _ = moved(name)
    frames = np.random.default_rng(0).integers(0, 256, (4, 18, 20, 3), dtype=np.uint8)
    for turned in (
        frames[:, :, ::-1],
        frames[:, ::-1],
        frames[::-1],
        frames[..., ::-1],
        frames.transpose(0, 2, 1, 3),
    ):
        done = preprocess_frames(network, turned, 37)
        np.testing.assert_array_equal(done, preprocess_frames(network, turned.copy(), 37))
    qps = np.array([45, 40, 35, 30])[::-1]
    if name == "compact":
        done = preprocess_frames(network, frames, qps)
        np.testing.assert_array_equal(done, preprocess_frames(network, frames, qps.copy()))
