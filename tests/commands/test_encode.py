"""``mvlib encode`` on files of one's own: pictures and clips, with and without a preprocessor."""

import json
import os
import shutil
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from mvlib.__main__ import main
from mvlib._weights import weights_folder
from mvlib.codecs import RealCodec
from mvlib.commands.media import CONTAINERS, Media, read_media, write_media
from mvlib.datasets import Clips, Photos, data_root
from mvlib.preprocess import load_preprocessor, preprocess_frames

CASES = Path(__file__).resolve().parents[1] / "cases"


@pytest.fixture
def encode(monkeypatch, capsys):
    """What the command prints."""

    def run(*arguments):
        typed = ["mvlib", "encode", *map(str, arguments), "--codec", "x264"]
        monkeypatch.setattr(sys, "argv", typed)
        main()
        return json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def picture(tmp_path):
    pixels = Photos("test", size=64).uint8(3)[:96, :130]
    Image.fromarray(pixels).save(tmp_path / "own.png")
    return tmp_path / "own.png", pixels[None]


@pytest.fixture
def clip(tmp_path):
    """Five frames of a film, 80x64 pixels at 25 frames a second, lossless."""
    frames = np.ascontiguousarray(Clips("test", frames=5).uint8(0)[:, 40:104, 60:140])
    with av.open(str(tmp_path / "own.avi"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 80, "bgr0"
        for rgb in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))
    return tmp_path / "own.avi", frames


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


def test_a_picture_with_and_without_a_preprocessor(encode, picture, tmp_path):
    file, pixels = picture
    out = tmp_path / "new" / "given.png"
    result = encode(file, "--qp", 30, "--preprocessor", "image", "--prepared", out)
    given = preprocess_frames(load_preprocessor("image"), pixels, 30)
    assert np.array_equal(np.asarray(Image.open(out)), given[0]) and not np.array_equal(given, pixels)
    real = RealCodec("x264")
    for said, frames in ((result, pixels), (result["preprocessed"], given)):
        coded = real(frames, qp=30)
        assert said["bits"] == coded.bits and said["bpp"] == pytest.approx(coded.bits / 96 / 130, abs=1e-4)
        assert said["psnr-rgb"] == pytest.approx(psnr(coded.frames, pixels), abs=0.01)
    change = 100 * (result["preprocessed"]["bits"] / result["bits"] - 1)
    assert result["preprocessed"]["bits at equal QP, percent"] == pytest.approx(change, abs=0.01)
    assert result["size"] == [130, 96] and result["preprocessed"]["by"] == "image"
    plain = encode(file, "--qp", 30)
    assert plain == {k: v for k, v in result.items() if k != "preprocessed"}


@pytest.mark.parametrize("name", ["image", "video"])
def test_a_clip_with_a_preprocessor_of_either_kind(encode, clip, tmp_path, name):
    file, frames = clip
    assert np.array_equal(read_media(file).frames, frames)
    out, back = tmp_path / "given.mkv", tmp_path / "back.mkv"
    asked = ("--preprocessor", name, "--prepared", out, "--decoded", back, "--frames", 4)
    result = encode(file, "--qp", 35, *asked)
    given = preprocess_frames(load_preprocessor(name), frames[:4], 35)
    written = read_media(out)
    assert np.array_equal(written.frames, given) and written.rate == 25
    coded = RealCodec("x264")(given, qp=35)
    assert np.array_equal(read_media(back).frames, coded.frames)
    assert (result["frames"], result["size"]) == (4, [80, 64])
    assert result["bits"] == RealCodec("x264")(frames[:4], qp=35).bits
    assert result["preprocessed"]["bits"] == coded.bits


def test_a_film_in_its_container(encode):
    result = encode(data_root() / "clips" / "vtest_0.mp4", "--frames", 2, "--qp", 40)
    assert result["frames"] == 2 and 25 < result["psnr-rgb"] < 45 and 0 < result["bpp"] < 1


def test_weights_by_their_path(encode, picture, tmp_path):
    for end in ("safetensors", "json"):
        shutil.copy(weights_folder() / f"preprocessor_image.{end}", tmp_path / f"mine.{end}")
    named, by_path = (
        encode(picture[0], "--preprocessor", which)["preprocessed"]
        for which in ("image", tmp_path / "mine.safetensors")
    )
    assert named | {"by": ""} == by_path | {"by": ""}


def test_mistakes_are_named(encode, picture, clip, tmp_path):
    words = tmp_path / "words.mp4"
    words.write_text("no film at all")
    for arguments, message in (
        ((tmp_path / "none.png",), r"none\.png does not exist"),
        ((words,), r"words\.mp4 is neither a picture .* nor a clip"),
        ((picture[0], "--preprocessor", "imgae"), r"imgae.* is missing.*filter, image, machines"),
        (
            (picture[0], "--preprocessor", "video"),
            r"CompactVideo, of clips, .* picture; .*: filter, image, machines",
        ),
        ((picture[0], "--prepared", "a.png"), r"give --preprocessor too"),
        ((picture[0], "--preprocessor", "image", "--prepared", "a.mkv"), r"a\.mkv must end in \.png"),
        ((clip[0], "--decoded", "a.mp4"), r"a\.mp4 must end in \.mkv"),
        ((clip[0], "--frames", -1), r"frames is -1"),
        ((CASES / "hdr10.mp4",), r"hdr10\.mp4 is HDR.*zscale"),
        ((CASES / "huge200MP.png",), r"huge200MP\.png.*MAX_IMAGE_PIXELS"),
        ((CASES / "iphone_grid.heic",), r"iphone_grid\.heic is HEIF.*heif-convert"),
    ):
        with pytest.raises(SystemExit, match=f"mvlib: .*{message}"):
            encode(*arguments)


@pytest.fixture
def no_coding(monkeypatch):
    """Whatever codes a frame fails."""

    def coded(*_, **__):
        raise AssertionError("work has begun")

    monkeypatch.setattr(RealCodec, "__call__", coded)


def test_an_output_never_takes_the_place_of_the_input(encode, clip, tmp_path, monkeypatch, no_coding):
    film = clip[0].read_bytes()
    (tmp_path / "link.avi").symlink_to(clip[0])
    (tmp_path / "hard.avi").hardlink_to(clip[0])
    (tmp_path / "folder").symlink_to(tmp_path, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    for name in (clip[0], "own.avi", "./x/../own.avi", tmp_path / "link.avi", "hard.avi", "folder/own.avi"):
        (tmp_path / "x").mkdir(exist_ok=True)
        with pytest.raises(SystemExit, match=r"mvlib: .* is the input .*own\.avi, which would be lost"):
            encode(clip[0], "--decoded", name)
    with pytest.raises(SystemExit, match="is the input"):
        encode(tmp_path / "link.avi", "--preprocessor", "image", "--prepared", clip[0])
    assert clip[0].read_bytes() == film


def test_two_outputs_are_two_files(encode, picture, tmp_path, no_coding):
    (tmp_path / "link.png").symlink_to("out.png")
    for one, other in (("out.png", "out.png"), ("out.png", "link.png")):
        with pytest.raises(SystemExit, match="are the same file, and one result would be lost"):
            outs = ("--prepared", tmp_path / one, "--decoded", tmp_path / other)
            encode(picture[0], "--preprocessor", "image", *outs)
    assert not (tmp_path / "out.png").exists()


def test_what_cannot_be_written_is_refused_before_work(encode, picture, tmp_path, no_coding):
    (tmp_path / "folder.png").mkdir()
    for name, says in (
        ("folder.png", "is a folder"),
        ("own.png/x/a.png", r"own\.png is a file, not a folder"),
    ):
        with pytest.raises(SystemExit, match=says):
            encode(picture[0], "--decoded", tmp_path / name)
    if os.geteuid():  # root may write everywhere
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(SystemExit, match="no permission"):
            encode(picture[0], "--decoded", tmp_path / "locked" / "a.png")


def test_damage_and_what_was_taken_for_granted_are_warned_of(encode, caplog):
    result = encode(CASES / "concealed.mp4", "--frames", 40)
    assert result["frames"] == 40
    assert "concealed.mp4: frame 30 is damaged" in caplog.text
    assert any("frame 30 is damaged" in note for note in result["notes"])


def test_what_is_written_is_upright(encode, tmp_path):
    back = tmp_path / "back.mkv"
    assert encode(CASES / "rot90.mp4", "--frames", 3, "--decoded", back)["size"] == [96, 160]
    with av.open(str(back)) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height, frame.rotation) == (96, 160, 0)
    picture = tmp_path / "back.png"
    assert encode(CASES / "exif6.jpg", "--decoded", picture)["size"] == [64, 96]
    with Image.open(picture) as written:
        assert written.size == (64, 96) and not written.getexif()


def test_a_name_with_a_colon_is_read_and_written(encode, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(CASES / "colon.mp4", "10:30.mp4")
    assert encode("10:30.mp4", "--frames", 2, "--decoded", "10:31.mkv")["frames"] == 2
    assert len(read_media(tmp_path / "10:31.mkv").frames) == 2


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_every_container_that_is_offered_keeps_each_pixel(tmp_path, suffix):
    frames = np.random.default_rng(0).integers(0, 256, (3, 32, 48, 3), dtype=np.uint8)
    write_media(tmp_path / f"own{suffix}", frames, Media(frames, Fraction(25)))
    back = read_media(tmp_path / f"own{suffix}")
    assert np.array_equal(back.frames, frames) and back.rate == 25
