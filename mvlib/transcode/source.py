"""The input: a picture or clip, or a part of it → its frames in chunks, each with its time."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from mvlib.errors import InputError
from mvlib.media import Shown, TooShort, kind_of, load_picture, open_clip
from mvlib.media import Source as Clip
from mvlib.media.clip import another_size

_PICTURE_RATE = Fraction(25)  # of a film of one frame
# Frames of 1080p in a chunk: 2. A network holds dozens of numbers per pixel of a chunk.
_PIXELS, _FRAMES = 4_200_000, 8


@dataclass(frozen=True)
class Chunk:
    """Neighbouring frames."""

    frames: np.ndarray
    """uint8 (T, H, W, 3), RGB, upright."""
    starts: list[Fraction]
    """When each is to be shown, in seconds on the clock of the file."""
    lasting: list[Fraction]
    """For how many seconds."""


class Source:
    """The picture or clip ``file``, or a part of the clip.

    Attributes:
        is_clip: False for a picture.
        has_tracks: there may be sound and the like beside the picture.
        rate: frames per second, on average.
        tick: seconds that all times are multiples of.
        expected: about how many frames there are; 0 where nothing is known of it.
        begins: seconds on the clock of the file at which what is taken begins; the outputs begin at 0.
        look: the first frame, once it has been read.

    Raises ``MissingFile`` and ``Unreadable`` as ``mvlib.media`` does.
    """

    look: Shown

    def __init__(self, file: Path, start: int = 0, count: int | None = None) -> None:
        if start < 0 or (count is not None and count < 1):
            raise InputError(f"--start is {start} and --frames {count}; they must be at least 0 and 1")
        self.file, self.start, self.count = file, start, count
        self.is_clip = kind_of(file) == "clip"
        if not self.is_clip and start:
            raise InputError(f"{file} is a picture, which has no frame {start}; leave --start out")
        self._clip: Clip | None = open_clip(file) if self.is_clip else None
        self.has_tracks = self._clip is not None and self._clip.has_tracks
        self.rate = self._clip.rate if self._clip else _PICTURE_RATE
        self.tick = (self._clip.tick if self._clip else None) or 1 / self.rate
        left = self._clip.expected - start if self._clip else 1
        self.expected = max(0, left if count is None else min(count, left))
        self.begins = Fraction(0)
        self._notes: dict[str, None] = {}

    @property
    def whole(self) -> bool:
        """Whether all frames are taken."""
        return not self.start and self.count is None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found on the way that one may want to know, damage first."""
        found = (*self._clip.damage, *self._clip.notes) if self._clip else ()
        return tuple(dict.fromkeys((*found, *self._notes)))

    def chunks(self) -> Iterator[Chunk]:
        """All frames that are taken, a few at a time, as memory allows; at least one.

        Raises ``TooShort`` where there is none, ``Unreadable`` where the size changes on the way.
        """
        held: list[tuple[Shown, Fraction, Fraction]] = []
        size, most = None, 1
        for shown, start, lasts in self._timed():
            if size is None:
                size = shown.pixels.shape[:2]
                most = max(2, min(_FRAMES, _PIXELS // (size[0] * size[1])))
                self.look, self.begins = shown, start
                if self._clip is not None and self.whole:
                    self.begins = min(start, self._clip.begins // self.tick * self.tick)
            if shown.pixels.shape[:2] != size:
                raise another_size(self.file, size, shown.pixels.shape[:2])
            held.append((shown, start, lasts))
            if len(held) == most:
                yield _chunk(held)
                held = []
        if size is None:
            damage = "".join(f"; {what}" for what in self.notes[:1])
            raise TooShort(f"{self.file} holds no frame {self.start} that can be decoded{damage}")
        if held:
            yield _chunk(held)

    def window(self, start: int, count: int) -> np.ndarray:
        """``count`` frames from number ``start`` of the part on, uint8 (T, H, W, 3); fewer at the end."""
        if self._clip is None:
            return load_picture(self.file).pixels[None]
        frames = self._clip.window(self.start + start, count, 1)
        return np.stack(frames) if frames else np.empty((0, 0, 0, 3), np.uint8)

    def _timed(self) -> Iterator[tuple[Shown, Fraction, Fraction]]:
        """Each frame, when it begins, and how long it lasts, which only the next one tells for sure."""
        before: tuple[Shown, Fraction] | None = None
        gap = 1 / self.rate
        for number, shown in enumerate(self._shown()):
            start = shown.time
            if start is None:
                start = number * gap if before is None else before[1] + gap
            elif before is not None and start <= before[1]:
                self._notes["some of its times do not rise: those frames follow at the average rate"] = None
                start = before[1] + gap
            if before is not None:
                yield (*before, start - before[1])
                if number == self.count:
                    return
            before = shown, start
        if before is not None:
            yield (*before, before[0].lasts or gap)

    def _shown(self) -> Iterator[Shown]:
        """As many frames as are taken, and one more for the time at which the last one ends."""
        if self._clip is not None:
            return self._clip.shown(self.start)
        picture = load_picture(self.file)
        self._notes.update(dict.fromkeys(picture.notes))
        return iter([Shown(picture.pixels, Fraction(0), 1 / self.rate)])


def spread(frames: int, of: int, run: int) -> list[int]:
    """Where runs of ``run`` begin that together make about ``frames`` of the ``of`` frames of a film, evenly spread."""
    if of <= run:
        return [0]
    runs = max(1, min(frames, of) // run)
    return [round((i + 0.5) * of / runs - run / 2) for i in range(runs)]


def _chunk(held: list[tuple[Shown, Fraction, Fraction]]) -> Chunk:
    shown, starts, lasting = zip(*held, strict=True)
    return Chunk(np.stack([one.pixels for one in shown]), list(starts), list(lasting))
