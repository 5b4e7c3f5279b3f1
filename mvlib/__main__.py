"""The command line: ``python -m mvlib COMMAND`` → the package → JSON and a table.

Every option of a command is a parameter of its function in ``commands``; ``--help`` at each level lists them.
``--config FILE`` takes them from a YAML or TOML file.
"""

import os
import signal
import sys

import jsonargparse

from mvlib._arguments import expand
from mvlib.commands.encode import encode
from mvlib.commands.evaluate import evaluate_image, evaluate_video
from mvlib.commands.fidelity import agreement, fidelity
from mvlib.commands.train import train_actions, train_image, train_video

COMMANDS = {
    "encode": encode,
    "evaluate": {"_help": "Measure on real bitstreams.", "image": evaluate_image, "video": evaluate_video},
    "fidelity": fidelity,
    "agreement": agreement,
    "train": {
        "_help": "Train a preprocessor through the virtual codec, or a machine that looks.",
        "image": train_image,
        "video": train_video,
        "actions": train_actions,
    },
}


def main() -> None:
    """Entry point of ``python -m mvlib`` and of the ``mvlib`` script."""
    jsonargparse.set_parsing_settings(docstring_parse_attribute_docstrings=True)
    try:
        jsonargparse.auto_cli(COMMANDS, prog="mvlib", args=expand(COMMANDS, sys.argv[1:]))
    except KeyboardInterrupt as stop:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))  # who is in a hurry ends what still winds up
        print(f"mvlib: {str(stop) or 'stopped'}".replace("\n", " "), file=sys.stderr)
        sys.exit(130)
    except (ValueError, RuntimeError, OSError) as error:
        sys.exit(f"mvlib: {error}")


if __name__ == "__main__":
    main()
