"""The QP slider with real encoders and a real network: what it shows is what was coded, whatever is moved."""

import base64
import dataclasses
import io
import re
import threading
import time
from datetime import UTC, datetime
from threading import Event

import ipywidgets as ipw
import numpy as np
import pytest
import torch
from PIL import Image

from mvlib.analysers import Classifier, load
from mvlib.codecs import RealCodec
from mvlib.plots import difference
from mvlib.preprocess import Compact, CompactConfig, load_preprocessor, preprocess_frames, save_preprocessor
from mvlib.widgets import QPExplorer, drawing, looks, samples
from mvlib.widgets.explorer import CURVE_QPS
from mvlib.widgets.looks import Look, Looker, Version
from mvlib.widgets.samples import example_pictures, shrink
from mvlib.widgets.words import STEPS


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    return {name: shrink(picture, 96) for name, picture in list(example_pictures().items())[:2]}


@pytest.fixture(scope="module")
def lite0():
    return load("efficientnet_lite0")


@pytest.fixture
def panel(pictures, lite0):
    panel = QPExplorer(pictures, codecs=("x264", "jpeg"), analyser=lite0)
    yield panel
    panel.close()


def pixels(panel, name: str) -> np.ndarray:
    """What a picture of the panel shows, once the panel has settled."""
    panel.settle(60)
    return panel.pictures[name].pixels


def chart(panel, name: str = "rate") -> str:
    panel.settle(60)
    return panel.charts[name]


def looker(pictures, analyser) -> Looker:
    return Looker(samples.pictures(pictures, None), "intra", analysers={"mine": analyser})


def test_the_caption_tells_what_the_encoder_wrote(panel, pictures):
    panel.codec.value, panel.qp.value = "x264", 33
    original = pictures[panel.picture.value]
    coded = RealCodec("x264", gop="intra")(original[None], qp=33)
    psnr = 10 * np.log10(255**2 / np.mean((original.astype(float) - coded.frames[0]) ** 2))
    bpp = coded.bits / (original.shape[0] * original.shape[1])
    assert panel.caption.startswith(
        f"x264 at QP 33: {coded.bits:,} bits, {bpp:.3f} bpp, PSNR {psnr:.2f} dB; "
    )


def test_the_caption_tells_what_the_network_saw(panel, pictures, lite0):
    panel.qp.value = 47
    analyser, original = lite0, pictures[panel.picture.value]
    decoded = RealCodec("x264", gop="intra")(original[None], qp=47).frames[0]
    x = torch.tensor(np.stack([original, decoded])).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        clean, coded = analyser(x).log_softmax(-1)
    top, kl = int(clean.argmax()), float((clean.exp() * (clean - coded)).sum())
    answers = re.search(r"“(.*)” (\d+) % → (\d+) %, KL ([\d.]+) nats$", panel.caption).groups()
    assert answers[0] == analyser.classes[top]
    assert [float(v) for v in answers[1:3]] == pytest.approx(
        [100 * float(clean[top].exp()), 100 * float(coded[top].exp())], abs=0.51
    )
    assert float(answers[3]) == pytest.approx(kl, abs=1e-3)


def test_a_network_of_few_classes_has_a_bar_for_each(pictures):
    class Mean(torch.nn.Module):
        def forward(self, x):
            return x.mean((2, 3))

    colours = Classifier(
        Mean(), name="colours", input_size=(32, 32), mean=(0.5,) * 3, std=(0.2,) * 3, classes=("r", "g", "b")
    )
    panel = QPExplorer(pictures, codecs=("x264",), analyser=colours, preprocessors=())
    try:
        assert [chart(panel, "classes").count(f'title="{name}"') for name in "rgb"] == [1, 1, 1]
        assert re.search(r"“[rgb]” \d+ % → \d+ %", panel.caption)
    finally:
        panel.close()


def test_pictures_are_what_was_coded_and_reach_the_page_lossless(panel, pictures):
    original = pictures[panel.picture.value]
    panel.qp.value = 45
    decoded = RealCodec("x264", gop="intra")(original[None], qp=45).frames[0]
    np.testing.assert_array_equal(pixels(panel, "original"), original)
    np.testing.assert_array_equal(pixels(panel, "decoded"), decoded)
    np.testing.assert_array_equal(pixels(panel, "difference"), difference(original, decoded, 2))
    for sent, shown in zip(sent_pictures(panel), panel.pictures.values(), strict=True):
        np.testing.assert_array_equal(sent, shown.pixels)


def test_another_picture_changes_the_original_too(panel, pictures):
    other = list(pictures)[1]
    panel.picture.value = other
    np.testing.assert_array_equal(pixels(panel, "original"), pictures[other])


def test_the_curve_is_complete_and_the_marker_moves_on_it(panel):
    panel.settle(60, everything=True)
    line = lambda: re.search(r'<polyline points="([^"]+)"', chart(panel))[1].split()  # noqa: E731
    places = [float(point.split(",")[0]) for point in line()]
    assert len(places) >= len(CURVE_QPS) and places == sorted(places)
    marker = re.compile(r'<circle cx="([\d.]+)"')
    panel.qp.value = 20
    right = float(marker.search(chart(panel))[1])
    panel.qp.value = 50
    left = float(marker.search(chart(panel))[1])
    assert left < right - 100
    assert f"{left:.1f}" in {point.split(",")[0] for point in line()}


def test_nothing_is_coded_twice(panel, monkeypatch):
    panel.settle(60, everything=True)
    coded = []
    code = RealCodec.__call__
    monkeypatch.setattr(
        RealCodec, "__call__", lambda self, *a, **k: coded.append(k["qp"]) or code(self, *a, **k)
    )
    for qp in (44, 43, 44):
        panel.qp.value = qp
        panel.settle(60)
    assert coded == [44]


def test_an_error_is_shown_and_the_panel_goes_on(pictures, lite0):
    panel = QPExplorer(pictures, codecs=("x264", "h266"), analyser=lite0)
    shown = panel.caption
    panel.codec.value = "h266"
    assert "InputError" in panel.caption
    assert "h266" in panel.alert.value
    assert 'role="alert"' in panel.alert.value
    panel.codec.value = "x264"
    assert panel.caption == shown
    assert panel.alert.value == ""
    panel.close()


def test_an_error_in_the_background_is_shown_too(pictures, lite0, monkeypatch):
    code = RealCodec.__call__

    def fails_at_51(self, frames, qp):
        if qp == 51:
            raise OSError("the encoder <died>")
        return code(self, frames, qp=qp)

    monkeypatch.setattr(RealCodec, "__call__", fails_at_51)
    panel = QPExplorer(pictures, codecs=("x264",), analyser=lite0)
    panel.settle(60, everything=True)
    assert "the encoder &lt;died&gt;" in panel.alert.value
    panel.close()


def test_the_repr_is_short_and_the_same_for_the_same_panel(panel):
    # Notebooks are compared by it, so neither the QP nor a layout belongs into it.
    before = repr(panel)
    panel.qp.value = 20
    assert repr(panel) == before == "QPExplorer(2 pictures, 2 codecs)"


def test_close_stops_measuring(pictures, lite0, monkeypatch):
    coded, code = [], RealCodec.__call__
    monkeypatch.setattr(
        RealCodec, "__call__", lambda self, *a, **k: coded.append(k["qp"]) or code(self, *a, **k)
    )
    panel = QPExplorer(pictures, codecs=("x265",), analyser=lite0)
    panel.close()
    panel.settle(20, everything=True)
    panel.qp.value = 20  # a control that outlives its panel does no harm
    time.sleep(0.5)
    assert len(coded) <= 1


def test_controls_can_be_used_and_named_without_a_mouse(panel):
    assert [c.description for c in (panel.picture, panel.codec, panel.qp)] == ["Picture", "Codec", "QP"]
    assert (panel.qp.min, panel.qp.max, panel.qp.step, panel.qp.continuous_update) == (0, 51, 1, True)
    assert re.search(
        rf'class="mvlib-caption" aria-live="polite"[^>]*>{re.escape(panel.caption)}<', page(panel)
    )
    assert 'role="img" aria-label="Decoded picture: ' in chart(panel, "classes")


def test_bars_name_the_clean_class_even_when_it_is_lost(pictures, lite0):
    look = looker(pictures, lite0).look(Version(next(iter(pictures)), "x264", 51), "mine")
    classes = tuple(f"<{name}>" for name in lite0.classes)
    coded = torch.linspace(0, 1, 1000).log_softmax(-1)[None]
    lost = Look(**{**fields_of(look), "coded_log": coded, "classes": classes})
    html = drawing.class_bars(lost)
    assert html.count("display:flex") == 5
    assert f"&lt;{lite0.classes[look.target]}&gt;" in html
    assert f"<{lite0.classes[look.target]}>" not in html


def test_old_streams_are_forgotten_but_not_their_points(pictures, lite0, monkeypatch):
    monkeypatch.setattr(looks, "_KEPT_BYTES", 0)  # the fewest: eight
    coded, code = [], RealCodec.__call__

    def counted(self, *args, **options):
        if threading.current_thread() is threading.main_thread():  # another test's panel may still be at work
            coded.append(options["qp"])
        return code(self, *args, **options)

    monkeypatch.setattr(RealCodec, "__call__", counted)
    small, name = looker(pictures, lite0), next(iter(pictures))
    for qp in (*range(20, 40, 2), 38, 20):
        small.look(Version(name, "jpeg", qp), "mine")
    assert coded == [*range(20, 40, 2), 20]
    assert len(small.curves(Version(name), "mine")["jpeg"]) == 10


def fields_of(look: Look) -> dict:
    return {field.name: getattr(look, field.name) for field in dataclasses.fields(look)}


def place(panel) -> ipw.HTML:
    """Where all that a move shows stands."""
    return next(c for c in panel.children if isinstance(c, ipw.HTML) and "mvlib-caption" in c.value)


def page(panel) -> str:
    panel.settle(60)
    return place(panel).value


def sent_pictures(panel) -> list[np.ndarray]:
    """Pixels of the pictures in the page, in their order."""
    files = re.findall(r'src="data:image/png;base64,([^"]+)"', page(panel))
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(file))).convert("RGB")) for file in files]


def test_all_that_is_shown_belongs_together_at_every_change(panel, pictures):
    panel.settle(60)
    seen = []
    place(panel).observe(lambda change: seen.append(change.new), "value")
    for qp in (20, 25, 30, 35, 40):
        panel.qp.value = qp
    panel.settle(60)
    codec, original = RealCodec("x264", gop="intra"), pictures[panel.picture.value]
    for text in seen:
        (qp,) = {int(found) for found in re.findall(r"QP (\d+)", text)}
        file = re.findall(r'src="data:image/png;base64,([^"]+)"', text)[1]
        decoded = np.asarray(Image.open(io.BytesIO(base64.b64decode(file))).convert("RGB"))
        np.testing.assert_array_equal(decoded, codec(original[None], qp=qp).frames[0])
    assert "QP 40" in seen[-1] and text.count("QP 40") == 5  # caption, table, title, marker, chart in words


def test_the_table_says_what_the_caption_says(prepared):
    prepared.qp.value = 40
    look = prepared.look
    cells = [
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", page(prepared))
    ]
    assert [line[0] for line in cells] == [
        "x264 at QP 40",
        "original",
        "x264 alone",
        "prepared",
    ]
    share = 100 * (look.written.bits / look.alone.written.bits - 1)
    assert cells[3][1:4] == [
        f"{look.written.bits:,} ({share:+.1f} %)",
        f"{look.written.bpp:.3f}",
        f"{look.psnr:.2f}",
    ]
    assert [line[5] for line in cells[1:]] == ["", f"{look.alone.kl:.3f}", f"{look.kl:.3f}"]


def test_moves_that_come_too_fast_are_dropped_and_the_last_arrives(panel, monkeypatch):
    panel.settle(60, everything=True)
    started, go, coded, code = Event(), Event(), [], RealCodec.__call__

    def slow(self, frames, qp):
        coded.append(qp)
        started.set()
        assert go.wait(60)
        return code(self, frames, qp=qp)

    monkeypatch.setattr(RealCodec, "__call__", slow)
    assert not panel.busy
    panel.qp.value = 20
    assert started.wait(60)
    for qp in (21, 22, 24, 25, 26):
        panel.qp.value = qp
    assert panel.busy
    go.set()
    assert panel.caption.startswith("x264 at QP 26:") and not panel.busy
    assert coded == [20, 26]


def test_a_move_does_not_wait_for_the_curve(pictures, lite0, monkeypatch):
    coded, code = [], RealCodec.__call__
    monkeypatch.setattr(
        RealCodec, "__call__", lambda self, *a, **k: coded.append(k["qp"]) or code(self, *a, **k)
    )
    panel = QPExplorer(pictures, codecs=("x264",), analyser=lite0)
    for qp in (20, 22, 24):
        panel.qp.value = qp
        panel.settle(60)
    # The hand did not rest, so at most one point was measured beside each of the moves.
    assert [qp for qp in coded if qp in (37, 20, 22, 24)] == [37, 20, 22, 24] and len(coded) <= 8
    panel.settle(60, everything=True)
    assert set(CURVE_QPS) <= set(coded)
    panel.close()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"pictures": {}}, ValueError, "0 pictures"),
        ({"codecs": ()}, ValueError, "0 codecs"),
        ({"qp": 52}, ValueError, r"qp 52.*0\.\.51"),
        ({"pictures": {"mine": np.zeros((32, 32, 3))}}, TypeError, "'mine' is float64"),
        ({"pictures": {"mine": [[1]]}}, TypeError, "'mine' is list"),
        ({"pictures": {"mine": np.zeros((32, 32, 2), np.uint8)}}, ValueError, r"\(32, 32, 2\)"),
        ({"pictures": {"mine": "nowhere.png"}}, FileNotFoundError, "nowhere.png"),
        ({"pictures": {"mine": np.zeros((8, 32, 3), np.uint8)}}, ValueError, "16 pixels"),
        ({"analyser": "efficientnet_lite7"}, ValueError, "efficientnet_lite0"),
    ],
)
def test_bad_arguments_are_refused(pictures, arguments, error, message):
    with pytest.raises(error, match=message):
        QPExplorer(**{"pictures": pictures, "codecs": ("jpeg",), **arguments})


def test_grey_alpha_and_files_are_taken(tmp_path):
    grey = np.random.default_rng(0).integers(0, 256, (32, 40), np.uint8)
    clear = np.dstack([grey, grey, grey, np.zeros_like(grey)])
    Image.fromarray(grey).save(tmp_path / "mine.png")
    taken = samples.pictures({"grey": grey, "clear": clear, "file": tmp_path / "mine.png"}, None)
    np.testing.assert_array_equal(taken["grey"].frames[0], grey[..., None].repeat(3, -1))
    assert (taken["clear"].frames == 255).all()
    np.testing.assert_array_equal(taken["file"].frames, taken["grey"].frames)


def test_a_file_of_your_own_is_shown(panel, tmp_path):
    mine = np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8)
    Image.fromarray(mine).save(tmp_path / "mine.png")
    panel.file.value = str(tmp_path / "mine.png")
    assert panel.picture.value == "mine.png"
    np.testing.assert_array_equal(panel.pictures["original"].pixels, mine)
    file = {"name": "mine.png", "type": "image/png", "size": 1, "last_modified": datetime.now(UTC)}
    Image.fromarray(255 - mine).save(tmp_path / "other.png")
    panel.upload.value = ({**file, "content": (tmp_path / "other.png").read_bytes()},)
    assert panel.picture.value == "mine.png′"
    np.testing.assert_array_equal(panel.pictures["original"].pixels, 255 - mine)
    panel.file.value = str(tmp_path / "nowhere.png")
    panel.settle(everything=True)  # what is measured in the background leaves the error where it is
    assert "nowhere.png" in panel.alert.value and panel.picture.value == "mine.png′"


def test_pictures_are_reduced_never_enlarged():
    picture = np.random.default_rng(0).integers(0, 256, (300, 451, 3), np.uint8)
    assert shrink(picture, 100).shape == (100, 150, 3)
    assert shrink(picture, 400) is picture
    assert shrink(picture, None) is picture


def test_another_data_folder_gives_its_own_pictures(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (64, 48), (200, 30, 30)).save(tmp_path / "photos" / "mine.webp")
    header = "file,split,source_id,label,label_text,kind,sha256,width,height\n"
    (tmp_path / "photos.csv").write_text(header + "photos/mine.webp,test,mine,,,mine,,64,48\n")
    monkeypatch.setenv("MVLIB_DATA", str(tmp_path))
    assert {name: picture.shape for name, picture in example_pictures().items()} == {"mine": (48, 64, 3)}


@pytest.fixture(scope="module")
def softener(tmp_path_factory):
    """Weights of a network that takes out some of the finest band, the more the higher the QP."""
    torch.manual_seed(0)
    network = Compact(CompactConfig(widths=(8,), blocks=(1,)))
    with torch.no_grad():
        network.head.bias[: network.config.bands + 1] = 0.6
        network.head_by_qp.weight.normal_(0, 0.3)
    path = tmp_path_factory.mktemp("weights") / "softener.safetensors"
    return save_preprocessor(
        network, path, command="", data="", seed=0, steps=0, analysers=(), codecs=(), results=None
    )


@pytest.fixture
def prepared(pictures, lite0, softener):
    panel = QPExplorer(pictures, codecs=("x264", "jpeg"), analyser=lite0, preprocessors=[str(softener)])
    panel.preprocessor.value = str(softener)
    yield panel
    panel.close()


def test_behind_a_preprocessor_the_caption_tells_bits_with_and_without(prepared, pictures, softener):
    prepared.qp.value = 35
    original, codec = pictures[prepared.picture.value], RealCodec("x264", gop="intra")
    given = preprocess_frames(load_preprocessor(softener), original[None], 35)
    alone, behind = codec(original[None], qp=35), codec(given, qp=35)
    assert behind.bits < alone.bits
    share = 100 * (behind.bits / alone.bits - 1)
    start = (
        f"x264 at QP 35 with “{softener}”: {behind.bits:,} bits ({share:+.1f} % of {alone.bits:,} without), "
    )
    assert prepared.caption.startswith(start)
    np.testing.assert_array_equal(pixels(prepared, "decoded"), behind.frames[0])
    # PSNR, what is kept and KL are against the original, and in brackets those of the codec alone.
    prepared.preprocessor.value = "none"
    psnr, kept, kl = re.search(r"PSNR ([\d.]+) dB.* → (\d+) %, KL ([\d.]+) nats", prepared.caption).groups()
    prepared.preprocessor.value = str(softener)
    assert f"dB ({psnr});" in prepared.caption
    assert prepared.caption.endswith(f"({kept} %), KL {prepared.look.kl:.3f} nats ({kl})")
    error = np.mean((original.astype(float) - behind.frames[0]) ** 2)
    assert f"PSNR {10 * np.log10(255**2 / error):.2f} dB" in prepared.caption


def test_strength_goes_from_nothing_to_what_was_trained(prepared, pictures, softener):
    original = pictures[prepared.picture.value].astype(float)
    whole = prepared.look.given[0]
    full, alone = prepared.look.written.bits, prepared.look.alone.written.bits
    prepared.strength.value = 0
    assert (prepared.look.written.bits, prepared.look.kl) == (alone, prepared.look.alone.kl)
    assert "strength 0:" in prepared.caption and "(+0.0 % of" in prepared.caption
    prepared.strength.value = 0.5
    np.testing.assert_allclose(prepared.look.given[0], (original + whole) / 2, atol=0.5)
    assert full < prepared.look.written.bits < alone


def test_what_was_taken_out_is_shown(prepared, pictures):
    original = pictures[prepared.picture.value]
    for strength in (1.0, 0.3):
        prepared.strength.value = strength
        np.testing.assert_array_equal(
            pixels(prepared, "changed"), difference(original, prepared.look.given[0], 4)
        )
    assert len(sent_pictures(prepared)) == 4
    prepared.preprocessor.value = "none"
    assert "changed" not in prepared.pictures and len(sent_pictures(prepared)) == 3


def test_without_a_preprocessor_the_strength_is_out_of_use(prepared, panel):
    assert not prepared.strength.disabled
    prepared.preprocessor.value = "none"
    assert prepared.strength.disabled and panel.strength.disabled
    shown = prepared.caption
    prepared.strength.value = 0.2
    assert prepared.caption == shown
    assert "behind" not in shown
    assert [prepared.preprocessor.description, prepared.strength.description] == ["Preprocessor", "Strength"]
    assert (prepared.strength.min, prepared.strength.max, prepared.strength.continuous_update) == (
        0,
        1,
        True,
    )


def test_the_chart_shows_both_curves_and_both_points(prepared, softener):
    prepared.settle(60, everything=True)
    svg = chart(prepared)
    lines = re.findall(r'<polyline points="([^"]+)"', svg)
    assert len(lines) == 2 and svg.count('dasharray="7 4"') == 1
    assert all(len(line.split()) >= len(CURVE_QPS) for line in lines)
    look, marks = prepared.look, re.findall(r'<circle.*?cx="([\d.]+)"', svg)
    assert [float(x) for x in marks] == pytest.approx(
        [drawing.RATE(look.written.bpp), drawing.RATE(look.alone.written.bpp)], abs=0.1
    )
    prepared.preprocessor.value = "none"
    assert chart(prepared).count("<circle") == 1 and "7 4" not in chart(prepared)


def test_the_network_runs_once_for_all_strengths_and_codecs(prepared, monkeypatch):
    prepared.settle(60, everything=True)
    ran, run = [], looks.preprocess_frames
    monkeypatch.setattr(looks, "preprocess_frames", lambda net, x, qp: ran.append(qp) or run(net, x, qp))
    prepared.qp.value = 33
    prepared.strength.value = 0.4
    prepared.codec.value = "jpeg"
    prepared.settle(60, everything=True)
    assert ran.count(33) == 1


def test_a_missing_preprocessor_is_an_error_in_the_panel(pictures, lite0):
    panel = QPExplorer(pictures, codecs=("x264",), analyser=lite0, preprocessors=["nowhere"])
    shown = panel.caption
    panel.preprocessor.value = "nowhere"
    assert "MissingFile" in panel.caption and "mvlib train image" in panel.alert.value
    panel.preprocessor.value = "none"
    assert panel.caption == shown and panel.alert.value == ""
    panel.close()


def test_preprocessors_on_offer_are_those_with_weights(pictures, softener, tmp_path, monkeypatch):
    for suffix in (".safetensors", ".json"):
        (tmp_path / f"preprocessor_soft{suffix}").write_bytes(softener.with_suffix(suffix).read_bytes())
    monkeypatch.setenv("MVLIB_WEIGHTS", str(tmp_path))
    panel = QPExplorer(pictures, codecs=("jpeg",))
    steps = ("a filter, then gradient steps on each picture, slow", STEPS)
    assert panel.preprocessor.options == (("none", "none"), ("soft", "soft"), steps)
    panel.preprocessor.value = "soft"
    assert "jpeg at QP 37 (its own scale" in panel.caption and "with “soft”" in panel.caption
    panel.close()


def test_preprocessors_on_offer_fit_and_say_what_for():
    panel = QPExplorer({"mine": np.zeros((32, 32, 3), np.uint8)}, codecs=("jpeg",))
    panel.close()
    titles, names = zip(*panel.preprocessor.options, strict=True)
    assert names == ("none", "adaptive", "contrast", "filter", "image", "machines", STEPS)
    assert titles[3:5] == ("a fixed filter for each QP", "for a classifier") and not set(titles[1:]) & set(
        names
    )


def test_a_slow_preprocessor_is_shown_after_the_codec_alone(pictures, lite0):
    began, go = Event(), Event()

    def slow(frames, qp):
        began.set()
        assert go.wait(60)
        return 255 - frames

    panel = QPExplorer(pictures, codecs=("x264",), analyser=lite0, preprocessors={"slow": slow})
    panel.settle(60)
    panel.preprocessor.value = "slow"
    assert began.wait(60)
    shown = place(panel).value
    assert panel.busy and "x264 alone" in shown and ">prepared<" not in shown
    assert shown.count("<img") == 4  # the place of the fourth is kept
    go.set()
    assert ">prepared<" in page(panel) and not panel.busy
    panel.close()


def test_gradient_steps_are_a_preprocessor_by_name(lite0):
    small = {"mine": shrink(next(iter(example_pictures().values())), 48)}
    panel = QPExplorer(small, codecs=("x265",), analyser=lite0, preprocessors=(STEPS,))
    panel.preprocessor.value = STEPS
    assert f"x265 at QP 37 with “{STEPS}”: " in panel.caption
    assert panel.look.written.bits != panel.look.alone.written.bits
    panel.close()


def test_curves_of_other_codecs_are_folded_away(panel):
    panel.settle(60, everything=True)
    panel.codec.value = "jpeg"
    panel.settle(60, everything=True)
    assert chart(panel).count("<polyline") == 1 and ">x264</text>" not in chart(panel)
    panel.others.value = True
    assert chart(panel).count("<polyline") == 2 and ">x264</text>" in chart(panel)
