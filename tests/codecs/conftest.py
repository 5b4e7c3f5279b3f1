"""Real pictures for the codec tests: photographs from data/, and clips that pan over them."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DATA = Path(__file__).resolve().parents[2] / "data"


def _photos(split: str) -> list[Path]:
    with (DATA / "photos.csv").open(newline="") as file:
        return [DATA / row["file"] for row in csv.DictReader(file) if row["split"] == split]


@pytest.fixture(scope="session")
def photos() -> list[np.ndarray]:
    """Six photographs of the test split, each (1, 160, 160, 3): the tables were measured on the train split."""
    return [
        np.asarray(Image.open(p).convert("RGB"))[None, :160, :160].copy() for p in _photos("test")[::20][:6]
    ]


@pytest.fixture(scope="session")
def clip() -> np.ndarray:
    """(12, 96, 128, 3): a window that moves over a photograph, 3 pixels to the right and 1 down a frame."""
    photo = np.asarray(Image.open(_photos("test")[30]).convert("RGB"))
    return np.stack([photo[t : t + 96, 3 * t : 3 * t + 128] for t in range(12)])


@pytest.fixture
def small(clip) -> np.ndarray:
    """(2, 48, 64, 3)."""
    return clip[:2, :48, :64]
