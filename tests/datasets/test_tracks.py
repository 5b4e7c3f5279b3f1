"""Boxes by hand lie in their frames, move as objects do, and belong to the split of their clip."""

import numpy as np
import pytest

from mvlib.datasets import Tracks


@pytest.mark.parametrize(("split", "least"), [("train", 2), ("test", 6)])
def test_boxes_lie_in_their_frames_and_overlap_from_one_to_the_next(split, least):
    tracks = Tracks(split)
    assert len(tracks) >= least
    for track in tracks:
        height, width = track.frames.shape[1:3]
        boxes = track.boxes[track.visible]
        assert track.frames.dtype == np.uint8 and len(track.frames) == len(track.boxes) == len(track.visible)
        assert track.visible[0] and track.visible.sum() >= 7
        assert (boxes[:, :2] >= 0).all() and (boxes[:, 2:] <= [width, height]).all()
        assert (boxes[:, 2:] - boxes[:, :2] >= 10).all()
        meet = np.minimum(boxes[1:, 2:], boxes[:-1, 2:]) - np.maximum(boxes[1:, :2], boxes[:-1, :2])
        assert (meet > -8).all(), track.file  # a slip of a digit would send a box elsewhere


def test_the_woman_in_red_is_red_inside_her_boxes_and_the_path_is_not():
    track = next(t for t in Tracks("test") if t.file == "red")
    seen = [t for t in np.flatnonzero(track.visible) if not 28 <= t <= 42]  # hidden in between
    assert len(seen) >= 8
    for t in seen:
        x1, y1, x2, y2 = track.boxes[t].astype(int)
        frame = track.frames[t].astype(int)
        red = (frame[..., 0] - frame[..., 1:].max(-1)) > 60
        assert red[y1:y2, x1:x2].sum() > 60
        assert red[y1:y2, x1:x2].sum() > 0.7 * red[y1 - 8 : y2 + 8, x1 - 12 : x2 + 12].sum()


def test_unknown_split_and_index():
    with pytest.raises(ValueError, match="split 'val'"):
        Tracks("val")
    with pytest.raises(IndexError, match=r"holds 0\.\."):
        Tracks("test")[99]
