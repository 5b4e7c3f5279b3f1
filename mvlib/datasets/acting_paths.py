"""What an actor does: action name → random speed and size → place, size and angle at any time of the clip.

Every action needs several frames to tell, and most have a twin that differs in direction alone.  Places are in units
of the frame's side with y down, angles in radians (positive turns clockwise on the screen), times run from 0 to 1.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mvlib.errors import choose

ACTIONS = (
    *("slide left", "slide right", "fall", "rise", "bounce", "swing"),
    *("spin clockwise", "spin counter-clockwise", "approach", "recede", "shake", "circle"),
)
HELD_OUT = ("zigzag", "figure of eight", "stop and go", "turn back", "spiral", "tumble")
"""Actions of no training: neither recognisers nor preprocessors have seen them; no recogniser has names for them."""
Value = float | np.ndarray


@dataclass(frozen=True)
class Path:
    """Where an actor is at N times: x, y (frame sides), scale (1 at its largest), angle (radians), each (N,)."""

    x: np.ndarray
    y: np.ndarray
    scale: np.ndarray
    angle: np.ndarray

    @classmethod
    def of(
        cls, time: np.ndarray, x: Value = 0.0, y: Value = 0.0, scale: Value = 1.0, angle: Value = 0.0
    ) -> "Path":
        """Fill up: a number holds at all times."""
        return cls(
            *(np.broadcast_to(np.asarray(v, dtype=np.float64), time.shape) for v in (x, y, scale, angle))
        )

    def moved(self, x: float, y: float, angle: float = 0.0) -> "Path":
        """The same path elsewhere; ``angle`` turns the actor, not its way."""
        return Path(self.x + x, self.y + y, self.scale, self.angle + angle)


def act(action: str, time: np.ndarray, rng: np.random.Generator) -> Path:
    """Draw a path of ``action``, one of ``ACTIONS`` or ``HELD_OUT``, about the origin at ``time`` (N,) in 0..1.

    Raises ValueError for an action that nobody plays.
    """
    return _PLAYED[choose("action", action, ACTIONS + HELD_OUT)](time, rng)


def drift(time: np.ndarray, rng: np.random.Generator, fastest: float = 0.05) -> Path:
    """Stand still, or creep in a straight line: what those do who do not act."""
    length = rng.uniform(0, fastest) * rng.integers(0, 2)
    direction = rng.uniform(0, 2 * np.pi)
    way = length * (time - 0.5)
    return Path.of(time, way * np.cos(direction), way * np.sin(direction))


def _slide(sign: int) -> Callable[[np.ndarray, np.random.Generator], Path]:
    def path(time: np.ndarray, rng: np.random.Generator) -> Path:
        way, slant = rng.uniform(0.25, 0.5), rng.uniform(-0.05, 0.05)
        return Path.of(time, sign * way * (time - 0.5), slant * (time - 0.5))

    return path


def _vertical(sign: int) -> Callable[[np.ndarray, np.random.Generator], Path]:
    def path(time: np.ndarray, rng: np.random.Generator) -> Path:
        way, power, slant = rng.uniform(0.25, 0.5), rng.uniform(1.2, 2), rng.uniform(-0.05, 0.05)
        # A rise is a fall played backwards: fast at first, slow in the end.
        progress = time**power if sign > 0 else 1 - (1 - time) ** power
        return Path.of(time, slant * (time - 0.5), sign * way * (progress - 0.5))

    return path


def _bounce(time: np.ndarray, rng: np.random.Generator) -> Path:
    height, hops, phase = rng.uniform(0.12, 0.2), rng.uniform(1.8, 2.8), rng.uniform(0, 1)
    way = rng.uniform(-0.12, 0.12)
    hop = (hops * time + phase) % 1
    return Path.of(time, way * (time - 0.5), height * (0.5 - 4 * hop * (1 - hop)))


def _swing(time: np.ndarray, rng: np.random.Generator) -> Path:
    length, widest = rng.uniform(0.18, 0.3), np.deg2rad(rng.uniform(25, 40))
    swings, phase = rng.uniform(1, 1.6), rng.uniform(0, 2 * np.pi)
    angle = widest * np.sin(2 * np.pi * swings * time + phase)
    return Path.of(time, length * np.sin(angle), length * (np.cos(angle) - 1), angle=-angle)


def _spin(sign: int) -> Callable[[np.ndarray, np.random.Generator], Path]:
    def path(time: np.ndarray, rng: np.random.Generator) -> Path:
        turns, dx, dy = rng.uniform(0.5, 1), *rng.uniform(-0.04, 0.04, 2)
        return Path.of(time, dx * (time - 0.5), dy * (time - 0.5), angle=sign * 2 * np.pi * turns * time)

    return path


def _depth(sign: int) -> Callable[[np.ndarray, np.random.Generator], Path]:
    def path(time: np.ndarray, rng: np.random.Generator) -> Path:
        ratio, dx, dy = rng.uniform(1.8, 2.5), *rng.uniform(-0.08, 0.08, 2)
        progress = time if sign > 0 else 1 - time
        # Distance shrinks evenly, so that size grows as 1 / distance, from 1/ratio to 1.
        scale = 1 / (ratio + (1 - ratio) * progress)
        return Path.of(time, dx * (time - 0.5), dy * (time - 0.5), scale=scale)

    return path


def _shake(time: np.ndarray, rng: np.random.Generator) -> Path:
    width, often, phase = rng.uniform(0.03, 0.05), rng.uniform(2.5, 3.3), rng.uniform(0, 2 * np.pi)
    wave = np.sin(2 * np.pi * often * time + phase)
    return Path.of(time, width * wave, angle=np.deg2rad(rng.uniform(-10, 10)) * wave)


def _circle(time: np.ndarray, rng: np.random.Generator) -> Path:
    radius, turns, phase = rng.uniform(0.08, 0.14), rng.uniform(1, 1.3), rng.uniform(0, 2 * np.pi)
    angle = rng.choice([-1, 1]) * 2 * np.pi * turns * time + phase
    return Path.of(time, radius * np.cos(angle), radius * np.sin(angle))


def _zigzag(time: np.ndarray, rng: np.random.Generator) -> Path:
    way, width, turns = rng.uniform(0.25, 0.45), rng.uniform(0.05, 0.1), rng.uniform(1.5, 2.5)
    side = 4 * np.abs((turns * time + rng.uniform(0, 1)) % 1 - 0.5) - 1
    return Path.of(time, rng.choice([-1, 1]) * way * (time - 0.5), width * side)


def _figure_of_eight(time: np.ndarray, rng: np.random.Generator) -> Path:
    width, turns, phase = rng.uniform(0.1, 0.17), rng.uniform(1, 1.4), rng.uniform(0, 2 * np.pi)
    angle = 2 * np.pi * turns * time + phase
    return Path.of(time, width * np.sin(angle), width / 2 * np.sin(2 * angle))


def _stop_and_go(time: np.ndarray, rng: np.random.Generator) -> Path:
    way, stops, direction = rng.uniform(0.3, 0.5), rng.integers(2, 4), rng.uniform(0, 2 * np.pi)
    # Half of each part is a halt, half a smooth move to the next place.
    part, within = np.divmod(stops * time, 1)
    progress = (part + (1 - np.cos(np.pi * (2 * within - 1).clip(0, 1))) / 2) / stops
    return Path.of(
        time, way * np.cos(direction) * (progress - 0.5), way * np.sin(direction) * (progress - 0.5)
    )


def _turn_back(time: np.ndarray, rng: np.random.Generator) -> Path:
    way, turn, direction = rng.uniform(0.2, 0.4), rng.uniform(0.35, 0.65), rng.uniform(0, 2 * np.pi)
    out = way * (1 - np.abs(time - turn) / max(turn, 1 - turn))
    return Path.of(time, out * np.cos(direction), out * np.sin(direction))


def _spiral(time: np.ndarray, rng: np.random.Generator) -> Path:
    radius, turns, phase = rng.uniform(0.12, 0.18), rng.uniform(1.2, 2), rng.uniform(0, 2 * np.pi)
    reach = radius * (time if rng.random() < 0.5 else 1 - time)
    angle = rng.choice([-1, 1]) * 2 * np.pi * turns * time + phase
    return Path.of(time, reach * np.cos(angle), reach * np.sin(angle))


def _tumble(time: np.ndarray, rng: np.random.Generator) -> Path:
    way, rise, turns = rng.uniform(0.25, 0.45), rng.uniform(0.1, 0.2), rng.uniform(0.7, 1.5)
    sign = rng.choice([-1, 1])
    thrown = rise * (4 * (time - 0.5) ** 2 - 0.5)  # a parabola, as of what is thrown
    return Path.of(time, sign * way * (time - 0.5), thrown, angle=sign * 2 * np.pi * turns * time)


_PLAYED: dict[str, Callable[[np.ndarray, np.random.Generator], Path]] = {
    "slide left": _slide(-1),
    "slide right": _slide(1),
    "fall": _vertical(1),
    "rise": _vertical(-1),
    "bounce": _bounce,
    "swing": _swing,
    "spin clockwise": _spin(1),
    "spin counter-clockwise": _spin(-1),
    "approach": _depth(1),
    "recede": _depth(-1),
    "shake": _shake,
    "circle": _circle,
    "zigzag": _zigzag,
    "figure of eight": _figure_of_eight,
    "stop and go": _stop_and_go,
    "turn back": _turn_back,
    "spiral": _spiral,
    "tumble": _tumble,
}
