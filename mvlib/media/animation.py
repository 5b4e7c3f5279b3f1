"""Animations that Pillow reads (GIF, APNG, WebP, AVIF) as clips: each frame as it is to be seen, over white."""

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from .files import Shown
from .picture import finished, opened
from .pixels import check_tags

# Browsers show frames of 10 ms and less, which old programs wrote for "as fast as you can", for 100 ms.
_TOO_FAST, _INSTEAD = 10, 100
_BROKEN = (OSError, EOFError, SyntaxError, ValueError)
"""What Pillow raises on the way through a damaged animation."""
_UNEVEN = "its frames do not last equally long: they are taken by their number, at the average rate"


class Animation:
    """As ``Film``, of an animation."""

    tick = Fraction(1, 1000)
    begins = Fraction(0)
    has_tracks = False

    def __init__(self, path: Path) -> None:
        self.path, self.decoded = path, 0
        self._notes: dict[str, None] = {}
        self.damage: list[str] = []
        with opened(path) as image:
            check_tags(image, path)
            # An APNG may begin with a still of its own, for programs that cannot animate.
            self._first = int(getattr(image, "default_image", False))
            self.count = self.expected = getattr(image, "n_frames", 1) - self._first
            # Other kinds state how many frames there are.
            if image.format == "GIF" and not path.read_bytes().rstrip(b"\0\r\n ").endswith(b";"):
                self.damage.append("the file ends before its trailer")

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._notes)

    @cached_property
    def rate(self) -> Fraction:
        """Frames per second, on average."""
        lasting = []
        with opened(self.path) as image, suppress(*_BROKEN):
            for number in range(self._first, self._first + self.count):
                image.seek(number)
                image.load()  # WebP and AVIF tell it afterwards
                lasting.append(_lasting(image))
        lasting = lasting or [_INSTEAD]
        if len(set(lasting)) > 1:
            self._notes[_UNEVEN] = None
        return Fraction(1000 * len(lasting), sum(lasting))

    def frames(self) -> Iterator[np.ndarray]:
        """All of them, one by one: uint8 (H, W, 3)."""
        return (shown.pixels for shown in self.shown())

    def shown(self, start: int = 0) -> Iterator[Shown]:
        """From number ``start`` on, one by one, with their times."""
        self._notes.pop(_UNEVEN, None)
        return islice(self._from_start(), start, None)

    def _from_start(self) -> Iterator[Shown]:
        at = 0
        with opened(self.path) as image:
            for number in range(self._first, self._first + self.count):
                notes: list[str] = []
                try:
                    image.seek(number)
                    pixels = finished(image, notes)
                except _BROKEN as error:
                    whole = number - self._first
                    self.damage.append(f"it ends after {whole} of {self.count} frames: {error}")
                    return
                self._notes.update(dict.fromkeys(notes))
                self.decoded += 1
                lasts = _lasting(image)
                yield Shown(pixels, at * self.tick, lasts * self.tick)
                at += lasts

    def window(self, start: int, count: int, step: int) -> list[np.ndarray]:
        """``count`` frames, every ``step``-th from number ``start``; fewer where it ends."""
        return list(islice(self.frames(), start, start + (count - 1) * step + 1, step))


def _lasting(image: Image.Image) -> int:
    """Milliseconds that the frame which ``image`` is at is to be seen for."""
    stated = round(image.info.get("duration", 0))
    return stated if stated > _TOO_FAST else _INSTEAD
