"""The network of Lu et al.: picture → pixel branch + U-Net, channel gains set by the QP → picture to encode.

[1] Lu, Ge, Zhong, Geng, Hu, "Preprocessing Enhanced Image Compression for Machine Vision", TCSVT 2024,
arXiv 2206.05650; layers and pairs of QP and lambda as in the authors' code, github.com/XingtongGe/PreprocessingICM
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mvlib.errors import InputError

from .base import Preprocessor, start_at_zero

# The pairs of the paper's training, lambda (weight of the task) at the QP of its encoder. QP 40 came with
# two, 0.5 and 0.8: their geometric mean stands here.
PAPER_QP_LAMBDA = (
    (25, 16.0), (28, 8.0), (29, 6.0), (31, 4.0), (34, 2.0), (37, 1.0), (40, 0.4**0.5), (44, 0.25),
)  # fmt: skip


def paper_lambda(qp: Tensor) -> Tensor:
    """The paper's lambda for qp (B,) in 0..51: log lambda linear in QP between its pairs.

    Below QP 25 and above 44 the value of the end is held: the paper's network was trained on nothing beyond.
    """
    knots = torch.tensor(PAPER_QP_LAMBDA, dtype=qp.dtype, device=qp.device)
    at, value = knots[:, 0].contiguous(), knots[:, 1].log()
    qp = qp.clamp(at[0], at[-1])
    i = torch.searchsorted(at, qp.detach().contiguous()).clamp(1, len(at) - 1)
    share = (qp - at[i - 1]) / (at[i] - at[i - 1])
    return torch.lerp(value[i - 1], value[i], share).exp()


@dataclass(frozen=True)
class NPPConfig:
    """The two changes to the paper's network that need a reason; the defaults are the paper's."""

    skip: bool = False
    """Add the input to the sum. The last ReLU of both branches goes, or they could only brighten, and their
    last convolutions start at 0: the untrained network is the identity."""
    norm: str = "batch"
    """"batch", or "group" (8 groups): the same in training and use, and fit for a batch of one picture."""


class NPP(Preprocessor):
    """Quantisation-adaptive preprocessor of [1]: 9.46 M parameters, 203.7 kMAC per pixel.

    Two branches are added: 1×1 convolutions that treat each pixel alone, and a U-Net with four levels of 32,
    64, 128, 256 channels.  Eight ``Gain`` nets scale feature channels by the paper's lambda.  Both sides of
    the input are padded to multiples of 64 inside.
    """

    multiple = 64

    def __init__(self, config: NPPConfig | None = None) -> None:
        super().__init__()
        self.config = config or NPPConfig()
        self.conv1, self.gain1 = nn.Conv2d(3, 3, 1), Gain(16, 3)
        self.conv2, self.gain2 = nn.Conv2d(3, 3, 1), Gain(16, 3)
        self.last = nn.Identity() if self.config.skip else nn.ReLU()
        self.unet = UNet(self.config.norm, self.last)
        if self.config.skip:
            start_at_zero(self.conv2, self.unet.head[-2])

    def process(self, x: Tensor, qp: Tensor) -> Tensor:
        scalar = (paper_lambda(qp) / 8)[:, None]  # (B, 1)
        pixel = torch.relu(self.conv1(x) * self.gain1(scalar))
        pixel = self.last(self.conv2(pixel) * self.gain2(scalar))
        y = pixel + self.unet(x, scalar)
        return x + y if self.config.skip else y


class Gain(nn.Module):
    """Per-channel gains ≥ 0 from one scalar: Linear(1, m) → ReLU → Linear(m, c) → ReLU.

    The last bias starts at 1.  With the usual start around 0, the last ReLU would hold about half of the
    channels at gain 0 for every QP, and as no gradient passes there, for good.
    """

    def __init__(self, middle: int, channels: int) -> None:
        super().__init__()
        first, second = nn.Linear(1, middle), nn.Linear(middle, channels)
        nn.init.ones_(second.bias)
        self.net = nn.Sequential(first, nn.ReLU(), second, nn.ReLU())

    def forward(self, scalar: Tensor) -> Tensor:
        """(B, 1) → (B, c, 1, 1)."""
        return self.net(scalar)[:, :, None, None]


class UNet(nn.Module):
    """The semantic branch: four steps down, four up, skips concatenated, a head back to three channels."""

    def __init__(self, norm: str, last: nn.Module) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            nn.ModuleList([_two_convs(c_in, c, norm), _conv(c, c, norm, stride=2)])
            for c_in, c in ((3, 32), (32, 64), (64, 128), (128, 256))
        )
        self.up = nn.ModuleList(
            nn.Sequential(_two_convs(c_in, 2 * c, norm), *_transposed(2 * c, c, norm))
            for c_in, c in ((256, 256), (512, 128), (256, 64), (128, 32))
        )
        self.down_gains = nn.ModuleList([Gain(32, 32), Gain(32, 64), Gain(64, 128)])
        self.up_gains = nn.ModuleList([Gain(64, 256), Gain(64, 128), Gain(32, 64)])
        self.head = nn.Sequential(_two_convs(64, 32, norm), nn.Conv2d(32, 3, 1), last)

    def forward(self, x: Tensor, scalar: Tensor) -> Tensor:
        """(B, 3, H, W), sides multiples of 16, and (B, 1) → (B, 3, H, W)."""
        skips = []
        for level, pair in enumerate(self.down):
            convs, down = pair.children()
            skips.append(convs(x))
            x = down(skips[-1])
            if level < 3:
                x = x * self.down_gains[level](scalar)
        for level, up in enumerate(self.up):
            x = torch.cat([up(x), skips.pop()], 1)
            if level > 0:
                x = x * self.up_gains[level - 1](scalar)
        return self.head(x)


def _norm(kind: str, channels: int) -> nn.Module:
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "group":
        return nn.GroupNorm(8, channels)
    raise InputError(f'norm is {kind!r}; choose "batch" (the paper) or "group"')


def _conv(c_in: int, c_out: int, norm: str, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, stride, padding=1), _norm(norm, c_out), nn.ReLU())


def _two_convs(c_in: int, c_out: int, norm: str) -> nn.Sequential:
    return nn.Sequential(*_conv(c_in, c_out, norm), *_conv(c_out, c_out, norm))


def _transposed(c_in: int, c_out: int, norm: str) -> nn.Sequential:
    conv = nn.ConvTranspose2d(c_in, c_out, 3, stride=2, padding=1, output_padding=1)
    return nn.Sequential(conv, _norm(norm, c_out), nn.ReLU())
