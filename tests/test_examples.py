"""The examples in the docstrings of the public names, and of a few others, run as they stand."""

import doctest
from importlib import import_module
from shutil import which

import pytest

import mvlib

NAMES = [name for name in mvlib.__all__ if not name.startswith("__")]
OTHERS = (
    "mvlib.analysers.base.Analyser",
    "mvlib.codecs.base.Codec",
    "mvlib.evaluation.bdrate.bd_quality",
)


def run_examples(thing: object) -> None:
    """Run the examples of one function or class and of its methods."""
    parts = doctest.DocTestFinder().find(thing, globs={})
    tried = [doctest.DocTestRunner().run(part) for part in parts]
    assert sum(result.attempted for result in tried), "there is no example"
    assert not sum(result.failed for result in tried)


@pytest.mark.parametrize("name", NAMES)
def test_public_names_have_examples_that_run(name):
    if name == "CommandCodec" and not which("x265"):
        pytest.skip("the x265 command is not installed")
    run_examples(getattr(mvlib, name))


@pytest.mark.parametrize("path", OTHERS)
def test_other_examples_run(path):
    module, _, name = path.rpartition(".")
    run_examples(getattr(import_module(module), name))
