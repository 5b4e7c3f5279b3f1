"""Shared by tests in more than one folder: tiny data sets in the formats of the large ones; the order of files."""

from collections import Counter

import pytest
import trees


def pytest_collection_modifyitems(items):
    """Files with most slow tests first: begun last, one of them would run on when the other processes are done."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture
def kinetics(tmp_path):
    return trees.kinetics(tmp_path / "kinetics")


@pytest.fixture
def coco(tmp_path):
    return trees.coco(tmp_path / "coco")


@pytest.fixture
def imagenet(tmp_path):
    return trees.class_folders(tmp_path / "imagenet")


@pytest.fixture
def got10k(tmp_path):
    return trees.got10k(tmp_path / "got10k")
