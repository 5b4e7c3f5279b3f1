"""What classifiers and recognisers share: logits of classes → the likeliest ones → how much of them coding left."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from mvlib.errors import InputError

from .agreement import kl_to_clean, label_accuracy, top1_agreement
from .base import Analyser, Response


class Predictor(Analyser):
    """An analyser whose output is logits (B, C): "kl" and "top1" against the clean ones, "label" against labels."""

    def divergence(self, clean: Tensor, coded: Tensor) -> Tensor:
        """KL(clean ‖ coded) in nats: logits (B, C) twice → (B,)."""
        return kl_to_clean(clean, coded)

    def measure(self, score: str, clean: Response, coded: Response, samples: Sequence[Any]) -> Tensor:
        """Values (B,) of "kl", "top1" or "label"."""
        if score == "label":
            return label_accuracy(coded.output, [sample.labels for sample in samples])
        return {"kl": kl_to_clean, "top1": top1_agreement}[score](clean.output, coded.output)

    def top(self, logits: Tensor, k: int = 5) -> list[list[tuple[str, float]]]:
        """The ``k`` likeliest classes of each row: (name, probability in [0, 1]), likeliest first."""
        if not 1 <= k <= len(self.classes):
            raise InputError(f"k is {k}; {self.name} knows 1..{len(self.classes)} classes")
        values, indices = logits.detach().float().softmax(-1).topk(k)
        rows = zip(indices.tolist(), values.tolist(), strict=True)
        return [[(self.classes[i], p) for i, p in zip(*row, strict=True)] for row in rows]
