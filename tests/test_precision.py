"""Which precision is chosen: the one that does a trial faster, the same in all of a process, and nothing else moves."""

import pytest
import torch

from mvlib import _precision
from mvlib._precision import chosen, computing_in


@pytest.fixture(autouse=True)
def not_tried_yet():
    _precision.faster_on_cpu.cache_clear()
    yield
    _precision.faster_on_cpu.cache_clear()


@pytest.mark.parametrize(
    ("float32", "bf16", "right"), [(1.0, 0.6, "bf16"), (1.0, 0.95, "float32"), (1.0, 2.4, "float32")]
)
def test_bfloat16_must_be_clearly_the_faster(monkeypatch, float32, bf16, right):
    times = {"float32": float32, "bf16": bf16}
    asked = []

    def seconds(precision):  # one of two tries is disturbed
        asked.append(precision)
        return times[precision] * (1 + 9 * (len(asked) % 4 < 2))

    monkeypatch.setattr(_precision, "seconds_of_a_trial", seconds)
    assert chosen("auto") == right
    tries = len(asked)
    assert chosen("auto", "cpu") == right and len(asked) == tries, "tried once per process"


def test_the_trial_computes_in_both_precisions_wherever_it_is_called_and_leaves_no_trace(monkeypatch):
    kinds = []
    convolution = torch.nn.functional.conv2d

    def watched(*args, **options):
        kinds.append((y := convolution(*args, **options)).dtype)
        return y

    monkeypatch.setattr(_precision.F, "conv2d", watched)
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    threads = torch.get_num_threads()
    with torch.inference_mode():
        assert chosen("auto") in ("float32", "bf16")
    assert set(kinds) == {torch.float32, torch.bfloat16}
    assert torch.equal(torch.rand(4), expected) and torch.get_num_threads() == threads


def test_a_wish_is_followed_and_a_gpu_is_not_tried(monkeypatch):
    monkeypatch.setattr(_precision, "seconds_of_a_trial", None)
    assert chosen("bf16") == chosen("bf16", "cuda") == "bf16" and chosen("float32") == "float32"
    assert chosen("auto", torch.device("cuda", 1)) == "float32"


@pytest.mark.parametrize(("precision", "kind"), [("float32", torch.float32), ("bf16", torch.bfloat16)])
def test_networks_compute_in_it(precision, kind):
    with computing_in(precision):
        assert torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3)).dtype == kind
