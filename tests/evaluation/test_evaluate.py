"""Parts of one's own in ``mvlib.evaluate``: what they do is what is measured, and what does not fit is named."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import mvlib
from mvlib.evaluation import protocol
from mvlib.evaluation.conditions import row_of
from mvlib.evaluation.material import given_material

PICTURES = list(np.random.default_rng(0).integers(0, 256, (3, 32, 40, 3), dtype=np.uint8))
QUICK = {"codecs": ["jpeg"], "qps": [30, 40], "baselines": [], "draws": 10, "progress": False}


class Brightness(nn.Module):
    """Logits of two classes: bright and dark."""

    def __init__(self, gain: float = 5.0):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain))

    def forward(self, x):
        score = self.gain * (x.mean((1, 2, 3)) - 0.5)
        return torch.stack([score, -score], 1)


class Darken(nn.Module):
    def __init__(self, by: float = 0.2):
        super().__init__()
        self.by = nn.Parameter(torch.tensor(by))

    def forward(self, x, qp):
        assert x.ndim == 4 and qp.shape == (len(x),)
        return x - self.by * (qp / 51).view(-1, 1, 1, 1)


class Half(nn.Module):
    def forward(self, x, qp):
        return x[..., ::2, :]


def negative(frames, qp):
    return 255 - frames


def test_numbers_are_those_of_the_steps_by_hand():
    seen = Brightness()
    report = mvlib.evaluate(PICTURES, {"negative": negative}, {"b": seen}, **QUICK).to_dict()
    curve = next(c["results"] for c in report["curves"] if c["condition"] == "negative")
    codec = mvlib.RealCodec("jpeg", gop="intra")
    coded = [codec(255 - p[None], qp=40) for p in PICTURES]
    assert curve["bpp"][1] == pytest.approx(np.mean([c.bits / (32 * 40) for c in coded]), abs=1e-5)
    logits = [seen(torch.from_numpy(x[None].copy()).permute(0, 3, 1, 2) / 255) for x in PICTURES]
    decoded = [seen(torch.from_numpy(c.frames).permute(0, 3, 1, 2) / 255) for c in coded]
    same = np.mean([(a.argmax() == b.argmax()).item() for a, b in zip(logits, decoded, strict=True)])
    assert curve["top1:b"][1] == pytest.approx(same)


def test_what_is_given_stays_as_it_was():
    seen, step = Brightness().train(), Darken().train()
    mvlib.evaluate(PICTURES, {"dark": step}, {"b": seen}, **QUICK)
    assert seen.training and step.training and seen.gain.requires_grad and step.by.requires_grad


def test_cells_are_found_again_by_weights_and_code(tmp_path, monkeypatch):
    counted = []
    encode = protocol.Encoding.__call__
    monkeypatch.setattr(
        protocol.Encoding, "__call__", lambda self, cell: counted.append(cell.row.name) or encode(self, cell)
    )

    def run(step, analyser):
        counted.clear()
        mvlib.evaluate(PICTURES, {"mine": step}, {"b": analyser}, **QUICK, cells=tmp_path)
        return sorted(counted)

    assert run(Darken(), Brightness()) == ["codec alone", "mine"]
    assert run(Darken(), Brightness()) == []
    assert run(Darken(0.3), Brightness()) == ["mine"]
    assert run(negative, Brightness()) == ["mine"]
    assert run(Darken(), Brightness(6.0)) == ["codec alone", "mine"]


def test_clips_are_coded_as_clips():
    clips = [np.stack([np.roll(p, t, 1) for t in range(4)]) for p in PICTURES]
    seen = []

    def step(frames, qp):
        seen.append(frames.shape)
        return frames

    options = QUICK | {"codecs": ["x264"], "qps": [30, 45]}
    report = mvlib.evaluate(clips, {"as it is": step}, {"b": Brightness()}, **options)
    assert set(seen) == {(4, 32, 40, 3)} and report.to_dict()["name"] == "clips"
    bits = mvlib.RealCodec("x264", gop="stock")(clips[0], qp=30).bits
    every = [mvlib.RealCodec("x264", gop="stock")(c, qp=30).bits for c in clips]
    assert every[0] == bits
    assert report.to_dict()["curves"][0]["results"]["bpp"][0] == pytest.approx(
        np.mean(every) / (4 * 32 * 40), abs=1e-5
    )
    assert report.bd_rate("x264", "as it is", "b") == (0, 0, 0)


def test_data_may_be_a_folder_files_or_arrays(tmp_path):
    for i, picture in enumerate(PICTURES):
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
    files = sorted(tmp_path.glob("*.png"))
    given = [tmp_path, str(tmp_path), files, [str(f) for f in files], PICTURES]
    given += [{"a": PICTURES[0], "b": PICTURES[1], "c": PICTURES[2]}, mvlib.open_dataset("folder", tmp_path)]
    for data in given:
        material = given_material(data)
        assert len(material) == 3 and not material.clips
        np.testing.assert_array_equal(material[2].frames, PICTURES[2][None])
        assert len({material[i].source for i in range(3)}) == 3
    assert len(given_material(PICTURES, limit=2)) == 2


@pytest.mark.parametrize(
    "data, message",
    [
        ([], "holds nothing"),
        ([PICTURES[0] / 255], "float64"),
        ([PICTURES[0][..., 0]], r"\(32, 40\)"),
        ([PICTURES[0], np.stack(PICTURES)], "pictures beside clips"),
        (7, "data is int"),
        ("nowhere.png", "nowhere.png"),
    ],
)
def test_data_that_cannot_be_coded_is_named(data, message):
    with pytest.raises((ValueError, TypeError, FileNotFoundError), match=message):
        mvlib.evaluate(data, **QUICK)


@pytest.mark.parametrize(
    "parts, message",
    [
        ({"preprocessors": {"mine": 7}}, "preprocessor 'mine' is int"),
        ({"preprocessors": {"a=b": "image"}}, "title 'a=b'"),
        ({"preprocessors": {"blur 0.5": "image"}}, "a baseline's"),
        ({"preprocessors": [negative]}, "without a title"),
        (
            {"preprocessors": {"half": lambda frames, qp: frames[:, ::2]}},
            r"'half' gave uint8 \(1, 16, 40, 3\)",
        ),
        ({"preprocessors": {"half": Half()}}, r"Half gave shape \(3, 3, 16, 40\)"),
        ({"analysers": {"mine": negative}}, "analyser 'mine' is function"),
        ({"analysers": {"siam": "siam_lite0"}}, "siam_lite0 is a tracker, which has no score for pictures"),
        ({"analysers": {"b": Brightness()}, "scores": ["ap"]}, "no score ap"),
        ({"codecs": ["x265", mvlib.RealCodec("x265", preset="fast")]}, "two codecs are called 'x265'"),
        ({"codecs": {"mine": print}}, "codec 'mine' is builtin"),
        ({"against": "other"}, "'other', which is no row"),
    ],
)
def test_parts_that_do_not_fit_are_named(parts, message):
    given = {"analysers": {"b": Brightness()}} | QUICK | parts
    with pytest.raises((ValueError, TypeError), match=message):
        mvlib.evaluate(PICTURES, **given)


def test_a_report_lists_what_there_is():
    report = mvlib.evaluate(PICTURES, {"mine": negative}, {"b": Brightness()}, **QUICK)
    for wanted, message in (
        (("webp", "mine", "b"), "codec 'webp', only jpeg"),
        (("jpeg", "yours", "b"), "condition 'yours', only mine"),
        (("jpeg", "mine", "b", "ap"), "quality 'ap', only kl, top1"),
    ):
        with pytest.raises(ValueError, match=message):
            report.bd_rate(*wanted)
    with pytest.raises(ValueError, match="score 'ap'"):
        report.plot("ap")


def test_a_module_of_video_is_given_the_clip_and_one_of_pictures_its_frames():
    clip, shapes = np.stack([*PICTURES] * 4), []

    class Sees(nn.Module):
        def forward(self, x, qp):
            shapes.append(tuple(x.shape))
            return x

    video = Sees()
    video.takes_clips = True
    for module in (Sees(), video):
        np.testing.assert_array_equal(row_of("row", module, (30,)).prepare(clip, 30), clip)
    assert shapes == [(8, 3, 32, 40), (4, 3, 32, 40), (1, 12, 3, 32, 40)]
