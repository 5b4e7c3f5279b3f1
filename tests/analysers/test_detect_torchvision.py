import pytest
import torch
from torch import nn

from mvlib import analysers
from mvlib.analysers.detectors import COCO_CLASSES, TORCHVISION_DETECTORS, TorchvisionDetector

torch.set_num_threads(1)


def test_boxes_of_an_untrained_network_are_in_the_picture():
    torch.manual_seed(0)
    detector = analysers.load("torchvision/ssdlite320_mobilenet_v3_large", pretrained=False)
    found = detector.detect(torch.rand(2, 3, 120, 200), score=0.0, limit=20)
    assert len(found) == 2 and all(0 < len(d.boxes) <= 20 for d in found)
    for d in found:
        assert d.boxes.min() >= 0 and d.boxes[:, 2].max() <= 200 and d.boxes[:, 3].max() <= 120
        assert (d.labels >= 0).all() and (d.labels < 80).all() and (d.scores.diff() <= 0).all()
    with pytest.raises(NotImplementedError, match="nanodet"):
        detector(torch.rand(1, 3, 64, 64))


class Says(nn.Module):
    """A network whose answer is known: what is tested is the translation of its labels."""

    def __init__(self, *labels: int):
        super().__init__()
        self.labels = torch.tensor(labels)

    def forward(self, pictures):
        n = len(self.labels)
        boxes = torch.arange(n)[:, None] * 20.0 + torch.tensor([0.0, 0, 10, 10])
        scores = torch.linspace(0.9, 0.5, n)
        return [{"boxes": boxes, "labels": self.labels, "scores": scores} for _ in pictures]


def test_labels_are_translated_to_the_80_classes():
    from torchvision.models.detection import FCOS_ResNet50_FPN_Weights

    categories = FCOS_ResNet50_FPN_Weights.DEFAULT.meta["categories"]
    # COCO's ids: 1 person, 12 never used, 19 horse, 90 toothbrush.
    found = TorchvisionDetector(Says(1, 12, 19, 90), "fcos", categories).detect(torch.zeros(1, 3, 64, 64))[0]
    assert [COCO_CLASSES[i] for i in found.labels] == ["person", "horse", "toothbrush"]


def test_the_papers_detector_is_known_by_name():
    assert {"fasterrcnn_resnet50_fpn", "retinanet_resnet50_fpn", "fcos_resnet50_fpn"} <= set(
        TORCHVISION_DETECTORS
    )
    with pytest.raises(ValueError, match="torchvision/fasterrcnn_resnet50_fpn"):
        analysers.load("torchvision/fasterrcnn_resnet5_fpn")


def test_no_network(monkeypatch, tmp_path):
    """No cache and no connection: one clear error that names what works."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def offline(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    with pytest.raises(analysers.AnalyserUnavailable, match=r"download\.pytorch\.org.*nanodet"):
        analysers.load("torchvision/ssdlite320_mobilenet_v3_large")
