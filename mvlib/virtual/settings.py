"""What makes one encoder unlike another, as numbers: block sizes, modes, transforms, dead zones, Lagrangian.

``SETTINGS["x265"]`` and ``SETTINGS["x264"]`` describe the encoders at preset medium; the rate's fitted numbers lie
beside them in ``weights/``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


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
        inter_offset: rounding offset of inter blocks.
        lambda_scale, lambda_rate: squared error that a bit is worth, scale * exp(rate * qp).
        chroma_qp_offset: as in the stream.
        round_samples: decoded samples are whole numbers, as in 8-bit decoders (gradient straight through).
        passes: passes that bring the neighbours closer to what the decoder has (see ``intra.py``).
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
    inter_offset: float = 1 / 6
    lambda_scale: float = 0.038
    lambda_rate: float = 0.234
    chroma_qp_offset: float = 0.0
    round_samples: bool = True
    passes: int = 2


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


def settings_for(name: str, gop: str) -> Settings:
    """The settings of an encoder under a GOP structure: stock x264 takes 2 off chroma's QP, as its psy-rd does."""
    if name == "x264" and gop == "stock":
        return replace(SETTINGS[name], chroma_qp_offset=-2.0)
    return SETTINGS[name]
