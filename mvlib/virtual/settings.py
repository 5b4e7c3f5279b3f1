"""The differences between encoders, as numbers: block sizes, modes, transforms, dead zones, Lagrangian.

``SETTINGS["x265"]`` and ``SETTINGS["x264"]`` describe the encoders at preset medium; the rate's fitted numbers lie
beside them in ``weights/``: <codec>.json → FrameRate by kind of frame, for each GOP.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from mvlib._files import write_json
from mvlib._packaged import finite, packaged, reading
from mvlib.errors import InputError

from .rate import MORE, SIGNIFICANT, FrameRate, GroupRate


@dataclass(frozen=True)
class InterTools:
    """Tools of an encoder in a P frame, and the prices it decides by.

    Attributes:
        interpolation: "hevc" or "h264", see ``interpolate.py``.
        blocks: sides of the prediction blocks in luma samples, smallest first.
        transforms: the transform sizes to choose from, for each.
        offset: rounding offset of the quantiser.
        lambda_scale, lambda_rate: squared error that a bit is worth, scale·exp(rate·qp). H.265's scale is fitted:
            with it the PSNR of P frames is x265's within 0.2 dB from QP 22 to 51, where x265's own 0.038 left it 0.4 dB
            above.
        smallest_skip: no smaller block can be skipped.
        reach: of the motion search, in full samples.
        level_bits: of a block with levels, of each level, of each doubling of a level.
        flag_bits: of skip, merge and inter.  vector_bits: factor on a vector's Exp-Golomb bits.
        intra: sides of the blocks that may be coded without a reference.
    """

    interpolation: str = "hevc"
    blocks: tuple[int, ...] = (8, 16, 32)
    transforms: dict[int, tuple[int, ...]] = field(default_factory=lambda: {8: (8,), 16: (16,), 32: (32,)})
    offset: float = 1 / 6
    lambda_scale: float = 0.068
    lambda_rate: float = 0.234
    smallest_skip: int = 8
    reach: int = 32
    level_bits: tuple[float, float, float] = (4.0, 4.5, 2.0)
    flag_bits: tuple[float, float, float] = (0.5, 2.0, 3.0)
    intra: tuple[int, ...] = (8, 16, 32)
    vector_bits: float = 1.0


@dataclass(frozen=True)
class Settings:
    """The fixed part of a virtual codec.

    Attributes:
        standard: "h265" or "h264": prediction rules and chroma QP table.
        unit: side of the units coded one after the other.
        multiple: sides are padded to a multiple of this.
        luma_sizes, chroma_sizes: sides of the transform blocks, smallest first.
        luma_modes, chroma_modes: modes tried, by size.
        luma_transforms, chroma_transforms: transform, by size.
        free_tree: each square of four blocks chooses whether to merge; else all blocks of a unit share one size.
        intra_offset, chroma_offset: rounding offset of the quantiser in intra blocks of luma and chroma. The encoders
            use about 1/3; here it is a little higher, fitted to their distortion, which tools not modelled improve.
        lambda_scale, lambda_rate: squared error that a bit is worth, scale * exp(rate * qp).
        chroma_qp_offset: as in the stream.
        round_samples: decoded samples are whole numbers, as in 8-bit decoders (gradient straight through).
        passes: passes that bring the neighbours closer to what the decoder has (see ``intra.py``).
        inter: what P frames may do; None: every frame is an I frame.
        i_offset: what the encoder adds to the QP of an I frame.
    """

    standard: str
    unit: int
    multiple: int
    luma_sizes: tuple[int, ...]
    chroma_sizes: tuple[int, ...]
    luma_modes: dict[int, tuple[int, ...]]
    chroma_modes: dict[int, tuple[int, ...]]
    luma_transforms: dict[int, str]
    chroma_transforms: dict[int, str]
    free_tree: bool
    intra_offset: float = 1 / 3
    chroma_offset: float = 1 / 3
    lambda_scale: float = 0.038
    lambda_rate: float = 0.234
    chroma_qp_offset: float = 0.0
    round_samples: bool = True
    passes: int = 2
    inter: InterTools | None = None
    i_offset: float = 0.0

    @property
    def tools(self) -> InterTools:
        """What P frames may do, where there are any."""
        assert self.inter is not None
        return self.inter


_H265_MODES = (0, 1, *range(2, 35, 2))  # every second direction, the two axes among them
SETTINGS = {
    "x265": Settings(
        standard="h265",
        unit=64,
        multiple=32,
        luma_sizes=(4, 8, 16, 32),
        chroma_sizes=(4, 8, 16),
        luma_modes=dict.fromkeys((4, 8, 16, 32), _H265_MODES),
        chroma_modes=dict.fromkeys((4, 8, 16), _H265_MODES),
        luma_transforms={4: "dst", 8: "dct", 16: "dct", 32: "dct"},
        chroma_transforms=dict.fromkeys((4, 8, 16), "dct"),
        free_tree=True,
        intra_offset=0.38,
        chroma_offset=0.36,
    ),
    "x264": Settings(
        standard="h264",
        unit=16,
        multiple=16,
        luma_sizes=(4, 8, 16),
        chroma_sizes=(8,),
        luma_modes={4: tuple(range(9)), 8: tuple(range(9)), 16: tuple(range(4))},
        chroma_modes={8: tuple(range(4))},
        luma_transforms={4: "dct", 8: "dct", 16: "nested"},
        chroma_transforms={8: "nested"},
        free_tree=False,
        intra_offset=0.36,
    ),
}


INTER = {
    "x265": InterTools(),
    "x264": InterTools(
        interpolation="h264",
        blocks=(8, 16),
        transforms={8: (4, 8), 16: (4, 8)},
        lambda_scale=0.9 * 2**-4,  # 0.9·2^((qp - 12)/3)
        lambda_rate=0.231049,
        smallest_skip=16,
        intra=(8, 16),
    ),
}
# What each structure changes: stock encoders take 6 log2(1.4), rounded, off the QP of an I frame.
GOPS = {"intra": {}, "ippp": {}, "stock": {"i_offset": -3.0}}


def settings_for(name: str, gop: str) -> Settings:
    """The settings of an encoder under a GOP structure."""
    changes = GOPS[gop] if gop == "intra" else GOPS[gop] | {"inter": INTER[name]}
    if (name, gop) == ("x264", "stock"):
        changes = changes | {"chroma_qp_offset": -2.0}  # as its psy-rd does
    return replace(SETTINGS[name], **changes)


def lagrangian(tools: Settings | InterTools, qp: Tensor) -> Tensor:
    """Squared error, in 8-bit units, that one bit is worth at ``qp`` (B,)."""
    return tools.lambda_scale * torch.exp(tools.lambda_rate * qp)


FOLDER = packaged("virtual", "weights")


def read_fitted(name: str) -> dict:
    """Everything fitted for a codec: {gop: {"I": {...}}}; empty if there is nothing."""
    path = FOLDER / f"{name}.json"
    with reading(path):
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def load_rates(name: str, gop: str) -> dict[str, FrameRate]:
    """Fitted rates of a codec by kind of frame."""
    stored = read_fitted(name).get(gop)
    if stored is None:
        raise InputError(
            f"no rate is fitted for {name!r}, gop {gop!r}: python -m mvlib.calibration rates --codec {name}"
        )
    with reading(FOLDER / f"{name}.json"):
        return {kind: _rate(fitted) for kind, fitted in stored.items()}


def _rate(fitted: dict) -> FrameRate:
    groups = {}
    for name, group in fitted["groups"].items():
        groups[name] = GroupRate(*(tuple(finite(group[part])) for part in ("significant", "more")))
        if (len(groups[name].significant), len(groups[name].more)) != (SIGNIFICANT, MORE):
            raise InputError(f"{name} has not {SIGNIFICANT} and {MORE} numbers")
    weights = dict(zip(fitted["weights"], finite(fitted["weights"].values()), strict=True))
    (header,), (linear, square) = finite([fitted["header"]]), finite(fitted["curve"])
    return FrameRate(groups, weights, header, (linear, square))


def store(name: str, key: str, value: object) -> Path:
    """Write one entry of a codec's file, keeping the others."""
    return write_json(FOLDER / f"{name}.json", read_fitted(name) | {key: value})


def store_rate(name: str, gop: str, kind: str, rate: FrameRate) -> Path:
    """Write one kind of frame's rate, keeping what else is stored."""
    return store(name, gop, read_fitted(name).get(gop, {}) | {kind: asdict(rate)})
