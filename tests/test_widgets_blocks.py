"""The block viewer: what it shows is what the virtual codec does, and its arrows point where predictions come from."""

import numpy as np
import pytest
import torch

from mvlib.virtual.codec import VirtualCodec
from mvlib.virtual.predictors import prediction_matrices
from mvlib.widgets import BlockViewer, block_viewer
from mvlib.widgets.block_viewer import coloured
from mvlib.widgets.blocks import PLANES, direction, dissect, draw_blocks, mode_name
from mvlib.widgets.samples import example_pictures, shrink


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    return {name: shrink(picture, 94) for name, picture in list(example_pictures().items())[:2]}


@pytest.fixture
def panel(pictures):
    panel = BlockViewer(pictures, qp=34)
    yield panel
    panel.close()


@pytest.mark.parametrize("name", ["x265", "x264"])
def test_the_parts_are_the_codecs(pictures, name):
    picture, codec = next(iter(pictures.values())), VirtualCodec.like(name, gop="intra")
    found = dissect(picture, 34, codec)
    with torch.no_grad():
        out = codec(torch.tensor(picture).permute(2, 0, 1)[None, None] / 255, 34)
    assert found.bits == pytest.approx(float(out.bits), rel=1e-5)
    decoded = (out.frames[0, 0] * 255).round().byte().permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(found.frame, decoded)
    luma = found.luma
    np.testing.assert_allclose(luma["prediction"] + luma["residual"], luma["source"], atol=1e-3)
    rounded = np.floor(luma["prediction"] + luma["decoded residual"] + 0.5)
    assert np.mean(rounded != luma["reconstruction"]) < 1e-3  # a half may fall to either side
    assert np.array_equal(luma["levels"], luma["levels"].round()) and np.any(luma["levels"])


@pytest.mark.parametrize("name", ["x265", "x264"])
def test_the_reconstruction_is_near_what_is_decoded(pictures, name):
    """Only the loop filter stands between them, and it changes little."""
    picture, codec = next(iter(pictures.values())), VirtualCodec.like(name, gop="intra")
    luma = dissect(picture, 34, codec).luma
    error = luma["reconstruction"] - luma["source"]
    own = 10 * np.log10(255**2 / np.mean(np.square(error)))
    assert own > 28
    assert np.mean(np.square(luma["residual"])) > 1.3 * np.mean(np.square(error))


def test_blocks_cover_the_plane_once(pictures):
    found = dissect(next(iter(pictures.values())), 30, VirtualCodec.like("x265", gop="intra"))
    count = np.zeros_like(found.luma["source"])
    for b in found.blocks:
        count[b.y : b.y + b.k, b.x : b.x + b.k] += 1
    assert (count == 1).all()
    assert {b.k for b in found.blocks} >= {4, 8, 16}
    block = found.at(37, 51)
    assert block.x <= 37 < block.x + block.k and block.y <= 51 < block.y + block.k
    vertical = np.zeros_like(found.edges[0])
    for b in found.blocks:
        vertical[b.y // 4 : (b.y + b.k) // 4, b.x // 4] = True
    np.testing.assert_array_equal(found.edges[0], vertical)


@pytest.mark.parametrize(
    ("standard", "k", "modes"), [("h265", 8, range(2, 35)), ("h264", 4, (0, 1, 3, 4, 5, 6, 7, 8))]
)
def test_arrows_point_to_the_samples_that_a_block_is_predicted_from(standard, k, modes):
    matrices = prediction_matrices(standard, k, tuple(modes), luma=standard == "h264").double().numpy()
    along = np.arange(2 * k)
    places = np.concatenate(
        [np.stack([-np.ones(2 * k), along[::-1]], 1), [[-1, -1]], np.stack([along, -np.ones(2 * k)], 1)]
    )  # (4k+1, 2) of x, y
    samples = np.stack(np.meshgrid(np.arange(k), np.arange(k)), -1).reshape(-1, 2)
    for mode, matrix in zip(modes, matrices, strict=True):
        away = matrix @ places - samples
        towards = np.array(direction(mode, k, standard)) / np.hypot(*direction(mode, k, standard))
        aside = away[:, 0] * towards[1] - away[:, 1] * towards[0]
        # Whole samples stand for fractions of them, and H.264 repeats the lowest sample on the left.
        inside = np.abs(aside) < 0.75
        assert inside.mean() > (0.6 if (standard, mode) == ("h264", 8) else 0.99), mode
        assert (away[inside] @ towards > 0).all(), mode


def test_modes_have_names():
    assert [mode_name(m, 8, "h265") for m in (0, 1, 10, 26, 18)] == [
        "planar", "DC", "horizontal", "vertical", "direction 18",
    ]  # fmt: skip
    assert mode_name(3, 16, "h264") == "plane" and mode_name(3, 8, "h264") == "direction 3"
    assert direction(0, 8, "h265") is None and direction(3, 16, "h264") is None


def test_stripes_are_predicted_along_themselves():
    stripes = np.random.default_rng(0).integers(60, 200, (1, 64, 1), np.uint8).repeat(64, 0).repeat(3, 2)
    for picture, name in ((stripes, "vertical"), (stripes.transpose(1, 0, 2), "horizontal")):
        found = dissect(np.ascontiguousarray(picture), 34, VirtualCodec.like("x265", gop="intra"))
        inner = [b for b in found.blocks if b.x and b.y]
        assert np.mean([mode_name(b.mode, b.k, "h265") == name for b in inner]) > 0.8


def test_the_caption_tells_what_was_found(panel, pictures):
    panel.codec.value, panel.qp.value, panel.column.value, panel.row.value = "x264", 40, 40, 20
    found = dissect(pictures[panel.picture.value], 40, VirtualCodec.like("x264", gop="intra"))
    block = found.at(40, 20)
    assert panel.caption.startswith(f"x264 at QP 40, picture – blocks: {len(found.blocks):,}, ")
    assert (
        f"PSNR (dB): {found.psnr:.2f}; block – size: {block.k}×{block.k}, place: column {block.x}, row {block.y}, "
        in panel.caption
    )
    sent = np.count_nonzero(found.cut("levels", block))
    assert f"levels sent: {sent} of {block.k**2}, " in panel.caption


def test_pictures_follow_the_controls(panel):
    first = panel.pictures
    panel.qp.value = 47
    coarse = panel.pictures
    panel.view.value = "prediction"
    other = panel.pictures
    same = lambda a, b, name: np.array_equal(a[name].pixels, b[name].pixels)  # noqa: E731
    assert not same(coarse, first, "picture") and not same(other, coarse, "picture")
    assert same(other, coarse, "source")


def test_tiles_show_the_block(panel, pictures):
    found = dissect(pictures[panel.picture.value], 34, VirtualCodec.like("x265", gop="intra"))
    block = found.at(panel.column.value, panel.row.value)
    for name in PLANES:
        tile = panel.pictures[name].pixels
        times = len(tile) // block.k
        np.testing.assert_array_equal(tile[::times, ::times], coloured(found.cut(name, block), name))


def test_zero_is_white_and_a_level_of_one_is_not():
    levels = coloured(np.array([[0.0, 1, -1]]), "levels")
    assert (levels[0, 0] == 255).all()
    assert levels[0, 1, 0] > levels[0, 1, 2] + 30 and levels[0, 2, 2] > levels[0, 2, 0] + 30


def test_the_frame_around_the_marked_block(pictures):
    picture = next(iter(pictures.values()))
    found = dissect(picture, 34, VirtualCodec.like("x265", gop="intra"))
    block = found.at(48, 40)
    plain, marked = (draw_blocks(picture, found, m, scale=3) for m in (None, block))
    assert plain.shape == (picture.shape[0] * 3, picture.shape[1] * 3, 3)
    rows, columns = (plain != marked).any(-1).nonzero()
    assert rows.min() == block.y * 3 and columns.min() == block.x * 3
    assert rows.max() == (block.y + block.k) * 3


def test_another_size_keeps_the_place_inside(pictures):
    small = next(iter(pictures.values()))[:40, :48]
    panel = BlockViewer({"large": next(iter(pictures.values())), "small": small})
    panel.column.value, panel.row.value = panel.column.max, panel.row.max
    panel.picture.value = "small"
    assert (panel.column.value, panel.row.value) == (44, 36)
    assert "place: column" in panel.caption and not panel.alert.value


def test_an_error_stands_in_the_panel(panel, monkeypatch):
    def broken(*args):
        raise OSError("the codec <died>")

    monkeypatch.setattr(block_viewer, "dissect", broken)
    panel.qp.value = 20
    assert panel.caption == "OSError: the codec <died>"
    assert "could not be shown" in panel.alert.value and "&lt;died&gt;" in panel.alert.value


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"pictures": {}}, ValueError, "0 pictures"),
        ({"codecs": ()}, ValueError, "0 codecs"),
        ({"qp": 52}, ValueError, r"qp 52.*0\.\.51"),
        ({"codecs": ("vp9",)}, ValueError, "x264"),
        ({"pictures": {"mine": np.zeros((32, 32, 3))}}, TypeError, "'mine' is float64"),
    ],
)
def test_bad_arguments_are_refused(pictures, arguments, error, message):
    with pytest.raises(error, match=message):
        BlockViewer(**{"pictures": pictures, **arguments})


def test_a_click_chooses_the_block_below_it(panel, pictures):
    height, width = pictures[panel.picture.value].shape[:2]
    pointed = panel.children[-1]
    pointed.value = f"{41.5 / width} {22.5 / height}"  # as the browser sends it
    assert (panel.column.value, panel.row.value) == (40, 20) and "block – size" in panel.caption
    pointed.value = "1 1"  # the very corner
    assert (panel.column.value, panel.row.value) == (panel.column.max, panel.row.max)


def test_without_a_grid_only_the_marked_block_is_drawn(panel, pictures):
    panel.grid.value = False
    found = dissect(pictures[panel.picture.value], 34, VirtualCodec.like("x265", gop="intra"))
    block = found.at(panel.column.value, panel.row.value)
    large = found.frame.repeat(3, 0).repeat(3, 1)
    changed = np.argwhere((panel.pictures["picture"].pixels != large).any(-1)) // 3
    assert changed[:, 1].min() == block.x and changed[:, 0].max() <= block.y + block.k
    panel.grid.value = True
    assert (panel.pictures["picture"].pixels != large).any(-1).sum() > 3 * len(changed)


def test_numbers_are_written_into_the_samples(panel):
    plain = panel.pictures["source"].pixels
    panel.numbers.value = True
    written = panel.pictures["source"]
    assert (written.pixels != plain).any()
    if int(panel.caption.split("×")[0].split()[-1]) > 8:
        assert written.title == "source, upper left 8×8"


def test_a_picture_of_your_own(panel):
    grey = np.random.default_rng(0).integers(0, 256, (40, 56), np.uint8)
    panel.add("mine", grey)
    assert panel.picture.value == "mine" and (panel.column.max, panel.row.max) == (52, 36)
    assert panel.pictures["picture"].pixels.shape == (120, 168, 3) and not panel.alert.value
