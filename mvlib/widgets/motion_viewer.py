"""The motion viewer: clip, QP, frame → virtual codec → vectors over the frame, what is left, bits per frame."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import ipywidgets as ipw
import numpy as np

from mvlib.codecs import RealCodec
from mvlib.datasets import Clips
from mvlib.errors import InputError, InputTypeError
from mvlib.virtual.codec import VirtualCodec

from .frame_chart import frame_bars
from .motion import COLOURS, MODES, Motion, dissect_clip, draw_motion
from .parts import alarm, choice, slider, spoken, titled
from .pictures import png

VIEWS = ("decoded", "source")
_GAIN = 4
_SCALE = 3


def example_clips(frames: int = 8, side: int = 224) -> dict[str, np.ndarray]:
    """Name → uint8 (T, side, side, 3): one centred window of every clip of the test side."""
    clips = Clips("test", frames=frames, stride=2, size=side)
    first = {item.path.stem: i for i, item in reversed(list(enumerate(clips.meta)))}
    frames_of = lambda i: (clips[i] * 255).round().byte().permute(0, 2, 3, 1).numpy()  # noqa: E731
    return {name: frames_of(i) for name, i in sorted(first.items())}


class MotionViewer(ipw.VBox):
    """A panel that steps through a clip coded as I-P-P-P, with every block's motion, mode and what motion leaves over.

    ``panel.clip``, ``panel.qp``, ``panel.view`` and ``panel.frame`` are the controls themselves, and ``panel.caption``
    says in words what is shown. Bars are the virtual codec's estimates, black lines what the real encoder writes.

    Args:
        clips: name → uint8 (T, H, W, 3) RGB, T at least 2; by default clips of the test side.
        codec: "x265" or "x264".
        qp: where the slider starts, 0..51.

    Raises:
        ValueError, TypeError: no clip, one that isn't uint8 (T >= 2, H, W, 3), a QP outside 0..51, an unknown codec.
    """

    def __init__(
        self, clips: Mapping[str, np.ndarray] | None = None, codec: str = "x265", qp: int = 32
    ) -> None:
        self._clips = example_clips() if clips is None else dict(clips)
        if not self._clips or not 0 <= qp <= 51:
            raise InputError(f"{len(self._clips)} clips, qp {qp}; give at least one clip and a qp of 0..51")
        for name, frames in self._clips.items():
            _check(name, frames)
        self._virtual, self._real = VirtualCodec.like(codec, gop="ippp"), RealCodec(codec, gop="ippp")
        self._name = codec
        self._known: dict[tuple[str, int], tuple[list[Motion], list[int]]] = {}
        self._words = ""
        self._make_controls(qp)
        super().__init__(self._lay_out(), layout=ipw.Layout(max_width="1180px"))
        for control in (self.clip, self.qp, self.view, self.frame):
            control.observe(self._moved, "value")
        self._moved()

    @property
    def caption(self) -> str:
        """What is shown, in words: frame, bits estimated and real, PSNR, share of modes, what motion takes away."""
        return self._words

    def __repr__(self) -> str:
        return f"MotionViewer({len(self.clip.options)} clips, {self._name})"

    def _make_controls(self, qp: int) -> None:
        self.clip = choice("Clip", list(self._clips), "200px")
        self.view = choice("Show", VIEWS, "180px")
        self.qp = slider("QP", qp, 51)
        self.frame = slider("Frame", 1, len(self._clips[self.clip.value]) - 1)

    def _lay_out(self) -> list[ipw.Widget]:
        full = ipw.Layout(width="100%", height="auto")
        self._large = ipw.Image(format="png", layout=full)
        (self._still, self._after), self._titles, small = titled(2)
        self._bars, self._caption, self._alert = ipw.HTML(), ipw.HTML(), ipw.HTML()
        half = ipw.Layout(flex="1 1 0", min_width="0", margin="0 6px", overflow="hidden")
        left = ipw.VBox([ipw.HTML(_legend()), self._large], layout=half)
        right = ipw.VBox([ipw.HBox(small), self._bars], layout=half)
        gap = ipw.Layout(margin="0 4px", grid_gap="12px")
        return [
            ipw.HBox([self.clip, self.view, self.qp, self.frame], layout=gap),
            self._caption,
            ipw.HBox([left, right]),
            self._alert,
        ]

    def _moved(self, change: object = None) -> None:
        """Show what the controls ask for; an error goes into the panel, for a kernel's log is out of sight."""
        try:
            if isinstance(change, Mapping) and change["owner"] is self.clip:
                self.frame.max = len(self._clips[self.clip.value]) - 1
            self._show(*self._coded())
            self._alert.value = ""
        except Exception as error:
            self._words = f"{type(error).__name__}: {error}"
            self._alert.value = alarm(self._words)

    def _coded(self) -> tuple[list[Motion], list[int]]:
        key = (self.clip.value, self.qp.value)
        if key not in self._known:
            frames = self._clips[key[0]]
            if len(self._known) >= 8:  # a few QPs back and forth; each holds the clip several times over
                self._known.pop(next(iter(self._known)))
            self._known[key] = (
                dissect_clip(frames, key[1], self._virtual),
                self._real(frames, qp=key[1]).frame_bits,
            )
        return self._known[key]

    def _show(self, motions: list[Motion], real: list[int]) -> None:
        t = self.frame.value
        motion = motions[t]
        picture = motion.decoded if self.view.value == "decoded" else motion.source
        self._large.value = png(draw_motion(picture, motion, _SCALE))
        pairs = zip(("without motion", "with motion"), (motion.still, motion.moved), strict=True)
        for title, image, (name, left) in zip(self._titles, (self._still, self._after), pairs, strict=True):
            image.value = png(seen(left if left is not None else np.zeros(picture.shape[:2])))
            title.value = f"<b>left over {name}</b>" if left is not None else "<b>no frame before</b>"
        self._bars.value = bars([m.bits for m in motions], real, t, self._name)
        self._words = in_words(motion, t, real[t], self._name, self.qp.value)
        self._caption.value = spoken(self._words)


def seen(left: np.ndarray) -> np.ndarray:
    """Differences of luma in grey levels (H, W) as uint8 (H, W, 3), enlarged four times around mid-grey."""
    return (128 + _GAIN * left).clip(0, 255).round().astype(np.uint8)[..., None].repeat(3, -1)


def in_words(motion: Motion, t: int, real: int, codec: str, qp: int) -> str:
    """The caption."""
    start = (
        f"frame {t} of {codec} at QP {qp}: {motion.bits / 1000:.2f} kilobit estimated, {real / 1000:.2f} written, "
        f"PSNR {motion.psnr:.2f} dB"
    )
    if motion.moved is None:
        return f"{start}; an I frame, coded without the others"
    shares = ", ".join(f"{100 * motion.share(m):.0f} % {m}" for m in MODES)
    rms = (float(np.sqrt(np.mean(np.square(v)))) for v in (motion.still, motion.moved))
    return (
        f"{start}; {shares}; left over: {next(rms):.1f} grey levels rms without motion, {next(rms):.1f} with"
    )


def bars(virtual: list[float], real: list[int], shown: int, codec: str) -> str:
    """SVG of kilobit per frame, log scale: bars estimated, lines written, the shown frame dark."""
    words = f"frame {shown}: {virtual[shown] / 1000:.2f} kilobit estimated, {real[shown] / 1000:.2f} written by {codec}"
    heading = f"<b>Kilobit per frame</b>, bars: estimated; lines: {escape(codec)}"
    fills = ["#0072B2" if t == shown else "#9ecae1" for t in range(len(virtual))]
    return heading + frame_bars(virtual, real, fills, [str(t) for t in range(len(virtual))], words)


def _legend() -> str:
    squares = (f'<span style="color:{c}">■</span> {m}' for m, c in zip(MODES, COLOURS, strict=True))
    return f"<b>Motion</b> (arrows: to where a block comes from) {' '.join(squares)}"


def _check(name: str, frames: np.ndarray) -> None:
    if not isinstance(frames, np.ndarray) or frames.dtype != np.uint8:
        kind = frames.dtype if isinstance(frames, np.ndarray) else type(frames).__name__
        raise InputTypeError(f"clip {name!r} is {kind}; give a numpy array of uint8")
    if frames.ndim != 4 or frames.shape[3] != 3 or len(frames) < 2:
        raise InputError(f"clip {name!r} has shape {frames.shape}; give (T, H, W, 3) with at least 2 frames")
