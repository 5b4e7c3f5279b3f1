"""The network that a training starts from: architecture and its options, weights of an earlier one → network."""

from dataclasses import asdict
from typing import TypeVar

from torch import nn

from mvlib.analysers.zoo import Trunk
from mvlib.errors import InputError
from mvlib.preprocess import (
    AdaptiveFilter,
    Compact,
    CompactVideo,
    Filter,
    TrunkPreprocessor,
    build_preprocessor,
    described,
    load_preprocessor,
)

from .experiment import Training

Network = TypeVar("Network", bound=nn.Module)


def starting_network(training: Training) -> nn.Module:
    """The untrained network of ``training``, or the one of ``training.start``.

    ``CompactVideo`` also starts from a ``Compact`` that was trained on pictures: it becomes the part for the single
    frame, and the untrained rest leaves what that does as it is. So does ``AdaptiveFilter`` from a ``Filter``.

    Raises ValueError where the weights are of another architecture, or of other options than the training's.
    """
    if training.start is None:
        network = build_preprocessor(training.architecture, training.network).train()
        described(network)  # what can't be loaded again is refused before the work
        return network
    start = load_preprocessor(training.start)
    if isinstance(start, Compact) and training.architecture == "CompactVideo":
        network = build_preprocessor("CompactVideo", {"spatial": asdict(start.config)} | training.network)
        assert isinstance(network, CompactVideo)
        network.spatial.load_state_dict(start.state_dict())
        return network.train()
    if isinstance(start, Filter) and training.architecture == "AdaptiveFilter":
        same = {"qps": start.config.qps, "bands": start.config.bands}
        if clash := sorted(same.keys() & training.network.keys()):
            raise InputError(f"{training.start} sets {', '.join(clash)}: leave that out of `network`")
        network = build_preprocessor("AdaptiveFilter", same | training.network)
        assert isinstance(network, AdaptiveFilter)
        network.filter.load_state_dict(start.state_dict())
        return network.train()
    its = described(start)
    if its["architecture"] != training.architecture:
        raise InputError(
            f"{training.start} holds a {its['architecture']}, the training is of {training.architecture}"
        )
    wanted = its | {"config": its["config"] | training.network}
    if described(build_preprocessor(**wanted)) != its:
        raise InputError(
            f"{training.start} has the options {its['config']}, not {training.network}: leave `network` out"
        )
    return start.train()


def with_trunk(network: Network) -> Network:
    """``network``, with the classifier's trunk that its options name, where it has one."""
    if isinstance(network, TrunkPreprocessor) and network.trunk is None and network.config.trunk:
        network.attach(Trunk(network.config.trunk).to(next(network.parameters()).device))
    return network
