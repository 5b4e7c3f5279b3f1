"""A CNN with a memory: each moment and its change → features → convolutional gated recurrent unit → its state → logits.

The recurrent unit is that of Ballas et al., "Delving Deeper into Convolutional Networks for Learning Video
Representations", ICLR 2016: a GRU whose matrices are convolutions, so that the memory keeps where things were.
"""

import torch
from torch import Tensor, nn

from .blocks import Residual2d, conv2d, with_change
from .located import Located, LocatedNet


class ConvGRU(nn.Module):
    """A gated recurrent unit over maps."""

    def __init__(self, inside: int, state: int):
        super().__init__()
        self.state = state
        self.look = nn.Conv2d(inside, 3 * state, 3, padding=1)
        self.recall = nn.Conv2d(state, 2 * state, 3, padding=1, bias=False)
        self.propose = nn.Conv2d(state, state, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, T, inside, h, w) → states after each moment (B, T, state, h, w)."""
        seen = self.look(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        memory, states = seen.new_zeros(len(x), self.state, *x.shape[-2:]), []
        for moment in seen.unbind(1):
            gates, candidate = moment.split([2 * self.state, self.state], dim=1)
            update, reset = torch.sigmoid(gates + self.recall(memory)).chunk(2, dim=1)
            candidate = torch.tanh(candidate + self.propose(reset * memory))
            memory = torch.lerp(memory, candidate, update)
            states.append(memory)
        return torch.stack(states, dim=1)


class RecurrentNet(LocatedNet):
    """Clips (B, T, 3, h, w), normalised, to logits (B, classes)."""

    feature_layers = ("think",)

    def __init__(self, classes: int, widths: tuple[int, ...] = (32, 56), state: int = 40):
        super().__init__()
        one, two = widths
        self.eye = nn.Sequential(conv2d(6, one, 7, 4), nn.ReLU(inplace=True), Residual2d(one, two, 2))
        self.memory = ConvGRU(two, state)
        self.think = nn.Sequential(conv2d(state, 64), nn.ReLU(inplace=True))
        self.head = Located(64, classes)

    def maps(self, clip: Tensor) -> Tensor:
        """(B, T, 3, h, w) → (B, T, 64, h / 8, w / 8)."""
        seen = self.eye(with_change(clip).flatten(0, 1).contiguous(memory_format=torch.channels_last))
        states = self.memory(seen.unflatten(0, clip.shape[:2]))
        thought = self.think(states.flatten(0, 1).contiguous(memory_format=torch.channels_last))
        return thought.unflatten(0, clip.shape[:2])
