"""A manifest that was edited: no file outside of its folder is read, none that it does not mean, no value guessed."""

import csv
import shutil

import pytest
from trees import first_rows, part_of_data, write_rows

from mvlib.datasets import Clips, Cutouts, Photos, Tracks

KINDS = {"photos": Photos, "clips": lambda split: Clips(split, frames=4), "cutouts": Cutouts}


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """Two test rows of each manifest with their files, the photographs' names outside of the folder beside it."""
    root = part_of_data(tmp_path / "data", *KINDS)
    shutil.copy(root / first_rows("photos")[0]["file"], tmp_path / "secret.webp")
    monkeypatch.setenv("MVLIB_DATA", str(root))
    return root


def edit(root, name, /, **values):
    with open(root / f"{name}.csv", newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    rows[1] |= values
    write_rows(root / f"{name}.csv", rows)


@pytest.mark.parametrize(
    "file", ["../secret.webp", "/etc/passwd", "photos/../../secret.webp", "C:\\x.webp", "..\\secret.webp", ""]
)
def test_no_path_leads_out_of_the_data_folder(copy, file):
    edit(copy, "photos", file=file)
    with pytest.raises(ValueError, match=r"photos\.csv, line 3: file=.*inside the data folder"):
        Photos("test")


def test_nor_does_a_link(copy, tmp_path):
    (copy / "photos" / "link.webp").symlink_to(tmp_path / "secret.webp")
    edit(copy, "photos", file="photos/link.webp")
    with pytest.raises(ValueError, match=r"line 3: file='photos/link\.webp'.*inside the data folder"):
        Photos("test")


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("photos", "split", "dev"), ("photos", "label", "12 cat"), ("photos", "label", "1000"),
        ("photos", "width", "wide"), ("photos", "height", "0"), ("photos", "source_id", ""),
        ("clips", "frames", "48.5"), ("clips", "frames", "many"), ("clips", "split", "val"),
        ("cutouts", "asymmetry", "nan"), ("cutouts", "name", ""),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_line(copy, name, column, value):
    edit(copy, name, **{column: value})
    with pytest.raises(ValueError, match=rf"{name}\.csv, line 3: {column}={value!r}"):
        KINDS[name]("test")


def test_a_missing_column_short_rows_and_rows_that_repeat_are_named(copy):
    rows = first_rows("photos")
    write_rows(copy / "photos.csv", [{k: v for k, v in row.items() if k != "source_id"} for row in rows])
    with pytest.raises(ValueError, match=r"photos\.csv has no column source_id"):
        Photos("test")
    write_rows(copy / "photos.csv", [rows[0], rows[0]])
    with pytest.raises(ValueError, match=r"lists photos/.* more than once"):
        Photos("test")
    write_rows(copy / "photos.csv", rows)
    text = (copy / "photos.csv").read_text()
    (copy / "photos.csv").write_text(text.rsplit(",", 1)[0] + "\n")
    with pytest.raises(ValueError, match=r"photos\.csv, line 3: there are not as many values as columns"):
        Photos("test")


def test_a_manifest_from_a_spreadsheet_reads_as_ours(copy):
    rows = first_rows("photos")
    write_rows(copy / "photos.csv", rows, encoding="utf-8-sig", lineterminator="\r\n")
    assert [item.row for item in Photos("test").meta] == rows


@pytest.mark.parametrize("name", KINDS)
def test_another_file_under_the_name_is_not_taken(copy, name):
    data = KINDS[name]("test")
    first, second = (row["file"] for row in first_rows(name))
    assert data[0] is not None, "as it came"
    shutil.copy(copy / first, copy / second)  # whole, and decodable
    index = next(i for i in range(len(data)) if data.item(i).file == second)
    with pytest.raises(OSError, match=r"is not the file that the manifest means.*git checkout"):
        data[index]


def test_tracks_of_clips_that_are_not_there_are_named(copy):
    row = {
        "sequence": "a",
        "split": "test",
        "file": "clips/none.mp4",
        "frame": "0",
        "what": "x",
        "how": "by eye",
    }
    row |= {"x1": "0", "y1": "0", "x2": "9", "y2": "9"}
    write_rows(copy / "tracks.csv", [row])
    with pytest.raises(ValueError, match=r"clips/none\.mp4, frame 0, is not in the split 'test'"):
        Tracks("test")
    write_rows(copy / "tracks.csv", [row | {"frame": "first"}])
    with pytest.raises(ValueError, match=r"tracks\.csv, line 2: frame='first'"):
        Tracks("test")
