"""Tables that the codec computes with, made once: key → NumPy array → tensor beside the data, kept for the next call.

A kept tensor lasts as long as the process, whatever the first call was like. Under ``torch.inference_mode`` it would be
one that no later gradient may pass, under another default device or type one of these. So a table is built in NumPy,
which knows no modes, and becomes a tensor here alone: nothing else in this package keeps tensors between calls.
"""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

import numpy as np
import torch
from torch import Tensor

Arrays = np.ndarray | tuple[np.ndarray, ...]


def table(build: Callable[..., Arrays]) -> Callable[..., Tensor]:
    """Decorate ``build(*key)``, which gives an array or a tuple of them: they come as tensors, the last 64 are kept.

    The function takes one argument more, ``like``: a tensor on whose device they shall lie, and of whose type those of
    numbers between the whole ones shall be; None is float32 on the CPU. What it gives must not be written to.
    """

    @lru_cache(maxsize=64)
    def kept(
        device: torch.device, dtype: torch.dtype, *key: Any, **named: Any
    ) -> Tensor | tuple[Tensor, ...]:
        built = build(*key, **named)
        with torch.inference_mode(False):
            tensors = [
                torch.tensor(part, dtype=dtype if part.dtype.kind == "f" else None, device=device)
                for part in (built if isinstance(built, tuple) else (built,))
            ]
        return tuple(tensors) if isinstance(built, tuple) else tensors[0]

    @torch.compiler.disable  # which would trace how a table is made
    @wraps(build)
    def look_up(*key: Any, like: Tensor | None = None, **named: Any) -> Tensor | tuple[Tensor, ...]:
        if like is None:
            return kept(torch.device("cpu"), torch.float32, *key, **named)
        return kept(like.device, like.dtype, *key, **named)

    return look_up
