"""The network that a training starts from: architecture and its options, weights of an earlier one → network."""

from dataclasses import asdict

from mvlib.errors import InputError
from mvlib.preprocess import Compact, Preprocessor, build_preprocessor, load_preprocessor

from .experiment import Training


def starting_network(training: Training) -> Preprocessor:
    """The untrained network of ``training``, or the one of ``training.start``.

    ``CompactVideo`` also starts from a ``Compact`` that was trained on pictures: it becomes the part for the single
    frame, and the untrained rest leaves what that does as it is.

    Raises ValueError where the weights are of another architecture, or of other options than those asked for.
    """
    if training.start is None:
        return build_preprocessor(training.architecture, training.network)
    start = load_preprocessor(training.start)
    if isinstance(start, Compact) and training.architecture == "CompactVideo":
        network = build_preprocessor("CompactVideo", {"spatial": asdict(start.config)} | training.network)
        network.spatial.load_state_dict(start.state_dict())
        return network.train()
    if type(start).__name__ != training.architecture:
        raise InputError(
            f"{training.start} holds a {type(start).__name__}, the training asks for {training.architecture}"
        )
    asked = asdict(build_preprocessor(training.architecture, asdict(start.config) | training.network).config)
    if asked != asdict(start.config):
        raise InputError(
            f"{training.start} has the options {asdict(start.config)}, not {training.network}: leave `network` out"
        )
    return start.train()
