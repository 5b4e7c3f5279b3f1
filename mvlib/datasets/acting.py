"""Acting cut-outs: seed → background under a moving camera + an actor + bystanders → frames, action, boxes, masks.

A photographic cut-out does one of twelve things in front of a photograph or a real clip, others stand by or creep.
Everything about clip i is drawn from (seed, split, i), so any number can be made and each is the same on every day.
Cut-outs and backgrounds of two splits share no source.
"""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from mvlib.errors import InputError, choose

from . import acting_render as render
from ._root import SPLITS
from .acting_paths import ACTIONS, HELD_OUT, Path, act, drift
from .acting_render import MARGIN, Camera
from .clips import Clips
from .photos import Cutout, Cutouts, Photos

TURNS = 0.9  # least asymmetry of a cut-out that spins: nobody sees a plain ball spin
LONG = (0.17, 0.26)  # the actor's longer side, in frame sides
CLIP_SHARE = 0.25  # of the backgrounds are real clips, where there are any


@dataclass(frozen=True)
class ActedClip:
    """One clip with its exact truth.

    Attributes:
        frames: uint8 (T, S, S, 3), RGB.
        action: index into the ``actions`` of the scenes.
        boxes: float32 (T, 4): left, top, right, bottom of the actor's mask in pixels, right and bottom exclusive;
            NaN where nothing of it is in the frame.
        masks: bool (T, S, S), the actor at the middle of each exposure.
        visible: float32 (T,), share of the actor that lies inside the frame, 0..1.
        cutout, background: ``source_id`` of the actor and of what is behind it (cluster by these).
        name: what the actor does.
    """

    frames: np.ndarray
    action: int
    boxes: np.ndarray
    masks: np.ndarray
    visible: np.ndarray
    cutout: str
    background: str
    name: str


class ActingCutouts(Dataset):
    """``count`` generated clips of one split.

    Args:
        split: "train", "val" or "test": of cut-outs, photographs and clips alike.
        count: how many clips; clip i does not depend on it.
        size: side of the square frames in pixels, 32..320.
        frames: T, at least 4.
        seed: together with split and index it fixes everything.
        held_out: actions and a camera of no training, ``HELD_OUT`` and ``Camera.handheld``, in place of the usual.

    Raises ValueError for an unknown split or a number outside its range.
    """

    def __init__(
        self, split: str, count: int, size: int = 224, frames: int = 16, seed: int = 0, held_out: bool = False
    ) -> None:
        choose("split", split, SPLITS)
        for name, value, low, high in (
            *(("count", count, 1, 2**31), ("size", size, 32, 320)),
            *(("frames", frames, 4, 64), ("seed", seed, 0, 2**63)),
        ):
            if not low <= value <= high:
                raise InputError(f"{name}={value} is outside {low}..{high}")
        self.split, self.count, self.size, self.frames, self.seed = split, count, size, frames, seed
        self.actions = HELD_OUT if held_out else ACTIONS
        self.camera = Camera.handheld if held_out else Camera.draw
        self.cutouts = Cutouts(split)
        self.photos = Photos(split, size=32)
        self.clips = _clips(split, size, frames)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> ActedClip:
        """Make clip ``index``."""
        if not -self.count <= index < self.count:
            raise IndexError(f"clip {index} does not exist, there are 0..{self.count - 1}")
        index %= self.count
        rng = np.random.default_rng((self.seed, SPLITS.index(self.split), index))
        action = self.action(index)
        time = render.exposures(self.frames)
        canvas, behind, strength = self._background(rng)
        camera = self.camera(time, rng, strength)
        middle = Camera(*(v[1 :: render.INSTANTS] for v in (camera.x, camera.y, camera.zoom, camera.roll)))
        frames = middle.shoot(canvas, self.size)
        light = float(frames.mean())
        name = self.actions[action]
        actor = self._cast(rng, spins=name.startswith("spin"))
        path = _staged(act(name, time, rng), rng)
        for _ in range(int(rng.integers(1, 3))):  # bystanders first: the actor is in front
            aside = drift(time, rng).moved(*_aside(path, rng), rng.normal(0, 0.15))
            self._draw(frames, self._cast(rng), camera.see(aside), light, rng)
        layer = self._draw(frames, actor, camera.see(path), light, rng)
        return self._clip(frames, layer, action, actor.source_id, behind, rng)

    def action(self, index: int) -> int:
        """What clip ``index`` shows: as many clips as there are actions hold every one once, in random order."""
        turn, place = divmod(index, len(self.actions))
        rng = np.random.default_rng((self.seed, SPLITS.index(self.split), turn, 1))
        return int(rng.permutation(len(self.actions))[place])

    def _cast(self, rng: np.random.Generator, spins: bool = False) -> Cutout:
        while True:
            chosen = self.cutouts[int(rng.integers(len(self.cutouts)))]
            if not spins or chosen.asymmetry >= TURNS:
                return chosen

    def _background(self, rng: np.random.Generator) -> tuple[Tensor, str, float]:
        """Canvas (1 or T, 3, C, C) in 0..1, its source, and how much the camera may move over it."""
        side = round((1 + 2 * MARGIN) * self.size)
        if self.clips is not None and rng.random() < CLIP_SHARE:
            k = int(rng.integers(len(self.clips)))
            pixels = self.clips.uint8(k)
            top, left, span = _square(pixels.shape[1:3], 0.85, rng)
            window = torch.from_numpy(pixels[:, top : top + span, left : left + span].copy())
            canvas = F.interpolate(
                window.permute(0, 3, 1, 2).float() / 255, (side, side), mode="bilinear", antialias=True
            )
            return canvas, self.clips.item(k).source_id, 0.5  # it moves by itself as well
        k = int(rng.integers(len(self.photos)))
        pixels = self.photos.uint8(k)
        top, left, span = _square(pixels.shape[:2], 0.7, rng)
        crop = Image.fromarray(pixels[top : top + span, left : left + span])
        crop = crop.resize((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
        canvas = torch.from_numpy(np.array(crop)).permute(2, 0, 1)[None].float() / 255
        return (canvas.flip(3) if rng.random() < 0.5 else canvas), self.photos.item(k).source_id, 1.0

    def _draw(
        self, frames: Tensor, who: Cutout, seen: Path, light: float, rng: np.random.Generator
    ) -> render.Layer:
        """Paste one cut-out with its shadow onto all frames (T, 3, S, S); ``light`` is the scene's mean, 0..1."""
        alpha = who.rgba[..., 3:] / 255.0
        own = float((who.rgba[..., :3] / 255.0 * alpha).sum() / (3 * alpha.sum()))
        # Nothing glows in a dark scene: half-way, in log light, to the scene's own.
        gain = float(np.clip((light / max(own, 0.05)) ** 0.5, 0.6, 1.3))
        skin = render.texture(who.rgba, rng.uniform(*LONG) * self.size, gain)
        if rng.random() < 0.5:
            skin = skin.flip(3)
        layer = render.warp(skin, seen, self.size)
        x, y = round(rng.uniform(-0.02, 0.02) * self.size), round(rng.uniform(0.01, 0.03) * self.size)
        render.paste(frames, render.shadow(layer, rng.uniform(0.15, 0.4), (x, y)))
        render.paste(frames, layer)
        return layer

    def _clip(
        self,
        frames: Tensor,
        layer: render.Layer,
        action: int,
        actor: str,
        behind: str,
        rng: np.random.Generator,
    ) -> ActedClip:
        """Add the sensor's noise, round, and take the truth from the actor's layer."""
        grain = rng.standard_normal((len(frames), 1, *frames.shape[2:]), dtype=np.float32)
        frames += torch.from_numpy(grain) * float(rng.uniform(0.5, 2) / 255)
        pixels = (frames.clamp_(0, 1) * 255).round_().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
        mask = render.masks(layer, self.size)
        whole = (layer.sharp >= 0.5).sum((1, 2)).clamp_min(1).numpy()
        visible = (mask.sum((1, 2)) / whole).astype(np.float32)
        name = self.actions[action]
        return ActedClip(pixels, action, _boxes(mask), mask, visible, actor, behind, name)


def _clips(split: str, size: int, frames: int) -> Clips | None:
    """Real clips that are large enough not to be blown up; the validation side has none."""
    if split == "val" or frames > 48:
        return None
    clips = Clips(split, frames=frames, flip=False, least=size)
    return clips if len(clips) else None


def _square(shape: tuple[int, int], least: float, rng: np.random.Generator) -> tuple[int, int, int]:
    """Top, left and side of a random square that takes ``least`` to all of the shorter side."""
    span = round(min(shape) * rng.uniform(least, 1))
    return int(rng.integers(shape[0] - span + 1)), int(rng.integers(shape[1] - span + 1)), span


def _staged(path: Path, rng: np.random.Generator) -> Path:
    """Put the path where all of it is in the frame: its middle anywhere that leaves room."""
    room = 0.16  # for half of the actor and for the camera

    def place(way: np.ndarray) -> float:
        low, high = room - way.min(), 1 - room - way.max()
        return rng.uniform(low, high) if low < high else (low + high) / 2

    return path.moved(place(path.x), place(path.y), angle=rng.normal(0, 0.1))


def _aside(path: Path, rng: np.random.Generator) -> tuple[float, float]:
    """A place for a bystander, as far from the actor's path as the best of four tries."""
    tries = rng.uniform(0.12, 0.88, (4, 2))
    gap = np.hypot(tries[:, :1] - path.x, tries[:, 1:] - path.y).min(1)
    return tuple(tries[gap.argmax()])


def _boxes(masks: np.ndarray) -> np.ndarray:
    """Smallest boxes (T, 4) around masks (T, S, S); NaN around nothing."""
    edges: list[np.ndarray] = []
    for axis in (1, 2):  # any over rows gives columns: left, right; over columns gives top, bottom
        line = np.any(masks, axis=axis)
        edges += [line.argmax(1), line.shape[1] - line[:, ::-1].argmax(1)]
    boxes = np.stack([edges[0], edges[2], edges[1], edges[3]], axis=1).astype(np.float32)
    boxes[~masks.any((1, 2))] = np.nan
    return boxes
