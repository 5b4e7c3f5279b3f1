"""Shared by tests in more than one folder: tiny data sets in the formats of the large ones."""

import pytest
import trees


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
