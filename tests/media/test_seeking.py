"""Windows hold exactly the frames that decoding from the start gives, in all containers and whatever their times."""

import numpy as np
import pytest
from media_making import CASES, by_hand, scene, write

from mvlib.media import open_clip, read_clip, read_window

OPEN = {"x264-params": "open-gop=1:bframes=3:b-adapt=0"}
HEVC = {"x265-params": "log-level=none:open-gop=1:keyint=12:bframes=4"}
VPX = {"auto-alt-ref": "1", "lag-in-frames": "10", "cpu-used": "8", "deadline": "realtime"}
FILES = {
    "a.mp4": ("libx264", {}), "a.mov": ("libx264", {}), "fragmented.mp4": ("libx264", {}), "a.flv": ("libx264", {}),
    "a.avi": ("libx264", {}), "a.264": ("libx264", {}), "open.mkv": ("libx264", OPEN), "open.ts": ("libx264", OPEN),
    "refresh.mp4": ("libx264", {"x264-params": "intra-refresh=1"}), "h.mp4": ("libx265", HEVC),
    "h.ts": ("libx265", HEVC), "h.265": ("libx265", HEVC), "v.webm": ("libvpx-vp9", VPX), "v.ivf": ("libvpx-vp9", VPX),
    "v8.webm": ("libvpx", VPX), "a.obu": ("libsvtav1", {"preset": "12"}), "m4.avi": ("mpeg4", {"bf": "2"}),
    "m4.mp4": ("mpeg4", {"bf": "2"}), "m2.mpg": ("mpeg2video", {"bf": "2"}), "m2.ts": ("mpeg2video", {"bf": "2"}),
    "m2.m2v": ("mpeg2video", {"bf": "2"}), "j.avi": ("mjpeg", {}), "f.mkv": ("ffv1", {}),
}  # fmt: skip
TIMES = {"late": lambda i: i + 37, "early": lambda i: i - 5, "uneven": lambda i: 2 * i + (i % 3 == 0)}
WITHOUT_TIMES = ("avi", "264", "265", "m2v", "obu")


def check(path, right):
    """All of it, and windows of several lengths everywhere."""
    assert np.array_equal(read_clip(path).frames, right)
    assert open_clip(path).count == len(right)
    for start in range(0, len(right) - 7, 3):
        for count, step in ((1, 1), (4, 2)):
            window = read_clip(path, start, count, step).frames
            assert np.array_equal(window, right[start : start + count * step : step]), (start, count, step)


@pytest.mark.parametrize("name", FILES)
def test_every_window_of_every_container(tmp_path, name):
    codec, options = FILES[name]
    pix = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = write(tmp_path / name, codec, scene(40), pix, options)
    check(path, by_hand(path))


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("name", ["a.mp4", "fragmented.mp4", "open.mkv", "h.ts", "v.webm", "m2.mpg"])
def test_whatever_the_times_of_the_frames(tmp_path, name, times):
    codec, options = FILES[name]
    path = write(tmp_path / name, codec, scene(40), options=options, time=TIMES[times])
    check(path, by_hand(path))


@pytest.mark.parametrize(
    "name, count",
    [("x264.avi", 100), ("g20.ts", 100), ("editlist.mp4", 14), ("longaudio.mkv", 100), ("vfr.mp4", 32),
     ("vfr.mkv", 32), ("raw.m2v", 25)],
)  # fmt: skip
def test_files_whose_headers_or_seeks_mislead(name, count):
    right = by_hand(CASES / name)
    assert len(right) == count
    check(CASES / name, right)


@pytest.mark.parametrize("cut", [0.2, 0.4])
@pytest.mark.parametrize("name", ["open.ts", "h.ts", "m2.ts"])
def test_a_recording_that_begins_in_the_middle(tmp_path, name, cut):
    codec, options = FILES[name]
    path = write(tmp_path / name, codec, scene(60), options=options)
    data = path.read_bytes()
    path.write_bytes(data[int(len(data) * cut) // 188 * 188 :])
    whole = read_clip(path, damaged="keep").frames
    assert np.array_equal(whole, by_hand(path)[: len(whole)])
    for start in range(0, len(whole) - 4, 5):
        assert np.array_equal(
            read_clip(path, start, 2, 2, damaged="keep").frames, whole[start : start + 3 : 2]
        )


def test_a_sound_seek_spares_most_of_a_long_film(tmp_path):
    path = write(tmp_path / "long.mp4", frames=scene(100), gop=10)
    assert read_clip(path, 90, 4).decoded < 20
    assert read_window(path, 4, 2, at=1.0).decoded < 24
    one_group = write(tmp_path / "one.mp4", frames=scene(60), gop=250)
    assert np.array_equal(read_clip(one_group, 50, 4).frames, by_hand(one_group)[50:54])
