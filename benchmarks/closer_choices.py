"""How near the virtual x265 could come to the real decode by better choices: an oracle among its own candidates.

    python benchmarks/closer_choices.py

Each luma block may take, among the sizes and the modes that the virtual codec tries, what lies nearest to the real
decode, with the real decode's own samples as neighbours. No encoder can know this: it is an upper bound of what choices
bring. All else stays: residual, quantiser, loop filter. *Real neighbours*: the last pass predicts from them, too. Luma
PSNR to the real decode in dB, means over photographs with the half width of a 95 % interval, and the virtual bits in
percent of the real ones.
"""

import math
from collections.abc import Iterator

import torch
from jsonargparse import auto_cli
from torch import Tensor

import mvlib
from mvlib._planes import to_pictures
from mvlib.fidelity.measuring import load
from mvlib.fidelity.setup import Setup
from mvlib.virtual import transform
from mvlib.virtual.codec import frame_features
from mvlib.virtual.colour import Planes, rgb_to_planes
from mvlib.virtual.intra import IntraChoices, code_i, follow_luma, mode_features, settle
from mvlib.virtual.neighbours import gather_neighbours, neighbour_index
from mvlib.virtual.partition import choose_sizes, collect, rough_decode, size_costs
from mvlib.virtual.predictors import prediction_matrices
from mvlib.virtual.quantise import chroma_qp, hard, qstep
from mvlib.virtual.settings import Settings

WAYS = ("own choices", "own, real neighbours", "modes", "sizes", "modes and sizes", "both, real neighbours")


def distances(y: Tensor, target: Tensor, step: Tensor, settings: Settings, k: int) -> Tensor:
    """Squared error to ``target`` (1, 1, H, W) of every block of side k in every mode: (N, M)."""
    (h, w), modes, kind = y.shape[-2:], settings.luma_modes[k], settings.luma_transforms[k]
    blocks = torch.arange((h // k) * (w // k))
    index = neighbour_index(h, w, k, settings.unit, like=y)
    neighbours = gather_neighbours(target, index, torch.zeros_like(blocks), blocks)
    matrices = prediction_matrices(settings.standard, k, modes, True, like=y)
    predicted = torch.einsum("ns,mps->nmp", neighbours, matrices)
    residual = transform.to_blocks(y, k)[0][:, None] - predicted
    levels = hard(transform.forward(residual, kind) / step, settings.intra_offset)
    decoded = (predicted + transform.inverse(levels * step, kind)).round().clamp(0, 255)
    return (decoded - transform.to_blocks(target, k)[0][:, None]).square().sum(-1)


def chosen_by(y: Tensor, target: Tensor, qp: Tensor, settings: Settings) -> Iterator[IntraChoices]:
    """Luma's choices, as yet without chroma's, in the order of ``WAYS``."""
    (h, w), step = y.shape[-2:], qstep(qp)
    guess = rough_decode(y, step)
    tried = {k: size_costs(y, guess, qp, step, settings, k) for k in settings.luma_sizes}
    costs, modes = ({k: pair[i] for k, pair in tried.items()} for i in (0, 1))
    far = {k: distances(y, target, step, settings, k) for k in settings.luma_sizes}
    nearest = {k: d.argmin(1)[None] for k, d in far.items()}
    least = {k: d.amin(1)[None] for k, d in far.items()}
    of_own = {k: d.gather(1, modes[k].T).T for k, d in far.items()}
    counts = {k: len(m) for k, m in settings.luma_modes.items()}
    own, both = (costs, modes), (least, nearest)
    for sizes, taken in (own, own, (costs, nearest), (of_own, modes), both, both):
        used = choose_sizes(sizes, h, w, settings.free_tree)
        chosen = collect(used, taken, counts)
        yield IntraChoices(
            chosen,
            used,
            settle(y, guess, chosen, step, settings, True),
            [],
            y,
            mode_features(chosen, h, w, 1, settings),
        )


def with_chroma(made: IntraChoices, planes: Planes, qp: Tensor, settings: Settings) -> IntraChoices:
    """``made`` with the chroma blocks that follow from it."""
    both, step = torch.cat([planes.cb, planes.cr]), qstep(chroma_qp(qp, settings.standard)).repeat(2)
    made.chosen_c = follow_luma(made.chosen, planes.y.shape[-1], 1, settings)
    made.settled_c = settle(both, rough_decode(both, step), made.chosen_c, step, settings, luma=False)
    return made


def psnr(a: Tensor, b: Tensor) -> float:
    """Of planes in 8-bit samples, dB."""
    return 10 * math.log10(255**2 / max((a - b).square().mean().item(), 0.05))


@torch.no_grad()
def main(count: int = 12, qps: tuple[int, ...] = (22, 27, 32, 37)) -> None:
    """Print a table of photographs of the test side, ``count`` of them, at ``qps``."""
    virtual, real = mvlib.VirtualCodec.like("x265", "intra"), mvlib.RealCodec("x265", gop="intra")
    settings, rate = virtual.settings, virtual.rates["I"]
    items = load(Setup(count=count))
    print("| QP | the source | " + " | ".join(WAYS) + " |\n|" + " --- |" * (len(WAYS) + 2))
    for qp in qps:
        near: dict[str, list[float]] = {"": []} | {way: [] for way in WAYS}
        bits: dict[str, list[float]] = {way: [] for way in WAYS}
        at = torch.tensor([float(qp)])
        for frames in items:
            coded = real(frames, qp=qp)
            planes, target = (rgb_to_planes(to_pictures(f)) for f in (frames, coded.frames))
            near[""].append(psnr(planes.y, target.y))
            for way, made in zip(WAYS, chosen_by(planes.y, target.y, at, settings), strict=True):
                if way.endswith("real neighbours"):
                    made.settled = target.y
                frame = code_i(planes, at, settings, hard, with_chroma(made, planes, at, settings))
                near[way].append(psnr(frame.planes.y.round(), target.y))
                guessed = rate.bits(frame_features(frame, rate.groups, settings), at)
                bits[way].append(guessed.item() / coded.bits * 100)
        cells = [f"{mean_of(near[''])[0]:.1f}"]
        for way in WAYS:
            gain, half = mean_of([a - b for a, b in zip(near[way], near[WAYS[0]], strict=True)])
            more = "" if way == WAYS[0] else f" ({gain:+.1f} ± {half:.1f})"
            cells.append(f"{mean_of(near[way])[0]:.1f}{more}, {mean_of(bits[way])[0]:.0f} %")
        print(f"| {qp} | {' | '.join(cells)} |", flush=True)


def mean_of(values: list[float]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % interval."""
    x = torch.tensor(values)
    return x.mean().item(), (1.96 * x.std() / len(x) ** 0.5).item()


if __name__ == "__main__":
    auto_cli(main)
