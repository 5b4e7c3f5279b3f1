"""From maps to logits by way of a place: where in each moment → features there, and the place itself → time → logits.

A mean over the frame drowns a small actor.  Here a map of scores, softmax over the frame, says where to look; in
training, the actor's true mask teaches it (``Located.score`` against the mask), and the place it points to is a
feature as well.
"""

import torch
from torch import Tensor, nn


class Located(nn.Module):
    """Maps (B, T, C, h, w) of any h and w to logits (B, classes)."""

    def __init__(self, channels: int, classes: int, hidden: int = 64):
        super().__init__()
        self.scores = nn.Conv2d(channels, 1, 1)
        self.time = nn.Sequential(
            nn.Conv1d(channels + 2, hidden, 3, padding=1, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Conv1d(hidden, hidden, 3, padding=1, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
        )
        self.classes = nn.Linear(hidden, classes)

    def score(self, maps: Tensor) -> Tensor:
        """Unnormalised log-probability that the actor is in a cell: (B, T, h, w)."""
        return self.scores(maps.flatten(0, 1)).squeeze(1).unflatten(0, maps.shape[:2])

    def forward(self, maps: Tensor, score: Tensor) -> Tensor:
        """Logits (B, classes) from maps (B, T, C, h, w) and their ``score``."""
        weight = score.float().flatten(2).softmax(-1).unflatten(2, score.shape[2:])  # (B, T, h, w)
        what = torch.einsum("btchw,bthw->btc", maps.float(), weight)
        rows, columns = (torch.linspace(-1, 1, n, device=maps.device) for n in score.shape[2:])
        where = torch.stack([weight.sum(2) @ columns, weight.sum(3) @ rows], dim=2)  # (B, T, 2), -1..1
        return self.classes(self.time(torch.cat([what, where], dim=2).transpose(1, 2)).mean(2))


class LocatedNet(nn.Module):
    """A network made of ``maps``, clips (B, T, 3, h, w) to (B, T, C, h', w'), and a ``Located`` head."""

    head: Located

    def maps(self, clip: Tensor) -> Tensor:
        """Features of every moment and place."""
        raise NotImplementedError

    def look(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, classes) and scores of places (B, T, h', w') of normalised clips (B, T, 3, h, w)."""
        maps = self.maps(clip)
        score = self.head.score(maps)
        return self.head(maps, score), score

    def forward(self, clip: Tensor) -> Tensor:
        return self.look(clip)[0]
