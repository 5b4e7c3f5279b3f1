"""The motion viewer: what it shows is what the two codecs do, its arrows lead to where blocks come from."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from mvlib.codecs import RealCodec
from mvlib.datasets import Clips
from mvlib.virtual.codec import VirtualCodec
from mvlib.widgets import MotionViewer
from mvlib.widgets.motion import COLOURS, MODES, _arrow, dissect_clip, draw_motion
from mvlib.widgets.motion_viewer import grey
from mvlib.widgets.samples import example_windows


def panning(shift: tuple[int, int] = (6, -4), count: int = 3, side: int = 96) -> np.ndarray:
    """A textured scene under a camera that moves by `shift` (x, y) samples a frame: uint8 (count, side, side, 3)."""
    scene = Clips("test", frames=1, size=224).uint8(0)[0]
    noise = np.random.default_rng(0).normal(0, 40, (30, 40, 1))
    grain = np.asarray(
        Image.fromarray(noise[..., 0]).resize((scene.shape[1], scene.shape[0]), Image.Resampling.BICUBIC)
    )
    scene = (scene * 0.5 + 64 + grain[..., None]).clip(0, 255).astype(np.uint8)
    tops, lefts = (60 + shift[1] * np.arange(count), 60 + shift[0] * np.arange(count))
    return np.stack([scene[t : t + side, x : x + side] for t, x in zip(tops, lefts, strict=True)])


@pytest.fixture(scope="module")
def clips() -> dict[str, np.ndarray]:
    return {"pan": panning(), "still": panning((0, 0), 4)}


@pytest.fixture
def panel(clips):
    panel = MotionViewer(clips, qp=34)
    yield panel
    panel.close()


@pytest.mark.parametrize("name", ["x265", "x264"])
def test_the_parts_are_the_codecs(clips, name):
    codec = VirtualCodec.like(name, gop="ippp")
    parts = dissect_clip(clips["pan"], 34, codec)
    with torch.no_grad():
        out = codec(torch.tensor(clips["pan"]).permute(0, 3, 1, 2)[None] / 255, 34)
    assert [p.bits for p in parts] == pytest.approx(out.frame_bits[0].tolist(), rel=1e-5)
    decoded = (out.frames[0] * 255).round().byte().permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(np.stack([p.decoded for p in parts]), decoded)
    first, *rest = parts
    assert first.moved is None and not first.size.any() and all(first.share(m) == 0 for m in MODES)
    assert all(sum(p.share(m) for m in MODES) == pytest.approx(1) for p in rest)


def test_vectors_lead_to_where_blocks_come_from(clips):
    frame = dissect_clip(clips["pan"], 22, VirtualCodec.like("x265", gop="ippp"))[1]
    inside = frame.vectors[2:-2, 2:-2][frame.mode[2:-2, 2:-2] < MODES.index("intra")]
    # The camera went (6, -4), so what is seen here was seen at (6, -4) in the frame before: quarter samples.
    assert np.median(inside, axis=0).tolist() == [24, -16]
    assert np.mean((inside == [24, -16]).all(-1)) > 0.7
    assert np.std(frame.moved[16:-16, 16:-16]) < 0.4 * np.std(frame.still[16:-16, 16:-16])


def test_nothing_is_sent_for_what_stands_still(clips):
    parts = dissect_clip(clips["still"], 37, VirtualCodec.like("x265", gop="ippp"))
    assert parts[3].share("skip") > 0.9
    assert parts[3].bits < 0.1 * parts[0].bits


def test_a_codec_without_p_frames_is_refused(clips):
    with pytest.raises(ValueError, match='gop="ippp"'):
        dissect_clip(clips["pan"], 34, VirtualCodec.like("x265", gop="intra"))


def test_the_caption_tells_what_both_codecs_say(panel, clips):
    panel.frame.value = 2
    real = RealCodec("x265", gop="ippp")(clips["pan"], qp=34)
    motion = dissect_clip(clips["pan"], 34, VirtualCodec.like("x265", gop="ippp"))[2]
    error = np.mean((motion.decoded.astype(float) - clips["pan"][2]) ** 2)
    found = re.match(
        r"x265 at QP 34, frame 2 – kilobit \(estimated\): ([\d.]+), kilobit \(written\): ([\d.]+), "
        r"PSNR \(dB\): ([\d.]+); "
        r"blocks – skip: (\d+) %, .*left over without motion \(grey levels rms\): ([\d.]+), with motion: ([\d.]+)$",
        panel.caption,
    ).groups()
    rms = [np.sqrt(np.mean(v**2)) for v in (motion.still, motion.moved)]
    truth = [
        motion.bits / 1000,
        real.frame_bits[2] / 1000,
        10 * np.log10(255**2 / error),
        100 * motion.share("skip"),
        *rms,
    ]
    assert [float(v) for v in found] == pytest.approx(truth, abs=0.06, rel=0.02)


def test_pictures_are_those_of_the_frame(panel, clips):
    panel.frame.value = 2
    motion = dissect_clip(clips["pan"], 34, VirtualCodec.like("x265", gop="ippp"))[2]
    np.testing.assert_array_equal(panel.pictures["left with motion"].pixels, grey(motion.moved))
    np.testing.assert_array_equal(panel.pictures["motion"].pixels, draw_motion(motion.decoded, motion))
    panel.view.value = "source"
    np.testing.assert_array_equal(panel.pictures["motion"].pixels, draw_motion(motion.source, motion))


def chart(panel) -> str:
    panel.settle(60)
    return panel.charts["bits"]


def test_bars_show_both_and_mark_the_frame(panel):
    assert chart(panel).count("<rect") == 3
    panel.clip.value = "still"
    assert chart(panel).count("<rect") == 4 and chart(panel).count("#0072B2") == 1
    heights = [float(v) for v in re.findall(r'height="([\d.]+)" fill', chart(panel))]
    assert heights[0] > max(heights[1:])


def test_the_first_frame_has_no_motion(panel):
    panel.frame.value = 0
    assert "frame 0, an I frame – " in panel.caption
    assert "no frame before" in panel.pictures["left without motion"].title


def test_a_shorter_clip_moves_the_slider_inside(panel):
    panel.clip.value = "still"
    panel.frame.value = 3
    panel.clip.value = "pan"
    assert (panel.frame.max, panel.frame.value) == (2, 2)
    assert "frame 2 – " in panel.caption


def test_nothing_is_coded_twice(panel, monkeypatch):
    panel.settle(60)
    coded, code = [], RealCodec.__call__
    monkeypatch.setattr(
        RealCodec, "__call__", lambda self, *a, **k: coded.append(k["qp"]) or code(self, *a, **k)
    )
    for qp in (40, 34, 40):
        panel.qp.value = qp
        panel.settle(60)
    panel.frame.value = 2
    panel.settle(60)
    assert coded == [40]


def test_an_error_is_shown_and_the_panel_goes_on(panel, monkeypatch):
    shown, code = panel.caption, RealCodec.__call__

    def fails_at_50(self, frames, qp):
        if qp == 50:
            raise OSError("the encoder <died>")
        return code(self, frames, qp=qp)

    monkeypatch.setattr(RealCodec, "__call__", fails_at_50)
    panel.qp.value = 50
    assert "OSError" in panel.caption and "the encoder &lt;died&gt;" in panel.alert.value
    panel.qp.value = 34
    assert (panel.caption, panel.alert.value) == (shown, "")


def test_arrows_and_frames_have_the_modes_colours(clips):
    frame = dissect_clip(clips["pan"], 34, VirtualCodec.like("x265", gop="ippp"))[1]
    drawn = draw_motion(np.full_like(frame.source, 255), frame).reshape(-1, 3)
    used = {tuple(colour) for colour in np.unique(drawn, axis=0).tolist()}
    for mode, colour in zip(MODES, COLOURS, strict=True):
        wanted = tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
        assert (wanted in used) or frame.share(mode) == 0
        assert mode == "skip" or frame.share(mode) or wanted not in used


def test_the_repr_stands_still_and_the_controls_have_names(panel):
    before = repr(panel)
    panel.qp.value = 30
    assert repr(panel) == before == "MotionViewer(2 clips, x265)"
    controls = (panel.clip, panel.view, panel.qp, panel.frame)
    assert [c.description for c in controls] == ["Clip", "Show", "QP", "Frame"]
    # To code a clip takes a second, to turn to another frame nothing.
    assert not panel.qp.continuous_update and panel.frame.continuous_update
    assert 'role="img"' in chart(panel)


def test_example_clips_are_of_the_test_side():
    clips = example_windows(frames=2, side=64)
    assert set(clips) == {item.path.stem for item in Clips("test", frames=2).meta}
    assert all(c.shape == (2, 64, 64, 3) and c.dtype == np.uint8 for c in clips.values())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"clips": {}}, ValueError, "0 clips"),
        ({"qp": 52}, ValueError, r"qp 52.*0\.\.51"),
        ({"codec": "h266"}, ValueError, "h266"),
        ({"clips": {"mine": np.zeros((2, 32, 32, 3))}}, TypeError, "'mine' is float64"),
        ({"clips": {"mine": np.zeros((1, 32, 32, 3), np.uint8)}}, ValueError, "at least 2 frames"),
        ({"clips": {"mine": np.zeros((32, 32, 3), np.uint8)}}, ValueError, r"\(32, 32, 3\)"),
    ],
)
def test_bad_arguments_are_refused(clips, arguments, error, message):
    with pytest.raises(error, match=message):
        MotionViewer(**{"clips": clips, **arguments})


def test_arrows_have_heads_where_blocks_come_from():
    image = Image.new("RGB", (80, 40), "white")
    _arrow(ImageDraw.Draw(image), 10, 20, 50, 0, "#E69F00")
    black = (np.asarray(image) == 0).all(-1)
    tall = black.sum(0) + (np.asarray(image) == (230, 159, 0)).all(-1).sum(0)
    assert np.flatnonzero(tall).max() in (60, 61) and tall[:45].max() <= 5 and tall[50:56].max() >= 8


def test_a_film_of_your_own_is_cut_short(panel):
    panel.add("mine", Path(__file__).parents[1] / "data" / "clips" / "bigbuckbunny_0.mp4")
    assert panel.clip.value == "mine" and panel.frame.max == 7
