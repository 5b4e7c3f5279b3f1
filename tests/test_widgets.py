"""The QP slider with real encoders and a real network: what it says is what was coded, whatever is moved."""

import io
import re
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from mvlib.analysers import Classifier, load
from mvlib.codecs import RealCodec
from mvlib.plots import difference
from mvlib.preprocess import Compact, CompactConfig, load_preprocessor, preprocess_frames, save_preprocessor
from mvlib.widgets import QPExplorer, drawing, looking
from mvlib.widgets.explorer import CURVE_QPS
from mvlib.widgets.looking import Before, Looker
from mvlib.widgets.pictures import example_pictures, shrink


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    return {name: shrink(name, picture, 96) for name, picture in list(example_pictures().items())[:2]}


@pytest.fixture(scope="module")
def lite0():
    return load("efficientnet_lite0")


@pytest.fixture
def panel(pictures, lite0):
    panel = QPExplorer(pictures, codecs=("x264", "jpeg"), analyser=lite0)
    yield panel
    panel.close()


def pixels(image) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(image.value)).convert("RGB"))


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
    said = re.search(r"“(.*)” (\d+) % → (\d+) %, KL ([\d.]+) nats$", panel.caption).groups()
    assert said[0] == analyser.classes[top]
    assert [float(v) for v in said[1:3]] == pytest.approx(
        [100 * float(clean[top].exp()), 100 * float(coded[top].exp())], abs=0.51
    )
    assert float(said[3]) == pytest.approx(kl, abs=1e-3)


def test_a_network_of_few_classes_has_a_bar_for_each(pictures):
    class Mean(torch.nn.Module):
        def forward(self, x):
            return x.mean((2, 3))

    colours = Classifier(
        Mean(), name="colours", input_size=(32, 32), mean=(0.5,) * 3, std=(0.2,) * 3, classes=("r", "g", "b")
    )
    panel = QPExplorer(pictures, codecs=("x264",), analyser=colours, preprocessors=())
    try:
        assert [panel._bars.value.count(f'title="{name}"') for name in "rgb"] == [1, 1, 1]
        assert re.search(r"“[rgb]” \d+ % → \d+ %", panel.caption)
    finally:
        panel.close()


def test_pictures_change_in_place_and_are_lossless(panel, pictures):
    images = list(panel._images)
    first = [image.value for image in images]
    panel.qp.value = 45
    look = panel._looker.look(panel.picture.value, "x264", 45)
    assert panel._images == images
    assert images[0].value == first[0]
    assert images[1].value != first[1]
    np.testing.assert_array_equal(pixels(images[0]), pictures[panel.picture.value])
    np.testing.assert_array_equal(pixels(images[1]), look.decoded)
    np.testing.assert_array_equal(pixels(images[2]), difference(look.original, look.decoded, 2))


def test_another_picture_changes_the_original_too(panel, pictures):
    other = list(pictures)[1]
    panel.picture.value = other
    np.testing.assert_array_equal(pixels(panel._images[0]), pictures[other])


def test_the_curve_is_complete_and_the_marker_moves_on_it(panel):
    panel.wait(60)
    points = panel._looker.curves(panel.picture.value)["x264"]
    assert len(points) >= len(CURVE_QPS)
    rates = [bpp for bpp, _ in points]
    assert rates == sorted(rates)
    assert rates[-1] > 8 * rates[0]
    assert all(0 <= kept <= 1 for _, kept in points)
    marker = re.compile(r'<circle cx="([\d.]+)"')
    panel.qp.value = 20
    right = float(marker.search(panel._chart.value)[1])
    panel.qp.value = 50
    left = float(marker.search(panel._chart.value)[1])
    assert left < right - 100
    line = re.search(r'<polyline points="([^"]+)"', panel._chart.value)[1].split()
    assert f"{left:.1f}" in {point.split(",")[0] for point in line}


def test_nothing_is_coded_twice(panel, monkeypatch):
    panel.wait(60)
    coded = []
    code = RealCodec.__call__
    monkeypatch.setattr(
        RealCodec, "__call__", lambda self, *a, **k: coded.append(k["qp"]) or code(self, *a, **k)
    )
    panel.qp.value = 44
    panel.qp.value = 43
    panel.qp.value = 44
    assert coded == [44]


def test_an_error_is_shown_and_the_panel_goes_on(pictures, lite0):
    panel = QPExplorer(pictures, codecs=("x264", "h266"), analyser=lite0)
    shown = panel.caption
    panel.codec.value = "h266"
    assert "ValueError" in panel.caption
    assert "h266" in panel._alert.value
    assert 'role="alert"' in panel._alert.value
    panel.codec.value = "x264"
    assert panel.caption == shown
    assert panel._alert.value == ""
    panel.close()


def test_an_error_in_the_background_is_shown_too(pictures, lite0, monkeypatch):
    code = RealCodec.__call__

    def fails_at_51(self, frames, qp):
        if qp == 51:
            raise OSError("the encoder <died>")
        return code(self, frames, qp=qp)

    monkeypatch.setattr(RealCodec, "__call__", fails_at_51)
    panel = QPExplorer(pictures, codecs=("x264",), analyser=lite0)
    panel.wait(60)
    assert "the encoder &lt;died&gt;" in panel._alert.value
    panel.close()


def test_the_repr_is_short_and_the_same_for_the_same_panel(panel):
    # Notebooks are compared by it, so neither the QP nor a layout belongs into it.
    before = repr(panel)
    panel.qp.value = 20
    assert repr(panel) == before == "QPExplorer(2 pictures, 2 codecs)"


def test_close_stops_measuring(pictures, lite0):
    panel = QPExplorer(pictures, codecs=("x265",), analyser=lite0)
    panel.close()
    panel.wait(20)
    time.sleep(0.2)
    assert len(panel._looker.curves(next(iter(pictures)))["x265"]) < len(CURVE_QPS)


def test_controls_can_be_used_and_named_without_a_mouse(panel):
    assert [c.description for c in (panel.picture, panel.codec, panel.qp)] == ["Picture", "Codec", "QP"]
    assert (panel.qp.min, panel.qp.max, panel.qp.step, panel.qp.continuous_update) == (0, 51, 1, False)
    assert 'aria-live="polite"' in panel._caption.value
    assert 'role="img" aria-label="Decoded picture: ' in panel._bars.value
    # ipywidgets 8.1 cannot draw an Image that has a tooltip.
    assert all(image.tooltip is None for image in panel._images)


def test_bars_name_the_clean_class_even_when_it_is_lost(pictures, lite0):
    analyser = lite0
    look = Looker(pictures, analyser).look(next(iter(pictures)), "x264", 51)
    lost = looking.Look(**{**vars(look), "coded": torch.linspace(0, 1, 1000).softmax(-1)})
    classes = [f"<{name}>" for name in analyser.classes]
    html = drawing.bars(lost, classes)
    assert html.count("display:flex") == 5
    assert f"&lt;{analyser.classes[look.target]}&gt;" in html
    assert f"<{analyser.classes[look.target]}>" not in html


def test_old_looks_are_forgotten_but_not_their_points(pictures, lite0, monkeypatch):
    monkeypatch.setattr(looking, "_KEPT", 3)
    looker, name = Looker(pictures, lite0), next(iter(pictures))
    for qp in range(20, 50, 5):
        looker.look(name, "jpeg", qp)
    assert len(looker._looks) == 3
    assert len(looker.curves(name)["jpeg"]) == 6


def test_threads_see_the_same(pictures, lite0):
    looker, name = Looker(pictures, lite0), next(iter(pictures))
    with ThreadPoolExecutor(4) as pool:
        looks = list(pool.map(lambda qp: looker.look(name, "x264", qp), [30, 40] * 6))
    alone = {qp: Looker(pictures, looker.analyser).look(name, "x264", qp) for qp in (30, 40)}
    assert all(look.bits == alone[look.qp].bits for look in looks)
    assert all(look.kl == pytest.approx(alone[look.qp].kl, abs=1e-4) for look in looks)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"pictures": {}}, ValueError, "0 pictures"),
        ({"codecs": ()}, ValueError, "0 codecs"),
        ({"qp": 52}, ValueError, r"qp 52.*0\.\.51"),
        ({"pictures": {"mine": np.zeros((32, 32, 3))}}, TypeError, "'mine' is float64"),
        ({"pictures": {"mine": [[1]]}}, TypeError, "'mine' is list"),
        ({"pictures": {"mine": np.zeros((32, 32), np.uint8)}}, ValueError, r"\(32, 32\)"),
        ({"pictures": {"mine": np.zeros((8, 32, 3), np.uint8)}}, ValueError, "16 pixels"),
        ({"analyser": "efficientnet_lite7"}, ValueError, "efficientnet_lite0"),
    ],
)
def test_bad_arguments_are_refused(pictures, arguments, error, says):
    with pytest.raises(error, match=says):
        QPExplorer(**{"pictures": pictures, "codecs": ("jpeg",), **arguments})


def test_pictures_are_reduced_never_enlarged():
    picture = np.random.default_rng(0).integers(0, 256, (300, 451, 3), np.uint8)
    assert shrink("a", picture, 100).shape == (100, 150, 3)
    assert shrink("a", picture, 400) is picture
    assert shrink("a", picture, None) is picture


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
    start = f"x264 at QP 35 behind “{softener}”: {behind.bits:,} bits ({share:+.1f} % of {alone.bits:,} without), "
    assert prepared.caption.startswith(start)
    np.testing.assert_array_equal(pixels(prepared._images[1]), behind.frames[0])
    # PSNR, what is kept and KL are against the original, and in brackets those of the codec alone.
    prepared.preprocessor.value = "none"
    psnr, kept, kl = re.search(r"PSNR ([\d.]+) dB.* → (\d+) %, KL ([\d.]+) nats", prepared.caption).groups()
    prepared.preprocessor.value = str(softener)
    assert f"dB ({psnr});" in prepared.caption
    assert prepared.caption.endswith(f"({kept} %), KL {prepared._look.kl:.3f} nats ({kl})")
    error = np.mean((original.astype(float) - behind.frames[0]) ** 2)
    assert f"PSNR {10 * np.log10(255**2 / error):.2f} dB" in prepared.caption


def test_strength_goes_from_nothing_to_what_was_trained(prepared, pictures, softener):
    original = pictures[prepared.picture.value].astype(float)
    whole = prepared._look.given
    full, alone = prepared._look.bits, prepared._look.alone.bits
    prepared.strength.value = 0
    assert (prepared._look.bits, prepared._look.kl) == (alone, prepared._look.alone.kl)
    assert "strength 0:" in prepared.caption and "(+0.0 % of" in prepared.caption
    prepared.strength.value = 0.5
    np.testing.assert_allclose(prepared._look.given, (original + whole) / 2, atol=0.5)
    assert full < prepared._look.bits < alone


def test_what_was_taken_out_is_shown_in_place(prepared, pictures):
    images, original = list(prepared._images), pictures[prepared.picture.value]
    assert prepared._removed.layout.display is None
    np.testing.assert_array_equal(pixels(images[3]), difference(original, prepared._look.given, 4))
    prepared.strength.value = 0.3
    np.testing.assert_array_equal(pixels(images[3]), difference(original, prepared._look.given, 4))
    prepared.preprocessor.value = "none"
    assert prepared._removed.layout.display == "none"
    assert prepared._images == images


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
        False,
    )


def test_the_chart_shows_both_curves_and_both_points(prepared, softener):
    prepared.wait(60)
    name, before = prepared.picture.value, Before(str(softener))
    for curves in (prepared._looker.curves(name), prepared._looker.curves(name, before)):
        assert len(curves["x264"]) >= len(CURVE_QPS)
    svg = prepared._chart.value
    assert svg.count("<polyline") == 2 and svg.count('dasharray="7 4"') == 1
    look, marks = prepared._look, re.findall(r'<circle.*?cx="([\d.]+)"', svg)
    assert [float(x) for x in marks] == pytest.approx(
        [drawing._x(look.bpp), drawing._x(look.alone.bpp)], abs=0.1
    )
    prepared.preprocessor.value = "none"
    assert prepared._chart.value.count("<circle") == 1 and "7 4" not in prepared._chart.value


def test_the_network_runs_once_for_all_strengths_and_codecs(prepared, monkeypatch):
    prepared.wait(60)
    ran, run = [], looking.preprocess_frames
    monkeypatch.setattr(looking, "preprocess_frames", lambda net, x, qp: ran.append(qp) or run(net, x, qp))
    prepared.qp.value = 33
    prepared.strength.value = 0.4
    prepared.codec.value = "jpeg"
    prepared.wait(60)
    assert ran.count(33) == 1


def test_a_preprocessor_that_is_not_there_is_told_in_the_panel(pictures, lite0):
    panel = QPExplorer(pictures, codecs=("x264",), analyser=lite0, preprocessors=["nowhere"])
    shown = panel.caption
    panel.preprocessor.value = "nowhere"
    assert "FileNotFoundError" in panel.caption and "mvlib train image" in panel._alert.value
    panel.preprocessor.value = "none"
    assert panel.caption == shown and panel._alert.value == ""
    panel.close()


def test_preprocessors_on_offer_are_those_with_weights(pictures, softener, tmp_path, monkeypatch):
    for suffix in (".safetensors", ".json"):
        (tmp_path / f"preprocessor_soft{suffix}").write_bytes(softener.with_suffix(suffix).read_bytes())
    monkeypatch.setenv("MVLIB_WEIGHTS", str(tmp_path))
    panel = QPExplorer(pictures, codecs=("jpeg",))
    assert panel.preprocessor.options == ("none", "soft")
    panel.preprocessor.value = "soft"
    assert "jpeg at QP 37 (its own scale" in panel.caption and "behind “soft”" in panel.caption
    panel.close()
