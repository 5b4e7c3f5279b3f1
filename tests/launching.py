"""Start the package's commands as a user would: in processes of their own, alone or by accelerate's launcher."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path


def start(arguments: list[str], said: Path, processes: int = 1) -> subprocess.Popen:
    """``python -m mvlib …`` in a process group of its own; what it says is appended to ``said``."""
    launcher = []
    if processes > 1:
        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = str(free.getsockname()[1])
        launcher = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", str(processes)]
        launcher += ["--main_process_port", port]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONFAULTHANDLER": "1"}
    command = [sys.executable, *launcher, "-m", "mvlib", *arguments]
    with said.open("a") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)


def finish(process: subprocess.Popen, said: Path, seconds: float = 300) -> None:
    """Wait until it ends well."""
    try:
        assert process.wait(seconds) == 0, said.read_text()[-3000:]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def kill(process: subprocess.Popen, said: Path) -> None:
    """End it with all its children as the kernel does, which no process can prepare for; it must still run."""
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, said.read_text()[-3000:]
