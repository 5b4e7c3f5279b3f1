"""Colours of a stream → RGB as a player shows it, or a refusal with the command that converts."""

import av
import numpy as np
from av.video.reformatter import Colorspace, Interpolation

from .files import Unreadable

# libswscale's default rounding lowers every value by about one grey level.
UP = (
    Interpolation.BILINEAR | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
)  # fmt: skip
# Colour matrices as streams name them (ITU-T H.273) -> as libswscale does.
_MATRIX = {
    1: Colorspace.ITU709, 4: Colorspace.FCC, 5: Colorspace.ITU601, 6: Colorspace.ITU601, 7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
}  # fmt: skip
ALPHA = "transparent parts are shown over white"
_RARE_MATRIX = {
    8: "YCgCo", 10: "BT.2020 of constant luminance", 11: "SMPTE ST 2085", 12: "derived from primaries",
    13: "derived from primaries, constant luminance", 14: "ICtCp", 15: "IPT-C2", 16: "YCgCo-Re", 17: "YCgCo-Ro",
}  # fmt: skip
_HDR = {16: "PQ (HDR10, Dolby Vision)", 18: "HLG"}
_RARE_TRANSFER = {8: "linear light", 9: "logarithmic", 10: "logarithmic", 17: "SMPTE ST 428 (cinema)"}
# The others are so near to BT.709's that players ignore the difference.
_WIDE = {8: "film", 9: "BT.2020", 10: "XYZ", 11: "DCI-P3", 12: "Display P3"}

_TO_709 = "ffmpeg -i IN -vf zscale=p=bt709:t=bt709:m=bt709:r=tv,format=yuv420p -crf 12 OUT.mp4"
_TONE = (
    "ffmpeg -i IN -vf zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,"
    "zscale=t=bt709:m=bt709:r=tv,format=yuv420p -crf 12 OUT.mp4"
)


def refuse(path: object, matrix: int | None, primaries: int, transfer: int) -> None:
    """Raise ``Unreadable`` for colours that would come out wrong, numbers being those of ITU-T H.273."""
    if transfer in _HDR:
        why, command = f"is HDR: its transfer is {_HDR[transfer]}, which needs tone mapping", _TONE
    elif matrix in _RARE_MATRIX:
        why, command = f"has the rare colour matrix {_RARE_MATRIX[matrix]} (number {matrix})", _TO_709
    elif transfer in _RARE_TRANSFER:
        why, command = f"has the rare transfer {_RARE_TRANSFER[transfer]} (number {transfer})", _TO_709
    elif primaries in _WIDE:
        why, command = f"has the wide primaries {_WIDE[primaries]} (number {primaries})", _TO_709
    else:
        return
    raise Unreadable(
        f"{path} {why}; its colours would be wrong. Convert it by an FFmpeg with zscale: {command}"
    )


def rgb_of(frame: av.VideoFrame, path: object, notes: dict[str, None]) -> np.ndarray:
    """uint8 (H, W, 3) as stored (not turned); what is to be known goes to ``notes``, once.

    A stream that names no matrix is taken as BT.601 below 720 lines, BT.709 from there on; one that names no range,
    as limited, but for grey and RGB, which are full.
    """
    matrix = int(frame.colorspace)
    coded = not (frame.format.is_rgb or frame.format.has_palette)
    refuse(path, matrix if coded else None, int(frame.color_primaries), int(frame.color_trc))
    if frame.interlaced_frame:
        notes["it is interlaced: both fields are in each frame, as stored"] = None
    if frame.height >= 720:
        guess, name = Colorspace.ITU709, "BT.709, for it has 720 lines or more"
    else:
        guess, name = Colorspace.ITU601, "BT.601, for it has below 720 lines"
    if coded and len(frame.format.components) > 2 and matrix in (0, 2, 3):  # RGB, or nothing is said
        notes[f"it names no colour matrix: taken as {name}"] = None
    clear = frame.format.has_palette or any(part.is_alpha for part in frame.format.components)
    pixels = frame.reformat(
        format="rgba" if clear else "rgb24", src_colorspace=_MATRIX.get(matrix, guess), dst_color_range="JPEG",
        interpolation=UP, threads=1,
    ).to_ndarray()  # fmt: skip
    grey = coded and len(frame.format.components) <= 2
    if grey and int(frame.color_range) == 1:  # libswscale takes all grey for full range
        pixels[..., :3] = ((pixels[..., :3].clip(16, 235) - 16.0) * (255 / 219)).round().astype(np.uint8)
    return over_white(pixels, notes) if clear else pixels


def over_white(rgba: np.ndarray, notes: dict[str, None]) -> np.ndarray:
    """(H, W, 4) → (H, W, 3), clear parts white."""
    alpha = rgba[..., 3:].astype(np.uint16)
    if alpha.min() == 255:
        return np.ascontiguousarray(rgba[..., :3])
    notes[ALPHA] = None
    return ((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
