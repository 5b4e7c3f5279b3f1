"""What counts as a number, wherever one is taken: NumPy's do, a bool does not, a count is whole."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from mvlib.codecs import RealCodec
from mvlib.evaluation.experiment import Experiment
from mvlib.preprocess import (
    Compact,
    CompactConfig,
    CompactVideo,
    CompactVideoConfig,
    RefinementConfig,
    ZhaoConfig,
    preprocess_frames,
)
from mvlib.training.experiment import ImageTraining, VideoTraining
from mvlib.training.slope import Slope
from mvlib.virtual import VirtualCodec

SMALL = CompactConfig(widths=(4, 4), blocks=(1, 1))
FRAMES = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
CLIP = torch.from_numpy(FRAMES).permute(0, 3, 1, 2)[None] / 255
QP = {
    "real": lambda qp: RealCodec("x264")(FRAMES, qp=qp).bits,
    "real jpeg": lambda qp: RealCodec("jpeg")(FRAMES, qp=qp).bits,
    "native": lambda qp: RealCodec("x264")(FRAMES, native=qp).bits,
    "real, many": lambda qp: RealCodec("x264").map([FRAMES], qp, workers=1)[0].bits,
    "virtual": lambda qp: VirtualCodec.like("x264")(CLIP, qp).bits.item(),
    "virtual jpeg": lambda qp: VirtualCodec.like("jpeg")(CLIP, qp).bits.item(),
    "quality": lambda qp: VirtualCodec.like("jpeg")(CLIP, quality=qp).bits.item(),
    "pictures": lambda qp: Compact(SMALL)(CLIP[0], qp).sum().item(),
    "clips": lambda qp: CompactVideo(CompactVideoConfig(spatial=SMALL))(CLIP, qp).sum().item(),
    "frames": lambda qp: preprocess_frames(Compact(SMALL), FRAMES, qp).sum(),
}
WHOLE = {
    "experiment": lambda n: Experiment(limit=n),
    "experiment's draws": lambda n: Experiment(draws=n),
    "frames of a clip": lambda n: Experiment("clips", frames=n),
    "training": lambda n: ImageTraining(steps=n),
    "batch": lambda n: VideoTraining(batch=n),
    "references": lambda n: VideoTraining(through=n),
    "references of a codec": lambda n: VirtualCodec.like("x264")(CLIP, 30.0, through=n),
    "references of a codec without": lambda n: VirtualCodec.like("jpeg")(CLIP, 30.0, through=n),
    "refinement": lambda n: RefinementConfig(steps=n),
    "frames at a time": lambda n: preprocess_frames(Compact(SMALL), FRAMES, 30, batch=n),
    "window": lambda n: ZhaoConfig(window=n),
    "kernel": lambda n: CompactConfig(embedding=n),
}


@pytest.mark.parametrize("place", QP)
@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.int32, lambda qp: np.array([qp])[0]])
def test_numpys_numbers_are_numbers(place, kind):
    assert QP[place](kind(30)) == QP[place](30)


@pytest.mark.parametrize("place", QP)
@pytest.mark.parametrize("qp", [True, np.True_], ids=["bool", "numpy bool"])
def test_a_bool_is_no_number(place, qp):
    with pytest.raises(TypeError, match=r"bool|True"):
        QP[place](qp)


@pytest.mark.parametrize("place", ["virtual", "virtual jpeg", "quality", "pictures", "clips"])
def test_a_tensor_of_bools_is_none(place):
    with pytest.raises(TypeError, match=r"of torch\.bool"):
        QP[place](torch.tensor(True))


@pytest.mark.parametrize("place", WHOLE)
def test_a_count_is_whole(place):
    WHOLE[place](np.int64(3))
    for wrong in (True, 1.5, "3"):
        with pytest.raises(TypeError, match="must be a whole number"):
            WHOLE[place](wrong)


@pytest.mark.parametrize("place", sorted({*WHOLE} - {"training", "batch", "kernel"}))
def test_a_count_below_nothing_is_refused(place):
    with pytest.raises(ValueError, match="-1"):
        WHOLE[place](-1)


def test_lists_of_qps_hold_numbers():
    for kind in (Experiment, Experiment):
        for qps in ((30, True), (30, "40"), [np.True_, 30]):
            with pytest.raises(TypeError, match="qps holds"):
                kind(qps=qps)
    with pytest.raises(TypeError, match="QPs hold True"):
        Slope([True, 30, 40], [1.0, 0.5, 0.2], [0.1, 0.2, 0.3])
    with pytest.raises(TypeError, match="widths holds True"):
        CompactConfig(widths=(8, True), blocks=(1, 1))


def test_numpys_numbers_are_stored_as_numbers():
    experiment = Experiment(qps=[30, np.int32(40), np.int64(45)], limit=np.int64(8))
    stored = json.loads(json.dumps(asdict(experiment), default=str))
    assert stored["qps"] == [30, 40, 45] and stored["limit"] == 8
