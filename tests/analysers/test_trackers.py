"""Trackers follow what they were shown, alone or in a batch, and hand a gradient back to the frames."""

import numpy as np
import pytest
import torch
from torchvision.ops import box_convert

from mvlib import analysers
from mvlib.analysers.trackers import TRACKER_NAMES, Search, Tracker, response_divergence
from mvlib.analysers.trackers.overlap import sequence_scores
from mvlib.analysers.trackers.siamese import around, cut
from mvlib.datasets import Cutouts, Photos, Tracks

FRAMES, SIZE = 10, 160


@pytest.fixture(scope="module", params=TRACKER_NAMES)
def tracker(request) -> Tracker:
    return analysers.load(request.param)


def scene(growth: float = 1.0, thing: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A cut-out moves along a bow over a photograph that stays, ``growth`` times larger in each frame."""
    photos = Photos("train", size=SIZE, seed=3)
    behind = photos[7]
    rgba = torch.from_numpy(Cutouts("train")[thing].rgba.copy()).permute(2, 0, 1).float() / 255
    frames, boxes = [], []
    for t in range(FRAMES):
        side = 44 * growth**t
        cx, cy = 45 + 7.5 * t, 60 + 35 * np.sin(t / 4)
        scale = side / max(rgba.shape[1:])
        half_w, half_h = rgba.shape[2] * scale / 2, rgba.shape[1] * scale / 2
        y, x = torch.meshgrid(*(torch.arange(SIZE) + 0.5,) * 2, indexing="ij")
        grid = torch.stack([(x - cx) / half_w, (y - cy) / half_h], -1)[None]
        pasted = torch.nn.functional.grid_sample(rgba[None], grid, align_corners=False)[0]
        frame = behind * (1 - pasted[3]) + pasted[:3] * pasted[3]
        frames.append((frame * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy())
        boxes.append([cx - half_w, cy - half_h, cx + half_w, cy + half_h])
    return np.stack(frames), np.array(boxes, np.float32)


def test_a_moving_thing_is_followed_and_one_that_grows_gets_a_larger_box(tracker):
    for growth in (1.0, 1.03):
        frames, truth = scene(growth)
        tracked = tracker.track(frames, truth[0])
        assert tracked.shape == (FRAMES, 4) and tracked.dtype == np.float32
        np.testing.assert_array_equal(tracked[0], truth[0])
        still = np.repeat(truth[:1], FRAMES, 0)
        assert sequence_scores(still, truth, (SIZE, SIZE))["ao"] < 0.3
        assert sequence_scores(tracked, truth, (SIZE, SIZE))["ao"] > 0.7
        gained = (tracked[-1, 2] - tracked[-1, 0]) / (truth[0, 2] - truth[0, 0])
        assert gained == pytest.approx(growth ** (FRAMES - 1), rel=0.12)


def test_a_pedestrian_of_a_real_film_is_followed(tracker):
    track = next(t for t in Tracks("test") if t.file == "away")
    first, size = track.boxes[0], track.frames.shape[1:3]
    tracked = tracker.track(track.frames[:21], first)
    scores = sequence_scores(tracked, track.boxes[:21], size, track.visible[:21])
    assert scores["ao"] > 0.6, scores
    assert (
        sequence_scores(np.repeat(first[None], 21, 0), track.boxes[:21], size, track.visible[:21])["ao"] < 0.2
    )


def test_a_batch_of_clips_of_several_sizes_is_tracked_as_each_alone(tracker):
    clips, boxes = zip(*(scene(thing=k) for k in (0, 5)), strict=True)
    clips = [*clips, clips[0][:4, :128, :150].copy()]
    first = [boxes[0][0], boxes[1][0], boxes[0][0]]
    for together, clip, box in zip(tracker.track_many(clips, first), clips, first, strict=True):
        np.testing.assert_allclose(together, tracker.track(clip, box), atol=0.05)


def test_the_score_map_peaks_where_the_thing_went(tracker):
    frames, truth = scene()
    boxes = torch.tensor(np.stack([truth[0], truth[0]]))[None]
    side = float(around(boxes[0, 0], tracker.search.context)[2])
    cell = 8 * side / tracker.search.side  # pixels of the frame
    for dx, dy in ((2, 0), (0, -2), (-1, 1)):
        moved = np.roll(frames[0], (round(dy * cell), round(dx * cell)), (0, 1))
        clip = torch.from_numpy(np.stack([frames[0], moved])).permute(0, 3, 1, 2)[None].float() / 255
        maps = tracker(clip, boxes)
        r = maps.shape[-1]
        assert maps.shape[:2] == (1, 1)
        assert divmod(int(maps.argmax()), r) == (r // 2 + dy, r // 2 + dx)


def test_divergence_is_zero_for_equal_clips_and_its_gradient_heals(tracker):
    frames, truth = scene()
    clean = torch.from_numpy(frames[:3]).permute(0, 3, 1, 2)[None].float() / 255
    boxes = torch.from_numpy(truth[:3])[None]
    with torch.no_grad():
        seen = tracker(clean, boxes)
    assert response_divergence(seen, seen).item() == 0
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    coded = (clean + 0.1 * noise).clamp(0, 1).requires_grad_()
    loss = response_divergence(seen, tracker(coded, boxes))
    assert loss.shape == (1,) and loss.item() > 1e-3
    (slope,) = torch.autograd.grad(loss.sum(), coded)
    assert slope.isfinite().all()
    assert (slope.flatten(2).abs().sum(-1) > 0).all()  # exemplar and every searched frame
    with torch.no_grad():
        better = response_divergence(seen, tracker(coded - slope / slope.norm(), boxes))
    assert better.item() < 0.9 * loss.item()


def test_it_stays_frozen(tracker):
    assert not tracker.train().training
    assert not any(p.requires_grad for p in tracker.parameters())


def test_its_state_tells_one_search_from_another(tracker):
    other = Tracker(tracker.network, name="wider", search=Search(context=4.0))
    assert str(other.state_dict()) != str(tracker.state_dict())
    other.load_state_dict(tracker.state_dict())
    assert other.search == tracker.search


def test_a_window_of_whole_pixels_is_those_pixels_and_a_double_one_their_means():
    frames = torch.rand(1, 3, 20, 24, dtype=torch.float64)
    window = box_convert(torch.tensor([[4.0, 2, 20, 18]], dtype=torch.float64), "xyxy", "cxcywh")
    torch.testing.assert_close(cut(frames, window, 16), frames[..., 2:18, 4:20])
    halved = torch.nn.functional.avg_pool2d(frames[..., 2:18, 4:20], 2)
    torch.testing.assert_close(cut(frames, window, 8), halved)


def test_beyond_the_frame_lies_its_mean_colour():
    frames = torch.rand(1, 3, 16, 16)
    out = cut(frames, torch.tensor([[-32.0, 8, 16, 16]]), 8)
    torch.testing.assert_close(out, frames.mean((2, 3), keepdim=True).expand_as(out))


def test_the_gradient_of_a_window_is_that_of_finite_differences():
    torch.manual_seed(0)
    frames = torch.rand(1, 3, 6, 7, dtype=torch.float64, requires_grad=True)
    window = torch.tensor([[3.3, 2.8, 9.0, 9.0]], dtype=torch.float64)  # reaches beyond the frame
    assert torch.autograd.gradcheck(lambda x: cut(x, window, 4), (frames,))


@pytest.mark.parametrize(
    ("clip", "box", "error", "says"),
    [
        (np.zeros((2, 32, 32, 3), np.float32), [1, 1, 9, 9], TypeError, "float32; give a uint8"),
        (np.zeros((2, 3, 32, 32), np.uint8), [1, 1, 9, 9], ValueError, r"shape \(2, 3, 32, 32\)"),
        (np.zeros((2, 32, 32, 3), np.uint8), [9, 9, 9, 20], ValueError, "a pixel wide"),
        (np.zeros((2, 32, 32, 3), np.uint8), [40, 9, 50, 20], ValueError, "meet the frame"),
        (np.zeros((2, 32, 32, 3), np.uint8), [np.nan, 9, 50, 20], ValueError, "nan"),
    ],
)
def test_bad_input_is_refused(tracker, clip, box, error, says):
    with pytest.raises(error, match=says):
        tracker.track(clip, box)


@pytest.mark.parametrize(
    "options", [{"side": 100}, {"step": 1.0}, {"damping": 1.5}, {"cosine": -0.1}, {"context": 0.9}]
)
def test_a_search_that_cannot_work_is_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Search(**options)


def test_clip_and_boxes_must_fit(tracker):
    with pytest.raises(ValueError, match=r"\(B, T, 4\)"):
        tracker(torch.zeros(1, 3, 3, 32, 32), torch.zeros(1, 2, 4))


def test_a_near_name_is_suggested():
    with pytest.raises(ValueError, match="near names: siam_lite0"):
        analysers.load("siam_lite")
