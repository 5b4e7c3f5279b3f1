"""How a file says that its pixels are to be turned: EXIF's number or a display matrix → upright pixels.

Both are told as EXIF's number: 1 as stored, 2 mirrored left to right, 3 turned by 180 degrees, 4 mirrored top to
bottom, 5 transposed, 6 to be turned by 90 degrees clockwise, 7 transposed along the other diagonal, 8 by 90 degrees
anticlockwise.
"""

import struct

import numpy as np

from .errors import Unreadable

# Signs of a, b, c, d in the matrix [a b; c d], which takes a row vector (x, y) of the stored picture to
# (a x + c y, b x + d y) of the shown one, y pointing down (ISO 14496-12, 6.2.2).
_OF_SIGNS = {
    (1, 0, 0, 1): 1, (-1, 0, 0, 1): 2, (-1, 0, 0, -1): 3, (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5, (0, 1, -1, 0): 6, (0, -1, -1, 0): 7, (0, -1, 1, 0): 8,
}  # fmt: skip


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """``pixels`` (H, W, 3) as they are to be seen, contiguous; 5 to 8 change height and width."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def from_matrix(matrix: bytes) -> int:
    """EXIF's number of a display matrix: nine int32 by rows, as libavutil holds it.

    Raises ``Unreadable`` where it is no multiple of a right angle.
    """
    a, b, _, c, d = struct.unpack("=5i", matrix[:20])
    largest = max(map(abs, (a, b, c, d)))
    # A hundredth: the sine of a right angle is not exactly 0 in all writers.
    signs = tuple(0 if abs(v) * 100 <= largest else (1 if v > 0 else -1) for v in (a, b, c, d))
    if not largest or signs not in _OF_SIGNS:
        raise Unreadable(
            f"its display matrix [{a / 65536:.3g} {b / 65536:.3g}; {c / 65536:.3g} {d / 65536:.3g}] is no turn by "
            "a multiple of 90 degrees; ffmpeg -i IN OUT applies it"
        )
    return _OF_SIGNS[signs]
