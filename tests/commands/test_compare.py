"""``mvlib compare``: the table, the figure, one page that needs nothing else, and no work done twice."""

import base64
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from mvlib.__main__ import main
from mvlib.commands.compare import listed
from mvlib.datasets import Photos
from mvlib.evaluation import Report, protocol

OPTIONS = (
    "--codecs=[webp]",
    "--qps=[27, 37, 47]",
    "--preprocessors=[]",
    "--analysers=[efficientnet_lite0]",
    "--draws=20",
)


@pytest.fixture
def pictures(tmp_path):
    photos = Photos("test", size=192, crop="centre", flip=False)
    folder = tmp_path / "mine"
    folder.mkdir()
    for i in range(3):
        Image.fromarray((photos[i].permute(1, 2, 0) * 255).round().byte().numpy()).save(folder / f"{i}.png")
    return folder


class Linked(HTMLParser):
    """What a page takes from elsewhere, and how many pictures it shows."""

    def __init__(self):
        super().__init__()
        self.elsewhere, self.pictures = [], []

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("src", "href", "xlink:href") and not value.startswith(("data:", "#")):
                self.elsewhere.append(value)
            if tag == "img" and name == "src":
                self.pictures.append(value)


def test_pictures_of_ones_own(pictures, tmp_path, monkeypatch, capsys):
    coded, encode = [], protocol.Encoding.__call__
    monkeypatch.setattr(
        protocol.Encoding, "__call__", lambda self, cell: coded.append(cell.row.name) or encode(self, cell)
    )
    typed = [
        "mvlib",
        "compare",
        str(pictures / "0.png"),
        str(pictures / "1.png"),
        str(pictures / "2.png"),
        *OPTIONS,
    ]
    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", [*typed, f"--out={out}", f"--cells={tmp_path / 'cells'}"])
    main()
    printed = capsys.readouterr().out
    assert "| webp | blur 0.5 |" in printed and "n = 3 pictures of 3 sources" in printed
    assert "fewer than 20 effective clusters" in printed
    assert sorted(coded) == ["blur 0.5", "codec alone"]
    report = Report.load(out / "result.json")
    assert report.measured is not None and Image.open(out / "curves.png").width > 500
    page = (out / "page.html").read_text()
    found = Linked()
    found.feed(page)
    assert not found.elsewhere and len(found.pictures) == 9, "three pictures: clean, codec alone, blurred"
    assert all(f"<td>{escaped}</td>" in page for escaped in ("webp", "blur 0.5")) and "<svg" in page
    crop = np.array(Image.open(io.BytesIO(base64.b64decode(found.pictures[0].partition(",")[2]))))
    clean = np.array(Image.open(pictures / "0.png"))
    windows = np.lib.stride_tricks.sliding_window_view(clean, crop.shape).reshape(-1, *crop.shape)
    assert crop.shape == (128, 128, 3) and (windows == crop).all((1, 2, 3)).any()
    for alone, blurred in re.findall(
        r"webp, codec alone, QP 37, ([\d,]+) bits<.*?QP \d+, ([\d,]+) bits<", page
    ):
        assert int(blurred.replace(",", "")) == pytest.approx(int(alone.replace(",", "")), rel=0.15)
    main()
    assert sorted(coded) == ["blur 0.5", "codec alone"], "the second time all of it is there"
    assert json.loads((out / "result.json").read_text()) == report.to_dict()


@pytest.mark.slow
def test_after_a_kill_it_goes_on_where_it_was(pictures, tmp_path):
    cells, out = tmp_path / "cells", tmp_path / "out"
    command = [sys.executable, "-m", "mvlib", "compare", str(pictures), *OPTIONS]
    command += ["--codecs=[webp, jpeg]", f"--out={out}", f"--cells={cells}", "--workers=1"]
    killed = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while killed.poll() is None and len([*cells.rglob("*.npz")]) < 3:
        time.sleep(0.01)
    os.killpg(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL and not out.exists()
    done = {file: file.stat().st_mtime_ns for file in cells.rglob("*.npz")}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert len(done) >= 3 and all(file.stat().st_mtime_ns == time for file, time in done.items())
    assert len([*cells.rglob("*.npz")]) > len(done) and (out / "page.html").exists()


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["nowhere.mp4"], "nowhere.mp4 does not exist"),
        (["{}", "--device=cuda"], "no GPU here"),
        (["{}", "--codecs=[x999]"], "x999"),
        (["{}", "--analysers=[nobody]"], "nobody"),
    ],
)
def test_what_is_typed_wrong_is_named(typed, message, pictures, monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["mvlib", "compare", *(t.format(pictures) for t in typed)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2 and message in capsys.readouterr().err


def test_paths_are_gathered_whatever_stands_between():
    assert listed(["compare", "a", "--qps", "[1, 2]", "b c", "--out=o"]) == [
        "compare",
        '["a", "b c"]',
        "--qps",
        "[1, 2]",
        "--out=o",
    ]
    assert listed(["compare", "--help"]) == ["compare", "--help"]
    assert listed(["encode", "a", "b"]) == ["encode", "a", "b"]
