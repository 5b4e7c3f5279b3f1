"""How a command ends: a line or a traceback, and an exit status that tells whose fault it was; help without torch."""

import errno
import os
import signal
import subprocess
import sys

import pytest

import mvlib
from mvlib import __main__ as command_line
from mvlib.analysers import AnalyserUnavailable
from mvlib.errors import InputError, MissingFile

HEAVY = ("torch", "torchvision", "timm", "av", "matplotlib", "safetensors")
LEVELS = ("", "encode", "evaluate", "evaluate image", "evaluate video", "fidelity", "agreement", "train")
LEVELS += ("train image", "train video", "train actions", "train update")


def test_help_at_every_level_loads_nothing_heavy():
    """Loading torch takes seconds; what a command's options are must be known without."""
    script = (
        "import sys\nfrom mvlib.__main__ import main\nfor level in sys.argv[1:]:\n"
        "    sys.argv = ['mvlib', *level.split(), '--help']\n"
        "    try: main()\n    except SystemExit as end: assert end.code == 0, level\n"
        f"    print('loaded', level, [m for m in {HEAVY} if m in sys.modules])\n"
    )
    command = [sys.executable, "-c", script, *LEVELS]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert [line for line in said.splitlines() if line.startswith("loaded")] == [
        f"loaded {level} []" for level in LEVELS
    ]
    assert "--anchor ANCHOR" in said and "Measured curves of the codec alone" in said


def typed(*arguments: str, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "mvlib", *arguments]
    return subprocess.run(command, capture_output=True, text=True, **options)


def test_the_version():
    assert typed("--version").stdout.split() == ["mvlib", mvlib.__version__]


@pytest.fixture
def ended(monkeypatch, capsys):
    """Exit status and what was said on stderr, of a command that does what it is given."""

    def run(error: BaseException, *more: str):
        def fail(where: str = "here"):
            """Raise."""
            raise error

        monkeypatch.setattr(command_line, "COMMANDS", {"fail": fail, "other": fail})
        monkeypatch.setattr(sys, "argv", ["mvlib", "fail", *more])
        with pytest.raises(SystemExit) as end:
            command_line.main()
        return end.value.code, capsys.readouterr().err

    return run


def test_mistakes_of_the_caller_are_a_line_and_status_2(ended):
    assert ended(InputError("qp is 60;\n  give 0..51")) == (2, "mvlib: qp is 60;   give 0..51\n")
    assert ended(MissingFile("a.png does not exist")) == (2, "mvlib: a.png does not exist\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected .*encode,compare,evaluate.*"),
        (("trian",), "invalid choice: 'trian'.*"),
        (("train",), "expected .*image,video,actions.*"),
        (("encode",), "required: encode.file.*"),
        (("encode", "a.png", "b.png", "--qp", "many"), ".*qp.*Expected.*many.*"),
        (("encode", "a.png", "b.png", "--qp"), ".*--qp: expected one argument.*"),
        (("encode", "a.png"), "required: encode.out.*"),
        (("encode", "a.png", "b.png", "c.png"), ".*nrecognized arguments: c.png.*"),
        (
            ("encode", "a.png", "b.png", "--codex", "x264"),
            "encode has no option 'codex'; did you mean 'codec'.*",
        ),
        (("encode", "nothing.png", "out.jpg"), "nothing.png does not exist.*"),
    ],
)
def test_mistakes_in_what_was_typed_are_a_line_and_status_2(
    monkeypatch, capsys, tmp_path, arguments, message
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["mvlib", *arguments])
    with pytest.raises(SystemExit, match=f"^mvlib: .*{message}$") as end:
        command_line.main()
    said = capsys.readouterr()
    assert end.value.code == 2 and said.err.count("\n") == 1 and said.out == ""


def test_trouble_with_the_machine_is_a_line_with_the_path_and_status_1(ended):
    full = OSError(errno.ENOSPC, "No space left on device", "runs/a.json")
    assert ended(full) == (1, "mvlib: [Errno 28] No space left on device: 'runs/a.json'\n")
    status, said = ended(PermissionError(errno.EACCES, "Permission denied", "runs/a.json"))
    assert status == 1 and said.count("\n") == 1 and "runs/a.json" in said
    assert ended(AnalyserUnavailable("not within reach")) == (1, "mvlib: not within reach\n")


@pytest.mark.parametrize(
    "fault", [RuntimeError("CUDA out of memory"), ValueError("of torch"), KeyError("ours")]
)
def test_our_own_faults_keep_their_traceback(monkeypatch, fault):
    def fail():
        """Raise."""
        raise fault

    monkeypatch.setattr(command_line, "COMMANDS", {"fail": fail, "other": fail})
    monkeypatch.setattr(sys, "argv", ["mvlib", "fail"])
    with pytest.raises(type(fault)) as raised:
        command_line.main()
    assert raised.value is fault  # Python prints it, and ends with 1


def test_debug_shows_the_traceback_of_everything(ended):
    for error, status in ((InputError("wrong"), 2), (OSError(errno.EIO, "Input/output error"), 1)):
        code, said = ended(error, "--debug")
        assert code == status and "Traceback" in said and "in fail" in said and str(error) in said


WAITS = """
import atexit, signal, sys, time
from mvlib import __main__ as command_line
from mvlib.analysers import AnalyserUnavailable

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has it ignored

def wait(message: str = ""):
    "Wait."
    atexit.register(lambda: (print("winding up", flush=True), time.sleep(60)))
    try:
        print("ready", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(message) from None

command_line.COMMANDS = {"wait": wait, "other": wait}
sys.argv = ["mvlib", "wait", *sys.argv[1:]]
command_line.main()
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "mvlib: stopped\n"),
        (("--message", "stopped; the same command goes on"), "mvlib: stopped; the same command goes on\n"),
        (("--debug",), "Traceback"),
    ],
    ids=["plain", "with a message", "debug"],
)
def test_ctrl_c_is_a_line_and_status_130_and_a_second_one_makes_no_noise(words, line):
    command = [sys.executable, "-c", WAITS, *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "winding up\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        said = process.stderr.read()
    assert said == line or (line == "Traceback" and said.startswith(line)), said


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
@pytest.mark.parametrize("arguments", [["train", "image", "--help"], ["train", "image", "--print_config"]])
def test_a_reader_that_went_away_is_no_error(arguments):
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "mvlib", *arguments]
    ended = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, text=True)
    os.close(writes)
    assert ended.stderr == "" and ended.returncode in (0, 141)  # argparse itself forgives a broken pipe


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_full_disk_behind_stdout_is_a_line():
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "mvlib", "train", "image", "--print_config"]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (ended.returncode, ended.stderr) == (1, "mvlib: [Errno 28] No space left on device\n")
