"""What an analyser sees before it decides: picture → network → maps of its late layers → how far coding moved them.

A gradient of the output's KL is mostly noise: it hangs on which few classes compete in this one picture, and on how
this one coding error fell. The maps just before the output sum many such errors. On the weights of a preprocessor,
batches of 16 photographs, EfficientNet-Lite0, 3 % of the squared gradient of the KL was common to all batches, 29 %
of that of the last stage's maps, and both pointed the same way on the mean of many. So maps teach with a tenth of the
pictures, and what is learned from them leans less on one network's last layer.

Reference: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mvlib.errors import InputError


def feature_layers(analyser: nn.Module) -> list[nn.Module]:
    """The late layers of ``analyser`` whose maps are compared.

    A network names them itself (``feature_layers``, paths of its modules); of timm's networks they are the last
    stage and the last but two: at stride 32 and 16 in the EfficientNets.

    Raises:
        ValueError: neither is there.
    """
    network = analyser.network
    names = getattr(network, "feature_layers", None)
    if names is None and isinstance(getattr(network, "blocks", None), nn.Module):
        last = len(network.blocks) - 1
        names = tuple(f"blocks.{stage}" for stage in (last - 2, last) if stage >= 0)
    if names is None:
        raise InputError(
            f"which layers of {analyser.name} see late maps is not known; train with task 'output', or give "
            f"{type(network).__name__} an attribute feature_layers = ('path.of.module', …)"
        )
    return [network.get_submodule(name) for name in names]


def features(analyser: nn.Module, x: Tensor) -> list[Tensor]:
    """Maps of the late layers for ``x``, what the analyser takes; each float32 (B, …), differentiable to ``x``.

    Raises as the analyser itself and ``feature_layers``.
    """
    with watching(analyser) as seen:
        analyser.forward(x)  # not by a call: a compiled graph would pass over the layers that are watched
    # A network that looks at frames one by one gives (B * T, …).
    return [maps.float().unflatten(0, (len(x), -1)) for maps in seen]


@contextmanager
def watching(analyser: nn.Module) -> Iterator[list[Tensor]]:
    """A list that fills with the maps of the late layers whenever ``analyser`` looks inside the ``with`` block."""
    seen: list[Tensor] = []
    hooks = [
        layer.register_forward_hook(lambda _, __, out: seen.append(out)) for layer in feature_layers(analyser)
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def feature_distance(clean: Sequence[Tensor], coded: Sequence[Tensor]) -> Tensor:
    """Squared distance of the maps over the squared size of the clean ones, mean over layers: (B,) ≥ 0.

    0 for equal pictures, 1 where the coded maps are all zero; differentiable in both.

    Raises:
        ValueError: not the maps of one analyser for as many pictures of one size.
    """
    shapes = [[tuple(m.shape) for m in maps] for maps in (clean, coded)]
    if not clean or shapes[0] != shapes[1]:
        raise InputError(f"clean maps {shapes[0]}, coded {shapes[1]}; give those of one analyser, twice")
    each = [
        (b - a).square().flatten(1).mean(1) / a.square().flatten(1).mean(1).clamp_min(1e-12)
        for a, b in zip(clean, coded, strict=True)
    ]
    return torch.stack(each).mean(0)
