import numpy as np
import pytest
import torch
from PIL import Image

from mvlib import analysers
from mvlib.analysers.detectors import (
    COCO_CLASSES,
    DETECTOR_NAMES,
    Heads,
    heads_divergence,
    load_detector,
)
from mvlib.analysers.detectors.centernet import Upsample
from mvlib.analysers.detectors.nanodet import NanoDet, boxes_of
from mvlib.datasets import data_root

torch.set_num_threads(1)


def photo(name: str) -> torch.Tensor:
    pixels = np.array(Image.open(data_root() / "photos" / name).convert("RGB"))
    return torch.tensor(pixels).permute(2, 0, 1)[None].float() / 255


@pytest.fixture(scope="module", params=DETECTOR_NAMES)
def detector(request):
    return load_detector(request.param)


# What is in the photograph, and a box that holds most of it, drawn by eye.
SEEN = [
    ("gcompris-resource_horse_0.webp", "horse", (64, 30, 425, 372)),
    ("gcompris-resource_giraffe_0.webp", "giraffe", (20, 10, 650, 382)),
]


@pytest.mark.parametrize("file, label, box", SEEN)
def test_it_finds_the_animal(detector, file, label, box):
    best = detector.detect(photo(file))[0]
    assert detector.classes[best.labels[0]] == label
    x1, y1, x2, y2 = best.boxes[0].tolist()
    shared = max(0, min(x2, box[2]) - max(x1, box[0])) * max(0, min(y2, box[3]) - max(y1, box[1]))
    union = (x2 - x1) * (y2 - y1) + (box[2] - box[0]) * (box[3] - box[1]) - shared
    assert shared / union > 0.8


def test_boxes_follow_the_picture(detector):
    """Twice the size: the same objects, in twice the pixels."""
    x = photo("gcompris-resource_horse_0.webp")
    small = detector.detect(x)[0]
    large = detector.detect(torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear"))[0]
    assert small.labels[0] == large.labels[0]
    torch.testing.assert_close(2 * small.boxes[0], large.boxes[0], rtol=0, atol=8)


def test_flipping_flips_the_box(detector):
    x = photo("gcompris-resource_horse_0.webp")
    a, b = detector.detect(x)[0], detector.detect(x.flip(-1))[0]
    width = x.shape[-1]
    mirrored = torch.stack([width - b.boxes[0, 2], b.boxes[0, 1], width - b.boxes[0, 0], b.boxes[0, 3]])
    torch.testing.assert_close(a.boxes[0], mirrored, rtol=0, atol=25)


def test_gradient_reaches_every_part_of_the_picture(detector):
    """Border included: a detector that doesn't see it would reward flattening it."""
    x = photo("gcompris-resource_horse_0.webp").requires_grad_()
    heads = detector(x)
    (heads.logits.sigmoid().amax(-1).sum() + 1e-3 * heads.boxes.abs().mean()).backward()
    grid = torch.nn.functional.adaptive_avg_pool2d(x.grad.abs().sum(1, keepdim=True), 16)
    assert torch.isfinite(x.grad).all() and (grid > 0).all()
    assert all(p.grad is None for p in detector.parameters())


def test_training_mode_changes_nothing(detector):
    assert not detector.train().training and not any(p.requires_grad for p in detector.parameters())


def test_batch_equals_loop(detector):
    x = torch.cat([photo(f)[..., :384, :384] for f in ("gcompris-resource_horse_0.webp",) * 2])
    x[1] = x[1].flip(-1)
    with torch.inference_mode():
        both, alone = detector(x), [detector(x[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(both.logits, torch.cat([h.logits for h in alone]), rtol=1e-3, atol=1e-3)


def test_divergence_is_zero_for_itself_and_grows_with_damage(detector):
    x = photo("gcompris-animals_bison_0.webp")
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        clean, *damaged = (detector((x + s * noise).clamp(0, 1)) for s in (0, 0.03, 0.1, 0.3))
    values = [heads_divergence(clean, h).item() for h in (clean, *damaged)]
    assert values[0] == 0
    assert values == sorted(values) and values[1] > 1e-3


def test_gradient_of_the_divergence_tells_its_slope(detector):
    x = photo("gcompris-resource_horse_0.webp")
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    y = (x + 0.05 * noise).clamp(0, 1).requires_grad_()
    with torch.no_grad():
        clean = detector(x)
    before = heads_divergence(clean, detector(y)).sum()
    before.backward()
    # The step along the gradient that to first order lowers it by 5 %.
    step = 0.05 * before.item() / y.grad.square().sum()
    with torch.no_grad():
        after = heads_divergence(clean, detector((y - step * y.grad).clamp(0, 1))).sum()
    assert 0.03 < 1 - after / before < 0.07


@pytest.mark.parametrize(
    "x, error",
    [
        (torch.zeros(3, 64, 64), ValueError),
        (torch.full((1, 3, 64, 64), 128.0), ValueError),
        (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), TypeError),
    ],
)
def test_bad_pictures(detector, x, error):
    with pytest.raises(error):
        detector(x)


@pytest.mark.parametrize("score", [-0.1, 1])
def test_bad_score(detector, score):
    with pytest.raises(ValueError, match=r"\[0, 1\)"):
        detector.detect(torch.zeros(1, 3, 64, 64), score=score)


def test_an_empty_picture_has_no_objects(detector):
    found = detector.detect(torch.full((2, 3, 64, 80), 0.5))
    assert [len(d.boxes) for d in found] == [0, 0]


def test_classes_of_coco():
    assert len(COCO_CLASSES) == len(set(COCO_CLASSES)) == 80
    assert COCO_CLASSES[0] == "person" and COCO_CLASSES[79] == "toothbrush" and COCO_CLASSES[17] == "horse"


def test_nanodet_boxes_from_certain_distances():
    """All probability in one bin: 2 strides left, 1 up, 3 right, 4 down of the centre of each cell."""
    sides = torch.full((1, 4, 11, 1, 2), -50.0)
    for side, distance in enumerate((2, 1, 3, 4)):
        sides[0, side, distance] = 50
    boxes = boxes_of(sides.flatten(1, 2), 8)
    expected = torch.tensor([[[4 - 16, 4 - 8, 4 + 24, 4 + 32], [12 - 16, 4 - 8, 12 + 24, 4 + 32]]])
    torch.testing.assert_close(boxes, expected.float())


def test_centernet_upsamples_between_corners():
    """Samples at 0, 1/2, 1, …: TensorFlow's older convention, which the weights were trained with."""
    up = Upsample(1, 1)
    for part in (up.small, up.large):
        for conv in part:
            torch.nn.init.zeros_(conv.weight)
            conv.weight.data[..., conv.weight.shape[-2] // 2, conv.weight.shape[-1] // 2] = 1
        torch.nn.init.zeros_(part[1].bias)
    y = up(torch.tensor([[[[0.0, 1.0], [2.0, 5.0]]]]))  # both branches pass: twice the input
    expected = 2 * torch.tensor([[0, 0.5, 1, 1], [1, 2, 3, 3], [2, 3.5, 5, 5], [2, 3.5, 5, 5]])
    torch.testing.assert_close(y[0, 0], expected)


def test_divergence_refuses_other_pictures():
    a = Heads(torch.zeros(1, 5, 80), torch.zeros(1, 5, 4))
    with pytest.raises(ValueError, match="one detector"):
        heads_divergence(a, Heads(torch.zeros(2, 5, 80), torch.zeros(2, 5, 4)))


def test_divergence_counts_what_was_hallucinated():
    """Silence at a place in the clean picture, an object in the coded one, and the other way round."""
    silent = Heads(torch.full((1, 4, 80), -6.0), torch.tensor([0.0, 0, 10, 10]).expand(1, 4, 4))
    logits = silent.logits.clone()
    logits[0, 2, 7] = 3
    loud = Heads(logits, silent.boxes)
    assert heads_divergence(silent, loud) > 1 and heads_divergence(loud, silent) > 1


def test_divergence_is_the_one_of_the_definition():
    """By logarithms of the shares, in double, with a weight for every place."""
    g = torch.Generator().manual_seed(4)
    p, q = (6 * torch.randn(2, 50, 80, generator=g, dtype=torch.float64) - 4 for _ in range(2))
    boxes = torch.rand(2, 50, 4, generator=g) * 100
    share, coded = p.sigmoid(), q.sigmoid()
    kl = (share * (share / coded).log() + (1 - share) * ((1 - share) / (1 - coded)).log()).sum(-1)
    weight = torch.maximum(share.amax(-1), coded.amax(-1)) ** 2
    expected = (weight * kl).sum(-1) / (1 + (share.amax(-1) ** 2).sum(-1))
    found = heads_divergence(Heads(p.float(), boxes), Heads(q.float(), boxes))
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=0)


def test_divergence_of_a_moved_box():
    """Half the box away: IoU 1/3, so about 2/3 for an object that is certain, divided by 1 + 1."""
    logits = torch.full((1, 1, 80), -30.0)
    logits[..., 0] = 30
    box = torch.tensor([[[0.0, 0, 1000, 1000]]])
    value = heads_divergence(Heads(logits, box), Heads(logits, box + torch.tensor([500.0, 0, 500, 0])))
    assert value.item() == pytest.approx(2 / 3 / 2, abs=1e-3)


def test_load_by_name():
    assert analysers.load("nanodet").name == "nanodet"
    assert isinstance(analysers.load("nanodet", pretrained=False).network, NanoDet)
    with pytest.raises(ValueError, match="near names: nanodet"):
        analysers.load("nanodett")
    with pytest.raises(ValueError, match="centernet"):
        load_detector("yolo")


def test_missing_weights_say_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("MVLIB_WEIGHTS", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"convert_detectors\.py"):
        load_detector("nanodet")
