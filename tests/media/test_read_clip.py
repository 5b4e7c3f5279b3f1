"""Clips as people have them: turned, with covers, damaged, in rare colours → what a player shows, or a refusal."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from media_making import CASES, TURNS, apart, by_hand, scene, write
from PIL import Image

from mvlib.datasets import data_root
from mvlib.errors import InputError
from mvlib.media import Damaged, TooShort, Unreadable, kind_of, open_clip, read_clip

# Rows of a display matrix for each of EXIF's orientations, y pointing down.
MATRICES = {
    1: (1, 0, 0, 1), 2: (-1, 0, 0, 1), 3: (-1, 0, 0, -1), 4: (1, 0, 0, -1),
    5: (0, 1, 1, 0), 6: (0, 1, -1, 0), 7: (0, -1, -1, 0), 8: (0, -1, 1, 0),
}  # fmt: skip


def with_matrix(source, path, a, b, c, d):
    """A copy of an MP4 with another matrix in its track's header."""
    data = bytearray(source.read_bytes())
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", *(int(v * 65536) for v in (a, b, 0, c, d, 0, 0, 0)), 1 << 30)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_turns_of_clips(tmp_path, orientation):
    path = with_matrix(CASES / "plain.mp4", tmp_path / "turned.mp4", *MATRICES[orientation])
    stored = by_hand(CASES / "plain.mp4")
    right = np.stack([TURNS[orientation](frame) for frame in stored])
    assert np.array_equal(read_clip(path).frames, right)
    assert np.array_equal(read_clip(path, 7, 3, 2).frames, right[7:12:2])


@pytest.mark.parametrize("codec, options", [("libvpx-vp9", {}), ("libsvtav1", {"preset": "12"})])
def test_turns_of_other_codecs(tmp_path, codec, options):
    plain = write(tmp_path / "plain.mp4", codec, options=options)
    path = with_matrix(plain, tmp_path / "turned.mp4", *MATRICES[6])
    assert np.array_equal(read_clip(path, 5, 2).frames, np.rot90(by_hand(plain), -1, (1, 2))[5:7])


def test_turned_clips_of_others():
    plain = by_hand(CASES / "plain.mp4")
    # The number in the name is FFmpeg's, anticlockwise.
    for name, turns in (("rot90.mp4", 1), ("rot270.mp4", -1)):
        frames = read_clip(CASES / name).frames
        assert frames.shape == (25, 160, 96, 3) and np.array_equal(frames, np.rot90(plain, turns, (1, 2)))


def test_a_slanting_matrix_is_refused(tmp_path):
    path = with_matrix(CASES / "plain.mp4", tmp_path / "slant.mp4", 0.866, 0.5, -0.5, 0.866)
    with pytest.raises(Unreadable, match=r"slant\.mp4.*multiple of 90 degrees"):
        read_clip(path)


def test_the_film_is_read_and_no_cover():
    frames = read_clip(CASES / "cover_first_real.mp4").frames
    assert frames.shape == (25, 96, 160, 3)
    assert np.array_equal(frames, by_hand(CASES / "cover_first_real.mp4", stream=1))


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize("default", [0, 1])
def test_the_default_track_is_read(tmp_path, suffix, default):
    path = tmp_path / f"two.{suffix}"
    with av.open(str(path), "w") as container:
        tracks = [container.add_stream("libx264", rate=25) for _ in range(2)]
        for number, track in enumerate(tracks):
            track.width, track.height, track.pix_fmt = 96, 64, "yuv420p"
            track.disposition = Disposition.default if number == default else 0
        for pixels in scene(6):
            for track, shown in zip(tracks, (pixels, 255 - pixels), strict=True):
                container.mux(track.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        for track in tracks:
            container.mux(track.encode(None))
    clip = read_clip(path)
    assert np.array_equal(clip.frames, by_hand(path, stream=default))
    assert f"it has 2 video tracks: number {default + 1} is read" in clip.notes


def test_audio_with_a_cover_is_no_video(tmp_path):
    path = tmp_path / "song.mp3"
    with av.open(str(path), "w") as container:
        sound, cover = container.add_stream("mp3", rate=44100), container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 96, 64, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame.from_ndarray(scene(1)[0], format="rgb24")))
        container.mux(cover.encode(None))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.float32), format="fltp", layout="mono")
        silence.rate = 44100
        for _ in range(20):
            container.mux(sound.encode(silence))
        container.mux(sound.encode(None))
    for read in (read_clip, kind_of):
        with pytest.raises(Unreadable, match=r"song\.mp3 holds no video, only audio, with cover art"):
            read(path)


def test_frames_that_the_decoder_made_up_are_named():
    with pytest.raises(Damaged, match=r"concealed\.mp4.*frame 30 is damaged"):
        read_clip(CASES / "concealed.mp4")
    with pytest.raises(Damaged, match=r"concealed\.mp4"):
        read_clip(CASES / "concealed.mp4", 29, 3)
    kept = read_clip(CASES / "concealed.mp4", damaged="keep")
    assert len(kept.frames) == 100 and len(kept.damage) == 3
    assert len(read_clip(CASES / "concealed.mp4", 0, 8).frames) == 8, "before the damage"


@pytest.mark.parametrize("suffix", ["mkv", "webm", "avi", "mp4", "mov"])
def test_a_file_that_ends_too_early_is_damaged(tmp_path, suffix):
    codec, pix = ("libvpx-vp9", "yuv420p") if suffix == "webm" else ("libx264", "yuv420p")
    frames = scene(48)
    path = write(tmp_path / f"fragmented.{suffix}", codec, frames, pix)
    assert read_clip(path).damage == ()
    whole = path.read_bytes()
    for part in (0.4, 0.7, 0.97):
        path.write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(Damaged, match=r"the file ends \d+ bytes before"):
            read_clip(path)
        kept = read_clip(path, damaged="keep")
        assert 0 < len(kept.frames) <= 48 and kept.damage


def test_a_live_recording_without_sizes_is_whole(tmp_path):
    path = tmp_path / "live.mkv"
    with av.open(str(path), "w", options={"live": "1"}) as container:
        out = container.add_stream("ffv1", rate=25)
        out.width, out.height, out.pix_fmt = 96, 64, "bgr0"
        for pixels in scene(5):
            container.mux(out.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(out.encode(None))
    assert np.array_equal(read_clip(path).frames, scene(5))


@pytest.mark.parametrize(
    "name, says",
    [("hdr10.mp4", r"PQ.*zscale=.*tonemap"), ("ycgco.mp4", r"YCgCo \(number 8\).*zscale=p=bt709")],
)
def test_hdr_and_rare_matrices_are_refused_with_a_command(name, says):
    with pytest.raises(Unreadable, match=rf"{name}.*{says}"):
        read_clip(CASES / name)


@pytest.mark.parametrize(
    "tag, says",
    [
        ("transfer=arib-std-b67", "HLG"),
        ("transfer=linear", "linear light"),
        ("colormatrix=bt2020c", "constant luminance"),
        ("colormatrix=ICtCp", "ICtCp"),
        ("colormatrix=chroma-derived-nc", "derived from primaries"),
        ("colorprim=bt2020", r"BT\.2020"),
        ("colorprim=smpte432", "Display P3"),
    ],
)
def test_other_colours_that_would_be_wrong_are_refused(tmp_path, tag, says):
    path = write(tmp_path / "a.mp4", frames=scene(2), options={"x264-params": tag})
    with pytest.raises(Unreadable, match=rf"a\.mp4 .*{says}.*ffmpeg -i IN -vf zscale"):
        read_clip(path)


def planes(pix, luma, blue, red, colour_range, matrix):
    """A lossless film of one frame, of one colour, given by its planes."""
    frame = av.VideoFrame(96, 64, pix)
    for plane, value in zip(frame.planes, (luma, blue, red), strict=False):
        kind = np.uint16 if "10" in pix else np.uint8
        plane.update(np.full(plane.buffer_size // kind().itemsize, value, kind).tobytes())
    frame.color_range, frame.colorspace = colour_range, matrix
    return frame


@pytest.mark.parametrize(
    "matrix, weights", [(1, (0.2126, 0.0722)), (6, (0.299, 0.114)), (9, (0.2627, 0.0593))]
)
@pytest.mark.parametrize("pix, colour_range", [("yuv420p", 1), ("yuv420p", 2), ("yuv444p10le", 1)])
def test_matrix_and_range_are_those_of_the_standard(tmp_path, pix, colour_range, matrix, weights):
    deep = 4 if "10" in pix else 1
    values = (120 * deep, 90 * deep, 160 * deep)
    path = tmp_path / "one.mkv"
    with av.open(str(path), "w") as container:
        out = container.add_stream("ffv1", rate=25)
        out.width, out.height, out.pix_fmt = 96, 64, pix
        out.codec_context.color_range, out.codec_context.colorspace = colour_range, matrix
        container.mux(out.encode(planes(pix, *values, colour_range, matrix)))
        container.mux(out.encode(None))
    red, blue = weights
    if colour_range == 1:
        y, cb, cr = (120 - 16) / 219, (90 - 128) / 224, (160 - 128) / 224
    else:
        y, cb, cr = 120 / 255, (90 - 128) / 255, (160 - 128) / 255
    r, b = y + 2 * (1 - red) * cr, y + 2 * (1 - blue) * cb
    g = (y - red * r - blue * b) / (1 - red - blue)
    clip = read_clip(path)
    assert np.abs(clip.frames[0, 5, 5] - 255 * np.array([r, g, b])).max() < 1
    assert not any("matrix" in note for note in clip.notes)


@pytest.mark.parametrize("colour_range, right", [(1, (0, 255)), (2, (16, 235)), (0, (16, 235))])
def test_grey_of_limited_range_is_stretched(tmp_path, colour_range, right):
    for value, seen in zip((16, 235), right, strict=True):
        path = tmp_path / f"{value}.mkv"
        with av.open(str(path), "w") as container:
            out = container.add_stream("ffv1", rate=25)
            out.width, out.height, out.pix_fmt = 96, 64, "gray"
            out.codec_context.color_range = colour_range
            container.mux(out.encode(planes("gray", value, 0, 0, colour_range, 2)))
            container.mux(out.encode(None))
        assert (read_clip(path).frames == seen).all()


@pytest.mark.parametrize(
    "name, codec, pix, near",
    [("a.mov", "png", "rgba", 0), ("q.mov", "qtrle", "argb", 0), ("f.mkv", "ffv1", "bgra", 0),
     ("p.mov", "prores_ks", "yuva444p10le", 6)],
)  # fmt: skip
def test_transparent_films_are_over_white(tmp_path, name, codec, pix, near):
    frames = np.stack([np.dstack([f, np.zeros(f.shape[:2], np.uint8)]) for f in scene(3)])
    frames[:, :32, :, 3] = 255
    clip = read_clip(write(tmp_path / name, codec, frames, pix))
    right = frames[..., :3].copy()
    right[:, 32:] = 255
    assert apart(clip.frames, right) <= near and (clip.frames[:, 40:] > 250).all()
    assert "transparent parts are shown over white" in clip.notes


def test_a_transparency_that_the_decoder_drops_is_refused(tmp_path):
    frames = [np.dstack([f, np.zeros(f.shape[:2], np.uint8)]) for f in scene(3)]
    path = write(tmp_path / "a.webm", "libvpx-vp9", frames, "yuva420p", metadata={"alpha_mode": "1"})
    with pytest.raises(Unreadable, match=r"a\.webm has transparent parts.*libvpx-vp9"):
        read_clip(path)


def test_what_is_not_seen_in_the_pixels_is_noted(tmp_path):
    notes = read_clip(write(tmp_path / "a.mp4", sample_aspect_ratio=Fraction(4, 3))).notes
    assert "its pixels are not square (4:3): they are left as stored" in notes
    assert "it names no colour matrix: taken as BT.601, for it has below 720 lines" in notes
    notes = read_clip(write(tmp_path / "b.mp4", options={"x264-params": "interlaced=1"})).notes
    assert any("interlaced" in note for note in notes)
    assert any("not evenly spaced" in note for note in read_clip(CASES / "vfr.mkv").notes)
    tagged = read_clip(write(tmp_path / "c.mp4", options={"x264-params": "colormatrix=bt709"}))
    assert tagged.notes == () and tagged.rate == 25


def test_the_films_of_the_course_keep_their_pixels():
    for path in sorted((data_root() / "clips").iterdir())[::4]:
        clip = read_clip(path)
        assert np.array_equal(clip.frames, by_hand(path, "ITU709")) and clip.notes == ()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_animations_are_clips(tmp_path, kind):
    frames, path = scene(5), tmp_path / "moving"
    pictures = [Image.fromarray(frame) for frame in frames]
    options = {"lossless": True} if kind == "WEBP" else {}
    options = {"quality": 95, "subsampling": "4:4:4"} if kind == "AVIF" else options
    pictures[0].save(path, kind, save_all=True, append_images=pictures[1:], duration=50, **options)
    assert kind_of(path) == "clip"
    clip = read_clip(path)
    assert clip.rate == 20 and clip.frames.shape == (5, 64, 96, 3)
    right = np.stack(frames)
    assert apart(clip.frames, right) <= {"GIF": 15, "AVIF": 6}.get(kind, 0)
    others = [apart(clip.frames[i], right[i - 1]) for i in range(1, 5)]
    assert min(others) > 40, "each is its own frame"
    assert np.array_equal(read_clip(path, 1, 2, 3).frames, clip.frames[1:5:3])
    pictures[0].save(path, kind)
    assert kind_of(path) == "picture"
    with pytest.raises(InputError, match="is a picture, not a clip"):
        read_clip(path)


def test_an_animation_of_others_and_one_with_a_still_of_its_own(tmp_path):
    clip = read_clip(CASES / "anim.gif")
    assert clip.frames.shape == (5, 64, 96, 3) and clip.rate == 10
    frames = [Image.fromarray(frame) for frame in scene(3)]
    frames[0].save(
        tmp_path / "a.png", save_all=True, default_image=True, append_images=frames[1:], duration=[50, 150]
    )
    clip = read_clip(tmp_path / "a.png")
    assert np.array_equal(clip.frames, np.stack(scene(3)[1:])), "the still is not of the film"
    assert clip.rate == 10 and any("equally long" in note for note in clip.notes)


def test_half_an_animation_is_damaged(tmp_path):
    whole = (CASES / "anim.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(whole[: len(whole) * 3 // 5])
    with pytest.raises(Damaged, match=r"a\.gif"):
        read_clip(tmp_path / "a.gif", 0, 5)
    assert 0 < len(read_clip(tmp_path / "a.gif", damaged="keep").frames) < 5


def test_an_apng_without_its_last_frames_is_damaged(tmp_path):
    path, pictures = tmp_path / "a.png", [Image.fromarray(frame) for frame in scene(5)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=50)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(Damaged, match=r"a\.png is damaged: it ends after \d of 5 frames"):
        read_clip(path)
    kept = read_clip(path, damaged="keep")
    assert np.array_equal(kept.frames, scene(5)[: len(kept.frames)]) and kept.rate == 20


def test_a_film_that_changes_its_size_is_refused(tmp_path):
    small, large = (
        write(tmp_path / f"{n}.264", frames=scene(4, size)) for n, size in ((1, (96, 64)), (2, (128, 96)))
    )
    path = tmp_path / "both.264"
    path.write_bytes(small.read_bytes() + large.read_bytes())
    with pytest.raises(Unreadable, match=r"both\.264 changes its size from 96x64 to 128x96"):
        read_clip(path)


def test_windows_that_do_not_fit_and_wrong_numbers():
    with pytest.raises(TooShort, match=r"plain\.mp4 ends after 1 of 2 frames"):
        read_clip(CASES / "plain.mp4", 24, 2)
    with pytest.raises(TooShort):
        read_clip(CASES / "plain.mp4", 99)
    for wrong in ({"start": -1}, {"count": 0}, {"step": 0}, {"damaged": "maybe"}):
        with pytest.raises(InputError):
            read_clip(CASES / "plain.mp4", **wrong)
    assert open_clip(CASES / "plain.mp4").count == 25


def test_what_is_appended_to_a_film_is_no_damage(tmp_path):
    path = tmp_path / "appended.mp4"
    path.write_bytes((CASES / "plain.mp4").read_bytes() + b"\x12\x34\x56\x78\x00\x01 of another program")
    assert np.array_equal(read_clip(path).frames, by_hand(CASES / "plain.mp4"))
