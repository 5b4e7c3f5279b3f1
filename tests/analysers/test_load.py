"""Loading analysers: the right weights in the right places, names, and what is said when something is missing."""

import huggingface_hub.constants
import numpy as np
import pytest
import torch

from mvlib import analysers
from mvlib.datasets import Photos

# Photographs of the test side with one obvious class, by file name.
OBVIOUS = {
    "gcompris-resource_red_panda_0": {"lesser panda"},
    "gcompris-resource_gibbon_0": {"gibbon"},
    "gcompris-resource_macaque_0": {"macaque"},
    "gcompris-animals_bison_0": {"bison"},
    "gcompris-animals_jaguar_0": {"jaguar"},
    "gcompris-animals_koala_0": {"koala"},
    "gcompris-animals_panda_0": {"giant panda"},
    "gcompris-tools_screwDriver_0": {"screwdriver"},
    "gcompris-germany_neuschwansteinCastle_0": {"castle", "palace"},
    "gcompris-resource_gorilla_0": {"gorilla"},
    "mate-backgrounds_LadyBird_0": {"ladybug"},
}


@pytest.fixture(scope="module")
def obvious() -> dict[str, torch.Tensor]:
    photos = Photos("test", crop="whole")
    stems = {photos.item(i).path.stem: i for i in range(len(photos))}
    return {s: torch.tensor(photos.uint8(stems[s])).permute(2, 0, 1)[None] / 255 for s in OBVIOUS}


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"])
def test_everyday_photographs_are_recognised(name, obvious):
    # One wrong layer among the hundred that are mapped is enough to lose most of these.
    analyser = analysers.load(name)
    right = [analyser.top(analyser(x), 1)[0][0][0] in OBVIOUS[stem] for stem, x in obvious.items()]
    assert sum(right) >= len(OBVIOUS) - 1, dict(zip(obvious, right, strict=True))


def test_lite_logits_are_those_of_the_original_implementation():
    # Computed once with the package efficientnet-lite-pytorch 0.1.0 (largest difference there: 4e-6 of 10).
    ramp = torch.linspace(0, 1, 224)
    x = torch.stack([ramp.expand(224, 224), ramp[:, None].expand(224, 224), ramp.flip(0).expand(224, 224)])[
        None
    ]
    logits = analysers.load("efficientnet_lite0")(x)[0]
    np.testing.assert_allclose(logits[REFERENCE_AT], REFERENCE, atol=2e-4)


REFERENCE_AT = [0, 99, 285, 507, 745, 904, 999]
REFERENCE = [-0.22844, 0.11271, -0.41029, 1.76264, 0.13565, -0.42319, -0.89548]


def test_the_whole_family_is_available_offline():
    assert analysers.available() == ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
    assert [analysers.load(n, pretrained=False).input_size for n in analysers.available()] == [
        (224, 224),
        (240, 240),
        (260, 260),
    ]


@pytest.mark.parametrize(
    ("name", "mean", "side"),
    [
        ("torchvision/mobilenet_v3_small", (0.485, 0.456, 0.406), 224),
        ("torchvision/efficientnet_b1", (0.485, 0.456, 0.406), 240),
        ("timm/test_vit", (0.5, 0.5, 0.5), 160),
    ],
)
def test_other_libraries_bring_their_own_preprocessing(name, mean, side):
    analyser = analysers.load(name, pretrained=False)
    assert analyser.name == name
    assert analyser.input_size == (side, side)
    assert analyser.mean.flatten().tolist() == pytest.approx(mean)
    x = torch.rand(2, 3, 70, 90, requires_grad=True)
    logits = analyser(x)
    assert logits.shape == (2, len(analyser.classes)) == (2, 1000)
    logits.sum().backward()
    assert x.grad.abs().sum() > 0


def test_unreachable_weights_are_one_clear_error(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(analysers.AnalyserUnavailable, match=r"timm/test_vit .* efficientnet_lite0"):
        analysers.load("timm/test_vit")


def test_unreachable_torchvision_weights(monkeypatch, tmp_path):
    # A proxy on a closed port: the download fails at once, with or without a network.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(analysers.AnalyserUnavailable, match=r"download\.pytorch\.org.*efficientnet_lite0"):
        analysers.load("torchvision/squeezenet1_1")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("efficientnet_lite", "efficientnet_lite0"),
        ("resnet50", "torchvision/resnet50, timm/resnet50"),
        ("torchvision/resnet5", "torchvision/resnet50"),
        ("timm/convnext_ato", "timm/convnext_atto"),
        ("torchvision/fcn_resnet50", "torchvision/resnet50"),  # segmentation, not a classifier
    ],
)
def test_an_unknown_name_suggests_near_ones(name, near):
    with pytest.raises(ValueError, match=f"no analyser is called .*{near}"):
        analysers.load(name)
