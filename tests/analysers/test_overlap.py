"""GOT-10k's scores against values worked out by hand, and its rules one by one."""

import numpy as np
import pytest

from mvlib.analysers.trackers.overlap import overlaps, sequence_scores, tracking_scores

SIZE = (100, 200)  # height, width


def test_overlap_by_hand():
    tracked = np.array(
        [
            [0, 0, 10, 10],  # the same box
            [0, 0, 10, 10],  # half of it: 50 / 150
            [0, 0, 10, 10],  # a quarter inside: 25 / 100
            [0, 0, 10, 10],  # they touch
            [190, 90, 230, 120],  # cut at the edge both are the same
            [20, 20, 10, 30],  # an empty box
        ]
    )
    truth = np.array(
        [
            [0, 0, 10, 10],
            [5, 0, 15, 10],
            [0, 0, 5, 5],
            [10, 0, 20, 10],
            [190, 90, 200, 100],
            [20, 20, 30, 30],
        ]
    )
    np.testing.assert_allclose(overlaps(tracked, truth, SIZE), [1, 1 / 3, 1 / 4, 0, 1, 0], atol=1e-12)


# Overlaps 1 (not counted), 0.8, 0.5 exactly, 0.75 exactly, 0.25 (out of view).
TRUTH = np.array([[10, 10, 20, 20]] * 5)
TRACKED = np.array(
    [[10, 10, 20, 20], [10, 10, 20, 18], [10, 10, 20, 15], [10, 10, 17.5, 20], [10, 10, 15, 15]]
)


def test_the_first_frame_and_frames_out_of_view_do_not_count():
    scores = sequence_scores(TRACKED, TRUTH, SIZE, [True, True, True, True, False])
    # Success is strictly above the threshold: 0.8 and 0.75 pass 0.50, only 0.8 passes 0.75.
    assert scores == pytest.approx({"ao": (0.8 + 0.5 + 0.75) / 3, "sr50": 2 / 3, "sr75": 1 / 3})
    unknown = np.vstack([TRUTH[:4], np.full(4, np.nan)])
    assert sequence_scores(TRACKED, unknown, SIZE, [True, True, True, True, False]) == scores
    whole = sequence_scores(TRACKED, TRUTH, SIZE)
    assert whole == pytest.approx({"ao": (0.8 + 0.5 + 0.75 + 0.25) / 4, "sr50": 0.5, "sr75": 0.25})


class Still:
    """A tracker that believes that nothing moves, and keeps what it was shown."""

    def track_many(self, clips, first_boxes):
        return [
            np.repeat(np.asarray(box)[None], len(clip), 0)
            for clip, box in zip(clips, first_boxes, strict=True)
        ]


def test_scores_are_by_sequence_so_that_a_long_one_weighs_no_more():
    clips = [np.zeros((t, *SIZE, 3), np.uint8) for t in (3, 6)]
    moves = np.array([[10, 10, 20, 20], [15, 10, 25, 20], [100, 10, 110, 20]])  # overlaps 1/3, 0
    stays = np.array([[10, 10, 20, 20]] * 6)
    scores = tracking_scores(Still(), clips, [moves, stays])
    np.testing.assert_allclose(scores["ao"], [1 / 6, 1])
    np.testing.assert_allclose(scores["sr50"], [0, 1])
    assert scores["ao"].mean() == pytest.approx(7 / 12)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: overlaps(TRACKED, TRUTH[:4], SIZE), r"\(5, 4\).*\(4, 4\)"),
        (lambda: overlaps(TRACKED * np.nan, TRUTH, SIZE), "isn't finite"),
        (lambda: sequence_scores(TRACKED[:1], TRUTH[:1], SIZE), "no frame"),
        (lambda: sequence_scores(TRACKED, TRUTH, SIZE, [True] * 4), "each of 5 frames"),
        (
            lambda: tracking_scores(
                Still(), [np.zeros((5, *SIZE, 3), np.uint8)], [TRUTH], [[False] + [True] * 4]
            ),
            "sequence 0 .* first frame",
        ),
    ],
)
def test_bad_input_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
