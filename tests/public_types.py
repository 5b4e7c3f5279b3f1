"""What a type checker tells of the public names; ``make lint`` checks it, and nothing runs it."""

from typing import assert_type

import numpy as np
import torch
from torch import Tensor, nn

import mvlib
from mvlib.analysers import Analyser
from mvlib.codecs import Codec, Coded
from mvlib.datasets.readers import Reader
from mvlib.evaluation import BDQuality, BDRate
from mvlib.evaluation.evaluate import Report
from mvlib.samples import Sample

frames = np.zeros((4, 32, 32, 3), np.uint8)


def codecs() -> None:
    codec = mvlib.RealCodec("x265", preset="medium", gop="stock", options={"psy": 0})
    assert_type(codec(frames, qp=37), Coded)
    coded = codec(frames, native=30.0, planes=True)
    assert_type(coded.bits, int)
    assert_type(coded.frame_bits, list[int])
    assert_type(coded.frame_types, list[str])
    command = mvlib.CommandCodec("enc -i {yuv} -q {qp} -o {stream}", decode="dec {stream} {yuv}")
    several: list[Codec] = [codec, command]
    assert_type(several[0](frames, 37), Coded)


def virtual() -> None:
    codec = mvlib.VirtualCodec.like("x265")
    codec(torch.zeros(1, 2, 3, 32, 32), torch.full((1,), 37.0))


class Mine(mvlib.Preprocessor):
    def process(self, x: Tensor, qp: Tensor) -> Tensor:
        return x


def networks() -> None:
    assert_type(mvlib.load_preprocessor("image"), mvlib.Preprocessor)
    assert_type(mvlib.load_analyser("efficientnet_lite0"), Analyser)
    assert_type(mvlib.train(Mine(), data=mvlib.open_dataset("photos"), codec="x264", steps=2), nn.Module)
    mvlib.train("Compact", analysers={"mine": nn.Flatten()}, codec=["x264", "x265"], out="runs/mine")


def measurements() -> None:
    data = mvlib.open_dataset("folder", root="my_pictures")
    assert_type(data, Reader)
    assert_type(data[0], Sample | None)
    report = mvlib.evaluate(
        data,
        preprocessors={"mine": Mine(), "sharpen": lambda frames, qp: frames, "shipped": "image"},
        analysers={"mine": nn.Flatten(), "lite2": "efficientnet_lite2"},
        codecs=["x265", mvlib.RealCodec("x264")],
        qps=[22, 27, 32.5],
    )
    assert_type(report, Report)
    value, low, high = report.bd_rate("x265", "mine", "lite2")
    assert_type(value, float)
    assert_type(low or high, float | None)
    report.save("result.json")
    assert_type(report.bd_quality("x265", "mine", "lite2")[0], float)
    assert_type(mvlib.bd_rate([(100, 0.5), (200, 0.9)], [(90, 0.5), (180, 0.9)]), BDRate)
    assert_type(mvlib.bd_quality([(100, 0.5), (200, 0.9)], [(90, 0.5), (180, 0.9)]), BDQuality)
    mvlib.evaluate([frames, frames], codecs={"fast": mvlib.RealCodec("x264", preset="fast")})
    mvlib.evaluate({"a": frames[0], "b": frames[1]}, preprocessors=["image"], analysers=["nanodet"])
