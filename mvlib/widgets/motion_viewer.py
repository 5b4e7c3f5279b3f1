"""The motion viewer: clip, QP, frame → virtual codec → vectors over the frame, what is left, bits per frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from html import escape
from types import SimpleNamespace
from typing import Any

import numpy as np

from mvlib.codecs import RealCodec
from mvlib.samples import Sample

from . import samples
from .blocks import virtual_codec
from .charts import frame_bars, titled
from .controls import choice, slider
from .motion import COLOURS, MODES, Motion, dissect_clip, draw_motion
from .panel import Panel, check_start
from .screen import Screen, Still, columns, in_words, table, within

VIEWS = ("decoded", "source")
_GAIN = 4
_FRAMES = 8
"""Of a film of one's own: to code more takes too long."""
_SQUARES = " ".join(f'<span style="color:{c}">■</span> {m}' for m, c in zip(MODES, COLOURS, strict=True))


class MotionViewer(Panel):
    """A panel that steps through a clip coded as I-P-P-P, with every block's motion, mode and what motion leaves over.

    ``panel.clip``, ``panel.qp``, ``panel.view`` and ``panel.frame`` are the controls themselves, and ``panel.caption``
    tells in words what is shown. ``panel.pictures`` are "motion" and what is "left without motion" and "left with
    motion"; in ``panel.charts["bits"]`` bars are the virtual codec's estimates, black lines what the real
    encoder writes.

    Args:
        clips: name → uint8 (T, H, W, 3) RGB, T at least 2, or a film, of which the first 8 frames are taken; by default
            clips of the test side.
        codec: "x265" or "x264".
        qp: where the slider starts, 0..51.

    Raises:
        InputError, InputTypeError: no clip, one that isn't uint8 (T >= 2, H, W, 3), a QP outside 0..51, an unknown
            codec.
    """

    kind = "clip"
    hint = (
        "An arrow points from a block to the place in the frame before that it is predicted from; a coloured frame is "
        "around a block for which something is sent."
    )

    def __init__(
        self, clips: Mapping[str, np.ndarray] | None = None, codec: str = "x265", qp: int = 32
    ) -> None:
        given = samples.example_windows() if clips is None else clips
        known = {name: self._sample(name, value) for name, value in given.items()}
        check_start(qp, clips=known)
        self._virtual, self._real = virtual_codec(codec, "ippp"), RealCodec(codec, gop="ippp")
        # A few QPs back and forth; each holds the clip several times over.
        self._code = lru_cache(8)(self._coded)
        self.view = choice("Show", VIEWS, "180px")
        self.qp = slider("QP", qp, 51, follow=False)  # to code a clip takes a second
        self.frame = slider("Frame", 1, len(next(iter(known.values())).frames) - 1)
        super().__init__(known, [("clip", "view", "qp"), ("frame",)])

    def __repr__(self) -> str:
        return f"MotionViewer({len(self._known)} clips, {self._real.name})"

    def _fit(self) -> None:
        self.frame.max = len(self._known[self.clip.value].frames) - 1

    def _coded(self, clip: str, qp: int) -> tuple[list[Motion], list[int]]:
        frames = self._known[clip].frames
        return dissect_clip(frames, qp, self._virtual), self._real(frames, qp=qp).frame_bits

    def _sample(self, name: str, given: Any) -> Sample:
        return samples.clip(name, given, _FRAMES)

    def _draw(self, move: SimpleNamespace) -> Iterator[Screen]:
        motions, real = self._code(move.clip, move.qp)
        t, motion, codec = move.frame, motions[move.frame], self._real.name
        picture = motion.decoded if move.view == "decoded" else motion.source
        pictures = {
            "motion": Still(f"{move.view}, with motion", draw_motion(picture, motion)),
            "left without motion": _left(motion, "still"),
            "left with motion": _left(motion, "moved"),
        }
        large, *small = (picture.html() for picture in pictures.values())
        charts = {"bits": bars([m.bits for m in motions], real, t, codec)}
        body = columns([large + _SQUARES, within(columns(small) + columns([charts["bits"]]))])
        tables = facts(motion, t, real[t], f"{codec} at QP {move.qp}")
        yield Screen(in_words(*tables), body, pictures, charts, "".join(table(*each) for each in tables))


def _left(motion: Motion, name: str) -> Still:
    left = getattr(motion, name)
    if left is None:
        return Still("no frame before", grey(np.zeros(motion.source.shape[:2])))
    return Still(f"left over {'without' if name == 'still' else 'with'} motion", grey(left))


def grey(left: np.ndarray) -> np.ndarray:
    """Differences of luma in grey levels (H, W) as uint8 (H, W, 3), enlarged four times around mid-grey."""
    return (128 + _GAIN * left).clip(0, 255).round().astype(np.uint8)[..., None].repeat(3, -1)


def facts(motion: Motion, t: int, real: int, title: str) -> list[tuple[list[str], list[list[str]]]]:
    """Tables, head and rows, of the frame and of its blocks' modes and motion; an I frame has the first alone."""
    kind = f"frame {t}" if motion.moved is not None else f"frame {t}, an I frame"
    head = [title, "kilobit (estimated)", "kilobit (written)", "PSNR (dB)"]
    line = [kind, f"{motion.bits / 1000:.2f}", f"{real / 1000:.2f}", f"{motion.psnr:.2f}"]
    if motion.still is None or motion.moved is None:
        return [(head, [line])]
    left = [f"{np.sqrt(np.mean(np.square(v))):.1f}" for v in (motion.still, motion.moved)]
    modes = ["blocks", *MODES, "left over without motion (grey levels rms)", "with motion"]
    return [(head, [line]), (modes, [["", *(f"{100 * motion.share(m):.0f} %" for m in MODES), *left]])]


def bars(virtual: list[float], real: list[int], shown: int, codec: str) -> str:
    """SVG of kilobit per frame, log scale: bars estimated, lines written, the shown frame dark."""
    words = f"frame {shown}: {virtual[shown] / 1000:.2f} kilobit estimated, {real[shown] / 1000:.2f} written by {codec}"
    fills = ["#0072B2" if t == shown else "#9ecae1" for t in range(len(virtual))]
    heading = f"<b>Kilobit per frame</b>, bars: estimated; lines: {escape(codec)}"
    return titled(heading, frame_bars(virtual, real, fills, range(len(virtual)), words))
