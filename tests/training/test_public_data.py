"""Training on public data sets, and the real encoder beside the virtual one."""

import json
import shlex
import sys
from pathlib import Path

import pytest
import torch
import yaml
from tiny_training import anchor_file

from mvlib import pool
from mvlib.__main__ import main
from mvlib.codecs import RealCodec
from mvlib.datasets import Photos
from mvlib.training.experiment import ImageTraining, VideoTraining
from mvlib.training.loop import Steps, Trainer
from mvlib.training.objective import EncodingAhead
from mvlib.training.slope import anchor_command, anchor_path
from mvlib.virtual.codec import VirtualCodec


def test_values_are_the_real_codecs_whether_asked_ahead_or_in_turn():
    photos = Photos("test", size=64, crop="centre")
    clip, qp = (
        torch.stack([photos[i] for i in range(3)])[:, None].requires_grad_(),
        torch.tensor([27.0, 35, 44]),
    )
    real, virtual = RealCodec("x264", gop="intra"), VirtualCodec.like("x264")
    ahead = virtual(clip, qp, real=EncodingAhead(real, clip, qp, workers=2))
    in_turn = virtual(clip, qp, real=real)
    assert torch.equal(ahead.frames, in_turn.frames) and torch.equal(ahead.bits, in_turn.bits)
    pictures = (clip.detach() * 255).round().byte().permute(0, 1, 3, 4, 2).contiguous().numpy()
    own = [real(frames, qp=round(q)).bits for frames, q in zip(pictures, qp.tolist(), strict=True)]
    assert ahead.bits.tolist() == own
    (gradient,) = torch.autograd.grad(ahead.bits.sum(), clip)
    assert gradient.isfinite().all() and gradient.abs().sum() > 0


def test_an_encoder_that_fails_ahead_says_so_where_it_is_asked():
    clip = torch.rand(1, 1, 3, 32, 32)
    with pytest.raises(ValueError, match="52"):
        VirtualCodec.like("x264")(
            clip, 40.0, real=EncodingAhead(RealCodec("x264"), clip, torch.tensor([52.0]))
        )


def test_processes_of_one_machine_share_its_cores(monkeypatch):
    alone = pool.cores()
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(2 * alone))
    assert pool.cores() == 1


def options(tmp_path, **more):
    anchor = anchor_file(tmp_path, "x264")
    return {
        "architecture": "Compact", "analysers": ("efficientnet_lite0",), "codecs": ("x264",),
        "steps": 1, "batch": 2, "size": 48, "warmup": 1, "workers": 0,
        "anchor": anchor, "device": "cpu", **more,
    }  # fmt: skip


def test_training_goes_on_over_a_broken_picture(imagenet, tmp_path):
    (imagenet / "val").rename(imagenet / "train")
    for path in sorted(imagenet.glob("train/*/*"))[1:]:
        path.write_bytes(b"broken")
    training = ImageTraining(**options(tmp_path, dataset="imagenet", root=imagenet, route="real_forward"))
    trainer = Trainer(training, tmp_path / "out")
    trainer.run(progress=False)
    x, _ = Steps(training)[0]
    assert x.shape == (2, 3, 48, 48) and set(trainer.steps.broken.values()) == {"broken file"}


def test_training_on_windows_of_clips(kinetics, tmp_path):
    training = VideoTraining(
        **options(tmp_path, dataset="kinetics400", root=kinetics, frames=3, gop="ippp",
                  reader={"split": "val", "listed": str(kinetics / "val.csv"), "stride": 2})
    )  # fmt: skip
    one, other = Steps(training), Steps(training, slice(1, 2))
    assert one[5][0].shape == (2, 3, 3, 48, 48)
    assert torch.equal(one[5][0][1:], other[5][0]) and torch.equal(one[5][1][1:], other[5][1])
    Trainer(training, tmp_path / "out").run(progress=False)


def test_the_configuration_for_imagenet_trains(imagenet, tmp_path, monkeypatch):
    (imagenet / "val").rename(imagenet / "train")
    config = Path(__file__).resolve().parents[2] / "configs" / "train_imagenet.yaml"
    small = "--steps 1 --batch 2 --size 48 --warmup 1 --workers 0 --compile false --precision float32 --device cpu"
    where = ["--config", str(config), "--root", str(imagenet), "--out", str(tmp_path / "out")]
    anchor = ["--anchor", str(anchor_path("image", "output"))]
    monkeypatch.setattr(sys, "argv", ["mvlib", "train", "image", *where, *anchor, *small.split()])
    main()
    card = json.loads((tmp_path / "out" / "preprocessor.json").read_text())
    assert card["analysers"] == ["efficientnet_lite0", "nanodet"] and card["data"].startswith("imagenet")
    assert f"root: {imagenet}" in (tmp_path / "out" / "config.yaml").read_text()


def test_a_refused_training_leaves_the_options_of_the_other(imagenet, tmp_path, monkeypatch):
    (imagenet / "val").rename(imagenet / "train")
    given = options(tmp_path, dataset="imagenet", root=imagenet)
    file, config = tmp_path / "options.yaml", tmp_path / "out" / "config.yaml"
    file.write_text(json.dumps(given, default=str))

    def train(lr):
        out = ["--config", str(file), "--lr", lr, "--out", str(tmp_path / "out")]
        monkeypatch.setattr(sys, "argv", ["mvlib", "train", "image", *out])
        main()

    train("1e-3")
    before = config.read_text()
    with pytest.raises(SystemExit, match="belongs to another training"):
        train("0.5")
    assert config.read_text() == before


def test_the_configuration_for_kinetics_says_what_to_measure_first_and_then_trains(
    kinetics, tmp_path, monkeypatch
):
    (kinetics / "val").rename(kinetics / "train")
    config = Path(__file__).resolve().parents[2] / "configs" / "train_kinetics400.yaml"
    anchor, cells = tmp_path / "anchor.json", ["--cells", str(tmp_path / "cells")]
    where = ["--config", str(config), "--root", str(kinetics), "--out", str(tmp_path / "out")]
    # Its own recogniser would have to be downloaded; a machine for pictures looks at every frame.
    small = "--analysers [efficientnet_lite0] --frames 2 --size 64 --steps 2 --batch 2 --warmup 1 --workers 0"
    small += ' --precision float32 --device cpu --reader {"stride":2,"short_side":64}'

    def type_in(*arguments):
        monkeypatch.setattr(sys, "argv", ["mvlib", *arguments])
        main()

    train = ["train", "video", *where, *small.split(), "--anchor", str(anchor)]
    with pytest.raises(
        SystemExit, match=r"anchor\.json does not exist; measure it by: python -m mvlib"
    ) as missing:
        type_in(*train)
    said = shlex.split(str(missing.value).partition("python -m mvlib ")[2])
    type_in(*said, "--qps", "[30, 50]", "--draws", "20", *cells)
    type_in(*train)
    card = json.loads((tmp_path / "out" / "preprocessor.json").read_text())
    assert card["codecs"] == ["x265", "x264"] and card["data"].startswith("kinetics400")


def test_the_command_in_the_configuration_is_the_one_that_an_error_says():
    path = Path(__file__).resolve().parents[2] / "configs" / "train_kinetics400.yaml"
    lines = [line.lstrip("# ") for line in path.read_text().splitlines() if line.startswith("#")]
    written = shlex.split(" ".join(lines).partition("mvlib evaluate")[2])
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in yaml.safe_load(path.read_text()).items()}
    options |= {name: Path(options[name]) for name in ("root", "anchor")}
    said = anchor_command(VideoTraining(**{k: v for k, v in options.items() if k != "out"}))
    told = shlex.split(said.partition("mvlib evaluate")[2])
    assert told[0] == written[0] == "video"
    pairs = [sorted(zip(said[1::2], said[2::2], strict=True)) for said in (told, written)]
    assert pairs[0] == pairs[1]


@pytest.mark.parametrize(("task", "asked"), [("guarded", True), ("features", True), ("output", False)])
def test_the_command_measures_the_curve_that_the_training_reads(task, asked):
    said = anchor_command(VideoTraining(task=task, excerpts=0.0, anchor=Path("runs/anchor.json")))
    assert ("--scores '[features]'" in said) == asked


def test_a_data_set_of_the_wrong_kind_or_without_a_folder_is_refused(kinetics, tmp_path):
    with pytest.raises(ValueError, match="kinetics400 gives clips"):
        Steps(
            ImageTraining(**options(tmp_path, dataset="kinetics400", root=kinetics, reader={"split": "val"}))
        )
    with pytest.raises(ValueError, match="both or neither"):
        ImageTraining(**options(tmp_path, dataset="imagenet"))


def test_plain_folders_are_trained_on(tmp_path, imagenet, kinetics):
    common = {"dataset": "folder", "batch": 2, "size": 48, "steps": 1}
    pictures = Steps(ImageTraining(root=imagenet, **common))[0][0]
    clips = Steps(VideoTraining(root=kinetics, frames=4, **common))[0][0]
    assert pictures.shape == (2, 3, 48, 48) and clips.shape == (2, 4, 3, 48, 48)
