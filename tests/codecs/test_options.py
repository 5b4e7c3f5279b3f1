"""Options of the encoders: what would falsify a measurement is refused with the reason, what is a knob stays free."""

import os

import numpy as np
import pytest

from mvlib.codecs import ENCODERS, RealCodec
from mvlib.codecs import options as why
from mvlib.codecs.options import RESERVED

# What each did before: the numbers are those of a small clip at qp 30.
REFUSED = [
    ("x265", "range", "full", why.COLOUR),  # 3 dB off, planes and frames apart
    ("x264", "fullrange", "on", why.COLOUR),
    ("x264", "interlaced", 1, why.FRAMES),  # 1 dB off
    ("x264", "tff", 1, why.FRAMES),
    ("x264", "no-interlaced", 0, why.FRAMES),
    ("x264", "nointerlaced", 0, why.FRAMES),
    ("x264", "fake_interlaced", 1, why.FRAMES),
    ("x264", "crop-rect", "0,0,16,16", why.FRAMES),  # frames of another size
    ("x264", "dump-yuv", "d.yuv", why.FILES),
    ("x264", "stats", "s.log", why.FILES),
    ("x264", "pass", 1, why.RATE),  # wrote x264_2pass.log
    ("x264", "qpmin", 40, why.RATE),
    ("x264", "non-deterministic", 1, why.MACHINE),
    ("x265", "eob", 1, why.STREAM),  # decoding failed
    ("x265", "eos", 1, why.STREAM),
    ("x265", "lossless", 1, why.RATE),  # 40 times the bits, the same at every qp
    ("x265", "no-lossless", 0, why.RATE),
    ("x265", "--crf", 10, why.RATE),  # went past the list
    ("x265", "qpmax", 20, why.RATE),
    ("x265", "max-luma", 100, why.COLOUR),  # 12 dB off
    ("x265", "input-csp", "i444", why.COLOUR),  # 21 dB off
    ("x265", "video-signal-type-preset", "BT709_YCC", why.COLOUR),
    ("x265", "temporal-layers", 3, why.FRAMES),
    ("x265", "display-window", "0,0,16,16", why.FRAMES),
    ("x265", "csv", "c.csv", why.FILES),
    ("x265", "analysis-save", "a.dat", why.FILES),
    ("x265", "analysis_load", "a.dat", why.FILES),
    ("x265", "scaling-list", "gone.txt", why.FILES),  # ended the process
    ("x265", "copy-pic", 0, why.UNSAFE),
    ("x265", "cra-nal", 1, why.UNSAFE),
    ("svtav1", "min-qp", 50, why.RATE),  # the same bits at qp 22 and 30
    ("svtav1", "max-qp", 20, why.RATE),
    ("svtav1", "use-q-file", 1, why.RATE),  # 45 times the bits
    ("svtav1", "chroma-sample-position", 1, why.COLOUR),
    ("svtav1", "film-grain", 20, why.FRAMES),
    ("svtav1", "resize-mode", 1, why.FRAMES),
    ("svtav1", "avif", 1, why.FRAMES),
    ("svtav1", "fgs-table", "f.tbl", why.FILES),
    ("svtav1", "lp", 2, "this package sets it"),
    ("vp9", "drop-threshold", 80, why.FRAMES),
    ("vp9", "lossless", 1, why.RATE),
    ("mjpeg", "border_mask", 1, why.RATE),  # 14 dB off, the same at every qp
    ("mjpeg", "ps", 100, why.STREAM),  # 26 dB off
    ("mjpeg", "error_rate", 50, why.FRAMES),
    ("jpeg", "quality", 90, why.RATE),
    ("jpeg", "exif", b"x", why.STREAM),
    ("webp", "lossless", True, why.RATE),
    ("webp", "method", 6, why.PRESET),
    ("avif", "codec", "svt", why.MACHINE),
    ("avif", "range", "limited", why.COLOUR),
]


@pytest.mark.parametrize(("name", "option", "value", "reason"), REFUSED)
def test_what_falsifies_is_refused_with_the_reason(name, option, value, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="not free") as refusal:
        RealCodec(name, options={option: value})
    assert reason in str(refusal.value) and option.replace("_", "-") in str(refusal.value).replace("_", "-")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("inner", [{"cq-level": 5}, {"c:min-q": 3}, {"film-grain-table": "t"}, [("q", 2)]])
def test_what_is_refused_does_not_come_in_by_pillows_back_door(inner):
    with pytest.raises(ValueError, match="not free"):
        RealCodec("avif", options={"advanced": inner})


@pytest.mark.parametrize("name", ["x264", "x265", "svtav1"])
@pytest.mark.parametrize(
    "options",
    [
        {"aq-mode=1:lossless": 1}, {"aq-mode:qp": 1}, {"aq-mode": "1:qp=3"}, {"aq-mode": "1'"}, {"aq-mode": "1\\"},
        {"aq-mode": "1 "}, {"aq-mode ": 1}, {"": 1}, {"aq-mode": ""}, {"aq-mode": "1\n"},
    ],
)  # fmt: skip
def test_no_option_hides_another(name, options):
    with pytest.raises(ValueError, match=r"not (possible|free)"):
        RealCodec(name, options=options)


FREE = [
    (
        "x264",
        {
            "me": "umh",
            "subme": 9,
            "ref": 5,
            "psy-rd": "0.8,0.1",
            "aq_mode": 2,
            "deblock": "-1,-1",
            "cqm": "jvt",
        },
    ),
    ("x264", {"no-deblock": 1, "chroma-qp-offset": 2, "nr": 100, "partitions": "all", "slices": 2}),
    (
        "x265",
        {"psy-rd": 1, "aq-mode": 0, "rdoq-level": 2, "no-sao": 1, "ref": 3, "max-merge": 4, "cu-lossless": 1},
    ),
    ("x265", {"deblock": "-1,-1", "nr-intra": 100, "cbqpoffs": 2, "limit-refs": 1, "rect": 1, "tskip": 1}),
    ("svtav1", {"tune": 0, "enable-tf": 0, "aq-mode": 0, "enable-qm": 1, "qm-min": 4, "enable-overlays": 1}),
    ("vp9", {"aq-mode": 1, "sharpness": 2, "auto-alt-ref": 0, "error-resilient": "default"}),
    ("mjpeg", {"huffman": "default", "noise_reduction": 50}),
    ("jpeg", {"progressive": True, "qtables": [list(range(10, 74))] * 2}),
    ("webp", {"use_sharp_yuv": True}),
    ("avif", {"tile_rows": 1, "advanced": {"aq-mode": "1", "c:enable-cdef": "0"}}),
]


@pytest.mark.parametrize(("name", "options"), FREE)
def test_a_knob_of_the_encoder_stays_free_and_the_measure_right(name, options, clip):
    codec = RealCodec(name, options=options)
    fine, coarse = (codec(clip[:4], qp=qp, planes=True) for qp in (27, 39))
    assert fine.bits > 1.4 * coarse.bits
    errors = [((c.frames.astype(float) - clip[:4]) ** 2).mean() for c in (fine, coarse)]
    assert errors[0] < errors[1]
    if fine.planes and name != "mjpeg":
        luma = fine.frames @ np.array([0.2126, 0.7152, 0.0722])
        assert (
            np.abs(
                luma - (fine.planes[0].astype(float)[:, : luma.shape[1], : luma.shape[2]] - 16) * 255 / 219
            ).mean()
            < 1
        )


def test_every_codec_has_its_list_and_every_reason_words():
    assert set(RESERVED) == set(ENCODERS)
    for reasons in RESERVED.values():
        for reason, names in reasons.items():
            assert len(reason.split()) > 3 and len(set(names.split())) == len(names.split())
