"""The recognisers' networks: moments → space, then time, in three unlike ways → a place in each moment → logits.

* ``ResNet3d``, slow-only: kernels span time only where features already mean something, and time is never strided [1].
* ``ShiftNet``, a 2-D ResNet: each moment through the same blocks, an eighth of the channels one moment on [2]; only the
  branch beside the shortcut sees shifted features, so that the still picture is not harmed.
* ``RecurrentNet``, a GRU whose matrices are convolutions, so that the memory keeps where things were [3].

All end in ``Located``, since a mean over the frame drowns a small actor: a map of scores, softmax over the frame, says
where to look; in training, the actor's true mask teaches it, and the place it points to is a feature as well.

[1] The slow pathway of Feichtenhofer et al., "SlowFast Networks for Video Recognition", ICCV 2019
[2] Lin, Gan, Han, "TSM: Temporal Shift Module for Efficient Video Understanding", ICCV 2019, the residual variant
[3] Ballas et al., "Delving Deeper into Convolutional Networks for Learning Video Representations", ICLR 2016
"""

import torch
from torch import Tensor, nn


def with_change(clip: Tensor) -> Tensor:
    """Each moment and how it differs from the one before: (B, T, C, h, w) → (B, T, 2C, h, w); 0 for the first."""
    return torch.cat([clip, torch.cat([torch.zeros_like(clip[:, :1]), clip.diff(dim=1)], dim=1)], dim=2)


def conv(inside: int, outside: int, kernel: int = 3, stride: int = 1, time: int = 0) -> nn.Sequential:
    """Convolution without bias, over ``time`` moments of clips (0: of pictures), and its batch normalisation."""
    half = kernel // 2
    if not time:
        plain = nn.Conv2d(inside, outside, kernel, stride, half, bias=False)
        return nn.Sequential(plain, nn.BatchNorm2d(outside))
    size, steps, around = (time, kernel, kernel), (1, stride, stride), (time // 2, half, half)
    return nn.Sequential(nn.Conv3d(inside, outside, size, steps, around, bias=False), nn.BatchNorm3d(outside))


class Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al., "Deep Residual Learning", CVPR 2016, the basic block).

    Args:
        time: moments that the first one spans, for a network of clips; 0 for one of pictures.
    """

    def __init__(
        self, inside: int, outside: int, stride: int = 1, time: int = 0, act: type[nn.Module] = nn.ReLU
    ) -> None:
        super().__init__()
        still = min(time, 1)
        self.first = conv(inside, outside, 3, stride, time)
        self.second = conv(outside, outside, time=still)
        same = stride == 1 and inside == outside
        self.shortcut = nn.Identity() if same else conv(inside, outside, 1, stride, still)
        self.act = act(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inside, [T,] h, w) → (N, outside, [T,] h / stride, w / stride)."""
        return self.act(self.second(self.act(self.first(x))) + self.shortcut(x))


class Located(nn.Module):
    """Maps (B, T, C, h, w) of any h and w to logits (B, classes)."""

    def __init__(self, channels: int, classes: int):
        super().__init__()
        hidden = 64
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


class ActionNet(nn.Module):
    """Clips (B, frames, 3, side, side), normalised, to logits (B, classes)."""

    frames, side = 8, 112


class LocatedNet(ActionNet):
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

    def __init__(self, classes: int):
        super().__init__()
        self.eye = nn.Sequential(conv(6, 32, 7, 4), nn.ReLU(inplace=True), Residual(32, 56, 2))
        self.memory = ConvGRU(56, 40)
        self.think = nn.Sequential(conv(40, 64), nn.ReLU(inplace=True))
        self.head = Located(64, classes)

    def maps(self, clip: Tensor) -> Tensor:
        """(B, T, 3, h, w) → (B, T, 64, h / 8, w / 8)."""
        seen = self.eye(with_change(clip).flatten(0, 1).contiguous(memory_format=torch.channels_last))
        states = self.memory(seen.unflatten(0, clip.shape[:2]))
        thought = self.think(states.flatten(0, 1).contiguous(memory_format=torch.channels_last))
        return thought.unflatten(0, clip.shape[:2])


class ResNet3d(LocatedNet):
    """Clips (B, T, 3, h, w), normalised, to logits (B, classes)."""

    feature_layers = ("stages",)

    def __init__(self, classes: int):
        super().__init__()
        self.stem = nn.Sequential(conv(6, 32, 7, 4, time=1), nn.ReLU(inplace=True))
        stages = [Residual(32, 48, 2, time=3), Residual(48, 48, time=3), Residual(48, 64, time=3)]
        self.stages = nn.Sequential(*stages)
        self.head = Located(64, classes)

    def maps(self, clip: Tensor) -> Tensor:
        """(B, T, 3, h, w) → (B, T, C, h / 8, w / 8)."""
        x = with_change(clip).transpose(1, 2).contiguous(memory_format=torch.channels_last_3d)
        return self.stages(self.stem(x)).transpose(1, 2)


def shift(x: Tensor, moments: int) -> Tensor:
    """Move the first eighth of the channels a moment back and the next a moment on: (B * moments, C, h, w).

    What comes from before the first or after the last moment is 0.
    """
    clip = x.unflatten(0, (-1, moments))
    part = x.shape[1] // 8
    back, on, stay = clip.split([part, part, x.shape[1] - 2 * part], dim=2)
    back = torch.cat([back[:, 1:], torch.zeros_like(back[:, :1])], dim=1)
    on = torch.cat([torch.zeros_like(on[:, :1]), on[:, :-1]], dim=1)
    return torch.cat([back, on, stay], dim=2).flatten(0, 1).contiguous(memory_format=torch.channels_last)


class ShiftBlock(Residual):
    """A residual block whose branch starts with a shift."""

    def __init__(self, inside: int, outside: int, stride: int = 1) -> None:
        super().__init__(inside, outside, stride, act=nn.SiLU)

    def forward(self, x: Tensor, moments: int) -> Tensor:  # type: ignore[override]  # it must know where a clip ends
        """(B * moments, inside, h, w) → (B * moments, outside, h / stride, w / stride)."""
        y = self.act(self.first(shift(x, moments)))
        return self.act(self.second(shift(y, moments)) + self.shortcut(x))


class ShiftNet(LocatedNet):
    """Clips (B, T, 3, h, w), normalised, to logits (B, classes)."""

    def __init__(self, classes: int):
        super().__init__()
        self.stem = nn.Sequential(conv(6, 32, 5, 4), nn.SiLU(inplace=True))
        self.blocks = nn.ModuleList([ShiftBlock(32, 64, 2), ShiftBlock(64, 64), ShiftBlock(64, 64)])
        self.head = Located(64, classes)

    def maps(self, clip: Tensor) -> Tensor:
        """(B, T, 3, h, w) → (B, T, C, h / 8, w / 8)."""
        moments = clip.shape[1]
        x = self.stem(with_change(clip).flatten(0, 1).contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            x = block(x, moments)
        return x.unflatten(0, (-1, moments))
