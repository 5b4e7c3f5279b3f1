"""A film goes in, a film comes out: the same frames, times, sound, chapters and shape, by the course's encoder."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from film_making import make_film, packets_of, read_back, squares
from PIL import Image

from mvlib.codecs import RealCodec
from mvlib.codecs.bitstream import split_annex_b
from mvlib.codecs.program_files import SYNTAXES
from mvlib.errors import InputError
from mvlib.media import TooShort, open_clip, read_picture
from mvlib.preprocess import load_preprocessor, preprocess_frames
from mvlib.transcode import Job, Source, Wish, choose, write
from mvlib.transcode.formats import FORMATS

CASES = Path(__file__).resolve().parents[1] / "cases"
FILMS = [(ending, codec) for ending, form in FORMATS.items() if not form.still for codec in form.codecs]


def written(file, out, codec=None, *, start=0, frames=None, wish=None, told=37, **more):
    source = Source(file, start, frames)
    form, name = choose(out, codec, source.is_clip and frames != 1)
    return write(Job(source, out, form, RealCodec(name), wish or Wish(), **more), lambda mean, count: told)


@pytest.mark.parametrize(("ending", "codec"), FILMS)
def test_each_container_plays_each_of_its_codecs_as_the_course_codes_them(ending, codec, tmp_path):
    frames, times = squares(12), [0, 40, 80, 120, 360, 400, 440, 900, 940, 980, 1020, 1060]
    make_film(tmp_path / "in.mkv", frames, times=times, sound="")
    told = written(tmp_path / "in.mkv", tmp_path / f"out{ending}", codec, wish=Wish(qp=30))
    coded = RealCodec(codec)(frames, qp=30)
    _, found, length = read_back(tmp_path / f"out{ending}")
    with av.open(str(tmp_path / f"out{ending}")) as container:
        planes = [frame.to_ndarray()[:64, :80] for frame in container.decode(video=0)]
    luma = RealCodec(codec)(frames, qp=30, planes=True).planes[0]
    assert np.array_equal(planes, luma)
    assert (told.frames, told.size, told.seconds) == (12, (64, 80), 1.1)
    if FORMATS[ending].timeless:
        assert told.notes == (
            "its frames are not evenly spaced in time, but a raw stream plays at an even rate",
        )
    else:
        assert np.allclose(found, np.array(times) / 1000, atol=1e-3) and not told.notes
        assert length == pytest.approx(1.1, abs=0.09) or ending == ".ivf"  # whose header counts frames
    # The rate is in the headers (SVT-AV1: none), a byte or two of SPS and VPS; VP9's and Motion JPEG's have none.
    assert told.bits == pytest.approx(coded.bits, abs=64)


@pytest.mark.parametrize(
    "ending, codec, syntax",
    [(".264", "x264", "h264"), (".265", "x265", "hevc"), (".ivf", "svtav1", "av1"), (".ivf", "vp9", "vp9")],
)
def test_at_the_rate_of_the_course_the_stream_is_the_courses_byte_for_byte(ending, codec, syntax, tmp_path):
    frames, real = squares(40), RealCodec(codec)
    make_film(tmp_path / "in.mkv", frames, rate=30, times=[round(i * 1000 / 30) for i in range(40)], sound="")
    told = written(tmp_path / "in.mkv", tmp_path / f"out{ending}", codec, wish=Wish(qp=34))
    stream = real.encode(frames, real.native_of(34, 40))
    units = SYNTAXES[syntax].packets((tmp_path / f"out{ending}").read_bytes())
    if syntax in ("h264", "hevc"):  # start codes have three bytes or four
        cut = [
            [unit.lstrip(b"\0") for unit in split_annex_b(data)] for data in (b"".join(units), bytes(stream))
        ]
        assert cut[0] == cut[1]
    else:
        assert b"".join(units) == bytes(stream)
    assert told.bits == pytest.approx(sum(stream.frame_bits), abs=24)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_shortest_films_are_films(count, tmp_path):
    make_film(tmp_path / "in.mkv", squares(count), sound="")
    for codec in ("x264", "x265", "svtav1", "vp9"):
        told = written(tmp_path / "in.mkv", tmp_path / f"{codec}.mp4", codec)
        assert told.seconds == pytest.approx(count / 25)
        times = read_back(tmp_path / f"{codec}.mp4")[1]
        assert times == [pytest.approx(i / 25, abs=1e-3) for i in range(count)], codec


def test_with_more_threads_the_film_is_as_good(tmp_path):
    frames = squares(40)
    make_film(tmp_path / "in.mkv", frames, sound="")
    for codec in ("x264", "x265", "svtav1", "vp9"):
        bits = [
            written(tmp_path / "in.mkv", tmp_path / f"{n}.mkv", codec, wish=Wish(qp=34), threads=n).bits
            for n in (1, 3)
        ]
        assert bits[1] == pytest.approx(bits[0], rel=0.2), codec
        back = [open_clip(tmp_path / f"{n}.mkv").window(0, 40, 1) for n in (1, 3)]
        errors = [np.mean((np.stack(b).astype(float) - frames) ** 2) for b in back]
        assert errors[1] == pytest.approx(errors[0], rel=0.1), codec


def test_times_of_a_variable_rate_are_kept(tmp_path):
    with av.open(str(CASES / "vfr.mkv")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    for ending, tolerance in ((".mkv", 0), (".mp4", 1e-3), (".webm", 0)):
        told = written(CASES / "vfr.mkv", tmp_path / f"out{ending}")
        _, found, length = read_back(tmp_path / f"out{ending}")
        assert np.allclose(found, times, atol=tolerance) and told.seconds == pytest.approx(3.64)
        assert length == pytest.approx(3.64, abs=0.09)


def test_sound_subtitles_and_chapters_are_copied(tmp_path):
    chapters = [(0, 600, "one"), (600, 1200, "two")]
    words = [(100, 300, "hello"), (700, 300, "bye")]
    make_film(tmp_path / "in.mkv", squares(30), chapters=chapters, words=words, title="A film")
    told = written(tmp_path / "in.mkv", tmp_path / "out.mkv")
    assert not told.notes
    for kind in ("audio", "subtitle"):
        assert packets_of(tmp_path / "out.mkv", kind) == packets_of(tmp_path / "in.mkv", kind)
    with av.open(str(tmp_path / "out.mkv")) as out:
        named = [
            (float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"]), c["metadata"])
            for c in out.chapters()
        ]
        assert named == [(0, 0.6, {"title": "one"}), (0.6, 1.2, {"title": "two"})]
        assert out.metadata["title"] == "A film" and out.streams.audio[0].metadata["language"] == "deu"
    told = written(tmp_path / "in.mkv", tmp_path / "out.mp4")
    assert told.notes == ("its subtitles (srt) are left out, for .mp4 cannot hold them",)
    assert packets_of(tmp_path / "out.mp4", "audio") == packets_of(tmp_path / "in.mkv", "audio")


def test_a_part_begins_at_0_with_its_own_sound(tmp_path):
    frames = squares(50)
    make_film(tmp_path / "in.mkv", frames, sound="pcm_s16le", chapters=[(0, 900, "one"), (900, 2000, "two")])
    told = written(tmp_path / "in.mkv", tmp_path / "out.mkv", start=25, frames=10, wish=Wish(qp=20))
    back, times, _ = read_back(tmp_path / "out.mkv")
    assert times == [pytest.approx(i / 25, abs=1e-3) for i in range(10)] and told.seconds == pytest.approx(
        0.4
    )
    errors = [np.abs(back[0].astype(float) - frame).mean() for frame in frames]
    assert np.argmin(errors) == 25
    whole = {round(t, 3): data for data, t in packets_of(tmp_path / "in.mkv", "audio")}
    sound = packets_of(tmp_path / "out.mkv", "audio")
    assert [whole[round(t + 1, 3)] for _, t in sound] == [data for data, _ in sound]
    assert sound[0][1] < 0.022 and 0.37 < sound[-1][1] < 0.4
    with av.open(str(tmp_path / "out.mkv")) as out:
        assert [(float(c["end"] * c["time_base"]), c["metadata"]["title"]) for c in out.chapters()] == [
            (0.4, "two")
        ]


def test_sound_that_cannot_be_held_is_refused_or_left_out(tmp_path):
    make_film(tmp_path / "in.mkv", squares(4), chapters=[(0, 100, "one")])
    for name, codec in (("out.264", None), ("out.ivf", None), ("out.webm", None)):
        with pytest.raises(
            InputError, match=r"cannot hold the sound of .*in\.mkv \(aac\); give --no-audio.* \.mkv"
        ):
            written(tmp_path / "in.mkv", tmp_path / name, codec)
        assert [p.name for p in tmp_path.iterdir()] == ["in.mkv"]
    told = written(tmp_path / "in.mkv", tmp_path / "out.264", audio=False)
    assert told.notes == ("its chapters are left out, for .264 cannot hold them",) and told.frames == 4


def test_a_frame_of_a_film_with_sound_is_a_still(tmp_path):
    make_film(tmp_path / "in.mkv", squares(4))
    told = written(tmp_path / "in.mkv", tmp_path / "out.jpg", start=2, frames=1, wish=Wish(qp=10))
    coded = RealCodec("jpeg")(squares(4)[2:3], qp=10)
    assert told.bits == coded.bits and (read_picture(tmp_path / "out.jpg") == coded.frames[0]).all()


def test_pixels_are_upright_and_keep_their_shape_and_colours(tmp_path):
    written(CASES / "rot90.mp4", tmp_path / "out.mp4", frames=3)
    with av.open(str(tmp_path / "out.mp4")) as out:
        frame = next(out.decode(video=0))
        assert (frame.width, frame.height, frame.rotation) == (96, 160, 0)
        assert [int(v) for v in (frame.colorspace, frame.color_range)] == [1, 1]  # BT.709, limited
    make_film(tmp_path / "wide.mkv", squares(3), shape=Fraction(16, 11), sound="", codec="libx264")
    for ending, codec in (
        (".mp4", "x264"),
        (".mp4", "svtav1"),
        (".mov", "x265"),
        (".mkv", "x264"),
        (".264", "x264"),
    ):
        written(tmp_path / "wide.mkv", tmp_path / f"wide_out{ending}", codec)
        with av.open(str(tmp_path / f"wide_out{ending}")) as out:
            assert out.streams.video[0].sample_aspect_ratio == Fraction(16, 11), (ending, codec)
    with pytest.raises(InputError, match=r"not square \(16:11\).* ends in \.mp4"):
        written(tmp_path / "wide.mkv", tmp_path / "wide.webm")


def test_primaries_and_transfer_of_the_pixels_are_told(tmp_path):
    with av.open(str(tmp_path / "tagged.mp4"), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = 80, 64, "yuv420p"
        context.colorspace, context.color_range, context.color_primaries, context.color_trc = 6, 1, 6, 6
        for pixels in squares(3):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(stream.encode(None))
    written(tmp_path / "tagged.mp4", tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as out:
        frame = next(out.decode(video=0))
    tags = frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc
    assert [int(tag) for tag in tags] == [1, 1, 6, 6]


@pytest.mark.parametrize("name", ["image", "video"])
def test_what_a_preprocessor_of_either_kind_makes_chunk_by_chunk_is_coded(name, tmp_path):
    frames, network = squares(19), load_preprocessor(name)
    make_film(tmp_path / "in.mkv", frames, sound="", rate=30, times=[round(i * 1000 / 30) for i in range(19)])
    more = {"network": network, "prepared": tmp_path / "given.mkv"}
    told = written(tmp_path / "in.mkv", tmp_path / "out.mkv", wish=Wish(qp=35), told=35, **more)
    given = preprocess_frames(network, frames, 35)
    assert np.array_equal(read_back(tmp_path / "given.mkv")[0], given)
    assert told.bits == RealCodec("x264")(given, qp=35).bits


def test_an_animation_keeps_how_long_each_frame_lasts(tmp_path):
    with av.open(str(CASES / "anim.gif")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    written(CASES / "anim.gif", tmp_path / "out.mp4")
    assert np.allclose(read_back(tmp_path / "out.mp4")[1], times, atol=1e-3)
    pictures = [Image.fromarray(frame) for frame in squares(4)]
    for ending in ("webp", "png", "avif"):  # PNG can move too
        file = tmp_path / f"moves.{ending}"
        pictures[0].save(file, save_all=True, append_images=pictures[1:], duration=[100, 400, 50, 200])
        told = written(file, tmp_path / f"{ending}.mkv")
        assert read_back(tmp_path / f"{ending}.mkv")[1] == [0, 0.1, 0.5, 0.55] and told.seconds == 0.75


def test_a_film_that_does_not_begin_at_0_does_so_afterwards(tmp_path):
    written(CASES / "g20.ts", tmp_path / "out.mp4", frames=30)
    assert read_back(tmp_path / "out.mp4")[1] == [pytest.approx(i / 25, abs=1e-3) for i in range(30)]
    written(CASES / "x264.avi", tmp_path / "out.mkv", frames=30)  # which has no times
    assert read_back(tmp_path / "out.mkv")[1] == [pytest.approx(i / 25, abs=1e-3) for i in range(30)]


def test_odd_sides_are_made_even_and_said(tmp_path):
    make_film(tmp_path / "odd.mkv", squares(3, 63, 79), sound="")
    told = written(tmp_path / "odd.mkv", tmp_path / "out.mp4")
    assert told.size == (63, 79) and told.notes == (
        "x264 takes sides that divide by 2: the last row or column is repeated",
    )
    assert read_back(tmp_path / "out.mp4")[0].shape == (3, 64, 80, 3)


def test_a_part_beyond_the_end_is_refused(tmp_path):
    with pytest.raises(TooShort, match=r"plain\.mp4 holds no frame 300"):
        written(CASES / "plain.mp4", tmp_path / "out.mp4", start=300)
    assert not [*tmp_path.iterdir()]
