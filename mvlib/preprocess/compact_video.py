"""Our video preprocessor: frame + its own last output, moved into place → decisions per pixel → frame to encode.

``Compact`` decides how much detail of a frame stays; here it also sees how the frame differs from what was sent last,
and decides how much of that difference stays.  Where an analyser needs nothing new, the frame becomes the one before,
moved: a video codec sends that for next to nothing.

    last output → moved along the clip's own motion → difference to the frame
    frame, difference, QP → Compact → band gains, residual → frame, simplified
    frame, simplified + gate x (last output, moved - frame, simplified) → out

The first frame of a clip has no past, and it is the one that costs most. So the second stands in for it: what moves
against it moves.
"""

from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from mvlib.errors import InputError

from .align import BLOCK, block_motion, moved
from .base import VideoPreprocessor, start_at_zero
from .compact import Compact, CompactConfig, cells, to_pixels
from .filter import detail_bands, mix_colours


@dataclass(frozen=True)
class CompactVideoConfig:
    """Size of ``CompactVideo``; the defaults cost 4.1 kMAC per pixel beside the search for motion.

    The first frame of a clip costs twice that.
    """

    spatial: CompactConfig = field(default_factory=CompactConfig)
    """The network for the single frame: weights trained on pictures fit."""
    gate_bound: float = 0.95
    """Largest share of the last output. Below 1, so that an error dies out."""
    temporal: bool = True
    """False leaves ``Compact``, frame by frame: an ablation."""
    motion: bool = True
    """False takes the last output where it lies: an ablation, and right for cameras that stand still."""
    opening: bool = True
    """False lets the first frame of a clip out before the second is there; nothing is known of what moves in it."""
    finest: bool = True
    """False lets nothing of the finest band out, a blur of 0.7 pixels: for analysers that shrink frames first."""

    def __post_init__(self) -> None:
        if isinstance(self.spatial, dict):  # JSON has no dataclasses
            object.__setattr__(self, "spatial", CompactConfig(**self.spatial))
        if not 0 <= self.gate_bound < 1:
            raise InputError(f"gate_bound is {self.gate_bound}; give 0 or more and less than 1")


class CompactVideo(VideoPreprocessor):
    """Band gains, residual and a gate to the past, QP-adaptive at every stage; causal but for the first frame.

    That one waits for the second, if there is a second in the first chunk; all others come out at once.
    Untrained it is exactly the identity, unless ``finest`` is False.  The state between chunks is one frame: the luma
    that came in and the picture that went out, with its finest band.  Finding the motion costs about 14 differences of
    luma per pixel, half of them interpolated, and nothing in it is learned.
    """

    def __init__(self, config: CompactVideoConfig | None = None) -> None:
        super().__init__()
        self.config = config or CompactVideoConfig()
        self.spatial = Compact(self.config.spatial)
        self.multiple = max(self.spatial.multiple, BLOCK)
        width, embedding = self.config.spatial.widths[0], self.config.spatial.embedding
        # Of the past: what was sent (12 in a cell) and, in luma, what came in (4). Only the latter differs from the
        # frame by what moves on its own alone; the former differs by all that was simplified, too.
        self.stem_past = nn.Conv2d(16, width, 1, bias=False)
        # The gate: luma per pixel, four in a cell; one for both chroma planes of a cell.
        self.gate = nn.Conv2d(width, 5, 1)
        self.gate_by_qp = nn.Linear(embedding, 5)
        start_at_zero(self.stem_past, self.gate, self.gate_by_qp)

    @property
    def uses_qp(self) -> bool:
        return self.spatial.uses_qp

    # Compiled, it calls one graph per frame: unrolled, the graph would grow with the clip.
    @partial(torch.compiler.disable, recursive=False)
    def process_chunk(
        self, x: Tensor, qp: Tensor, state: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
        """``state``: luma of the last frame that came in (B, 1, H, W), the last that went out (B, 3, H, W)."""
        code, out, sent = self.spatial.code(qp), [], state is not None
        if not sent and self.config.opening and self.config.temporal and x.shape[1] > 1:
            _, state = self.next_frame(x[:, 1], code, None, sent)
        for frame in x.unbind(1):
            frame, state = self.next_frame(frame, code, state, sent)
            sent = True
            out.append(frame if self.config.finest else frame - detail_bands(frame, 1)[0])
        return torch.stack(out, 1), state

    def next_frame(
        self, frame: Tensor, code: Tensor, state: tuple[Tensor, Tensor] | None, sent: bool
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """What to send for a frame (B, 3, H, W) with the embedded QP (B, E), and the state after it.

        sent: whether the picture in the state was sent and can be repeated, or only looked at.
        """
        spatial = self.spatial
        ycc = mix_colours(spatial.to_ycc, frame)
        past = self.past(ycc[:, :1], state)
        stem = spatial.stem(cells(ycc))
        if past is not None:
            news = mix_colours(spatial.to_ycc, past[:, :3] - frame)
            stem = stem + self.stem_past(cells(torch.cat([news, past[:, 3:] - ycc[:, :1]], 1)))
        h = spatial.features(stem, code)
        decided = spatial.head(h) + spatial.head_by_qp(code)[:, :, None, None]
        change = spatial.change(ycc, *to_pixels(decided, spatial.outputs))
        if past is not None and sent:
            luma, chroma = to_pixels(self.gate(h) + self.gate_by_qp(code)[:, :, None, None], (4, 1))
            gate = self.config.gate_bound * torch.cat([luma, chroma.expand(-1, 2, -1, -1)], 1)
            change = torch.addcmul(change, gate, news - change)
        out = (frame + mix_colours(spatial.to_rgb, change)).clamp(0, 1)
        return out, (ycc[:, :1], out)

    def past(self, luma: Tensor, state: tuple[Tensor, Tensor] | None) -> Tensor | None:
        """Where this frame, of ``luma`` (B, 1, H, W), has its content: what went out last, luma that came in last.

        (B, 4, H, W), moved along the clip's own motion.
        """
        if state is None or not self.config.temporal:
            return None
        before, sent = state
        last = torch.cat([sent, before], 1)
        return moved(last, block_motion(luma, before)) if self.config.motion else last
