"""The QP slider with real encoders and a real network: what it says is what was coded, whatever is moved."""

import io
import re
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from mvlib.analysers import load
from mvlib.codecs import RealCodec
from mvlib.plots import difference
from mvlib.widgets import QPExplorer, drawing, looking
from mvlib.widgets.explorer import CURVE_QPS
from mvlib.widgets.looking import Looker
from mvlib.widgets.pictures import example_pictures, shrink


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    return {name: shrink(name, picture, 96) for name, picture in list(example_pictures().items())[:2]}


@pytest.fixture
def panel(pictures):
    panel = QPExplorer(pictures, codecs=("x264", "jpeg"))
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


def test_the_caption_tells_what_the_network_saw(panel, pictures):
    panel.qp.value = 47
    analyser, original = load("efficientnet_lite0"), pictures[panel.picture.value]
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


def test_an_error_is_shown_and_the_panel_goes_on(pictures):
    panel = QPExplorer(pictures, codecs=("x264", "h266"))
    shown = panel.caption
    panel.codec.value = "h266"
    assert "ValueError" in panel.caption
    assert "h266" in panel._alert.value
    assert 'role="alert"' in panel._alert.value
    panel.codec.value = "x264"
    assert panel.caption == shown
    assert panel._alert.value == ""
    panel.close()


def test_an_error_in_the_background_is_shown_too(pictures, monkeypatch):
    code = RealCodec.__call__

    def fails_at_51(self, frames, qp):
        if qp == 51:
            raise OSError("the encoder <died>")
        return code(self, frames, qp=qp)

    monkeypatch.setattr(RealCodec, "__call__", fails_at_51)
    panel = QPExplorer(pictures, codecs=("x264",))
    panel.wait(60)
    assert "the encoder &lt;died&gt;" in panel._alert.value
    panel.close()


def test_the_repr_is_short_and_the_same_for_the_same_panel(panel):
    # Notebooks are compared by it, so neither the QP nor a layout belongs into it.
    before = repr(panel)
    panel.qp.value = 20
    assert repr(panel) == before == "QPExplorer(2 pictures, 2 codecs)"


def test_close_stops_measuring(pictures):
    panel = QPExplorer(pictures, codecs=("x265",))
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


def test_bars_name_the_clean_class_even_when_it_is_lost(pictures):
    analyser = load("efficientnet_lite0")
    look = Looker(pictures, analyser).look(next(iter(pictures)), "x264", 51)
    lost = looking.Look(**{**vars(look), "coded": torch.linspace(0, 1, 1000).softmax(-1)})
    classes = [f"<{name}>" for name in analyser.classes]
    html = drawing.bars(lost, classes)
    assert html.count("display:flex") == 5
    assert f"&lt;{analyser.classes[look.target]}&gt;" in html
    assert f"<{analyser.classes[look.target]}>" not in html


def test_old_looks_are_forgotten_but_not_their_points(pictures, monkeypatch):
    monkeypatch.setattr(looking, "_KEPT", 3)
    looker, name = Looker(pictures, load("efficientnet_lite0")), next(iter(pictures))
    for qp in range(20, 50, 5):
        looker.look(name, "jpeg", qp)
    assert len(looker._looks) == 3
    assert len(looker.curves(name)["jpeg"]) == 6


def test_threads_see_the_same(pictures):
    looker, name = Looker(pictures, load("efficientnet_lite0")), next(iter(pictures))
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
