"""Intra prediction as matrices: a mode takes 4k+1 neighbour samples to k×k predicted ones, linearly.

Each rule of a standard is run once on the unit vectors, which gives its matrix; predicting with all modes is
then a matrix product. The neighbours' order is that of ``neighbours.py``: left side from below, corner, top.

References: ITU-T H.265 8.4.4.2 (planar, DC, 33 directions, filters); ITU-T H.264 8.3 (4×4, 8×8, 16×16, chroma).
"""

import numpy as np

from .tables import table

_FALLING = (32, 26, 21, 17, 13, 9, 5, 2, 0, -2, -5, -9, -13, -17, -21, -26)
ANGLES = dict(zip(range(2, 35), [*_FALLING, -32, *_FALLING[:0:-1], 32], strict=True))
"""H.265's directions: mode → angle, in 32nds of a sample a row (from mode 18 on) or a column."""
# Neighbours are smoothed if the direction is further than this from an axis.
_SMOOTH_FROM = {8: 7, 16: 1, 32: 0}
PLANAR, DC, HORIZONTAL, VERTICAL = 0, 1, 10, 26


def _split(n: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Left side downwards and top side to the right, both beginning with the corner: (2k+1, ...) each."""
    return n[2 * k :: -1], n[2 * k :]


def _smooth(n: np.ndarray) -> np.ndarray:
    out = n.copy()
    out[1:-1] = (n[:-2] + 2 * n[1:-1] + n[2:]) / 4
    return out


def _h265_planar(left: np.ndarray, top: np.ndarray, k: int) -> np.ndarray:
    y, x = (a[..., None] for a in np.mgrid[:k, :k])
    across = (k - 1 - x) * left[1 : k + 1, None] + (x + 1) * top[k + 1]
    down = (k - 1 - y) * top[None, 1 : k + 1] + (y + 1) * left[k + 1]
    return (across + down) / (2 * k)


def _h265_dc(left: np.ndarray, top: np.ndarray, k: int, edges: bool) -> np.ndarray:
    mean = (left[1 : k + 1].sum(0) + top[1 : k + 1].sum(0)) / (2 * k)
    out = np.broadcast_to(mean, (k, k, len(mean))).copy()
    if edges:
        out[0, 1:] = (top[2 : k + 1] + 3 * mean) / 4
        out[1:, 0] = (left[2 : k + 1] + 3 * mean) / 4
        out[0, 0] = (left[1] + 2 * mean + top[1]) / 4
    return out


def _h265_angle(main: np.ndarray, side: np.ndarray, k: int, angle: int, edges: bool) -> np.ndarray:
    """Predict along a direction nearer to ``main``'s axis: rows of the result run along ``main``."""
    ref = {i: main[i] for i in range(2 * k + 1)}
    if angle < 0:
        back = round(8192 / angle)
        ref |= {i: side[(i * back + 128) >> 8] for i in range(((k * angle) >> 5) + 1, 0)}
    out = np.empty((k, k, main.shape[1]))
    for row in range(k):
        whole, part = ((row + 1) * angle) >> 5, ((row + 1) * angle) & 31
        for column in range(k):
            i = column + whole + 1
            out[row, column] = ref[i] if part == 0 else ((32 - part) * ref[i] + part * ref[i + 1]) / 32
    if angle == 0 and edges:
        out[:, 0] += (side[1 : k + 1] - side[0]) / 2
    return out


def _h265(n: np.ndarray, k: int, mode: int, luma: bool) -> np.ndarray:
    edges = luma and k < 32
    distance = min(abs(mode - VERTICAL), abs(mode - HORIZONTAL))
    if luma and mode != DC and distance > _SMOOTH_FROM.get(k, 99):
        n = _smooth(n)
    left, top = _split(n, k)
    if mode == PLANAR:
        return _h265_planar(left, top, k)
    if mode == DC:
        return _h265_dc(left, top, k, edges)
    if mode >= 18:
        return _h265_angle(top, left, k, ANGLES[mode], edges)
    return _h265_angle(left, top, k, ANGLES[mode], edges).swapaxes(0, 1)


def _h264_line(n: np.ndarray, k: int, mode: int, y: int, x: int) -> np.ndarray:
    """One sample of H.264's directions 3..8 for blocks of 4 or 8."""
    corner, last = 2 * k, 4 * k
    if mode == 3:  # diagonal down left
        i = corner + 1 + x + y
        return (n[i] + 2 * n[i + 1] + n[min(i + 2, last)]) / 4
    if mode == 4:  # diagonal down right
        i = corner + x - y
        return (n[i - 1] + 2 * n[i] + n[i + 1]) / 4
    if mode in (5, 6):  # vertical right; horizontal down is its mirror image about the corner
        sign = 1 if mode == 5 else -1
        y, x = (y, x) if mode == 5 else (x, y)
        z = 2 * x - y
        i = corner + sign * (x - (y >> 1)) if z >= -1 else corner - sign * (y - 2 * x - 1)
        if z >= 0 and z % 2 == 0:
            return (n[i] + n[i + sign]) / 2
        return (n[i - sign] + 2 * n[i] + n[i + sign]) / 4
    if mode == 7:  # vertical left
        i = corner + 1 + x + (y >> 1)
        return (n[i] + n[i + 1]) / 2 if y % 2 == 0 else (n[i] + 2 * n[i + 1] + n[i + 2]) / 4
    a, b, c = (corner - 1 - min(y + (x >> 1) + j, k - 1) for j in range(3))  # horizontal up
    return (n[a] + n[b]) / 2 if x % 2 == 0 else (n[a] + 2 * n[b] + n[c]) / 4


def _h264_plane(left: np.ndarray, top: np.ndarray, k: int) -> np.ndarray:
    half = k // 2
    weight = np.arange(1, half + 1)[:, None] * ({8: 34, 16: 5}[k] / 64)
    across = (weight * (top[half + 1 : k + 1] - top[half - 1 :: -1])).sum(0)
    down = (weight * (left[half + 1 : k + 1] - left[half - 1 :: -1])).sum(0)
    y, x = (a[..., None] - (half - 1) for a in np.mgrid[:k, :k])
    return (16 * (left[k] + top[k]) + across * x + down * y) / 32


def _h264_chroma_dc(left: np.ndarray, top: np.ndarray) -> np.ndarray:
    """DC of each 4×4 quarter of an 8×8 chroma block; the off-diagonal ones look at one side only."""
    out = np.empty((8, 8, left.shape[1]))
    for y in (0, 4):
        for x in (0, 4):
            sides = ([top[1 + x : 5 + x]] if x >= y else []) + ([left[1 + y : 5 + y]] if y >= x else [])
            out[y : y + 4, x : x + 4] = np.concatenate(sides).mean(0)
    return out


def _h264(n: np.ndarray, k: int, mode: int, luma: bool) -> np.ndarray:
    if k == 8 and luma:
        n = _smooth(n)
    left, top = _split(n, k)
    shape = (k, k, n.shape[1])
    if mode == 0:
        return np.broadcast_to(top[None, 1 : k + 1], shape)
    if mode == 1:
        return np.broadcast_to(left[1 : k + 1, None], shape)
    if mode == 2:
        return _h265_dc(left, top, k, False) if luma else _h264_chroma_dc(left, top)
    if k == 16 or not luma:
        return _h264_plane(left, top, k)
    return np.stack([np.stack([_h264_line(n, k, mode, y, x) for x in range(k)]) for y in range(k)])


_RULES = {"h265": _h265, "h264": _h264}


def mode_matrices(standard: str, k: int, modes: tuple[int, ...], luma: bool = True) -> np.ndarray:
    """Matrices of the given modes.

    Args:
        standard: "h265" (modes 0 planar, 1 DC, 2..34 directions) or "h264" (0 vertical, 1 horizontal, 2 DC, and
            3..8 directions of 4×4 and 8×8 luma, or 3 plane of 16×16 luma and 8×8 chroma).
        k: side of the block.
        luma: chroma blocks are predicted without filters.

    Returns:
        (M, k*k, 4k+1); each row sums to 1.
    """
    n = np.eye(4 * k + 1)
    return np.stack([_RULES[standard](n, k, mode, luma).reshape(k * k, -1) for mode in modes])


prediction_matrices = table(mode_matrices)
