"""The examples in docstrings of public names run as they stand."""

import doctest
from importlib import import_module

import pytest

MODULES = (
    "mvlib.analysers.base",
    "mvlib.analysers.registry",
    "mvlib.codecs.base",
    "mvlib.datasets.opening",
    "mvlib.evaluation.bdrate",
    "mvlib.evaluation.evaluate",
)


@pytest.mark.parametrize("module", MODULES)
def test_examples_of(module):
    failed, tried = doctest.testmod(import_module(module))
    assert tried and not failed
