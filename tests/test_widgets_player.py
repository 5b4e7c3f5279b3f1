"""The player: a file that decodes to what was given, and clear errors."""

import base64
import io
import re

import av
import numpy as np
import pytest

from mvlib.widgets.player import GAP, boxed, player


def clip(seed: int) -> np.ndarray:
    """Smooth colours that change slowly: (6, 33, 40, 3)."""
    rng = np.random.default_rng(seed)
    corner = (
        rng.uniform(40, 200, (6, 1, 1, 3))
        + np.linspace(0, 40, 33)[:, None, None]
        + np.linspace(0, 15, 40)[:, None]
    )
    return corner.astype(np.uint8)


def decoded(html: str) -> np.ndarray:
    data = base64.b64decode(re.search(r"base64,([^\"]+)", html)[1])
    with av.open(io.BytesIO(data)) as container:
        assert container.streams.video[0].average_rate == 5
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def test_what_plays_is_what_was_given():
    clips = {"original": clip(0), "x265 <QP 50>": clip(1)}
    html = player(clips, fps=5, zoom=2).data
    assert "x265 &lt;QP 50&gt;" in html and "<video" in html and "loop" in html
    frames = decoded(html)
    assert frames.shape == (6, 34, 40 + GAP + 40, 3)  # an odd height is padded to 34
    assert np.abs(frames[:, :33, :39].astype(int) - clips["original"][:, :, :39]).mean() < 4
    assert np.abs(frames[:, :33, 45:].astype(int) - clips["x265 <QP 50>"][:, :, 1:]).mean() < 4
    assert frames[:, :33, 41:43].mean() > 220, "white between them"


def test_without_a_zoom_a_player_is_as_wide_as_its_place():
    html = player({"a": clip(0), "b": clip(1)}, zoom=None).data
    styles = re.findall(r'style="([^"]*)"', html)  # the film itself is text as well, and may hold anything
    assert any(style.startswith("width:100%;max-width:none") for style in styles)
    assert not any("px" in style for style in styles)
    widths = re.findall(r"width:([\d.]+)%;margin-right:([\d.]+)%", html)
    assert [float(v) for v in widths[0]] == pytest.approx([100 * 40 / 84, 100 * GAP / 84], abs=0.01)


def test_errors():
    with pytest.raises(ValueError, match="of one shape"):
        player({"a": clip(0), "b": clip(0)[:3]})
    with pytest.raises(ValueError, match="uint8"):
        player({"a": clip(0).astype(float)})
    with pytest.raises(ValueError, match="one or more"):
        player({})


def test_a_box_is_drawn_on_a_copy_and_none_where_there_is_none():
    frames = np.zeros((2, 20, 30, 3), np.uint8)
    drawn = boxed(frames, np.array([[4, 6, 14, 16], [np.nan] * 4]), (9, 8, 7))
    assert not frames.any() and not drawn[1].any()
    assert (drawn[0, 6:8, 4:14] == (9, 8, 7)).all() and (drawn[0, 6:16, 12:14] == (9, 8, 7)).all()
    assert drawn[0].any(-1).sum() == 10 * 10 - 6 * 6
