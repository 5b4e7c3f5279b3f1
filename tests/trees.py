"""Tiny data sets in the formats of the large ones, written from the project's own photographs and clips."""

import csv
import json
import shutil
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
from PIL import Image

from mvlib.datasets import Clips, Photos, data_root

WNIDS = {"n01440764": 0, "n02102040": 217, "n03000684": 491}
FRAMES = 24


def first_rows(name: str, count: int = 2) -> list[dict[str, str]]:
    """Rows of the test side of a manifest in data/."""
    with open(data_root() / f"{name}.csv", newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["split"] == "test"][:count]


def write_rows(path: Path, rows: list[dict], **options) -> None:
    """A table as CSV."""
    with open(path, "w", newline="", encoding=options.pop("encoding", "utf-8")) as file:
        writer = csv.DictWriter(file, rows[0], **options)
        writer.writeheader()
        writer.writerows(rows)


def part_of_data(top: Path, *names: str, count: int = 2) -> Path:
    """A data folder with the first test rows of some manifests and their files alone, free to be damaged."""
    for name in names:
        rows = first_rows(name, count)
        for row in rows:
            (top / row["file"]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(data_root() / row["file"], top / row["file"])
        write_rows(top / f"{name}.csv", rows)
    return top


@cache
def pictures(count: int, size: tuple[int, int] = (96, 64)) -> list[Image.Image]:
    """Photographs, ``size`` = (width, height)."""
    photos = Photos("test")
    return [Image.fromarray(photos.uint8(i)).resize(size) for i in range(count)]


def class_folders(top: Path, extension: str = "JPEG") -> Path:
    """ImageNet's and Imagenette's layout: three classes, two pictures each, below ``top/val``."""
    for k, picture in enumerate(pictures(6)):
        folder = top / "val" / list(WNIDS)[k // 2]
        folder.mkdir(parents=True, exist_ok=True)
        picture.save(folder / f"ILSVRC2012_val_{k:08d}.{extension}", format="JPEG", quality=95)
    return top


def voc(root: Path) -> Path:
    """PASCAL VOC 2007, split test: two pictures, the second with a difficult object."""
    top = root / "VOCdevkit" / "VOC2007"
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (top / name).mkdir(parents=True)
    things = [[("dog", 1, 1, 48, 32, 0)], [("sofa", 11, 21, 60, 50, 0), ("person", 5, 6, 20, 30, 1)]]
    for k, (picture, objects) in enumerate(zip(pictures(2), things, strict=True)):
        picture.save(top / "JPEGImages" / f"{k:06d}.jpg", quality=95)
        rows = "".join(
            f"<object><name>{name}</name><difficult>{hard}</difficult><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin>"
            f"<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
            for name, x1, y1, x2, y2, hard in objects
        )
        (top / "Annotations" / f"{k:06d}.xml").write_text(f"<annotation>{rows}</annotation>")
    (top / "ImageSets" / "Main" / "test.txt").write_text("000000\n000001\n")
    return root


def coco(root: Path, count: int = 4) -> Path:
    """COCO val2017 with the ids of the true categories; the last picture has a crowd, the one before no object."""
    (root / "val2017").mkdir(parents=True)
    (root / "annotations").mkdir()
    images, annotations = [], []
    for k, picture in enumerate(pictures(count, (96, 80))):
        picture.save(root / "val2017" / f"{k + 100:012d}.jpg", quality=95)
        images.append({"id": k + 100, "file_name": f"{k + 100:012d}.jpg", "width": 96, "height": 80})
        if k != count - 2:
            box = [10.5, 20.0, 40.0, 30.5]
            row = {"image_id": k + 100, "bbox": box, "area": 1000.0, "iscrowd": int(k == count - 1)}
            annotations.append(row | {"id": k + 1, "category_id": (1, 13, 90)[k % 3]})
    categories = [
        {"id": 1, "name": "person"},
        {"id": 13, "name": "stop sign"},
        {"id": 90, "name": "toothbrush"},
    ]
    listed = {"images": images, "annotations": annotations, "categories": categories}
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(listed))
    return root


def write_clip(path: Path, frames: np.ndarray, key_every: int = 6, rate: int = 25) -> None:
    """Frames uint8 (T, H, W, 3) as H.264 with B frames, of visually lossless quality."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(rate))
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        stream.options = {"crf": "12", "x264-params": f"keyint={key_every}:log-level=none"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


@cache
def moving(count: int, size: int = 64) -> list[np.ndarray]:
    """Excerpts of real clips, uint8 (FRAMES, size, size, 3)."""
    clips = Clips("test", frames=FRAMES, size=128)
    step = 128 // size
    return [
        np.ascontiguousarray(
            (clips[i % len(clips)].numpy() * 255).round().astype(np.uint8)[:, :, ::step, ::step]
        )
        .transpose(0, 2, 3, 1)
        .copy()
        for i in range(count)
    ]


def kinetics(root: Path) -> Path:
    """Class folders with two classes, and the official CSV of the same videos."""
    rows = ["label,youtube_id,time_start,time_end,split"]
    for k, (frames, label) in enumerate(zip(moving(4), ("air drumming", "zumba") * 2, strict=True)):
        name = f"vid{k}aaaaaaa"
        write_clip(root / "val" / label.replace(" ", "_") / f"{name}_{k:06d}_{k + 10:06d}.mp4", frames)
        rows.append(f"{label},{name},{k},{k + 10},val")
    (root / "val.csv").write_text("\n".join(rows) + "\n")
    return root


def got10k(root: Path, count: int = 2, frames: int = 6) -> Path:
    """GOT-10k's val: sequences of JPEGs with boxes, absence and cover."""
    names = [f"GOT-10k_Val_{k + 1:06d}" for k in range(count)]
    for name, clip in zip(names, moving(count), strict=True):
        folder = root / "val" / name
        folder.mkdir(parents=True)
        for t, frame in enumerate(clip[:frames]):
            Image.fromarray(frame).save(folder / f"{t + 1:08d}.jpg", quality=95)
        boxes = [f"{10.0 + t:.4f},12.0000,20.0000,24.5000" for t in range(frames)]
        (folder / "groundtruth.txt").write_text("\n".join(boxes) + "\n")
        (folder / "absence.label").write_text("\n".join("0" * (frames - 1) + "1") + "\n")
        (folder / "cover.label").write_text("\n".join("8" * (frames - 1) + "0") + "\n")
        (folder / "cut_by_image.label").write_text("\n".join("0" * frames) + "\n")
        (folder / "meta_info.ini").write_text("[METAINFO]\nobject_class: person\nresolution: (64, 64)\n")
    (root / "val" / "list.txt").write_text("\n".join(names) + "\n")
    return root


def official(root: Path, rows: list[tuple], name: str = "all.csv", **how) -> Path:
    """Kinetics' official CSV of rows (label, id, start, end, split); ``how``: encoding, end (of a line), header."""
    end, header = how.get("end", "\n"), how.get("header", "label,youtube_id,time_start,time_end,split,is_cc")
    lines = [header, *(",".join(map(str, (*row, 0))) for row in rows)]
    (root / name).write_bytes(end.join([*lines, ""]).encode(how.get("encoding", "utf-8")))
    return root / name


def litter(folder: Path) -> int:
    """What systems leave in a folder: hidden files and folders, and what is no picture or clip; how many names."""
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._a.mp4", "._a.JPEG", "._00000001.jpg"):
        (folder / name).write_bytes(b"\0\5\26\7")
    for name in (".Trash-1000", "lost+found", "__MACOSX", ".ipynb_checkpoints"):
        (folder / name).mkdir()
        pictures(1)[0].save(folder / name / "left.JPEG", format="JPEG")
        write_clip(folder / name / "left.mp4", moving(1)[0][:4])
    return 10
