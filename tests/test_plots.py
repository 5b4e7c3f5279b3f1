"""Figures: what is drawn is what was given, with units, and a codec looks the same everywhere."""

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image, ImageCms, ImageColor

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from mvlib.codecs.encoders import ENCODERS
from mvlib.plots import (
    COLOURS,
    MARKERS,
    Curve,
    against_qp,
    difference,
    followed,
    log_axis,
    pictures,
    rate_quality,
    training_curves,
)
from mvlib.plots.style import styles


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_colours_of_codecs_differ_to_the_eye():
    colours = Image.new("RGB", (len(COLOURS), 1))
    colours.putdata([ImageColor.getrgb(colour) for colour in COLOURS.values()])
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    lab = np.array(ImageCms.applyTransform(colours, to_lab))[0].astype(float) * [100 / 255, 1, 1]
    lab[:, 1:] = (lab[:, 1:] + 128) % 256 - 128  # signed
    apart = np.linalg.norm(lab[:, None] - lab, axis=-1)[np.triu_indices(len(lab), 1)]
    assert apart.min() > 20  # CIE76; 2 is about the least that is seen side by side


def test_every_codec_has_a_colour_and_a_marker_of_its_own():
    assert set(ENCODERS) <= set(COLOURS)
    assert len(set(COLOURS.values())) == len(COLOURS)
    assert len(set(MARKERS.values())) == len(MARKERS)


def test_colours_are_told_apart_by_the_colour_blind():
    # Deuteranopia after Viénot et al. 1999, in linear RGB; distance in plain RGB of 0..255.
    simulate = np.array([[0.29275, 0.70725, -0.02978], [0.29275, 0.70725, -0.02978], [-0.02234, 0.02234, 1]])
    rgb = np.array([matplotlib.colors.to_rgb(c) for c in COLOURS.values()])
    seen = 255 * np.clip((rgb**2.2) @ simulate.T, 0, 1) ** (1 / 2.2)
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1) + 1e3 * np.eye(len(rgb))
    assert apart.min() > 20


def test_a_logarithmic_axis_has_plain_numbers():
    ax = plt.subplots()[1]
    ax.plot([0.1, 50], [0, 1])
    log_axis(ax)
    ax.figure.canvas.draw()
    shown = {t.get_text() for t in ax.get_xticklabels(which="both")} - {""}
    assert {"0.1", "0.5", "1", "20"} <= shown and not any("10^" in text for text in shown)


def test_curves_carry_values_units_bands_and_codec_colours():
    curves = {
        "x265": Curve([0.1, 0.2, 0.4], [1.0, 0.5, 0.1], [0.9, 0.4, 0.05], [1.1, 0.6, 0.2]),
        "x265, blur 0.8": Curve([0.1, 0.3], [0.9, 0.3]),
        "downscale": Curve([0.1, 0.3], [0.8, 0.2]),
    }
    ax = rate_quality(curves, quality="KL (nats)")
    plain, blur, other = ax.lines
    assert plain.get_xydata().tolist() == [[0.1, 1.0], [0.2, 0.5], [0.4, 0.1]]
    assert to_hex(plain.get_color()) == to_hex(blur.get_color()) == COLOURS["x265"].lower()
    assert (plain.get_linestyle(), blur.get_linestyle()) == ("-", "--")
    assert other.get_label() == "downscale"
    (band,) = ax.collections
    assert band.get_datalim(ax.transData).bounds == pytest.approx((0.1, 0.05, 0.3, 1.05))
    assert ax.get_xlabel() == "rate (bits per pixel)"
    assert ax.get_ylabel() == "KL (nats)"
    assert ax.get_xscale() == "log"


def test_what_is_no_codec_never_looks_like_the_codec_beside_it():
    ax = rate_quality({n: Curve([1, 2], [1, 2]) for n in ("x265 alone", "blur", "fade")}, quality="dB")
    assert len({line.get_color() for line in ax.lines}) == 3


def test_another_curve_is_drawn_beside_those_of_all_codecs():
    looks = styles([*COLOURS, "a network"])
    assert len(looks) == len(COLOURS) + 1 and looks["a network"][2] == "-"


def test_rate_ticks_are_plain_numbers():
    ax = rate_quality({"x264": Curve([0.04, 1.7], [1, 0])}, quality="q")
    ax.figure.canvas.draw()
    labels = [t.get_text() for t in ax.get_xticklabels() if 0.04 <= t.get_position()[0] <= 1.7]
    assert labels == ["0.05", "0.1", "0.2", "0.5", "1"]


def test_axes_can_be_given():
    _, axes = plt.subplots(1, 2)
    assert (
        rate_quality({"jpeg": Curve([1, 2], [3, 4])}, quality="PSNR (dB)", log_rate=False, ax=axes[1])
        is axes[1]
    )
    assert axes[1].get_xscale() == "linear"


def test_pictures_stand_in_a_row_below_their_titles_and_planes_keep_their_scale():
    colour, plane = np.zeros((8, 12, 3), np.uint8), np.full((1, 1, 8, 12), 3.0)
    axes = pictures({"in colour": colour, "a difference\nof 3": plane}, limits=(-60, 60)).axes
    assert [ax.get_title() for ax in axes] == ["in colour", "a difference\nof 3"]
    first, second = (ax.get_images()[0] for ax in axes)
    assert first.get_array().shape == (8, 12, 3)
    assert second.get_array().shape == (8, 12) and second.get_clim() == (-60, 60)


def test_difference_is_signed_amplified_and_clipped():
    a = np.full((1, 4, 3), 100, np.uint8)
    b = np.stack([np.full(3, v) for v in (100, 110, 90, 255)])[None].astype(np.uint8)
    assert difference(a, b, 4)[0, :, 0].tolist() == [128, 168, 88, 255]
    assert difference(b, a, 4)[0, :, 0].tolist() == [128, 88, 168, 0]
    with pytest.raises(ValueError, match="one shape"):
        difference(a, b[:, :2])
    with pytest.raises(ValueError, match="float64"):
        difference(a / 255, b)


def test_a_score_against_qp_comes_from_its_own_row():
    results = {"qp": [30, 40], "bpp": [2.0, 1.0], "ao:siam": [0.8, 0.5], "sr50:siam": [1.0, 0.6]}
    report = {
        "curves": [
            {"codec": "x264", "condition": "codec alone", "results": results},
            {"codec": "x264", "condition": "blur 0.5", "results": results},
            {"codec": "x265", "condition": "codec alone", "results": results | {"ao:siam": [0.7, 0.4]}},
        ]
    }
    ax = against_qp(report, "ao", quality="average overlap")
    assert [line.get_label() for line in ax.lines] == ["x264, siam", "x265, siam"]
    assert ax.lines[1].get_xydata().tolist() == [[30, 0.7], [40, 0.4]]
    assert (ax.get_xlabel(), ax.get_xscale(), ax.get_ylabel()) == ("QP", "linear", "average overlap")
    with pytest.raises(ValueError, match="no score 'kl'"):
        against_qp(report, "kl", quality="KL (nats)")


def test_boxes_are_drawn_around_their_pixels():
    clip = np.zeros((3, 20, 30, 3), np.uint8)
    truth = np.array([[2.0, 3, 8, 9]] * 3)
    truth[2] = np.nan
    figure = followed(
        {"clean": clip, "QP 50": clip},
        {"clean": truth + 1, "QP 50": truth[:1] + np.arange(3)[:, None]},
        [0, 2],
        truth,
    )
    axes = np.array(figure.axes).reshape(2, 2)
    dashed, solid = axes[0, 0].patches
    assert dashed.get_bbox().extents.tolist() == [1.5, 2.5, 7.5, 8.5]
    assert solid.get_bbox().extents.tolist() == [2.5, 3.5, 8.5, 9.5]
    (only,) = axes[1, 1].patches  # no true box there
    assert only.get_bbox().extents.tolist() == [3.5, 4.5, 9.5, 10.5]
    assert axes[1, 0].get_title(loc="left") == "QP 50"


@pytest.mark.parametrize(
    ("columns", "right", "unit"),
    [
        ("rate,lost lite0", ["lite0"], "what is lost (nats, or share of maps)"),
        ("rate,left,harmed", ["left", "harmed"], "detail treated wrongly (share, squared)"),
    ],
)
def test_a_log_is_drawn_with_the_parts_that_it_has(tmp_path, columns, right, unit):
    values = np.arange(1.0, 9)
    rows = [",".join([str(k), str(v), *[str(v / 2)] * len(columns.split(","))]) for k, v in enumerate(values)]
    (tmp_path / "log.csv").write_text("\n".join([f"step,loss,{columns}", *rows]))
    loss, lost = training_curves(tmp_path / "log.csv", window=2).axes
    assert [line.get_label() for line in loss.lines] == ["loss", "rate"]
    assert loss.lines[0].get_ydata().tolist() == ((values[1:] + values[:-1]) / 2).tolist()
    assert [line.get_label() for line in lost.lines] == right and lost.get_ylabel() == unit
