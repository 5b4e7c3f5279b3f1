"""Options from a file: ``--config FILE.yaml|.toml`` → checked keys → ``--key=value`` before what was typed besides.

The file holds the options of one command, flat, by the names that ``--help`` lists; what is typed wins over it.
"""

import inspect
import json
import re
import shlex
import sys
import tomllib
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from difflib import get_close_matches
from itertools import zip_longest
from pathlib import Path
from typing import Any, ClassVar

import jsonargparse
import yaml

from mvlib.errors import InputError, MissingFile

from ._files import replace_when_done

Commands = Mapping[str, "Callable | Commands | str"]


def expand(commands: Commands, arguments: Sequence[str]) -> list[str]:
    """``arguments`` with each ``--config FILE`` replaced by what the file says, and all option names checked.

    Args:
        commands: the tree of commands: names to functions or further trees.
        arguments: as typed, without the program's name.

    Raises ValueError for a file that can't be read, and for an option that the command doesn't have, with the near
    one; FileNotFoundError for a missing file.
    """
    command: Callable | Commands | str = commands
    chosen, rest = [], list(arguments)
    while isinstance(command, Mapping) and rest and rest[0] in command:
        chosen.append(rest[0])
        command = command[rest.pop(0)]
    if not callable(command):
        return list(arguments)  # no command yet: the parser says what there is
    known, switches = options_of(command)
    configs = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    configs.add_argument("--config", action="append", default=[])
    found, typed = configs.parse_known_args(rest)
    typed = _flags([_spelt(option, known) for option in typed], switches)
    for option in typed:
        if option.startswith("--"):
            _check(
                option[2:].split("=")[0].rstrip("+").split(".")[0], known, f"{' '.join(chosen)} has no option"
            )
    options: dict = {}
    for file in found.config:
        options |= read_config(file, known)
    return [*chosen, *(f"--{key}={_written(value)}" for key, value in options.items()), *typed]


def options_of(command: Callable) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the options that the command line of ``command`` has, those behind its ``**options`` too.

    And which of them are yes or no.
    """
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    named = parser.add_function_arguments(command, as_positional=False)
    own = [p.name for p in inspect.signature(command).parameters.values() if p.kind is not p.VAR_KEYWORD]
    defaults = parser.get_defaults()
    return tuple(dict.fromkeys([*own, *named])), tuple(n for n in named if isinstance(defaults.get(n), bool))


def _spelt(option: str, known: Sequence[str]) -> str:
    """``--no-audio`` is ``--no_audio``."""
    name, equals, value = option.partition("=")
    other = name[2:].replace("-", "_")
    return f"--{other}{equals}{value}" if name.startswith("--") and other in known else option


def _flags(typed: list[str], switches: Sequence[str]) -> list[str]:
    """An option of yes or no that stands alone is a yes."""
    return [
        f"{option}=true"
        if option[2:] in switches and (behind or "").lower() not in ("true", "false", "yes", "no")
        else option
        for option, behind in zip_longest(typed, typed[1:])
    ]


def read_config(path: str | Path, known: Sequence[str]) -> dict:
    """The options in a YAML, JSON or TOML file, numbers and dates as typed there; see ``expand`` for errors."""
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"{path} does not exist; --config takes a .yaml, .json or .toml file")
    try:
        text = path.read_text(encoding="utf-8")
        options = _from_toml(text) if path.suffix == ".toml" else yaml.load(text, Loader=_Loader)
    except (tomllib.TOMLDecodeError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as {path.suffix[1:] or 'YAML'}: {error}") from error
    if not isinstance(options, dict):
        raise InputError(f"{path} must hold options, one a line, such as `steps: 2000`")
    for key in options:
        _check(str(key), known, f"{path} names an option that there is not:")
    return options


def _from_toml(text: str) -> dict:
    """TOML tells dates and times from texts; an option takes them as they are typed."""
    return json.loads(json.dumps(tomllib.loads(text), default=lambda when: when.isoformat()))


def _check(key: str, known: Sequence[str], what: str) -> None:
    if key not in (*known, "config", "help", "h", "print_config"):
        near = get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
        raise InputError(f"{what} {key!r}; {hint}")


def _written(value: object) -> str:
    """``value`` as it would be typed behind an option, which knows what kind it should be."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        value = _decided(value)
    # A list's numbers go in quotes: one of names would not take 7 for a name, and one of numbers takes "7".
    return json.dumps(value, default=str)


def _decided(value: object) -> object:
    """What stands in a mapping, whose values may be of any kind: numbers are numbers there."""
    if isinstance(value, dict):
        return {str(key): _decided(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_decided(part) for part in value]
    if isinstance(value, _Word):
        with suppress(ValueError):  # 007 is none
            return json.loads(value.lower())
    return value


class _Word(str):
    """A number, true or false as it stands in a file: 1e-4, but also 007, which may be a name."""


class _Loader(yaml.SafeLoader):
    """Of all that a word may be in YAML 1.1 only numbers, true, false and null; not dates, nor yes, nor 12:30."""

    yaml_implicit_resolvers: ClassVar[dict] = {}


_TAG = "tag:yaml.org,2002:"
_NUMBER = r"^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$"
_Loader.add_implicit_resolver(f"{_TAG}float", re.compile(_NUMBER), list("-+.0123456789"))
_Loader.add_implicit_resolver(f"{_TAG}bool", re.compile("^(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver(f"{_TAG}null", re.compile("^(null|Null|NULL|~|)$"), ["n", "N", "~", ""])
_Loader.add_implicit_resolver(f"{_TAG}merge", re.compile("^<<$"), ["<"])
for _kind in ("float", "bool"):
    _Loader.add_constructor(f"{_TAG}{_kind}", lambda loader, node: _Word(loader.construct_scalar(node)))


def write_config(path: str | Path, options: Any, command: str, versions: Mapping[str, str]) -> None:
    """Write the dataclass ``options`` as YAML that ``--config`` reads again; command and versions as comments."""
    plain = json.loads(json.dumps(asdict(options), default=str))
    head = [command, *(f"{name} {version}" for name, version in versions.items())]
    with replace_when_done(path) as temporary:
        body = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
        temporary.write_text("".join(f"# {line}\n" for line in head) + body, encoding="utf-8")


def command_line() -> str:
    """The command that was typed, for the result's own record."""
    return shlex.join(["python", "-m", "mvlib", *sys.argv[1:]])
