"""The bases of all preprocessors: picture or clip, and QP → checked → padded → network → cropped → clamped.

QP is on the H.264/HEVC scale 0..51 everywhere, and ``centre_qp`` is the one place that normalises it: two
normalisations, one in training and another in evaluation, make every number after them worthless.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvlib._checks import check_unit, each_number
from mvlib.errors import InputError

QP_RANGE = (0.0, 51.0)
MIN_SIDE = 16
# Half a grey level of 8 bits: what rounding or half precision may add to a value in [0, 1].
_ROUNDING = 0.5 / 255


class Preprocessor(nn.Module):
    """A network in front of a codec: picture and QP in, picture of the same size out; of a clip, frame by frame.

    A subclass writes ``process``, and may set ``multiple``: what both sides of its input are padded to.

        >>> import torch, mvlib
        >>> class Dimmed(mvlib.Preprocessor):
        ...     def __init__(self, share=0.9):
        ...         super().__init__()
        ...         self.config = {"share": share}
        ...         self.share = torch.nn.Parameter(torch.tensor(share))
        ...     def process(self, x, qp):  # padded (B, 3, H, W), qp (B,) -> the same shape
        ...         return self.share * x
        >>> Dimmed()(torch.ones(1, 2, 3, 16, 20), qp=37).shape
        torch.Size([1, 2, 3, 16, 20])

    Attributes:
        config: the arguments that build it again when its weights are loaded: a dict of keywords, or one dataclass,
            which is then the only argument; None where there are none.
        card: the model card that its weights came with; empty without one.
    """

    multiple: int = 1
    config: Any = None
    card: Mapping[str, Any] = MappingProxyType({})

    @property
    def uses_qp(self) -> bool:
        """Whether what comes out may depend on the QP; where it does not, one picture does for all QPs."""
        return True

    def forward(self, x: Tensor, qp: Tensor | float) -> Tensor:
        """What to encode: float in [0, 1], of the shape and type of ``x``.

        The network computes in the type of its weights, whatever that of ``x`` is: half, bfloat16 and double come back
        as they went in, but are no more precise inside.

        Args:
            x: pictures (B, 3, H, W) or clips (B, T, 3, H, W), float RGB in [0, 1], H and W at least 16.
            qp: what the codec will be given, 0..51: one number, or (B,), one for each picture or clip.

        Raises:
            TypeError: x is not a float tensor, or qp neither a number nor a tensor.
            ValueError: wrong shape, a value outside its range, or not finite.
        """
        inside, qps = check_inputs(x, qp, self)
        padded = pad_to_multiple(inside, self.multiple)
        if x.ndim == 4:
            y = self.process(padded, qps)
        else:
            y = self.process(padded.flatten(0, 1), qps.repeat_interleave(x.shape[1])).unflatten(
                0, x.shape[:2]
            )
        return y[..., : x.shape[-2], : x.shape[-1]].clamp(0, 1).to(x.dtype)

    def process(self, x: Tensor, qp: Tensor) -> Tensor:
        """The network itself: padded pictures (B, 3, H, W) and qp (B,) → (B, 3, H, W), not yet clamped."""
        raise NotImplementedError


class VideoPreprocessor(Preprocessor):
    """A network in front of a video codec that remembers: clips (B, T, 3, H, W) in and out.

    It is causal: a frame that comes out depends on that frame and earlier ones, and comes out at once.  Only the first
    may wait for the second, as ``CompactVideo``'s does: so a stream opens with a chunk of at least two frames.  A
    subclass sets ``multiple`` and writes ``process_chunk``.

    Attributes:
        takes_pictures: whether pictures (B, 3, H, W) will do as well.
    """

    takes_pictures: bool = False

    def forward(self, x: Tensor, qp: Tensor | float) -> Tensor:
        """As ``Preprocessor.forward``, for clips (B, T, 3, H, W) alone, T at least 1."""
        return self.stream(x, qp)[0]

    def stream(self, x: Tensor, qp: Tensor | float, state: Any = None) -> tuple[Tensor, Any]:
        """The next chunk of the clips: the same as ``forward`` on all chunks at once, if the first holds two frames.

        Args:
            x, qp: as in ``forward``; T is the length of the chunk.
            state: what the call on the chunk before returned; None at the start of a clip.

        Returns:
            what to encode, of the shape and type of ``x``, and the state for the chunk that follows.

        Raises:
            TypeError, ValueError: as ``forward``, or a state that belongs to clips of another shape.
        """
        inside, qps = check_inputs(x, qp, self)
        if x.ndim != 5:
            raise InputError(
                f"pictures have shape {tuple(x.shape)}; a video preprocessor takes clips (B, T, 3, H, W): "
                "pictures that have nothing to do with each other are pictures[:, None]"
            )
        padded = pad_to_multiple(inside, self.multiple)
        if state is not None and _shape(state) != _shape((padded,)):
            raise InputError(
                f"the state is of clips (batch, height, width) {_shape(state)} after padding, the chunk of "
                f"{_shape((padded,))}; give None where another clip starts"
            )
        y, state = self.process_chunk(padded, qps, state)
        return y[..., : x.shape[-2], : x.shape[-1]].clamp(0, 1).to(x.dtype), state

    def process_chunk(self, x: Tensor, qp: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The network itself: padded clips (B, T, 3, H, W), qp (B,), a tuple of tensors or None → the same two."""
        raise NotImplementedError


def _shape(state: tuple[Tensor, ...]) -> tuple[int, int, int]:
    """Batch, height and width that the tensors of a state are for."""
    return state[0].shape[0], state[0].shape[-2], state[0].shape[-1]


def centre_qp(qp: Tensor) -> Tensor:
    """QP 0..51 → [-1, 1], linear: the only normalisation of QP in this package."""
    low, high = QP_RANGE
    return (2 * qp - low - high) / (high - low)


def start_at_zero(*layers: nn.Module) -> None:
    """Set all weights of ``layers`` to 0, so that an untrained network changes nothing."""
    for layer in layers:
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)


@torch.compiler.disable  # it reads values, which a compiled graph cannot do halfway
def check_inputs(x: Tensor, qp: Tensor | float, network: nn.Module) -> tuple[Tensor, Tensor]:
    """``x`` and ``qp`` as (B,) in the type of the weights of ``network``; without weights in that of ``x``.

    Raises as ``Preprocessor.forward``.
    """
    shape = "(B, 3, H, W), for one picture x[None], or clips (B, T, 3, H, W)"
    check_unit("a picture", x, shape, (4, 5), (-_ROUNDING, 1 + _ROUNDING))
    if min(x.shape[-2:]) < MIN_SIDE:
        raise InputError(f"a picture is {x.shape[-2]}x{x.shape[-1]}; both sides must be at least {MIN_SIDE}")
    inside = x.to(next((p.dtype for p in network.parameters()), x.dtype))
    return inside, each_number(qp.to(x.device) if isinstance(qp, Tensor) else qp, inside)


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """``x`` (..., 3, H, W) with its last rows and columns repeated until both sides divide by ``multiple``."""
    height, width = x.shape[-2:]
    below, right = -height % multiple, -width % multiple
    if not (below or right):
        return x
    pictures = x.flatten(0, -4)  # torch repeats edges of four dimensions only
    return F.pad(pictures, (0, right, 0, below), mode="replicate").unflatten(0, x.shape[:-3])
