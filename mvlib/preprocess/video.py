"""The base of video preprocessors: chunk of a clip, QP, state → network → chunk to encode, state for the next chunk."""

from typing import Any

from torch import Tensor

from mvlib.errors import InputError

from .base import Preprocessor, check_pictures, pad_to_multiple, qp_vector


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
        """What to encode: float in [0, 1], of the shape and type of ``x``; computed in the type of the weights.

        Args:
            x: clips (B, T, 3, H, W), float RGB in [0, 1], T at least 1, H and W at least 16.
            qp: what the codec will be given, 0..51: one number, or (B,), one for each clip.

        Raises:
            TypeError: x is not a float tensor, or qp neither a number nor a tensor.
            ValueError: wrong shape, a value outside its range, or not finite.
        """
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
        inside = check_pictures(x, self)
        if x.ndim != 5:
            raise InputError(
                f"pictures have shape {tuple(x.shape)}; a video preprocessor takes clips (B, T, 3, H, W): "
                "pictures that have nothing to do with each other are pictures[:, None]"
            )
        qps = qp_vector(qp, inside)
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
