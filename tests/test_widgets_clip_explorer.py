"""The clip panel with real encoders and real analysers: its caption is what was coded and what they see in it."""

import re
from pathlib import Path

import ipywidgets as ipw
import numpy as np
import pytest
import torch

from mvlib.analysers import load
from mvlib.codecs import RealCodec
from mvlib.datasets import ACTIONS
from mvlib.evaluation.conditions import BASELINES
from mvlib.evaluation.experiment import Experiment
from mvlib.evaluation.material import load_material
from mvlib.evaluation.scoring import Scorer
from mvlib.media import read_clip
from mvlib.plots import difference
from mvlib.samples import Sample
from mvlib.widgets import ClipExplorer
from mvlib.widgets.charts import Line
from mvlib.widgets.drawing import FOUND, TRUE, boxed, frame_lines
from mvlib.widgets.looks import WINDOW, log_probabilities

blur = BASELINES["blur 0.8"].prepare


@pytest.fixture(scope="module")
def clips() -> dict[str, Sample]:
    scenes = load_material(Experiment("clips", limit=4, size=112, frames=16))
    films = load_material(Experiment("clips", material="tracks", frames=20, limit=None))
    return {"scene": scenes[1], "film": films[4]}


@pytest.fixture(scope="module")
def analysers():
    return {name: load(name) for name in ("action_shift", "siam_lite0")}


@pytest.fixture(scope="module")
def shared(clips, analysers):
    """One panel for all, so that what one test has coded and seen the next need not."""
    panel = ClipExplorer(
        clips,
        codecs=("x264", "x265"),
        preprocessors={"blur": blur},
        recognisers={"shift": analysers["action_shift"]},
        trackers={"lite0": analysers["siam_lite0"]},
        qp=42,
    )
    yield panel, {name: control.value for name, control in panel.controls.items()}
    panel.close()


@pytest.fixture
def panel(shared):
    """The shared panel as it was at first."""
    panel, values = shared
    for name, value in values.items():
        panel.controls[name].value = value
    panel.settle(60)
    return panel


def pixels(panel, name: str) -> np.ndarray:
    """What a picture of the panel shows, once the panel has settled."""
    panel.settle(60)
    return panel.pictures[name].pixels


def chart(panel, name: str) -> str:
    panel.settle(60)
    return panel.charts[name]


def hidden(panel, name: str) -> bool:
    panel.settle(60)
    return name not in panel.charts and name not in panel.pictures


def film(panel) -> str:
    """The player, "" where pictures stand."""
    panel.settle(60)
    (place,) = [c for c in panel.children if isinstance(c, ipw.HTML) and "mvlib-caption" in c.value]
    return "".join(re.findall(r"<video.*?</video>", place.value))


def test_the_caption_tells_what_the_encoder_wrote(panel, clips):
    panel.codec.value, panel.qp.value, panel.frame.value = "x264", 45, 5
    frames = clips["scene"].frames
    coded = RealCodec("x264")(frames, qp=45)
    psnr = 10 * np.log10(255**2 / np.mean((frames.astype(float) - coded.frames) ** 2))
    start = f"x264 at QP 45: {coded.bits:,} bits, {coded.bits / frames[..., 0].size:.3f} bpp, PSNR {psnr:.2f} dB; "
    assert panel.caption.startswith(start)
    assert panel.caption.endswith(f"frame 5 is of type {coded.frame_types[5]}, {coded.frame_bits[5]:,} bits")


def test_the_caption_tells_what_the_evaluation_would(panel, clips, analysers):
    sample, coded = clips["scene"], RealCodec("x265")(clips["scene"].frames, qp=42).frames
    panel.frame.value = 15
    with torch.inference_mode():
        clean, seen = (
            analysers["action_shift"](torch.tensor(f).permute(0, 3, 1, 2)[None] / 255).softmax(-1)[0]
            for f in (sample.frames, coded)
        )
    name, before, after = re.search(r"“(.*?)” (\d+) % → (\d+) %", panel.caption).groups()
    assert name == ACTIONS[sample.label]
    assert [int(before), int(after)] == [round(100 * float(p[sample.label])) for p in (clean, seen)]
    ao = [
        Scorer(analysers["siam_lite0"], [sample], ["ao"]).scores([[f]])["ao"][0, 0]
        for f in (sample.frames, coded)
    ]
    answers = re.search(r"average overlap ([\d.]+) → ([\d.]+), least in frame (\d+)", panel.caption).groups()
    assert [float(v) for v in answers[:2]] == pytest.approx(ao, abs=0.006)
    worst = panel.look.overlap(panel.look.track)
    assert int(answers[2]) == np.nanargmin(worst) and np.isnan(worst[0])


def test_a_window_grows_then_slides_and_ends_as_the_whole_clip(clips, analysers):
    recogniser, frames = analysers["action_shift"], clips["film"].frames
    answers = log_probabilities(recogniser, frames).exp()
    assert answers.shape == (20, 12) and torch.isnan(answers[0]).all()
    x = torch.tensor(frames).permute(0, 3, 1, 2)[None] / 255
    for t in (1, 7, 15, 19):
        part = x[:, max(0, t + 1 - WINDOW) : t + 1]
        with torch.inference_mode():
            torch.testing.assert_close(answers[t], recogniser(part).softmax(-1)[0], rtol=0, atol=1e-5)
    # What comes later does not change the answers before.
    torch.testing.assert_close(
        answers[:9], log_probabilities(recogniser, frames[:9]).exp(), equal_nan=True, rtol=0, atol=1e-5
    )


def test_pictures_are_what_was_coded(panel, clips):
    frames = clips["scene"].frames
    panel.tracker.value = "none"
    for codec, t in (("x264", 3), ("x265", 9)):
        panel.codec.value, panel.frame.value = codec, t
        coded = RealCodec(codec)(frames, qp=42).frames[t]
        np.testing.assert_array_equal(pixels(panel, "original"), frames[t])
        np.testing.assert_array_equal(pixels(panel, "decoded"), coded)
        np.testing.assert_array_equal(pixels(panel, "difference"), difference(frames[t], coded, 2))
    assert hidden(panel, "changed")


def test_boxes_lie_on_the_edge_of_what_they_hold():
    frame = np.full((40, 60, 3), 99, np.uint8)
    seen = boxed(frame, {TRUE: np.array([10, 5, 30, 25.0]), FOUND: np.full(4, np.nan)})
    white = np.argwhere((seen == 255).all(-1))
    assert white.min(0).tolist() == [5, 10] and white.max(0).tolist() == [24, 29]
    assert (frame == 99).all()


def test_true_boxes_are_drawn_where_somebody_looked(panel, clips):
    panel.clip.value, sample = "film", clips["film"]
    white = lambda t: (pixels(panel, "original") == 255).all(-1).sum()  # noqa: E731
    shown, bare = {}, {}
    for t in np.flatnonzero(sample.visible)[1:3].tolist() + np.flatnonzero(~sample.visible)[:2].tolist():
        panel.frame.value = t
        shown[t] = white(t)
        bare[t] = (sample.frames[t] == 255).all(-1).sum()
    assert all((shown[t] > bare[t] + 20) == bool(sample.visible[t]) for t in shown)


def test_nothing_is_coded_or_tracked_twice(panel, analysers, monkeypatch):
    coded, tracked = [], []
    code, track = RealCodec.__call__, type(analysers["siam_lite0"]).track
    monkeypatch.setattr(
        RealCodec, "__call__", lambda self, *a, **k: coded.append(k["qp"]) or code(self, *a, **k)
    )
    monkeypatch.setattr(type(analysers["siam_lite0"]), "track", lambda *a: tracked.append(1) or track(*a))
    moves = [("qp", 44), ("frame", 2), ("view", "playing"), ("recogniser", "none"), ("qp", 42)]
    for name, value in [*moves, ("recogniser", "shift"), ("qp", 44)]:
        panel.controls[name].value = value
        panel.settle(60)
    assert coded == [44] and tracked == [1]


def test_behind_a_preprocessor_the_caption_tells_both(panel, clips):
    panel.preprocessor.value = "blur"
    frames, codec = clips["scene"].frames, RealCodec("x265")
    alone, behind = codec(frames, qp=42), codec(blur(frames), qp=42)
    share = 100 * (behind.bits / alone.bits - 1)
    start = f"x265 at QP 42 with “blur”: {behind.bits:,} bits ({share:+.1f} % of {alone.bits:,} without), "
    assert panel.caption.startswith(start) and share < -3
    look = panel.look
    kept, overlap = look.alone.kept, look.alone.average_overlap(look.alone.track)
    assert re.search(rf"→ \d+ % \({100 * kept:.0f} %\)", panel.caption)
    assert re.search(rf"→ [\d.]+ \({overlap:.2f}\), least", panel.caption)
    taken = difference(frames[panel.frame.value], blur(frames)[panel.frame.value], 4)
    np.testing.assert_array_equal(pixels(panel, "changed"), taken)
    assert not hidden(panel, "changed")
    panel.preprocessor.value = "none"
    assert "behind" not in panel.caption and panel.strength.disabled


def test_strength_goes_from_nothing_to_everything(panel, clips):
    panel.preprocessor.value = "blur"
    full, alone = panel.look.written.bits, panel.look.alone.written.bits
    panel.strength.value = 0
    assert panel.look.written.bits == alone and "(+0.0 % of" in panel.caption
    panel.strength.value = 0.5
    middle = (clips["scene"].frames.astype(float) + blur(clips["scene"].frames)) / 2
    np.testing.assert_allclose(panel.look.given, middle, atol=0.5)
    assert full < panel.look.written.bits < alone


def test_bars_are_bits_with_their_types(panel):
    svg, look = chart(panel, "bits"), panel.look
    assert svg.count("<rect") == 16 and svg.count('stroke="currentColor" stroke-width="2"/>') == 1
    tops = [float(y) for y in re.findall(r'<rect x="[\d.]+" y="([\d.]+)"', svg)]
    assert np.argsort(tops).tolist()[0] == np.argmax(look.written.frame_bits) == 0
    assert set(re.findall(r"■</span> (.)", svg)) == set(look.written.frame_types)
    panel.preprocessor.value = "blur"
    assert chart(panel, "bits").count('stroke="currentColor" stroke-width="2"/>') == 1 + 16


def heights(svg: str, line: int) -> list[float]:
    """Where the points of a line lie, in pixels from the top."""
    points = re.findall(r'points="([^"]*)"', svg)[line]
    return [float(point.split(",")[1]) for point in points.split()]


def test_lines_are_probabilities_and_overlaps(panel):
    look = panel.look
    answers = heights(chart(panel, "answers"), 1)
    assert len(answers) == 15  # nothing is known after one frame
    span = re.findall(r'class="shown".*?y1="([\d.]+)" y2="([\d.]+)"', chart(panel, "answers"))[0]
    low, high = (float(v) for v in span)
    shares = [(low - y) / (low - high) for y in answers]
    np.testing.assert_allclose(shares, look.coded[1:, look.target], atol=1e-3)
    found = look.overlap(look.track)
    shares = [(low - y) / (low - high) for y in heights(chart(panel, "overlap"), 1)]
    np.testing.assert_allclose(shares, found[np.isfinite(found)], atol=1e-3)


def test_names_of_lines_do_not_overlap():
    lines = [Line([(0, 0.5), (1, 0.5 + 0.01 * k)], "red", f"line {k}") for k in range(4)]
    svg = frame_lines([*lines, Line([(0, 0), (1, 0)], "red", "low")], 0, "")
    ends = sorted(float(y) for y in re.findall(r'y="([\d.]+)" text-anchor="start" fill="red"', svg))
    assert len(ends) == 5 and min(np.diff(ends)) >= 14.9 and ends[-1] < 200


def test_without_an_analyser_its_chart_is_away(panel):
    panel.recogniser.value = "none"
    assert hidden(panel, "answers") and "%" not in panel.caption
    assert not hidden(panel, "overlap")
    panel.tracker.value = "none"
    assert hidden(panel, "overlap") and "overlap" not in panel.caption


def test_another_clip_has_its_own_length_and_no_label(panel):
    panel.frame.value = 15
    panel.clip.value = "film"
    assert panel.frame.max == 19 and "(not labelled)" in panel.caption
    panel.frame.value = 19
    panel.clip.value = "scene"
    assert (panel.frame.value, panel.frame.max) == (15, 15) and "(not labelled)" not in panel.caption


def test_bare_frames_will_do_but_cannot_be_tracked(clips, analysers):
    panel = ClipExplorer(
        {"mine": clips["film"].frames[:4]},
        recognisers={"shift": analysers["action_shift"]},
        trackers=["siam_lite0"],
    )
    assert panel.tracker.disabled and "overlap" not in panel.caption
    assert "(not labelled)" in panel.caption and panel.alert.value == ""
    panel.close()


def test_a_film_of_your_own_is_reduced_and_shown(clips):
    film = Path(__file__).parents[1] / "data" / "clips" / "bigbuckbunny_0.mp4"
    panel = ClipExplorer({"scene": clips["scene"]}, ("x264",), (), (), ())
    panel.add("mine", film)
    whole = read_clip(film, count=32).frames
    sample = panel.look.sample
    assert len(sample.frames) == 32 and min(sample.frames.shape[1:3]) == min(224, *whole.shape[1:3])
    assert panel.clip.value == "mine" and panel.frame.max == 31 and "frame" in panel.caption
    panel.close()


def test_a_film_plays_the_versions_side_by_side(panel):
    panel.view.value = "playing"
    before = film(panel)
    assert panel.frame.disabled and "<video" in before and 'aria-label="original, decoded"' in before
    assert 'style="width:100%;' in before  # as wide as the panel, however wide that is
    panel.qp.value = 50
    assert film(panel) not in ("", before)
    panel.view.value = "frame by frame"
    assert film(panel) == "" and not panel.frame.disabled


def test_an_error_is_shown_and_the_panel_goes_on(clips):
    strange = {"half": lambda frames, qp: frames[:, ::2], "no<where>": None}
    panel = ClipExplorer({"scene": clips["scene"]}, ("x264", "h266"), strange, (), ())
    shown = panel.caption
    bad = {"h266": "h266", "half": "same shape", "no<where>": "MissingFile"}
    for value, message in bad.items():
        control = panel.codec if value == "h266" else panel.preprocessor
        was, control.value = control.value, value
        assert (
            message in panel.caption and message in panel.alert.value and 'role="alert"' in panel.alert.value
        )
        assert "<where>" not in panel.alert.value
        control.value = was
        assert panel.caption == shown and panel.alert.value == ""
    panel.close()


def test_controls_wait_for_the_hand_and_have_names(panel):
    assert [c.description for c in panel.controls.values()] == [
        *("Clip", "Codec", "QP", "Preprocessor", "Strength", "Recogniser", "Tracker", "Show", "Frame")
    ]
    assert not panel.qp.continuous_update and not panel.strength.continuous_update
    assert panel.frame.continuous_update
    assert 'role="img" aria-label="' in chart(panel, "answers")
    before = repr(panel)
    panel.qp.value = 30
    assert repr(panel) == before == "ClipExplorer(2 clips, 2 codecs)"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"clips": {}}, ValueError, "0 clips"),
        ({"codecs": ()}, ValueError, "0 codecs"),
        ({"qp": 52}, ValueError, r"qp 52.*0\.\.51"),
        ({"clips": {"mine": np.zeros((4, 32, 32, 3))}}, TypeError, "'mine' is float64"),
        ({"clips": {"mine": [[1]]}}, TypeError, "'mine' is list"),
        ({"clips": {"mine": np.zeros((1, 32, 32, 3), np.uint8)}}, ValueError, "at least 2 frames"),
        ({"clips": {"mine": np.zeros((4, 8, 32, 3), np.uint8)}}, ValueError, "16 pixels or more"),
    ],
)
def test_bad_arguments_are_refused(clips, arguments, error, message):
    with pytest.raises(error, match=message):
        ClipExplorer(**{"clips": clips, **arguments})
