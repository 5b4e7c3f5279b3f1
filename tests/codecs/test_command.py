"""Encoders by their command line: bits are the stream's, frames FFmpeg's, curves those of the same encoder in PyAV."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

import mvlib
from mvlib.calibration.qp_tables import luma_psnr
from mvlib.codecs import CommandCodec, RealCodec, rgb_to_yuv420, yuv420_to_rgb
from mvlib.codecs import bitstream as bs
from mvlib.codecs.base import identity_of
from mvlib.codecs.colour import pad_to
from mvlib.datasets import Clips
from mvlib.errors import CommandFailed, InputError, MissingFile

HERE = Path(__file__).parent
SCRIPT = f"{sys.executable} {HERE / 'programs.py'}"
SIZE = "--input-res {width}x{height} --fps {fps} --qp {qp}"
X265 = f"x265 --input {{yuv}} {SIZE} --pools none --frame-threads 1 --no-wpp -o {{stream}}"
X264 = f"x264 {SIZE} --threads 1 -o {{stream}} {{yuv}}"
SVT = "SvtAv1EncApp -i {y4m} --preset 7 --rc 0 --aq-mode 0 -q {qp} --lp 1 -b {stream}"
# Debian's x265 3.5 does not end on sides below its coding tree unit, 64.
COMMANDS = {
    "x264": (X264, {"qps": (0, 51)}),
    "x265": (X265, {"qps": (0, 51), "sides": (2, 64), "syntax": "hevc"}),
    "svtav1": (SVT, {"qps": (1, 63), "sides": (2, 64)}),
}
TIMES_OUT = 60.0  # seconds


def here(program: str) -> str:
    """The program, or a skipped test where it is not installed; CI sets the variable and must not skip."""
    if shutil.which(program) is None:
        assert not os.environ.get("MVLIB_REQUIRE_ENCODERS"), f"{program} is not installed"
        pytest.skip(f"{program} is not installed (Debian: apt install x264 x265 svt-av1)")
    return program


def codec(name: str, **options) -> CommandCodec:
    command, usual = COMMANDS[name]
    here(command.split()[0])
    return CommandCodec(command, **{"timeout": TIMES_OUT} | usual | options)


@pytest.fixture
def written(clip, tmp_path):
    """What a program writes for the clip when nothing but the program has a hand in it: name, options -> file."""

    def run(name: str, *options: str) -> Path:
        command = COMMANDS[name][0]
        here(command.split()[0])
        y, u, v = rgb_to_yuv420(clip)
        raw, y4m, stream = (tmp_path / f"clip.{end}" for end in ("yuv", "y4m", "bin"))
        planes = [b"".join(p.tobytes() for p in frame) for frame in zip(y, u, v, strict=True)]
        raw.write_bytes(b"".join(planes))
        y4m.write_bytes(b"YUV4MPEG2 W128 H96 F30:1 C420jpeg\n" + b"".join(b"FRAME\n" + p for p in planes))
        values = {"yuv": raw, "y4m": y4m, "stream": stream, "width": 128, "height": 96, "fps": 30, "qp": 30}
        done = [argument.format(**values) for argument in command.split()]
        subprocess.run([*done, *options], check=True, capture_output=True, cwd=tmp_path)
        return stream

    return run


@pytest.mark.parametrize(("name", "sei"), [("x264", (6,)), ("x265", (39, 40))])
def test_bits_are_those_of_the_file_less_the_messages(name, sei, clip, written):
    data = written(name).read_bytes()
    kinds = [
        u[u.index(1) + 1] & 31 if name == "x264" else u[u.index(1) + 1] >> 1 for u in bs.split_annex_b(data)
    ]
    messages = sum(len(u) for u, kind in zip(bs.split_annex_b(data), kinds, strict=True) if kind in sei)
    coded = codec(name)(clip, qp=30)
    assert messages > 500
    assert coded.bits == sum(coded.frame_bits) == 8 * (len(data) - messages)


def test_bits_of_av1_are_those_of_the_file_less_its_headers(clip, written):
    data = written("svtav1").read_bytes()
    assert codec("svtav1")(clip, qp=30).bits == 8 * (len(data) - 32 - 12 * len(clip))
    obus = codec("svtav1", suffix=".obu")(clip, qp=30)  # to that name it writes IVF as well
    assert obus.bits == 8 * (len(data) - 32 - 12 * len(clip))


def test_a_file_of_obus_is_the_same_stream(clip, tmp_path):
    ivf = codec("svtav1")
    stream = ivf.encode(clip, 30)
    (tmp_path / "stream.obu").write_bytes(bytes(stream))
    copy = CommandCodec(["cp", str(tmp_path / "stream.obu"), "{stream}", "--suffix={qp}{yuv}"], sides=(2, 64))
    assert copy.encode(clip, 30) == stream
    assert np.array_equal(copy(clip, qp=30).frames, ivf(clip, qp=30).frames)


@pytest.mark.parametrize("name", COMMANDS)
def test_frames_are_what_ffmpeg_makes_of_the_whole_file(name, clip, written):
    kind = {"x264": "h264", "x265": "hevc", "svtav1": "ivf"}[name]
    with av.open(str(written(name)), format=kind) as container:
        planes = [f.to_ndarray() for f in container.decode(video=0)]  # (H * 3/2, W)
    coded = codec(name)(clip, qp=30, planes=True)
    for ours, theirs in zip(zip(*coded.planes, strict=True), planes, strict=True):
        assert np.array_equal(np.concatenate([p.ravel() for p in ours]), theirs.ravel())
    assert np.array_equal(coded.frames, yuv420_to_rgb(*coded.planes))


def test_bits_and_types_are_the_encoders_own_report_in_display_order(clip, written, tmp_path):
    written("x265", "--csv", str(tmp_path / "log.csv"), "--csv-log-level", "1")
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file, skipinitialspace=True))
    rows = sorted(rows[: len(clip)], key=lambda row: int(row["POC"]))  # a summary follows
    coded = codec("x265")(clip, qp=30)
    assert "B" in coded.frame_types
    assert coded.frame_types == [row["Type"][0].upper() for row in rows]
    reported = [int(row["Bits"]) + 8 * len(b"\0\0\0\1") for row in rows]  # without the start code
    assert coded.frame_bits[1:] == reported[1:]
    assert abs(coded.frame_bits[0] - reported[0]) < 8 * 1500  # there it counts its text and parameter sets


def test_parameter_sets_are_counted_once(clip):
    every = codec("x265", syntax=None)
    intra = CommandCodec([*X265.split(), "--keyint", "1", "--repeat-headers"], sides=(2, 64))
    stream = intra.encode(clip, 30)
    assert every(clip, qp=30).frame_types.count("I") == 1
    kinds = [u[u.index(1) + 1] >> 1 for u in bs.split_annex_b(bytes(stream))]
    assert [kinds.count(k) for k in (32, 33, 34, 39)] == [1, 1, 1, 0]
    coded = intra(clip, qp=30)
    assert coded.frame_types == ["I"] * len(clip) and coded.bits == 8 * len(bytes(stream))


@pytest.fixture(scope="module")
def material(photos):
    clips = Clips("test", frames=16)
    films = [np.ascontiguousarray(clips.uint8(i)[:, :160, :160]) for i in (0, len(clips) - 1)]
    return {"x264": [*films, photos[0]], "x265": [*films, photos[0]], "svtav1": films}


# Measured 0.1 to 1.1 % for x264 and x265 (PyAV's stream has 5 bytes more, what the colours mean), 1.4 and 2.8 % for
# SVT-AV1, whose Debian version is years older.
@pytest.mark.parametrize(("name", "percent"), [("x264", 2), ("x265", 2), ("svtav1", 6)])
def test_the_curve_is_near_that_of_the_same_encoder_in_pyav(name, percent, material):
    for frames in material[name]:
        curves = [
            [(c.bits, luma_psnr(c.frames, frames)) for c in (one(frames, native=q) for q in (22, 27, 32, 37))]
            for one in (RealCodec(name), codec(name))
        ]
        assert abs(mvlib.bd_rate(*curves)) < percent


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 65, 96), (2, 33, 17)])
def test_any_size_comes_back(name, shape, clip):
    frames = clip[: shape[0], : shape[1], : shape[2]]
    coded = codec(name)(frames, qp=20, planes=True)
    assert coded.frames.shape == frames.shape
    assert luma_psnr(coded.frames, frames) > 34
    assert len(coded.frame_bits) == len(coded.frame_types) == len(frames) and min(coded.frame_bits) > 0
    even = pad_to(frames).shape[1:3]
    assert coded.planes[0].shape == (len(frames), *even)


def test_a_decoder_by_command_gives_ffmpegs_frames(clip):
    by_ffmpeg, decoder = codec("svtav1"), here("SvtAv1DecApp")
    by_program = codec("svtav1", decode=f"{decoder} -i {{stream}} -o {{decoded}}")
    for frames in (clip, clip[:1, :65, :127]):
        one, two = by_ffmpeg(frames, qp=40, planes=True), by_program(frames, qp=40, planes=True)
        assert np.array_equal(one.frames, two.frames)
        assert all(np.array_equal(a, b) for a, b in zip(one.planes, two.planes, strict=True))
        assert two.frame_bits == one.frame_bits  # IVF tells
        assert two.frame_types == ["?"] * len(frames)


def test_ten_bits_are_rounded_whoever_decodes(clip):
    deep = [*X265.split(), "--output-depth", "10"]
    here("x265")
    decode = f"{SCRIPT} decode {{stream}} {{decoded}} "
    by_ffmpeg = CommandCodec(deep, sides=(2, 64))(clip, qp=12, planes=True)
    ten = CommandCodec(deep, decode + "yuv420p10le", depth=10, syntax="hevc", sides=(2, 64))
    by_program = ten(clip, qp=12, planes=True)
    for one, two in zip(by_ffmpeg.planes, by_program.planes, strict=True):
        assert one.dtype == np.uint8 and np.array_equal(one, two)
    given = rgb_to_yuv420(clip)[0].astype(int)
    assert abs((by_ffmpeg.planes[0] - given).mean()) < 0.15  # dropping the two low bits would take 0.4 off
    assert by_program.frame_bits == [by_ffmpeg.bits] + [0] * (len(clip) - 1)  # a program does not tell
    eight = CommandCodec(deep, decode + "yuv420p10le", syntax="hevc", sides=(2, 64))
    with pytest.raises(CommandFailed, match=r"24 frames of 128x96 at 8 bits; 12 went in.*depth="):
        eight(clip, qp=12)


def test_other_chroma_is_refused(clip):
    here("x264")
    full = CommandCodec([*X264.split(), "--output-csp", "i444"])
    with pytest.raises(CommandFailed, match=r"4:2:0 of 128x96 went in, yuv444p"):
        full(clip[:2], qp=30)


def test_a_still_codec_is_run_frame_by_frame(clip):
    frames = clip[:2, :47, :63]
    command = CommandCodec(
        f"{SCRIPT} webp {{qp}} {{png}} {{stream}}",
        f"{SCRIPT} png {{stream}} {{decoded}}",
        qps=(0, 100),
        name="webp",
    )
    ours, theirs = command(frames, qp=60), RealCodec("webp")(frames, native=60)
    assert np.array_equal(ours.frames, theirs.frames)
    assert (ours.frame_bits, ours.frame_types) == (theirs.frame_bits, theirs.frame_types)
    deep = CommandCodec(f"{SCRIPT} webp {{qp}} {{png}} {{stream}}", f"{SCRIPT} png {{stream}} {{decoded}} 16")
    with pytest.raises(CommandFailed, match="no PNG of 8 bits"):
        deep(frames, qp=60)


def test_any_file_counts_as_it_is(clip):
    command = CommandCodec("cp {yuv} {stream} --suffix={qp}", "cp {stream} {decoded}", syntax="file")
    coded = command(clip, qp=3, planes=True)
    assert coded.frame_bits == [8 * clip[..., 0].size * 3 // 2] + [0] * 11
    assert all(np.array_equal(a, b) for a, b in zip(coded.planes, rgb_to_yuv420(clip), strict=True))
    y4m = CommandCodec("cp {y4m} {stream} --suffix={qp}", "cp {stream} {decoded}", syntax="file")
    assert np.array_equal(y4m(clip, qp=3).frames, coded.frames)


def test_a_table_maps_our_scale_and_native_is_the_encoders(clip):
    listed = codec("x264", table=[min(51, qp + 4) for qp in range(52)])
    sparse = codec("x264", table={22: 20, 42: 50})
    assert [listed.native_of(qp, 1) for qp in (0, 30, 30.6, 51)] == [4, 34, 35, 51]
    assert [sparse.native_of(qp, 1) for qp in (22, 32, 42)] == [20, 35, 50]
    small = clip[:1]
    assert (
        listed(small, qp=30).bits == codec("x264")(small, native=34).bits == codec("x264")(small, qp=34).bits
    )
    with pytest.raises(InputError, match=r"qp 43 .*22\.0\.\.42\.0"):
        sparse(small, qp=43)


def test_encoders_with_fractions():
    command = CommandCodec(
        "cp {yuv} {stream} --suffix={qp}", "cp {stream} {decoded}", syntax="file", whole=False
    )
    frames = np.zeros((1, 4, 4, 3), np.uint8)
    assert command(frames, qp=22.5).native == 22.5
    assert command(frames, native=0.25).native == 0.25


@pytest.mark.parametrize(
    ("numbers", "error", "message"),
    [
        ({"qp": 52}, ValueError, r"52 is out of range: x264 takes 0\.\.51"),
        ({"qp": 30.5}, ValueError, "whole=False"),
        ({"qp": "30"}, TypeError, "qp must be a number"),
        ({"qp": True}, TypeError, "qp must be a number"),
        ({"native": 30.0}, TypeError, r"native \(0\.\.51 for x264\) must be a whole number"),
        ({"native": -1}, ValueError, "out of range"),
        ({}, ValueError, "give one of qp and native"),
        ({"qp": 30, "native": 30}, ValueError, "give one of qp and native"),
    ],
)
def test_wrong_numbers_are_refused(numbers, error, message, small):
    with pytest.raises(error, match=message):
        codec("x264")(small, **numbers)


OK = "cp {yuv} {stream} {qp}"


@pytest.mark.parametrize(
    ("command", "options", "error", "message"),
    [
        ("cp {yuv} {stream} {qp} {quality}", {}, InputError, r"\{quality\} of the encoder command is unknown.*\{fps\}"),
        ("cp {yuv} {stream} {qp} {}", {}, InputError, r"\{\} of the encoder"),
        ("cp {yuv} {stream} {qp} {decoded}", {}, InputError, r"\{decoded\} of the encoder command is unknown"),
        ("cp {yuv} {qp}", {}, InputError, r"no \{stream\}"),
        ("cp {yuv} {stream}", {}, InputError, r"no \{qp\}"),
        ("cp {qp} {stream}", {}, InputError, r"one of \{yuv\}, \{y4m\} and \{png\}, not 0"),
        ("cp {yuv} {y4m} {qp} {stream}", {}, InputError, "not 2"),
        ("cp {yuv} {stream} {qp", {}, InputError, "brace"),
        ("cp '{yuv} {stream} {qp}", {}, InputError, "cannot be split"),
        ("", {}, InputError, "empty"),
        (None, {}, TypeError, "text or a list"),
        (["cp", 3], {}, TypeError, "text or a list"),
        ("vvencapp-x {yuv} {stream} {qp}", {}, MissingFile, "no program 'vvencapp-x' .*install"),
        (OK, {"decode": "no-such-decoder {stream} {decoded}"}, MissingFile, "'no-such-decoder' .the decoder command"),
        (OK, {"decode": "cp {stream}"}, InputError, r"decoder command has no \{decoded\}"),
        (OK, {"decode": "cp {stream} {decoded} {qp}"}, InputError, r"\{qp\} of the decoder command is unknown"),
        (OK, {"syntax": "h265"}, InputError, "'h265' is unknown.*hevc"),
        (OK, {"syntax": "file"}, InputError, "decode="),
        ("cp {png} {stream} {qp}", {}, InputError, "decode="),
        (OK, {"sides": (3, 8)}, InputError, "even multiple"),
        (OK, {"depth": 7}, InputError, "8 to 16"),
        (OK, {"qps": (51, 0)}, InputError, "lowest and highest"),
        (OK, {"table": []}, InputError, "a number for each qp"),
        (OK, {"table": {22: float("nan")}}, InputError, "a number for each qp"),
    ],
)  # fmt: skip
def test_wrong_commands_are_refused_at_once(command, options, error, message):
    with pytest.raises(error, match=message):
        CommandCodec(command, **options)


def test_a_failing_program_is_named_with_its_last_words(small):
    here("x264")
    wrong = CommandCodec([*X264.split(), "--preset", "nonsense"])
    message = r"(?s)the encoder ended with exit code \d+: .*x264 .*nonsense.*invalid preset"
    with pytest.raises(CommandFailed, match=message):
        wrong(small, qp=30)
    with pytest.raises(RuntimeError, match=r"(?s)item [01]: .*invalid preset"):
        wrong.map([small, small], qps=30, workers=2)


def test_what_is_missing_in_a_stream_is_said(small, clip):
    silent = CommandCodec("true {yuv} {stream} {qp}")
    with pytest.raises(CommandFailed, match="the encoder wrote nothing, without an error"):
        silent(small, qp=30)
    here("x265")
    fewer = CommandCodec([*X265.split(), "--frames", "5"], sides=(2, 64))
    with pytest.raises(CommandFailed, match="12 frames went in, 5 were decoded"):
        fewer(clip, qp=30)
    unknown = CommandCodec("cp {yuv} {stream} --suffix={qp}")
    with pytest.raises(InputError, match=r"none of H\.264, HEVC, VVC"):
        unknown(small, qp=30)
    ivf = CommandCodec("cp {yuv} {stream} --suffix={qp}", syntax="av1")
    with pytest.raises(InputError, match="no IVF file of AV01"):
        ivf(small, qp=30)


def temporary(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_temporary_files_go_away_and_spaces_in_names_are_nothing_special(small, tmp_path, monkeypatch):
    folder, tools = tmp_path / "a folder with spaces", tmp_path / "my tools {1}"
    folder.mkdir()
    tools.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    (tools / "x 264").symlink_to(shutil.which(here("x264")))
    named = CommandCodec([str(tools / "x 264").replace("{1}", "{{1}}"), *X264.split()[1:]])
    assert named(small, qp=30).bits == codec("x264")(small, qp=30).bits
    assert named.name == "x 264"
    assert temporary(folder) == []
    with pytest.raises(CommandFailed):
        CommandCodec([*X264.split(), "--preset", "nonsense"])(small, qp=30)
    assert temporary(folder) == []


def test_what_a_killed_process_left_is_swept(small, tmp_path):
    """Of a process that is alive nothing is taken."""
    pids, own = tmp_path / "pids", tmp_path / "temporary"
    own.mkdir()
    there = os.environ | {"TMPDIR": str(own)}
    first = ENDLESS.format(pids=pids, workers=1)
    parent = subprocess.Popen([sys.executable, "-c", first], env=there)
    wait_for(lambda: pids.exists() and pids.read_text().strip())
    (left,) = own.iterdir()
    os.utime(left, (0, 0))
    sweep = [sys.executable, "-c", "from mvlib.codecs.programs import temporary_folder as t\nwith t(): pass"]
    subprocess.run(sweep, env=there, check=True)
    assert list(own.iterdir()) == [left]
    parent.kill()
    parent.wait()
    os.utime(left, (0, 0))
    subprocess.run(sweep, env=there, check=True)
    assert list(own.iterdir()) == []


def test_an_encoder_with_files_of_its_own(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    qp_file = tmp_path / "forced.txt"
    qp_file.write_text("0 I -1\n1 I -1\n")
    here("x264")
    forced = CommandCodec([*X264.split(), "--qpfile", "forced.txt"])
    assert codec("x264")(small, qp=40).frame_types == ["I", "P"]
    assert forced(small, qp=40).frame_types == ["I", "I"]  # though the program runs in another folder
    before = identity_of(forced, 40, 2)
    assert before == identity_of(CommandCodec([*X264.split(), "--qpfile", "forced.txt"]), 40, 2)
    qp_file.write_text("0 I -1\n1 P -1\n")
    assert identity_of(forced, 40, 2) != before


def test_time_is_up_for_the_program_and_its_children(small, tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    script = (
        "import os, subprocess, sys, time; print('begun', flush=True); c = subprocess.Popen(['sleep', '600']); "
        f"open({str(tmp_path / 'pids')!r}, 'w').write(f'{{os.getpid()}} {{c.pid}}'); time.sleep(600)"
    )
    script = script.replace("{", "{{").replace("}", "}}")
    slow = CommandCodec([sys.executable, "-c", script, "{yuv}", "{stream}", "{qp}"], timeout=2)
    with pytest.raises(CommandFailed, match=r"(?s)took more than 2 s: .*\nbegun"):
        slow(small, qp=30)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    wait_for(lambda: not any(map(running, pids)))  # a killed process takes a moment to end
    assert temporary(folder) == []


ENDLESS = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import numpy as np
from mvlib.codecs import CommandCodec
shell = "echo $$ >> {pids}; exec sleep 600"
codec = CommandCodec(["sh", "-c", shell, "{{yuv}}", "{{stream}}", "{{qp}}"])
codec.map([np.zeros((1, 32, 32, 3), np.uint8)] * 2, 30, workers={workers})
"""


@pytest.mark.skipif(
    shutil.which("setpriv") is None, reason="without setpriv an encoder outlives a killed worker"
)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_parent_leaves_no_encoders(how, workers, tmp_path):
    pids = tmp_path / "pids"
    parent = subprocess.Popen(
        [sys.executable, "-c", ENDLESS.format(pids=pids, workers=workers)],
        stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    wait_for(lambda: pids.exists() and len(pids.read_text().split()) == workers)
    encoders = [int(pid) for pid in pids.read_text().split()]
    assert all(map(running, encoders))
    parent.send_signal(how)
    parent.communicate(timeout=TIMES_OUT)
    wait_for(lambda: not any(map(running, encoders)))


def wait_for(condition) -> None:
    deadline = time.monotonic() + TIMES_OUT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_many_in_workers_are_the_same_as_one_by_one(clip, small):
    one = codec("x265")
    items, qps = [clip, small, clip[:1, :33, :17]], [30, 25, 40]
    for got, item, qp in zip(one.map(items, qps, workers=2), items, qps, strict=True):
        alone = one(item, qp=qp)
        assert np.array_equal(got.frames, alone.frames)
        assert (got.frame_bits, got.frame_types, got.native) == (alone.frame_bits, alone.frame_types, qp)


def test_streams_are_stored_under_the_build(small, tmp_path):
    build, cache = tmp_path / "x264-build", tmp_path / "streams"
    build.write_text(f'#!/bin/sh\nexec {shutil.which(here("x264"))} "$@"\n')
    build.chmod(0o755)
    own = CommandCodec([str(build), *X264.split()[1:]])
    first = own(small, qp=30, cache=cache)
    build.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(
        CommandFailed, match="exit code 3"
    ):  # another build: nothing of the first one's is given out
        own(small, qp=30, cache=cache)
    build.write_text(f'#!/bin/sh\nexec {shutil.which("x264")} --preset placebo "$@"\n')
    slow = own(small, qp=30, cache=cache)
    assert slow.bits != first.bits
    assert np.array_equal(own(small, qp=30, cache=cache).frames, slow.frames)
    assert len(list(cache.rglob("*.stream"))) == 2
    others = (own, codec("x264"), codec("x265"), codec("x264", sides=(4, 8)))
    assert len({str(identity_of(one, 30, 2)) for one in others}) == 4


def test_the_same_encoder_is_known_again_in_another_process(small, tmp_path):
    one = codec("x265")
    one(small, qp=30, cache=tmp_path)
    one.map([small, small], 30, workers=2, cache=tmp_path)
    assert len(list(tmp_path.rglob("*.stream"))) == 1
