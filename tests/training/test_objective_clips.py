"""What a training on clips minimises: real streams on the real route, frames or whole clips by who looks."""

import json
from dataclasses import replace

import pytest
import torch

from mvlib import analysers
from mvlib.analysers import kl_to_clean
from mvlib.codecs import RealCodec
from mvlib.datasets import Photos
from mvlib.training.batches import Steps
from mvlib.training.experiment import VideoTraining
from mvlib.training.guides import coding_loss, load_guide
from mvlib.training.objective import Objective


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """Clips of 3 frames at 64 pixels; what the made-up curves say does not matter here."""
    path = tmp_path_factory.mktemp("anchor") / "anchor.json"
    results = {"qp": [20, 36, 51], "bpp": [1.5, 0.25, 0.04], "kl:efficientnet_lite0": [0.03, 0.3, 2.5]}
    curves = [{"codec": c, "condition": "codec alone", "results": results} for c in ("x264", "x265")]
    path.write_text(json.dumps({"curves": curves}))
    return VideoTraining(
        analysers=("efficientnet_lite0",),
        codecs=("x264", "x265"),
        route="real_forward",
        batch=2,
        frames=3,
        size=64,
        anchor=path,
        excerpts=0.0,
    )


def test_on_the_real_route_the_rate_is_that_of_the_stream_and_the_gradient_still_flows(training):
    objective, (x, qp) = Objective(training), Steps(training)[0]
    y = x.clone().requires_grad_()
    parts = objective(x, y, qp, "x264")
    codec = RealCodec("x264", gop="stock")
    frames = (x * 255).round().byte().permute(0, 1, 3, 4, 2).numpy()
    bits = sum(codec(f, qp=round(q)).bits for f, q in zip(frames, qp.tolist(), strict=True))
    assert parts["bpp"].item() == pytest.approx(bits / x[:, :, 0].numel(), rel=1e-5)
    (slope,) = torch.autograd.grad(parts["loss"], y)
    assert slope.isfinite().all() and (slope.flatten(2).abs().amax(2) > 0).all(), "every frame has a gradient"


def test_who_sees_pictures_sees_every_frame_and_who_sees_clips_sees_the_clip():
    clean, decoded = torch.rand(2, 4, 3, 64, 64), torch.rand(2, 4, 3, 64, 64)
    stills = analysers.load("efficientnet_lite0")
    lost = coding_loss(stills, clean, decoded)
    one = kl_to_clean(stills(clean[1]), stills(decoded[1])).mean()
    torch.testing.assert_close(lost[1], one, rtol=1e-3, atol=1e-4)
    torch.manual_seed(0)
    watcher = analysers.load("action_resnet3d", pretrained=False)
    torch.testing.assert_close(
        coding_loss(watcher, clean, decoded),
        kl_to_clean(watcher(clean), watcher(decoded)),
        rtol=1e-3,
        atol=1e-5,
    )


def test_who_cannot_be_asked_is_refused_with_those_who_can():
    with pytest.raises(
        ValueError, match=r"siam_lite0 is a Tracker, which can't guide a training on clips.*action_resnet3d"
    ):
        load_guide("siam_lite0", clips=True)
    with pytest.raises(
        ValueError, match=r"is a Recogniser, which can't guide a training on pictures.*nanodet, "
    ):
        load_guide("action_resnet3d", clips=False)
    with pytest.raises(ValueError, match="siam_lite0 is a Tracker"):
        Objective(VideoTraining(analysers=("siam_lite0",)))


def test_half_precision_of_the_analysers_keeps_the_direction():
    """bfloat16 has 8 bits: measured cosines of the pixels' gradients with float32's are 0.7 to 0.9 at x265's QP 42."""
    analyser, picture = analysers.load("efficientnet_lite0"), Photos("train", crop="centre", flip=False)[17]
    frames = (picture * 255).round().byte().permute(1, 2, 0).contiguous().numpy()[None]
    decoded = torch.from_numpy(RealCodec("x265", gop="intra")(frames, qp=42).frames).permute(0, 3, 1, 2) / 255
    lost, slopes = [], []
    for half in (False, True):
        y = decoded.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            lost.append(coding_loss(analyser, picture[None], y))
        slopes += torch.autograd.grad(lost[-1].sum(), y)
    assert slopes[1].isfinite().all() and lost[1].item() == pytest.approx(lost[0].item(), rel=0.15)
    assert torch.cosine_similarity(slopes[0].flatten(), slopes[1].flatten(), 0) > 0.5


def test_an_analyser_may_have_a_dot_in_its_name_and_moves_with_the_objective(training, monkeypatch):
    name, machine = "timm/resnet50.a1_in1k", analysers.load("efficientnet_lite0")
    monkeypatch.setattr(analysers, "load", lambda _: machine)
    text = training.anchor.read_text().replace("efficientnet_lite0", name)
    path = training.anchor.with_name("dotted.json")
    path.write_text(text)
    objective = Objective(replace(training, analysers=(name,), anchor=path))
    assert objective.analysers == {name: machine} and machine in set(objective.to("cpu").modules())
