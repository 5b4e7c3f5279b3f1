import json

import pytest
import torch

from mvlib.preprocess import (
    NPP,
    Compact,
    CompactConfig,
    NPPConfig,
    available_preprocessors,
    build_preprocessor,
    load_preprocessor,
    save_preprocessor,
)

HOW = {
    "command": "python -m mvlib train image --steps 3",
    "data": "photos/train",
    "seed": 1,
    "steps": 3,
    "analysers": ["efficientnet_lite0"],
    "codecs": ["x265"],
}
SMALL = CompactConfig(widths=(4, 4), blocks=(1, 1))


@pytest.fixture(autouse=True)
def own_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("MVLIB_WEIGHTS", str(tmp_path / "weights"))


def trained(seed=0):
    torch.manual_seed(seed)
    net = Compact(SMALL).eval()
    torch.nn.init.normal_(net.head.weight, std=0.5)
    return net


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 0), (torch.float16, 2e-3)])
def test_what_was_saved_is_loaded(dtype, tolerance):
    net, x = trained(), torch.rand(1, 3, 32, 32)
    save_preprocessor(net, "image", **HOW, results={"x265": -12.5}, dtype=dtype)
    loaded = load_preprocessor("image")
    assert (loaded(x, 37) - net(x, 37)).abs().max() <= tolerance
    assert not loaded.training and loaded.config == SMALL
    assert loaded.card["results"] == {"x265": -12.5} and loaded.card["command"] == HOW["command"]
    assert available_preprocessors() == ("image",)


def test_statistics_of_batch_norm_survive(tmp_path):
    torch.manual_seed(0)
    net = NPP(NPPConfig(skip=False))
    net(torch.rand(2, 3, 64, 64), 37)
    path = save_preprocessor(net.eval(), tmp_path / "npp.safetensors", **HOW, dtype=torch.float32)
    x = torch.rand(1, 3, 64, 64)
    assert torch.equal(load_preprocessor(path)(x, 30), net(x, 30))


def test_missing_weights_say_how_to_train():
    with pytest.raises(FileNotFoundError, match="python -m mvlib train image"):
        load_preprocessor("image")


def test_a_changed_file_is_refused():
    path = save_preprocessor(trained(), "image", **HOW)
    blob = bytearray(path.read_bytes())
    blob[-1] ^= 1
    path.write_bytes(blob)
    with pytest.raises(ValueError, match="SHA-256"):
        load_preprocessor("image")


def test_a_card_of_another_network_is_refused():
    path = save_preprocessor(trained(), "image", **HOW)
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(card | {"config": {"widths": [8, 8], "blocks": [1, 1]}}))
    with pytest.raises(ValueError, match="doesn't fit Compact"):
        load_preprocessor("image")


def test_a_broken_card_is_refused():
    path = save_preprocessor(trained(), "image", **HOW)
    path.with_suffix(".json").write_text('{"architecture": "Comp')
    with pytest.raises(ValueError, match=r"image\.json does not hold what it should"):
        load_preprocessor("image")


def test_weights_that_are_not_finite_leave_the_old_ones(tmp_path):
    save_preprocessor(trained(), "image", **HOW)
    bad = trained(1)
    bad.head.weight.data[0] = 1e6  # beyond fp16
    with pytest.raises(ValueError, match=r"head\.weight"):
        save_preprocessor(bad, "image", **HOW)
    assert torch.isfinite(load_preprocessor("image").head.weight).all()
    assert len(list((tmp_path / "weights").iterdir())) == 2


@pytest.mark.parametrize("name, config", [("Tiny", {}), (None, {}), ("Compact", {"depth": 3})])
def test_unknown_architecture_or_option(name, config):
    with pytest.raises(ValueError):
        build_preprocessor(name, config)


def test_another_suffix(tmp_path):
    with pytest.raises(ValueError, match="safetensors"):
        load_preprocessor(tmp_path / "image.pt")
