"""Training with parts of one's own: from Python and from the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import mvlib
from mvlib.errors import InputError
from mvlib.evaluation.conditions import condition
from mvlib.preprocess import load_preprocessor, preprocess_frames, save_preprocessor
from mvlib.samples import Objects, Sample
from mvlib.training.batches import OwnMaterial
from mvlib.training.slope import Slope

SLOPE = Slope([20, 50], [2.0, 0.1], [0.01, 1.0])
MODULE = """
import torch, mvlib
from torch import nn

class MyNet(mvlib.Preprocessor):
    multiple = 4
    def __init__(self, width=4):
        super().__init__()
        self.config = {"width": width}
        self.layers = nn.Sequential(nn.Conv2d(4, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 3, 3, padding=1))
    def process(self, x, qp):
        assert x.shape[-1] % 4 == 0
        by_qp = (qp / 51)[:, None, None, None].expand(-1, 1, *x.shape[-2:])
        return x + 0.1 * self.layers(torch.cat([x, by_qp], 1))

def my_net():
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(128, 5))
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module of somebody's own, in a folder of their own."""
    (tmp_path / "my_module.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_module", raising=False)
    import my_module

    return my_module


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    rough = rng.integers(0, 256, (6, 6, 6, 3), np.uint8)
    return [np.kron(r, np.ones((8, 8, 1), np.uint8)) for r in rough]


def run(model, data, **options):
    small = {
        "codec": "x264",
        "steps": 2,
        "batch": 2,
        "workers": 0,
        "warmup": 0,
        "progress": False,
        "device": "cpu",
    }
    return mvlib.train(model, data, **(small | options))


def test_own_model_and_analyser_learn_without_curves_or_labels(own, pictures):
    """The slope is found with the virtual codec; model and analyser are left as they were."""
    model, analyser = own.MyNet(), own.my_net()
    before = torch.cat([p.detach().flatten().clone() for p in model.parameters()])
    net = run(model, pictures, analysers={"mine": analyser})
    after = torch.cat([p.detach().flatten() for p in net.parameters()])
    assert (after != before).any() and not net.training
    assert torch.equal(before, torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert all(p.requires_grad and p.grad is None for p in analyser.parameters())
    assert net(torch.rand(1, 3, 18, 21), 37).shape == (1, 3, 18, 21)


def test_own_loss_is_given_labels_and_decoded_pictures(own, pictures):
    seen = []

    def by_label(analyser, clean, decoded, targets):
        seen.append(targets)
        assert not torch.equal(clean, decoded) and decoded.requires_grad
        return nn.functional.cross_entropy(analyser(decoded), torch.tensor(targets), reduction="none")

    data = [(picture, k) for k, picture in enumerate(pictures[:5])]
    run(own.MyNet(), data, analysers=own.my_net(), loss=by_label, slopes=SLOPE)
    assert len(seen) == 2 and all(0 <= label < 5 for label in seen[0] + seen[1])


def test_a_loss_of_another_shape_is_refused(own, pictures):
    with pytest.raises(InputError, match=r"loss of Sequential has shape \(\) for 2 items; give \(2,\)"):
        run(
            own.MyNet(),
            pictures,
            analysers=own.my_net(),
            slopes=SLOPE,
            loss=lambda a, x, y, t: (y - x).mean(),
        )


def test_a_loss_that_coding_does_not_raise_says_so(own, pictures):
    def flat(analyser, clean, decoded, targets):
        return 0 * decoded.flatten(1).sum(1)

    with pytest.raises(InputError, match=r"does not raise the loss of Sequential with QP.*slopes=Slope"):
        run(own.MyNet(), pictures, analysers=own.my_net(), loss=flat)


def test_own_clips_and_own_codec(own, pictures):
    class Coded(nn.Module):
        def forward(self, clip, qp):
            frames = clip + 0.001 * qp[:, None, None, None, None] * (clip.mean(-1, keepdim=True) - clip)
            return type("Out", (), {"frames": frames, "bits": (clip.flatten(1) ** 2).sum(1) * (60 - qp)})

    clips = [np.stack([p, np.roll(p, 2, 1), np.roll(p, 4, 1)]) for p in pictures]
    net = run(own.MyNet(), clips, analysers=own.my_net(), codec={"mine": Coded()}, size=32)
    assert net(torch.rand(1, 2, 3, 16, 16), 40).shape == (1, 2, 3, 16, 16)


def test_a_real_codec_has_no_gradient_and_is_refused(own, pictures):
    with pytest.raises(TypeError, match=r"gives no gradient; give the name of a virtual one"):
        run(own.MyNet(), pictures, analysers=own.my_net(), codec=mvlib.RealCodec("x264"))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([], "holds nothing"),
        (5, "data is int"),
        ([np.zeros((32, 32), np.uint8)], r"shape \(32, 32\)"),
        ([torch.full((3, 32, 32), 2.0)], "spans 2..2"),
        ([np.zeros((32, 32, 3))], "float64"),
    ],
)
def test_what_is_no_material_is_refused(own, data, says):
    with pytest.raises((ValueError, TypeError), match=says):
        run(own.MyNet(), data)


def test_an_unknown_option_is_refused_with_those_there_are(own, pictures):
    with pytest.raises(TypeError, match=r"no option 'stepz'; ImageTraining has .*steps"):
        run(own.MyNet(), pictures, stepz=3)


def test_boxes_move_with_the_square_that_is_cut_out():
    """A white box on black is where its box says, whatever was cut out, enlarged or mirrored."""

    class Reader:
        is_video = False

        def __len__(self):
            return 1

        def __getitem__(self, index):
            frames = np.zeros((1, 80, 120, 3), np.uint8)
            frames[:, 30:50, 40:70] = 255
            boxes = np.array([[40, 30, 70, 50], [0, 0, 5, 5]], np.float32)
            flags = np.array([False, True])
            return Sample(frames, "a", objects=Objects(boxes, np.array([4, 7]), flags, flags))

        def set_epoch(self, epoch):
            pass

    material = OwnMaterial(Reader(), batch=1, size=64)
    mirrored = 0
    for step in range(30):
        x, [target] = material.draw(step, np.random.default_rng(step), slice(None))
        assert target["labels"].tolist() in ([4], [])
        for left, top, right, bottom in target["boxes"].round().int().tolist():
            inner = x[0, :, top + 2 : bottom - 2, left + 2 : right - 2]
            assert inner.numel() == 0 or inner.min() > 0.9
            assert x.sum() <= 3 * (right - left + 3) * (bottom - top + 3)
            mirrored += 1
    assert mirrored > 10


def test_weights_of_an_own_class_are_saved_and_loaded(own, tmp_path):
    net = own.MyNet(width=6)
    path = save_preprocessor(net, tmp_path / "mine.safetensors", dtype=torch.float32)
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["architecture"] == "my_module:MyNet" and card["config"] == {"width": 6}
    again, x = load_preprocessor(path), torch.rand(1, 3, 20, 24)
    assert type(again) is own.MyNet and again.card["sha256"] == card["sha256"] and not again.training
    torch.testing.assert_close(again(x, 37), net(x, 37), rtol=0, atol=0)
    assert type(mvlib.load_preprocessor("my_module:MyNet")) is own.MyNet


def test_an_own_class_is_a_row_of_a_table_by_its_import_path_or_its_weights(own, tmp_path, pictures):
    frames = np.stack(pictures[:2])
    torch.manual_seed(1)
    path = save_preprocessor(own.MyNet(), tmp_path / "mine.safetensors", dtype=torch.float32)
    rows = [condition(name, (37,)) for name in (str(path), str(path), "my_module:MyNet")]
    assert rows[0].weights == rows[1].weights != rows[2].weights
    expected = preprocess_frames(load_preprocessor(path), frames, 37)
    assert np.array_equal(rows[0].prepare(frames, 37), expected) and (expected != frames).any()


def test_a_class_that_cannot_be_imported_is_refused_by_name(own, tmp_path, monkeypatch):
    path = save_preprocessor(own.MyNet(), tmp_path / "mine.safetensors")
    monkeypatch.delitem(sys.modules, "my_module")
    (tmp_path / "my_module.py").rename(tmp_path / "elsewhere.py")
    with pytest.raises(InputError, match=r"'my_module:MyNet' can't be imported: .*my_module\.py lies"):
        load_preprocessor(path)
    with pytest.raises(InputError, match="elsewhere has no Other"):
        load_preprocessor("elsewhere:Other")


def test_what_could_not_be_loaded_again_is_refused_before_it_is_saved(own, tmp_path):
    class Local(mvlib.Preprocessor):
        pass

    net = own.MyNet(width=6)
    net.config = None
    for bad, says in ((Local(), "no class of a module"), (net, "has other weights")):
        with pytest.raises(InputError, match=says):
            save_preprocessor(bad, tmp_path / "bad.safetensors")
    assert not list(tmp_path.glob("bad*"))


def test_a_training_goes_on_and_leaves_weights(own, pictures, tmp_path):
    options = {"analysers": own.my_net(), "slopes": SLOPE, "out": tmp_path / "out"}
    net = run(own.MyNet(), pictures, **options)
    x = torch.rand(1, 3, 16, 16)
    loaded = load_preprocessor(tmp_path / "out" / "preprocessor.safetensors")
    torch.testing.assert_close(loaded(x, 37), net(x, 37), rtol=0, atol=2e-3)
    again = run(own.MyNet(), pictures, **options)  # finished before: nothing moves
    torch.testing.assert_close(again(x, 37), net(x, 37), rtol=0, atol=0)


@pytest.mark.slow
def test_the_command_line_takes_own_parts(tmp_path):
    (tmp_path / "my_module.py").write_text(MODULE)
    command = ["train", "image", "--architecture", "my_module:MyNet", "--analysers", "my_module:my_net"]
    options = ["--steps", "2", "--batch", "2", "--size", "48", "--workers", "0", "--network", '{"width": 5}']
    root = Path(mvlib.__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    said = subprocess.run(
        [sys.executable, "-m", "mvlib", *command, *options, "--out", "out"],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    card = json.loads((tmp_path / "out" / "preprocessor.json").read_text())
    assert card["architecture"] == "my_module:MyNet" and card["analysers"] == ["my_module:my_net"]
    assert card["config"] == {"width": 5}
