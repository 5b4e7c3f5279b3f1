"""What moves in a clip, found without training: where it is, its speed, growth and turn against the camera's motion."""

import math

import pytest
import torch
from torch.nn import functional as F

from mvlib.analysers.actions import motion_statistics

MASS, X, Y, SPREAD, SIZE, SPEED_X, SPEED_Y, GROWTH, TURN = range(9)
MOMENTS = 6


def texture(side: int, seed: int) -> torch.Tensor:
    noise = torch.rand(1, 3, side // 3, side // 3, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(noise, (side, side), mode="bicubic")


def clip(step=(0.0, 0.0), zoom=1.0, turn=0.0, pan=(0.0, 0.0), start=(0.0, 0.0)) -> torch.Tensor:
    """A textured disc of 40 pixels that moves, grows or turns before a background that pans; pixels a moment."""
    behind, disc, frames = texture(240, 1), texture(160, 2), []
    rows, columns = torch.meshgrid(*[torch.arange(160.0) - 79.5] * 2, indexing="ij")
    for t in range(MOMENTS):
        left, top = (40 + round(v * t) for v in pan)
        frame = behind[..., top : top + 160, left : left + 160].clone()
        dx, dy = columns - start[0] - step[0] * t, rows - start[1] - step[1] * t
        scale, angle = zoom**t, turn * t
        x = (math.cos(angle) * dx + math.sin(angle) * dy) / scale
        y = (math.cos(angle) * dy - math.sin(angle) * dx) / scale
        moved = F.grid_sample(disc, torch.stack([x, y], -1)[None] / 80, align_corners=False)
        frames.append(torch.where((x.square() + y.square() < 20**2), moved, frame)[0])
    return (torch.stack(frames)[None] - 0.45) / 0.225


def found(**how) -> torch.Tensor:
    """The mean statistics over the moments."""
    return motion_statistics(clip(**how))[0].mean(0)


def test_nothing_moves_in_a_still_clip():
    assert found()[MASS] < 0.3


@pytest.mark.parametrize("pan", [(0, 0), (2, -1)])
def test_speed_and_place_are_those_of_the_actor_whatever_the_camera_does(pan):
    seen = found(step=(5.0, -2.0), start=(-30.0, 20.0), pan=pan)
    # The background moves against the camera, and the actor against the background.
    assert seen[SPEED_X] == pytest.approx(5 + pan[0], abs=0.6)
    assert seen[SPEED_Y] == pytest.approx(-2 + pan[1], abs=0.6)
    middle = (-30 + 5 * 2.5) / 80, (20 - 2 * 2.5) / 80
    assert (seen[X] - middle[0]).abs() < 0.08 and (seen[Y] - middle[1]).abs() < 0.08
    assert seen[MASS] > 2


def test_growth_and_turn_have_their_signs():
    assert found(zoom=1.08)[GROWTH] > 0.5 > -0.5 > found(zoom=1 / 1.08)[GROWTH]
    assert found(turn=0.15)[TURN] > 0.5 > -0.5 > found(turn=-0.15)[TURN]


def test_a_mirror_changes_the_signs_of_place_and_speed():
    seen = clip(step=(4.0, 1.0), start=(-10.0, 5.0))
    there, mirrored = (motion_statistics(c)[0].mean(0)[:GROWTH] for c in (seen, seen.flip(-1)))
    signs = torch.tensor([1, -1, 1, 1, 1, -1, 1])
    torch.testing.assert_close(mirrored * signs, there, atol=0.25, rtol=0.1)
