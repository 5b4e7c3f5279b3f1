"""What is kept between calls fits every later one: after inference, in another precision, copied, compiled."""

import copy
import functools
import gc
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from mvlib.virtual import VirtualCodec, transform
from mvlib.virtual.scan import scan_rank
from mvlib.virtual.tables import table

KINDS = [("x264", 1), ("x264", 3), ("x265", 1), ("x265", 3), ("jpeg", 1), ("jpeg", 3)]


@pytest.fixture(autouse=True)
def nothing_kept():
    """Every cache of the package empty, as in a new process."""
    for kept in gc.get_objects():
        if type(kept) is functools._lru_cache_wrapper and kept.__module__.startswith("mvlib."):
            kept.cache_clear()


def clip(frames: int, dtype=torch.float32) -> torch.Tensor:
    torch.manual_seed(3)
    still = torch.nn.functional.interpolate(torch.rand(1, 3, 12, 14), (36, 44), mode="bicubic").clamp(0, 1)
    return torch.stack([still.roll(t, -1) for t in range(frames)], 1).to(dtype)


def gradient(codec, frames: int, dtype=torch.float32) -> torch.Tensor:
    x = clip(frames, dtype).requires_grad_()
    out = codec(x, 34.0)
    (slope,) = torch.autograd.grad(out.bits.sum() + out.frames.square().sum(), x)
    return slope


@pytest.mark.parametrize("kind", KINDS)
def test_inference_before_training_and_after_it(kind):
    name, frames = kind
    codec = VirtualCodec.like(name)
    with torch.inference_mode():
        first = codec(clip(frames), 34.0)
    slope = gradient(codec, frames)
    assert slope.isfinite().all() and slope.abs().sum() > 0
    with torch.inference_mode():
        again = codec(clip(frames), 34.0)
    assert torch.equal(first.frames, again.frames) and torch.equal(first.bits, again.bits)


@pytest.mark.parametrize("kind", KINDS)
def test_training_before_inference_and_after_it(kind):
    name, frames = kind
    codec = VirtualCodec.like(name)
    first = gradient(codec, frames)
    with torch.inference_mode():
        out = codec(clip(frames), 34.0)
    assert out.bits.is_inference() and out.bits.isfinite().all()
    assert torch.equal(gradient(codec, frames), first)


KEPT = """
import gc, torch
from mvlib.virtual import VirtualCodec
with torch.inference_mode():
    for name in ("x264", "x265", "jpeg"):
        for frames in (1, 3):
            VirtualCodec.like(name)(torch.rand(1, frames, 3, 36, 44), 34.0)
gc.collect()
print([tuple(x.shape) for x in gc.get_objects() if type(x) is torch.Tensor and x.is_inference()])
"""


def test_nothing_that_a_call_under_inference_made_is_kept():
    # In a process of its own: panels of other tests may still be looking in this one.
    kept = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, check=True).stdout
    assert kept == "[]\n"


@pytest.mark.parametrize("kind", KINDS)
def test_double_precision_is_double_throughout(kind):
    name, frames = kind
    codec = VirtualCodec.like(name)
    out = codec(clip(frames, torch.float64), 34.0)
    assert out.frames.dtype == out.bits.dtype == torch.float64
    single = codec(clip(frames), 34.0)
    # Where half a sample is rounded either way, the decoded block differs.
    assert (single.frames - out.frames).abs().mean() < 3e-3
    torch.testing.assert_close(single.bits.double(), out.bits, rtol=0.02, atol=0)
    assert gradient(codec, frames, torch.float64).dtype == torch.float64


def test_a_table_does_not_depend_on_what_was_set_when_it_was_made():
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            made = (
                scan_rank(4, False),
                scan_rank(4, False, like=torch.zeros(1, dtype=torch.float32, device="cpu")),
            )
    finally:
        torch.set_default_dtype(torch.float32)
    for rank in made:
        assert rank.dtype == torch.float32 and rank.device.type == "cpu"


@pytest.mark.parametrize("name", ["x264", "x265", "jpeg"])
def test_a_copy_and_an_unpickled_codec_are_the_codec(name):
    codec = VirtualCodec.like(name)
    expected = codec(clip(2), 34.0).bits
    for other in (copy.deepcopy(codec), pickle.loads(pickle.dumps(codec))):
        assert torch.equal(other(clip(2), 34.0).bits, expected)


@pytest.mark.parametrize("name", ["x264", "x265", "jpeg"])
def test_what_is_compiled_may_hold_a_codec(name):
    torch._dynamo.reset()
    codec = VirtualCodec.like(name)
    compiled = torch.compile(lambda x: codec(x * 1.0, 34.0).bits.sum() / 2, backend="eager")
    with torch.inference_mode():
        compiled(clip(1))
    x = clip(1).requires_grad_()
    (slope,) = torch.autograd.grad(compiled(x), x)
    (expected,) = torch.autograd.grad(codec(x, 34.0).bits.sum() / 2, x)
    torch.testing.assert_close(slope, expected)
    torch._dynamo.reset()


def test_what_is_compiled_may_hold_a_table():
    torch._dynamo.reset()
    rows = torch.rand(3, 16)
    compiled = torch.compile(lambda x: transform.forward(x) * 2, backend="eager")
    with torch.inference_mode():
        compiled(rows)
    torch.testing.assert_close(compiled(rows), transform.forward(rows) * 2)
    assert not transform.matrix("dct", 4).is_inference()
    torch._dynamo.reset()


def test_tables_follow_device_and_type_of_the_data():
    calls = []

    @table
    def pair(k):
        calls.append(k)
        return np.arange(k), np.linspace(0, 1, k)

    for dtype in (torch.float32, torch.float64):
        whole, share = pair(3, like=torch.zeros(1, dtype=dtype))
        assert whole.dtype == torch.int64 and share.dtype == dtype
    assert pair(3, like=torch.zeros(1))[1] is pair(3)[1] and calls == [3, 3]
    assert pair(3, like=torch.zeros(1, device="meta"))[0].device.type == "meta"
