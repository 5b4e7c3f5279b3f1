"""Acting cut-outs: paths true to their names, a camera that agrees with itself, truth that fits the pixels."""

import time

import numpy as np
import pytest
import torch

from mvlib.datasets import ACTIONS, ActingCutouts
from mvlib.datasets import acting_render as render
from mvlib.datasets.acting_paths import HELD_OUT, Path, act, drift
from mvlib.datasets.acting_render import MARGIN, Camera

T = 16


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def still(n: int, x: float = 0.5, y: float = 0.5, zoom: float = 1.0, roll: float = 0.0) -> Camera:
    return Camera(*(np.full(n, v) for v in (x, y, zoom, roll)))


@pytest.fixture(scope="module")
def dozen() -> dict[str, list]:
    made = ActingCutouts("train", 12, size=96)
    clips: dict[str, list] = {}
    for i in range(12):
        clips.setdefault(made[i].name, []).append(made[i])
    return clips


def test_twins_are_mirrors_and_reversals_of_one_another():
    t = np.linspace(0, 1, 9)
    for seed in range(5):
        left, right = act("slide left", t, rng(seed)), act("slide right", t, rng(seed))
        np.testing.assert_allclose(left.x, -right.x, atol=1e-12)
        fall, rise = act("fall", t, rng(seed)), act("rise", t, rng(seed))
        np.testing.assert_allclose(fall.y, rise.y[::-1], atol=1e-12)
        near, far = act("approach", t, rng(seed)), act("recede", t, rng(seed))
        np.testing.assert_allclose(near.scale, far.scale[::-1], atol=1e-12)
        one, other = act("spin clockwise", t, rng(seed)), act("spin counter-clockwise", t, rng(seed))
        np.testing.assert_allclose(one.angle, -other.angle, atol=1e-12)


@pytest.mark.parametrize("action", ACTIONS + HELD_OUT)
def test_every_action_outdoes_a_bystander(action):
    t = render.exposures(T)
    moved = []
    for seed in range(20):
        for path in (act(action, t, rng(seed)), drift(t, rng(seed))):
            assert all(
                np.isfinite(v).all() and v.shape == t.shape for v in (path.x, path.y, path.scale, path.angle)
            )
            assert path.scale.max() <= 1 + 1e-12
            moved.append(
                np.ptp(path.x) + np.ptp(path.y) + np.ptp(np.log(path.scale)) + np.ptp(path.angle) / np.pi
            )
    acting, standing = np.array(moved[::2]), np.array(moved[1::2])
    assert acting.min() > 0.05 + 1e-9 >= standing.max() / np.sqrt(2) - 1e-9


def test_a_camera_at_rest_shows_the_middle_of_its_canvas():
    side = round(64 * (1 + 2 * MARGIN))
    canvas = torch.rand(1, 3, side, side)
    edge = (side - 64) // 2
    np.testing.assert_allclose(
        still(1).shoot(canvas, 64)[0], canvas[0, :, edge : edge + 64, edge : edge + 64], atol=1e-5
    )


def test_what_the_camera_shoots_is_where_it_says():
    # A bright blob at a place of the world is found on the screen where `see` puts it.
    camera = Camera(*(np.array([v]) for v in (0.53, 0.46, 1.1, 0.05)))
    side, (x, y) = 160, (0.7, 0.35)
    rows, columns = torch.meshgrid(torch.arange(side) + 0.5, torch.arange(side) + 0.5, indexing="ij")
    at = [(v + MARGIN) / (1 + 2 * MARGIN) * side for v in (x, y)]
    canvas = torch.exp(-((columns - at[0]) ** 2 + (rows - at[1]) ** 2) / 18).expand(1, 3, -1, -1)
    shot = camera.shoot(canvas, 128)[0, 0]
    seen = camera.see(Path.of(np.zeros(1), x, y))
    rows, columns = torch.meshgrid(torch.arange(128) + 0.5, torch.arange(128) + 0.5, indexing="ij")
    centre = [float((v * shot).sum() / shot.sum()) for v in (columns, rows)]
    np.testing.assert_allclose(centre, [128 * seen.x[0], 128 * seen.y[0]], atol=0.1)


def bar(width: int, height: int) -> torch.Tensor:
    """An opaque white texture with the transparent rim that `texture` gives."""
    return torch.nn.functional.pad(torch.ones(1, 4, height, width), (1, 1, 1, 1))


def test_an_actor_lands_where_its_path_leads():
    n = T * render.INSTANTS
    level = render.warp(bar(30, 10), Path.of(np.zeros(n), 0.5, 0.25), 128)
    mask = render.masks(level, 128)
    assert mask[0].sum() == 300 and mask[3, 32 - 5 : 32 + 5, 64 - 15 : 64 + 15].all()
    upright = render.masks(
        render.warp(bar(30, 10), Path.of(np.zeros(n), 0.5, 0.25, angle=np.pi / 2), 128), 128
    )
    assert upright[0].sum() == 300 and upright[3, 32 - 15 : 32 + 15, 64 - 5 : 64 + 5].all()
    half = render.masks(render.warp(bar(32, 12), Path.of(np.zeros(n), 0.5, 0.25, scale=0.5), 128), 128)
    assert half[0].sum() == 16 * 6 and half[3, 32 - 3 : 32 + 3, 64 - 8 : 64 + 8].all()


def test_a_positive_angle_turns_clockwise_on_the_screen():
    skin = bar(20, 20)
    skin[:, :, 1:6, 9:13] = 0  # a notch on top
    turned = render.warp(skin, Path.of(np.zeros(render.INSTANTS), 0.5, 0.5, angle=np.pi / 2), 64)
    mask = render.masks(turned, 64)[0]
    assert not mask[32, 40] and mask[32, 24], "the notch has gone to the right"


def test_what_moves_fast_is_smeared_and_its_mask_is_not():
    t = render.exposures(T)
    fast = render.warp(bar(20, 20), Path.of(t, 0.2 + 0.6 * t, 0.5), 128)
    slow = render.warp(bar(20, 20), Path.of(t, 0.5, 0.5), 128)

    def soft(layer):
        return ((layer.rgba[5, 3] > 0.02) & (layer.rgba[5, 3] < 0.98)).sum()

    assert soft(fast) > soft(slow) + 20
    assert abs(int((fast.sharp[5] >= 0.5).sum()) - 400) <= 20


def test_an_actor_half_outside_is_cut_at_the_border():
    n = render.INSTANTS
    layer = render.warp(bar(20, 20), Path.of(np.zeros(n), 0.0, 1.0), 64)
    frames = torch.zeros(1, 3, 64, 64)
    render.paste(frames, layer)
    assert render.masks(layer, 64)[0].sum() == 100 == int((frames[0, 0] > 0.5).sum())
    gone = render.warp(bar(20, 20), Path.of(np.zeros(n), 2.0, -1.0), 64)
    before = frames.clone()
    render.paste(frames, gone)
    assert torch.equal(frames, before) and not render.masks(gone, 64).any()


def test_shapes_and_boxes_fit_the_masks(dozen):
    for clips in dozen.values():
        for clip in clips:
            assert clip.frames.shape == (T, 96, 96, 3) and clip.frames.dtype == np.uint8
            assert clip.masks.shape == (T, 96, 96) and clip.visible.shape == (T,)
            for mask, box, visible in zip(clip.masks, clip.boxes, clip.visible, strict=True):
                assert 0 < visible <= 1
                left, top, right, bottom = box.astype(int)
                assert mask[top:bottom, left:right].sum() == mask.sum() > 0
                assert (
                    mask[top].any()
                    and mask[bottom - 1].any()
                    and mask[:, left].any()
                    and mask[:, right - 1].any()
                )


def test_boxes_move_as_the_action_says(dozen):
    def centres(clip):
        return (clip.boxes[:, :2] + clip.boxes[:, 2:]) / 2

    for name, axis, sign in (("slide left", 0, -1), ("slide right", 0, 1), ("fall", 1, 1), ("rise", 1, -1)):
        for clip in dozen[name]:
            assert sign * (centres(clip)[-1] - centres(clip)[0])[axis] > 0.1 * 96, name
    for name, sign in (("approach", 1), ("recede", -1)):
        for clip in dozen[name]:
            area = clip.masks.sum((1, 2)).astype(float)
            assert sign * np.log(area[-1] / area[0]) > np.log(2), name


def test_the_mask_is_where_the_pixels_change():
    # Twice the same scene, the second time with an actor that nobody can see: only the mask's surroundings differ.
    made = ActingCutouts("train", 12, size=96)
    clip = made[5]
    draw = render.paste
    layers = []
    try:
        render.paste = lambda frames, layer: layers.append(layer)
        bare = made[5]
    finally:
        render.paste = draw
    frames = torch.zeros(T, 3, 96, 96)
    for layer in layers:  # bystanders, the actor, and their shadows
        draw(
            frames,
            render.Layer(
                torch.cat(
                    [torch.ones_like(layer.rgba[:, :3]) * layer.rgba[:, 3:]] * 1 + [layer.rgba[:, 3:]], 1
                ),
                layer.sharp,
                layer.corner,
            ),
        )
    touched = frames[:, 0].numpy() > 0.02
    changed = np.abs(clip.frames.astype(int) - bare.frames).max(-1) > 8
    assert not (changed & ~touched).any()
    assert changed[clip.masks].mean() > 0.5


def test_everything_follows_from_seed_split_and_index():
    few, many = ActingCutouts("val", 3, size=64), ActingCutouts("val", 300, size=64)
    np.testing.assert_array_equal(few[2].frames, many[2].frames)
    np.testing.assert_array_equal(few[-1].frames, few[2].frames)
    assert not np.array_equal(many[14].frames, ActingCutouts("val", 300, size=64, seed=1)[14].frames)
    assert not np.array_equal(many[14].frames, ActingCutouts("test", 300, size=64)[14].frames)


def test_each_dozen_holds_every_action_once():
    made = ActingCutouts("train", 48, size=32)
    actions = np.array([made.action(i) for i in range(48)]).reshape(4, 12)
    assert (np.sort(actions, axis=1) == np.arange(12)).all()
    assert len({tuple(row) for row in actions}) > 1


def test_held_out_scenes_show_other_actions_before_another_camera():
    usual, held_out = (ActingCutouts("test", 6, size=64, held_out=held) for held in (False, True))
    assert sorted(held_out[i].name for i in range(6)) == sorted(HELD_OUT)
    assert not set(HELD_OUT) & set(ACTIONS)
    assert held_out.camera != usual.camera and not np.array_equal(held_out[0].frames, usual[0].frames)


def test_a_hand_held_camera_sways_and_never_looks_past_the_canvas():
    t = np.linspace(0, 1, 4 * T)
    turns = {"draw": [], "handheld": []}
    for seed in range(40):
        for name, turned in turns.items():
            camera = getattr(Camera, name)(t, rng(seed))
            # The corner of the screen that is furthest away, in the world.
            far = np.sqrt(0.5) / camera.zoom * np.sin(np.pi / 4 + np.abs(camera.roll))
            assert (np.abs(camera.x - 0.5) + far).max() <= 0.5 + MARGIN
            assert (np.abs(camera.y - 0.5) + far).max() <= 0.5 + MARGIN
            turned.append(np.count_nonzero(np.diff(np.sign(np.diff(camera.roll)))))
    assert max(turns["draw"]) <= 1 and min(turns["handheld"]) >= 2


def test_splits_share_neither_cutout_nor_background():
    made = {split: ActingCutouts(split, 12) for split in ("train", "val", "test")}
    sources = [
        {m.source_id for m in d.cutouts.meta} | {m.source_id for m in d.photos.meta}
        | ({m.source_id for m in d.clips.meta} if d.clips else set())
        for d in made.values()
    ]  # fmt: skip
    assert len(set.union(*sources)) == sum(map(len, sources))
    assert made["train"].clips and made["test"].clips and made["val"].clips is None


def test_what_spins_can_be_seen_to_spin():
    made = ActingCutouts("train", 600, size=32)
    asymmetry = {m.source_id: 0.0 for m in made.cutouts.meta}
    for k in range(len(made.cutouts)):
        asymmetry[made.cutouts[k].source_id] = max(
            asymmetry[made.cutouts[k].source_id], made.cutouts[k].asymmetry
        )
    spinning = [i for i in range(120) if "spin" in ACTIONS[made.action(i)]]
    assert len(spinning) == 20
    assert min(asymmetry[made[i].cutout] for i in spinning[:6]) >= 0.9


def test_faster_than_real_time():
    made = ActingCutouts("train", 12)
    made[0]
    start = time.process_time()
    for i in range(1, 5):
        made[i]
    assert 4 * T / (time.process_time() - start) >= 25  # frames a second on one core


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "all"}, "split 'all' is unknown"),
        ({"count": 0}, "count=0 is outside 1"),
        ({"size": 16}, r"size=16 is outside 32\.\.320"),
        ({"frames": 2}, r"frames=2 is outside 4\.\.64"),
        ({"seed": -1}, "seed=-1 is outside 0"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        ActingCutouts(**({"split": "val", "count": 3} | options))


def test_index_and_action_errors():
    with pytest.raises(IndexError, match="clip 3 does not exist"):
        ActingCutouts("val", 3)[3]
    with pytest.raises(ValueError, match="action 'dance' is unknown; choose one of slide left"):
        act("dance", np.zeros(3), rng())
