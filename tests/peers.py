"""What other packages compute, as tests compare with it."""

from collections.abc import Sequence

import numpy as np
from torchmetrics.detection import MeanAveragePrecision

from mvlib.analysers.detectors import Detections


def average_precision(truth: Sequence[Detections], found: Sequence[Detections]) -> float:
    """COCO's average precision in [0, 1], IoU 0.50 to 0.95, as torchmetrics computes it."""
    # COCO's own grids in double: torchmetrics' defaults are single, where a recall of exactly 0.30 is short of 0.30.
    overlaps, recalls = np.linspace(0.5, 0.95, 10).tolist(), np.linspace(0, 1, 101).tolist()
    metric = MeanAveragePrecision(iou_thresholds=overlaps, rec_thresholds=recalls)
    metric.update(
        [{"boxes": d.boxes, "scores": d.scores, "labels": d.labels} for d in found],
        [{"boxes": t.boxes, "labels": t.labels} for t in truth],
    )
    return metric.compute()["map"].item()
