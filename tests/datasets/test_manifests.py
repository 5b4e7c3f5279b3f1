"""The manifests tell the truth about the files, and the splits are disjoint by original."""

import csv
import hashlib
from collections import defaultdict

import pytest
from PIL import Image

from mvlib.datasets import data_root


def rows(name):
    with open(data_root() / name, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


@pytest.mark.parametrize("name", ["photos", "clips", "films", "cutouts"])
def test_files_and_hashes_match(name):
    listed = {row["file"]: row["sha256"] for row in rows(f"{name}.csv")}
    on_disk = {
        f"{name}/{p.name}": hashlib.sha256(p.read_bytes()).hexdigest() for p in (data_root() / name).iterdir()
    }
    assert on_disk == listed


@pytest.mark.parametrize("name", ["photos", "clips", "films", "cutouts"])
def test_no_source_in_two_splits(name):
    splits = defaultdict(set)
    for row in rows(f"{name}.csv"):
        splits[row["source_id"]].add(row["split"])
        splits[row["package"], row["path"]].add(row["split"])  # nor an original under two names
    assert {source: s for source, s in splits.items() if len(s) > 1} == {}


@pytest.mark.parametrize("name", ["photos", "clips", "films", "cutouts"])
def test_every_row_names_author_licence_and_package(name):
    for row in rows(f"{name}.csv"):
        assert all(row[field].strip() for field in ("author", "licence", "package", "version", "path")), row[
            "file"
        ]


def test_no_film_of_the_test_side_is_in_training():
    train = {row[k] for row in rows("clips.csv") if row["split"] == "train" for k in ("source_id", "path")}
    films = rows("films.csv")
    assert train and films and not {row[k] for row in films for k in ("source_id", "path")} & train


def test_no_photograph_of_one_address_in_two_splits():
    splits = defaultdict(set)
    for row in rows("photos.csv"):
        if "/File:" in row["origin"]:
            splits[row["origin"]].add(row["split"])
    assert len(splits) > 100
    assert {origin: s for origin, s in splits.items() if len(s) > 1} == {}


def test_counts():
    photos = rows("photos.csv")
    assert len(photos) >= 350
    test = [row for row in photos if row["split"] == "test"]
    assert len({row["source_id"] for row in test}) >= 100
    assert sum(bool(row["label"]) for row in test) >= 60
    assert {row["split"] for row in photos} == {"train", "val", "test"}
    assert {row["split"] for row in rows("clips.csv")} == {"train", "test"}
    films = rows("films.csv")
    assert {(row["split"], row["frames"]) for row in films} == {("test", "64")}
    assert len({row["source_id"] for row in films}) >= 7


def test_sizes_are_as_stated():
    for row in rows("photos.csv"):
        with Image.open(data_root() / row["file"]) as picture:  # reads the header only
            assert picture.size == (int(row["width"]), int(row["height"])), row["file"]
        assert min(picture.size) >= 224, row["file"]
    for row in rows("clips.csv") + rows("films.csv"):
        assert int(row["width"]) % 2 == int(row["height"]) % 2 == 0
        assert min(int(row["width"]), int(row["height"])) >= 176


def test_labels_are_imagenet_indices_of_whole_pictures():
    for row in rows("photos.csv"):
        assert all(0 <= int(k) < 1000 for k in row["label"].split())
        assert bool(row["label"]) == bool(row["label_text"])
        if not row["file"].endswith("_0.webp"):
            assert not row["label"], "a crop may not show what the label names"


def test_size_on_disk():
    megabytes = {
        n: sum(p.stat().st_size for p in (data_root() / n).iterdir()) / 1e6
        for n in ("photos", "clips", "films", "cutouts")
    }
    assert megabytes["photos"] <= 24
    assert megabytes["clips"] <= 10
    assert megabytes["films"] <= 8
    assert megabytes["cutouts"] <= 3
