"""Deblocking: decoded plane, block edges with strengths → smoothed edges, all edges of one direction at once.

Whether an edge is filtered, and how strongly, is decided hard from the decoded samples; the filter itself is
differentiable. Edges are windows of four samples on either side, laid out by a reshape; H.264's 4-sample grid, whose
windows overlap, takes four turns.

References: ITU-T H.265 8.7.2; ITU-T H.264 8.7.
"""

from functools import reduce

import torch
from torch import Tensor

from .quantise import lookup, per_image


def _numbers(zeros: int, text: str) -> list[int]:
    """A table over QP 0..51 or a little more: zeros, then the numbers in ``text``."""
    return [0] * zeros + [int(number) for number in text.split()]


_BETA_265 = _numbers(
    16,
    "6 7 8 9 10 11 12 13 14 15 16 17 18 20 22 24 26 28 30 32 34 36 38 40 42 44 46 48 50 52 54 56 58 60 62 64",
)
_TC_265 = _numbers(18, "1 1 1 1 1 1 1 1 1 2 2 2 2 3 3 3 3 4 4 4 5 5 6 6 7 8 9 10 11 13 14 16 18 20 22 24")
_ALPHA_264 = _numbers(
    16,
    "4 4 5 6 7 8 9 10 12 13 15 17 20 22 25 28 32 36 40 45 50 56 63 71 80 90 101 113 127 144 162 "
    "182 203 226 255 255",
)
_BETA_264 = _numbers(
    16, "2 2 2 3 3 3 3 4 4 4 6 6 7 7 8 8 9 9 10 10 11 11 12 12 13 13 14 14 15 15 16 16 17 17 18 18"
)
_TC_264 = [
    _numbers(23, "1 1 1 1 1 1 1 1 1 1 2 2 2 2 3 3 3 4 4 4 5 6 6 7 8 9 10 11 13"),
    _numbers(21, "1 1 1 1 1 1 1 1 1 1 2 2 2 2 3 3 3 4 4 5 5 6 7 8 8 10 11 12 13 15 17"),
    _numbers(17, "1 1 1 1 1 1 1 1 1 1 2 2 2 2 3 3 3 4 4 4 5 6 6 7 8 9 10 11 13 14 16 18 20 23 25"),
]


def block_edges(used: dict[int, Tensor], height: int, width: int) -> tuple[Tensor, Tensor]:
    """Where blocks begin.

    Args:
        used: side -> bool (B, N), as of ``intra.choose_sizes``.

    Returns:
        bool (B, height/4, width/4) twice: cells whose left side, and whose top, is a block's edge.
    """
    edges: list[tuple[Tensor, Tensor]] = []
    for k, mask in used.items():
        r = k // 4
        cells = mask.reshape(-1, height // k, width // k).repeat_interleave(r, 1).repeat_interleave(r, 2)
        begins = torch.arange(cells.shape[2], device=cells.device) % r == 0
        starts = torch.arange(cells.shape[1], device=cells.device) % r == 0
        edges.append((cells & begins, cells & starts[:, None]))
    vertical, horizontal = (reduce(torch.logical_or, each) for each in zip(*edges, strict=True))
    return vertical, horizontal


def deblock(
    plane: Tensor, qp: Tensor, vertical: Tensor, horizontal: Tensor, standard: str, chroma: bool = False
) -> Tensor:
    """Filter block edges of one plane.

    Args:
        plane: decoded samples (B, 1, H, W), sides multiples of 8.
        qp: (B,) QP of this plane.
        vertical, horizontal: strengths (B, H/4, W/4) of each 4×4 cell's left and top edge, in cells of this plane:
            0 none; H.265 1 inter, 2 intra (chroma is filtered at 2 only); H.264 1..3, and 4 for intra at a
            macroblock's edge.
        standard: "h265" or "h264".

    Returns:
        (B, 1, H, W).
    """
    lines = plane[:, 0]
    lines = _one_direction(lines, qp, vertical, standard, chroma)
    lines = _one_direction(lines.transpose(1, 2), qp, horizontal.transpose(1, 2), standard, chroma)
    return lines.transpose(1, 2)[:, None]


def _one_direction(lines: Tensor, qp: Tensor, strength: Tensor, standard: str, chroma: bool) -> Tensor:
    """Filter the edges between columns; (B, H, W)."""
    h264 = [(8, 8), (4, 8)] if chroma else [(16, 16), (4, 16), (8, 16), (12, 16)]
    for first, stride in [(8, 8)] if standard == "h265" else h264:
        lines = _turn(lines, qp, strength, standard, chroma, first, stride)
    return lines


def _turn(
    lines: Tensor, qp: Tensor, strength: Tensor, standard: str, chroma: bool, first: int, stride: int
) -> Tensor:
    b, h, w = lines.shape
    count = (w - first - 4) // stride + 1
    if count <= 0:
        return lines
    begin, end = first - 4, first - 4 + count * stride
    short = max(end - w, 0)  # the last window may reach beyond the plane by samples that are not touched
    body = torch.nn.functional.pad(lines, (0, short))[..., begin:end].reshape(b, h, count, stride)
    edge = strength[:, :, first // 4 :: stride // 4][:, :, :count].repeat_interleave(4, 1)  # (B, H, E)
    window = body[..., :8]
    if standard == "h265":
        filtered = _h265_chroma(window, qp, edge) if chroma else _h265_luma(window, qp, edge)
    else:
        filtered = _h264(window, qp, edge, chroma)
    if stride > 8:
        filtered = torch.cat([filtered, body[..., 8:]], -1)
    filtered = filtered.reshape(b, h, count * stride)[..., : w - begin]
    return torch.cat([lines[..., :begin], filtered, lines[..., begin + filtered.shape[-1] :]], -1)


def _clip(x: Tensor, limit: Tensor) -> Tensor:
    return torch.maximum(torch.minimum(x, limit), -limit)


def _by_segment(lines: Tensor) -> Tensor:
    """(B, H, E) -> the first and last line of every four: (2, B, H/4, E)."""
    b, h, e = lines.shape
    four = lines.reshape(b, h // 4, 4, e)
    return torch.stack([four[:, :, 0], four[:, :, 3]])


@torch.no_grad()
def _h265_decide(w: Tensor, qp: Tensor, edge: Tensor) -> tuple[Tensor, ...]:
    """Which segments are filtered, which strongly, and on which sides one sample more; and tc."""
    p3, p2, p1, p0, q0, q1, q2, q3 = w.unbind(-1)
    tc = lookup(_TC_265, per_image(qp, edge) + 2 * (edge - 1).clamp(min=0))  # (B, H, E)
    beta = per_image(lookup(_BETA_265, qp), edge)
    dp, dq = _by_segment((p2 - 2 * p1 + p0).abs()), _by_segment((q2 - 2 * q1 + q0).abs())
    on = ((dp + dq).sum(0) < beta) & (edge[:, ::4] > 0)
    flat = 2 * (dp + dq) < beta / 4
    steep = _by_segment((p3 - p0).abs() + (q0 - q3).abs()) < beta / 8
    step = _by_segment((p0 - q0).abs()) < 2.5 * _by_segment(tc)
    strong = (flat & steep & step).all(0)
    side = 3 / 16 * beta
    wide_p, wide_q = dp.sum(0) < side, dq.sum(0) < side
    return *(t.repeat_interleave(4, 1) for t in (on, strong, wide_p, wide_q)), tc


def _h265_luma(w: Tensor, qp: Tensor, edge: Tensor) -> Tensor:
    """Windows (B, H, E, 8) of p3..p0, q0..q3."""
    on, strong, wide_p, wide_q, tc = _h265_decide(w, qp, edge)
    p3, p2, p1, p0, q0, q1, q2, q3 = w.unbind(-1)
    delta = (9 * (q0 - p0) - 3 * (q1 - p1)) / 16
    normal = on & ~strong & (delta.detach().abs() < 10 * tc)
    delta = _clip(delta, tc)
    change_p = _clip(((p2 + p0) / 2 - p1 + delta) / 2, tc / 2) * (normal & wide_p)
    change_q = _clip(((q2 + q0) / 2 - q1 - delta) / 2, tc / 2) * (normal & wide_q)
    soft = torch.stack(
        [p3, p2, p1 + change_p, p0 + delta * normal, q0 - delta * normal, q1 + change_q, q2, q3], -1
    )
    total = p1 + p0 + q0
    mirror = q1 + q0 + p0
    smooth = [(2 * p3 + 3 * p2 + total) / 8, (p2 + total) / 4, (p2 + 2 * total + q1) / 8]
    smooth += [(q2 + 2 * mirror + p1) / 8, (q2 + mirror) / 4, (2 * q3 + 3 * q2 + mirror) / 8]
    old = w[..., 1:7]
    hard = old + _clip(torch.stack(smooth, -1) - old, 2 * tc[..., None])
    hard = torch.cat([w[..., :1], hard, w[..., 7:]], -1)
    return torch.where((on & strong)[..., None], hard, soft)


def _h265_chroma(w: Tensor, qp: Tensor, edge: Tensor) -> Tensor:
    p1, p0, q0, q1 = w[..., 2:6].unbind(-1)
    tc = per_image(lookup(_TC_265, qp + 2), edge)
    delta = _clip((4 * (q0 - p0) + p1 - q1) / 8, tc) * (edge == 2)
    return torch.stack([*w[..., :3].unbind(-1), p0 + delta, q0 - delta, *w[..., 5:].unbind(-1)], -1)


def _h264(w: Tensor, qp: Tensor, edge: Tensor, chroma: bool) -> Tensor:
    p3, p2, p1, p0, q0, q1, q2, q3 = w.unbind(-1)
    with torch.no_grad():
        alpha, beta = (per_image(lookup(t, qp), edge) for t in (_ALPHA_264, _BETA_264))
        on = ((p0 - q0).abs() < alpha) & ((p1 - p0).abs() < beta) & ((q1 - q0).abs() < beta) & (edge > 0)
        near_p, near_q = (p2 - p0).abs() < beta, (q2 - q0).abs() < beta
        tables = torch.stack([lookup(t, qp) for t in _TC_264], -1)  # (B, 3)
        which = (edge.long() - 1).clamp(0, 2).flatten(1)
        tc0 = tables.gather(1, which).reshape(edge.shape)
        weak, strong = on & (edge < 4), on & (edge == 4)
        tc = tc0 + 1 if chroma else tc0 + near_p.float() + near_q.float()
        close = (p0 - q0).abs() < alpha / 4 + 2
        wide_p, wide_q = (strong & close & near for near in (near_p, near_q))
    delta = _clip((4 * (q0 - p0) + p1 - q1) / 8, tc) * weak
    new_p = torch.where(strong, (2 * p1 + p0 + q1) / 4, p0 + delta)
    new_q = torch.where(strong, (2 * q1 + q0 + p1) / 4, q0 - delta)
    if chroma:
        return torch.stack([p3, p2, p1, new_p, new_q, q1, q2, q3], -1)
    change_p = _clip((p2 + (p0 + q0) / 2) / 2 - p1, tc0) * (weak & near_p)
    change_q = _clip((q2 + (p0 + q0) / 2) / 2 - q1, tc0) * (weak & near_q)
    third_p = torch.where(wide_p, (2 * p3 + 3 * p2 + p1 + p0 + q0) / 8, p2)
    third_q = torch.where(wide_q, (2 * q3 + 3 * q2 + q1 + q0 + p0) / 8, q2)
    second_p = torch.where(wide_p, (p2 + p1 + p0 + q0) / 4, p1 + change_p)
    second_q = torch.where(wide_q, (q2 + q1 + q0 + p0) / 4, q1 + change_q)
    new_p = torch.where(wide_p, (p2 + 2 * p1 + 2 * p0 + 2 * q0 + q1) / 8, new_p)
    new_q = torch.where(wide_q, (q2 + 2 * q1 + 2 * q0 + 2 * p0 + p1) / 8, new_q)
    return torch.stack([p3, third_p, second_p, new_p, new_q, second_q, third_q, q3], -1)
