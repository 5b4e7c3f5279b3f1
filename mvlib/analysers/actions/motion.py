"""A recogniser that knows motion alone: clip → flow → less the camera's → where, how fast, how it turns → logits.

Nothing before the last few layers is trained, and no mask is needed: moments of an image [1], taken over what does not
move with the background, say where the actor is and what it does.

* Flow between neighbouring moments by matching patches [2] of locally normalised luma, coarse at half the size, then
  fine at the full one; a soft minimum keeps it differentiable.
* The camera is the affine motion that most places share, by reweighted least squares [3].
* A place counts as much as its match is worse along the camera's motion than along its own.

[1] Hu, "Visual pattern recognition by moment invariants", IRE Transactions on Information Theory, 1962
[2] Sun et al., "PWC-Net", CVPR 2018, has the coarse-to-fine cost volume; here nothing of it is learned
[3] Odobez, Bouthemy, "Robust multiresolution estimation of parametric motion models", JVCIR 1995
"""

from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .networks import ActionNet

FRAMES, SIDE = 16, 160
STATISTICS = 9
_COARSE, _CELLS = SIDE // 2, SIDE // 4
_REACH, _NEAR = 5, 1
_SHARP, _NOISE = 8.0, 0.05
_LUMA = (0.2126, 0.7152, 0.0722)


class MotionNet(ActionNet):
    """Clips (B, T, 3, 160, 160), normalised, to logits (B, classes)."""

    frames, side = FRAMES, SIDE
    feature_layers = ("time",)

    def __init__(self, classes: int, width: int = 64):
        super().__init__()
        self.usual = nn.BatchNorm1d(STATISTICS, affine=False)
        layers: list[nn.Module] = []
        for inside, kernel in ((STATISTICS, 3), (width, 3), (width, 5)):
            convolution = nn.Conv1d(inside, width, kernel, padding=kernel // 2, bias=False)
            layers += [convolution, nn.BatchNorm1d(width), nn.ReLU(inplace=True)]
        self.time = nn.Sequential(*layers)
        self.classes = nn.Linear(2 * width, classes)

    def forward(self, clip: Tensor) -> Tensor:
        return self.named(motion_statistics(clip))

    def named(self, statistics: Tensor) -> Tensor:
        """Logits of what ``motion_statistics`` gives."""
        h = self.time(self.usual(statistics.transpose(1, 2)).clamp(-4, 4))
        return self.classes(torch.cat([h.mean(2), h.amax(2)], 1))


def motion_statistics(clip: Tensor) -> Tensor:
    """What moves between neighbouring moments of normalised clips (B, T, 3, 160, 160): (B, T - 1, 9).

    How much there is (logarithm), where (x, y in -1..1), how far it spreads over the frame and about its middle, its
    speed (x, y in pixels), growth and turn, all against the camera's motion.
    """
    batch, moments = clip.shape[:2]
    luma = torch.einsum("btchw,c->bthw", clip, clip.new_tensor(_LUMA)).flatten(0, 1)[:, None]
    small = F.interpolate(luma, (_COARSE, _COARSE), mode="bilinear", antialias=True)
    (small_a, small_b), (a, b) = (_pairs(_normalised(y), moments) for y in (small, luma))
    nowhere = a.new_zeros(len(a), 2, _CELLS, _CELLS)
    coarse = _Match(small_a, small_b, nowhere, _REACH).flow
    own = _Match(a, b, (2 * coarse).round(), _NEAR)
    camera = _camera(own.flow, own.certain)
    along_camera = _Match(a, b, camera.round(), _NEAR).cost
    evidence = F.relu(along_camera - own.cost - _NOISE) * own.certain
    return _moments(evidence, own.flow - camera).unflatten(0, (batch, moments - 1))


def _pairs(y: Tensor, moments: int) -> tuple[Tensor, Tensor]:
    """Every moment but the last, and the one after each, of pictures (B * T, 1, h, w)."""
    clip = y.unflatten(0, (-1, moments))
    return clip[:, :-1].flatten(0, 1), clip[:, 1:].flatten(0, 1)


def _normalised(y: Tensor) -> Tensor:
    """Luma (N, 1, h, w) less its local mean, in units of its local deviation."""
    y = y - F.avg_pool2d(y, 9, 1, 4, count_include_pad=False)
    return y / (F.avg_pool2d(y * y, 9, 1, 4, count_include_pad=False) + 4e-3).sqrt()


class _Match:
    """Patches of ``a`` (N, 1, S, S) looked for in ``b``, about a whole displacement of each of 40x40 cells.

    Args:
        start: (N, 2, 40, 40), rows and columns in pixels.  reach: pixels around it, rows and columns.

    Attributes:
        flow: (N, 2, 40, 40), the softly best displacement.  cost: (N, 40, 40), of it.  certain: (N, 40, 40), high where
            one displacement is much better than others.
    """

    def __init__(self, a: Tensor, b: Tensor, start: Tensor, reach: int) -> None:
        side = a.shape[-1]
        stride = side // _CELLS
        places = torch.arange(side, device=a.device)
        rows, columns = F.interpolate(start.detach(), (side, side)).long().unbind(1)
        rows = (places[:, None] + rows).clamp(0, side - 1) + reach
        columns = (places + columns).clamp(0, side - 1) + reach
        width = side + 2 * reach
        index = (rows * width + columns).flatten(1)
        around = F.pad(b, (reach,) * 4, mode="replicate").flatten(1)
        offsets = list(product(range(-reach, reach + 1), repeat=2))
        costs = []
        for row, column in offsets:
            moved = around.gather(1, index + (row * width + column)).view_as(a)
            missed = (a - moved).square()
            costs.append(F.avg_pool2d(missed, 2 * stride + 1, stride, stride, count_include_pad=False))
        cost = torch.cat(costs, 1)
        share = (-_SHARP * cost).softmax(1)
        steps = a.new_tensor(offsets)
        step = torch.einsum("ndhw,dk->nkhw", share, steps)
        spread = torch.einsum("ndhw,d->nhw", share, steps.square().sum(1)) - step.square().sum(1)
        self.flow, self.cost, self.certain = start + step, (share * cost).sum(1), 1 / (0.2 + spread)


def _axes(x: Tensor) -> tuple[Tensor, Tensor]:
    """x and y of the cells, -1..1, (1600,) each."""
    line = torch.linspace(-1, 1, _CELLS, device=x.device, dtype=x.dtype)
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    return columns.flatten(), rows.flatten()


def _camera(flow: Tensor, certain: Tensor) -> Tensor:
    """The affine motion that most places of ``flow`` (N, 2, 40, 40) share, of the same shape."""
    x, y = _axes(flow)
    terms = torch.stack([torch.ones_like(x), x, y], 1)
    wanted, weight = flow.flatten(2).transpose(1, 2), certain.flatten(1)
    ridge = 1e-3 * torch.eye(3, device=flow.device, dtype=flow.dtype)
    for _ in range(5):
        normal = torch.einsum("np,pi,pj->nij", weight, terms, terms) + ridge
        fitted = terms @ torch.linalg.solve(normal, torch.einsum("np,pi,npk->nik", weight, terms, wanted))
        weight = certain.flatten(1) / (1 + 4 * (wanted - fitted).square().sum(2)).square()
    return fitted.transpose(1, 2).unflatten(2, flow.shape[2:])


def _moments(evidence: Tensor, motion: Tensor) -> Tensor:
    """Of what moves, ``evidence`` (N, 40, 40), and how, ``motion`` (N, 2, 40, 40): (N, 9)."""
    at = torch.stack(_axes(evidence), 1)
    mass = evidence.flatten(1)
    total = mass.sum(1)
    weight = mass / (total[:, None] + 1e-3)
    square = (at - (weight @ at)[:, None]).square().sum(2)
    spread = (weight * square).sum(1)
    weight = weight / (1 + square / 0.15)  # without what is far from the middle
    weight = weight / (weight.sum(1, keepdim=True) + 1e-4)
    middle = weight @ at
    away = at - middle[:, None]
    size = (weight * away.square().sum(2)).sum(1) + 1e-2
    moved = motion.flip(1).flatten(2).transpose(1, 2)
    speed = (weight[..., None] * moved).sum(1)
    moved = moved - speed[:, None]
    growth = (weight * (moved * away).sum(2)).sum(1) / size
    turn = (weight * (away[..., 0] * moved[..., 1] - away[..., 1] * moved[..., 0])).sum(1) / size
    rest = torch.stack([spread, size, growth, turn], 1)
    return torch.cat([total.log1p()[:, None], middle, rest[:, :2], speed, rest[:, 2:]], 1)
