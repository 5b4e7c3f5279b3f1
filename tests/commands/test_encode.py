"""``mvlib encode`` on files of one's own: what is typed, what is written, what is told and what is refused."""

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mvlib.__main__ import main
from mvlib._weights import weights_folder
from mvlib.codecs import RealCodec
from mvlib.datasets import Clips, Photos
from mvlib.media import open_clip, read_clip, read_picture
from mvlib.preprocess import load_preprocessor, preprocess_frames
from mvlib.transcode.film import Lossless

CASES = Path(__file__).resolve().parents[1] / "cases"


@pytest.fixture
def encode(monkeypatch, capsys, tmp_path):
    """What the command writes as JSON; the table is what it prints."""

    def run(*arguments, sample=0):
        numbers = tmp_path / "numbers.json"
        typed = ["mvlib", "encode", *map(str, arguments), "--sample", str(sample), "--json", str(numbers)]
        monkeypatch.setattr(sys, "argv", typed)
        try:
            main()
            found = json.loads(numbers.read_text())
        finally:
            numbers.unlink(missing_ok=True)
        return found | {"table": capsys.readouterr().out}

    return run


@pytest.fixture
def picture(tmp_path):
    pixels = Photos("test", size=64).uint8(3)[:96, :130]
    Image.fromarray(pixels).save(tmp_path / "own.png")
    return tmp_path / "own.png", pixels


@pytest.fixture
def clip(tmp_path):
    """Five frames of a film, 80x64 pixels at 25 frames a second, lossless."""
    frames = np.ascontiguousarray(Clips("test", frames=5).uint8(0)[:, 40:104, 60:140])
    with Lossless(tmp_path / "own.avi", 25) as out:
        out.write(frames)
    return tmp_path / "own.avi", frames


@pytest.fixture
def film(tmp_path):
    """24 frames of a film, 176x176 pixels."""
    with Lossless(tmp_path / "film.mkv", 25) as out:
        out.write(Clips("test", frames=24).uint8(0))
    return tmp_path / "film.mkv"


@pytest.mark.parametrize("ending, codec", [("jpg", "jpeg"), ("webp", "webp"), ("avif", "avif")])
def test_a_still_is_the_file_that_the_codec_measures(encode, picture, tmp_path, ending, codec):
    file, pixels = picture
    given, out = tmp_path / "new" / "given.png", tmp_path / f"out.{ending}"
    told = encode(file, out, "--qp", 30, "--preprocessor", "image", "--prepared", given)
    expected = preprocess_frames(load_preprocessor("image"), pixels[None], 30)
    assert np.array_equal(np.asarray(Image.open(given)), expected[0])
    coded = RealCodec(codec)(expected, qp=30)
    assert np.array_equal(read_picture(out), coded.frames[0])
    assert told["bits"] == coded.bits == 8 * out.stat().st_size
    assert told["bpp"] == pytest.approx(coded.bits / 96 / 130, abs=1e-5)
    assert (told["size"], told["codec"], told["preprocessor"], told["preprocessor qp"]) == (
        [130, 96],
        codec,
        "image",
        30,
    )


def test_a_picture_as_a_stream_and_a_frame_as_a_still(encode, picture, clip, tmp_path):
    encode(picture[0], tmp_path / "out.265", "--qp", 30)
    assert read_clip(tmp_path / "out.265").frames.shape == (1, 96, 130, 3)
    encode(clip[0], tmp_path / "out.webp", "--qp", 0, "--start", 3, "--frames", 1)
    errors = [np.abs(read_picture(tmp_path / "out.webp").astype(float) - frame).mean() for frame in clip[1]]
    assert np.argmin(errors) == 3


def test_a_film_with_its_table(encode, film, tmp_path):
    out = tmp_path / "out.mp4"
    typed = (
        film,
        out,
        "--qp",
        40,
        "--frames",
        20,
        "--start",
        2,
        "--preprocessor",
        "image",
        "--codec",
        "x265",
    )
    told = encode(*typed, "--analyser", "efficientnet_lite0", sample=8)
    assert (told["frames"], told["qp"], told["preprocessor qp"], told["start"]) == (20, 40, 40, 2)
    sample = told["sample"]
    assert [row["qp"] for row in sample["plain"]] == [35, 40, 45]
    assert [row["qp"] for row in sample["prepared"]][-3:] == [35, 40, 45]
    assert sample["places"] == [8] and sample["frames"] == 8
    assert sample["at equal bits"]["bpp"] == sample["plain"][1]["bpp"]
    assert "At equal bits, those of QP 40 without it" in told["table"] and "from number 8 on" in told["table"]
    assert f"{told['bits']} bits" in told["table"]
    assert open_clip(out).count == 20


def test_options_reach_the_encoder(encode, clip, film, tmp_path):
    file, frames = clip
    more = ("--codec", "x264", "--preset", "ultrafast", "--gop", "intra", "--options", "aq-mode=0:psy=0")
    told = encode(file, tmp_path / "a.mkv", "--qp", 30, *more)
    same = RealCodec("x264", preset="ultrafast", gop="intra", options={"aq-mode": 0, "psy": 0})(frames, qp=30)
    assert told["bits"] == pytest.approx(same.bits, abs=32)  # the rate of 25 stands in the headers
    assert told["options"] == {"aq-mode": 0, "psy": 0}
    sizes = [encode(film, tmp_path / f"{crf}.mkv", "--crf", crf)["bits"] for crf in (20, 40)]
    assert sizes[0] > 2 * sizes[1]
    rates = [encode(film, tmp_path / f"{rate}.mkv", "--bitrate", rate)["bits"] for rate in ("300k", "0.03M")]
    assert rates[0] > 2 * rates[1]


@pytest.mark.parametrize("codec", ["x264", "svtav1", "vp9"])
def test_the_preprocessor_is_told_the_qp_that_the_encoder_chooses(encode, film, tmp_path, codec):
    told = encode(film, tmp_path / "out.mp4", "--codec", codec, "--crf", 35, "--preprocessor", "image")
    assert told["preprocessor qp"] == pytest.approx(told["qp"], abs=2)
    assert "as the encoder chose; the preprocessor was given" in told["table"]


def test_weights_by_their_path(encode, picture, tmp_path):
    for end in ("safetensors", "json"):
        shutil.copy(weights_folder() / f"preprocessor_image.{end}", tmp_path / f"mine.{end}")
    named, by_path = (
        encode(picture[0], tmp_path / f"{i}.jpg", "--preprocessor", which)["bits"]
        for i, which in enumerate(("image", tmp_path / "mine.safetensors"))
    )
    assert named == by_path


def test_mistakes_are_named_before_anything_is_written(encode, picture, clip, tmp_path):
    words = tmp_path / "words.mp4"
    words.write_text("no film at all")
    still, film_ = ("out.jpg",), ("out.mp4",)
    for file, arguments, message in (
        (tmp_path / "none.png", still, r"none\.png does not exist"),
        (words, film_, r"words\.mp4 is neither a picture .* nor a clip"),
        (
            picture[0],
            (*still, "--preprocessor", "imgae"),
            r"imgae.* is missing.*filter, filter_soft, image, machines",
        ),
        (
            picture[0],
            (*still, "--preprocessor", "video"),
            r"video is a CompactVideo, of clips, .*: adaptive, contrast, filter, filter_soft, image, machines",
        ),
        (picture[0], (*still, "--prepared", "a.png"), r"give --preprocessor too"),
        (picture[0], (*still, "--preprocessor", "image", "--prepared", "a.mkv"), r"a\.mkv must end in \.png"),
        (clip[0], (*film_, "--preprocessor", "image", "--prepared", "a.mp4"), r"a\.mp4 must end in \.mkv"),
        (picture[0], (*still, "--start", 1), r"is a picture, which has no frame 1"),
        (clip[0], still, r"out\.jpg would be a still, and the input is a clip.*--frames 1"),
        (clip[0], (*film_, "--frames", -1), r"--frames -1; they must be at least 0 and 1"),
        (clip[0], ("out.gif",), r"out\.gif must end in one of \.mp4"),
        (clip[0], ("out.heic",), r"no encoder of HEIC.*\.avif"),
        (
            clip[0],
            ("out.webm", "--codec", "x264"),
            r"\.webm does not hold x264; give --codec vp9 or svtav1, .*\.mp4",
        ),
        (clip[0], (*film_, "--codec", "x266"), r"codec 'x266' is unknown; \.mp4 holds x264"),
        (clip[0], (*film_, "--qp", 30, "--crf", 20), r"--qp and --crf contradict each other"),
        (clip[0], (*film_, "--qp", 60), r"qp 60\.0 is out of range"),
        (clip[0], (*film_, "--crf", 60), r"crf is 60\.0; x264 takes 0\.\.51"),
        (clip[0], (*film_, "--codec", "svtav1", "--crf", 30.5), r"svtav1 takes whole numbers"),
        (clip[0], (*film_, "--codec", "mjpeg", "--crf", 20), r"mjpeg codes single pictures, by --qp alone"),
        (clip[0], (*film_, "--bitrate", "fast"), r"bitrate is 'fast'; give bits per second"),
        (picture[0], (*still, "--bitrate", "1M"), r"jpeg codes single pictures, by --qp alone"),
        (clip[0], (*film_, "--options", "aq-mode"), r"give key=value"),
        (clip[0], (*film_, "--options", "aq-mod=1"), r"aq-mod.*; did you mean 'aq-mode'"),
        (clip[0], (*film_, "--options", "crf=1"), r"'crf' of x264 is not free"),
        (clip[0], (*film_, "--preset", "quick"), r"preset of x264 'quick' is unknown"),
        (clip[0], (*film_, "--device", "quantum"), r"--device quantum cannot be used here"),
        (clip[0], ("out.mkv", "--analyser", "slowfast"), r"no analyser is called 'slowfast'"),
        (CASES / "hdr10.mp4", film_, r"hdr10\.mp4 is HDR.*zscale"),
        (CASES / "huge200MP.png", still, r"huge200MP\.png.*MAX_IMAGE_PIXELS"),
        (CASES / "iphone_grid.heic", still, r"iphone_grid\.heic is HEIF.*heif-convert"),
    ):
        out, *more = arguments
        with pytest.raises(SystemExit, match=f"mvlib: .*{message}"):
            encode(file, tmp_path / "new" / out, *more, sample=8 if "--analyser" in more else 0)
        left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
        assert left == {"own.png", "own.avi", "words.mp4"}, (file, arguments)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_named(encode, clip, tmp_path):
    with pytest.raises(SystemExit, match=r"--device cuda cannot be used here .*; give cpu, or leave it out"):
        encode(clip[0], tmp_path / "out.mp4", "--device", "cuda")


@pytest.fixture
def no_coding(monkeypatch):
    """Whatever opens an encoder fails."""

    def begun(*_, **__):
        raise AssertionError("work has begun")

    monkeypatch.setattr("mvlib.transcode.film.FilmWriter", begun)
    monkeypatch.setattr(RealCodec, "encode", begun)


def test_an_output_never_takes_the_place_of_the_input(encode, clip, tmp_path, monkeypatch, no_coding):
    film_ = clip[0].rename(tmp_path / "own.mkv")
    content = film_.read_bytes()
    (tmp_path / "link.mkv").symlink_to(film_)
    (tmp_path / "hard.mkv").hardlink_to(film_)
    (tmp_path / "folder").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "x").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in (film_, "own.mkv", "./x/../own.mkv", tmp_path / "link.mkv", "hard.mkv", "folder/own.mkv"):
        with pytest.raises(SystemExit, match=r"mvlib: .* is the input .*own\.mkv, which would be lost"):
            encode(film_, name, "--overwrite")
    with pytest.raises(SystemExit, match="is the input"):
        encode("link.mkv", "a.mkv", "--preprocessor", "image", "--prepared", film_, "--overwrite")
    assert film_.read_bytes() == content


def test_outputs_are_different_files_and_none_is_replaced_unasked(
    encode, clip, tmp_path, monkeypatch, no_coding
):
    (tmp_path / "link.mkv").symlink_to("out.mkv")
    for one, other in (("out.mkv", "out.mkv"), ("out.mkv", "link.mkv")):
        with pytest.raises(SystemExit, match="are the same file, and one result would be lost"):
            encode(clip[0], tmp_path / one, "--preprocessor", "image", "--prepared", tmp_path / other)
    (tmp_path / "out.mkv").write_text("precious")
    with pytest.raises(SystemExit, match=r"out\.mkv is there already; give --overwrite"):
        encode(clip[0], tmp_path / "out.mkv")
    monkeypatch.undo()
    assert (tmp_path / "out.mkv").read_text() == "precious"


def test_a_linked_output_is_replaced_where_it_lies(encode, clip, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link.mkv").symlink_to(tmp_path / "elsewhere" / "out.mkv")
    encode(clip[0], tmp_path / "link.mkv")
    encode(clip[0], tmp_path / "link.mkv", "--overwrite")
    assert (tmp_path / "link.mkv").is_symlink() and open_clip(tmp_path / "elsewhere" / "out.mkv").count == 5
    (tmp_path / "lost.mkv").symlink_to(tmp_path / "own.avi" / "out.mkv")
    with pytest.raises(SystemExit, match=r"own\.avi is a file, not a folder"):
        encode(clip[0], tmp_path / "lost.mkv")


def test_what_cannot_be_written_is_refused_before_work(encode, clip, tmp_path, no_coding):
    (tmp_path / "folder.mkv").mkdir()
    os.mkfifo(tmp_path / "pipe.mkv")
    for name, says in (
        ("folder.mkv", "is a folder"),
        ("pipe.mkv", "is a pipe or a device"),
        ("own.avi/x/a.mkv", r"own\.avi is a file, not a folder"),
    ):
        with pytest.raises(SystemExit, match=says):
            encode(clip[0], tmp_path / name)
    if os.geteuid():  # root may write everywhere
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(SystemExit, match="no permission"):
            encode(clip[0], tmp_path / "locked" / "a.mkv")


def test_sizes_and_rates_that_a_codec_does_not_take_are_named(encode, tmp_path):
    Image.new("RGB", (16400, 16)).save(tmp_path / "wide.png")
    Image.new("RGB", (66000, 16)).save(tmp_path / "wider.png")
    with Lossless(tmp_path / "fast.mkv", 300) as out:
        out.write(np.zeros((2, 64, 64, 3), np.uint8))
    for file, out, *more, message in (
        ("wide.png", "out.webp", r"WEBP refuses .* for 16400x16: .*limit of 16383"),
        ("wider.png", "out.jpg", r"JPEG refuses .* for 66000x16"),
        ("wide.png", "out.mp4", r"libx264 refuses .* for 16400x16 at 25 frames a second"),
        (
            "fast.mkv",
            "out.mp4",
            "--codec",
            "svtav1",
            r"libsvtav1 refuses .* for 64x64 at 300 frames a second",
        ),
        (
            "wider.png",
            "out.mp4",
            "--codec",
            "svtav1",
            r"mp4 refuses svtav1 of 66000x16; .*\.mkv, or another codec",
        ),
    ):
        with pytest.raises(SystemExit, match=f"mvlib: .*{message}") as end:
            encode(tmp_path / file, tmp_path / "new" / out, *more)
        assert end.value.code == 2 and not [*(tmp_path / "new").iterdir()]


@pytest.fixture
def small_files():
    """No file may grow beyond 4 kB, as on a disk that is full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.264", "out.jpg"])
def test_where_there_is_no_room_nothing_is_left(encode, film, picture, tmp_path, name, small_files):
    file = picture[0] if name == "out.jpg" else film
    with pytest.raises(SystemExit, match=rf"mvlib: .*{name} cannot be written: the file grew beyond") as end:
        encode(file, tmp_path / "new" / name, "--qp", 1)
    assert end.value.code == 1 and not [*(tmp_path / "new").iterdir()]


def test_damage_and_what_was_taken_for_granted_are_warned_of(encode, caplog, tmp_path):
    told = encode(CASES / "concealed.mp4", tmp_path / "out.mp4", "--frames", 40)
    assert told["frames"] == 40
    assert "concealed.mp4: frame 30 is damaged" in caplog.text
    assert any("frame 30 is damaged" in note for note in told["notes"])


def test_a_picture_is_written_upright(encode, tmp_path):
    assert encode(CASES / "exif6.jpg", tmp_path / "out.jpg")["size"] == [64, 96]
    with Image.open(tmp_path / "out.jpg") as written:
        assert written.size == (64, 96) and not written.getexif()


def test_a_name_with_a_colon_is_read_and_written(encode, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(CASES / "colon.mp4", "10:30.mp4")
    assert encode("10:30.mp4", "10:31.mkv", "--frames", 2)["frames"] == 2
    assert open_clip(tmp_path / "10:31.mkv").count == 2
