"""Figures of networks, rows of pictures and BD-rates: what stands in them, and where."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest

from mvlib.errors import InputError
from mvlib.figures import diagram, forest, picture_rows


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def entry(condition, analyser="nanodet", codec="x265", **others):
    return {
        "codec": codec,
        "condition": condition,
        "analyser": analyser,
        "quality": "kl",
        "bd_rate": -10.0,
        "low": -15.0,
        "high": -5.0,
        "failed": 0.0,
    } | others


def report(*entries):
    return {"bd_rates": list(entries), "options": {"analysers": ["nanodet", "centernet"]}}


def test_a_diagram_has_its_texts_and_one_arrow_for_each_pair():
    figure = diagram({"(in)": (0, 0), "net": (1, 0)}, [("(in)", "net", "pixels")])
    (ax,) = figure.axes
    texts = [text.get_text() for text in ax.texts]
    assert texts[:2] == ["in", "net"] and "pixels" in texts
    assert sum(text.arrow_patch is not None for text in ax.texts if hasattr(text, "arrow_patch")) == 1


def test_an_arrow_to_nowhere_is_named():
    with pytest.raises(InputError, match="nte"):
        diagram({"in": (0, 0), "net": (1, 0)}, [("in", "nte")])


def test_pictures_stand_in_rows_below_the_titles_of_their_columns():
    dark, light = (np.full((4, 6, 3), value, np.uint8) for value in (9, 200))
    figure = picture_rows({"one": [dark, light], "two": [light, dark]}, ["a", "b"])
    assert [ax.get_title() for ax in figure.axes] == ["a", "b", "", ""]
    assert [ax.get_ylabel() for ax in figure.axes] == ["one", "", "two", ""]
    assert [int(ax.images[0].get_array()[0, 0, 0]) for ax in figure.axes] == [9, 200, 200, 9]


def test_a_forest_has_an_axis_for_each_analyser_and_a_line_for_each_row():
    figure = forest(report(entry("blur"), entry("net"), entry("net", "centernet")), ["kl"])
    left, right = figure.axes
    assert (left.get_title(), right.get_title()) == ("NanoDet", "CenterNet")
    assert [label.get_text() for label in left.get_yticklabels()] == ["blur", "net"]
    (place,) = {y for line in right.lines[:2] for y in line.get_ydata()}
    assert place == pytest.approx(1)  # the second row


def test_a_circle_is_full_where_codec_and_analyser_were_seen():
    entries = [entry("net"), entry("net", "centernet")]
    figure = forest(report(*entries), ["kl"], seen={"net": ["x265", "nanodet"]})
    faces = [ax.lines[1].get_markerfacecolor() for ax in figure.axes]
    assert faces[0] == ax_colour(figure) and faces[1] == "white"


def ax_colour(figure):
    return figure.axes[0].lines[0].get_color()


def test_entries_without_a_number_or_with_failed_draws_are_left_out():
    entries = [entry("good"), entry("failed", failed=0.06), entry("none", low=None)]
    figure = forest(report(*entries), ["kl"])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["good"]
