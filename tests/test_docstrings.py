"""Every example in a docstring runs and prints what it says."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import sims

HOME = Path(sims.__file__).parent


def module_name(file):
    parts = file.relative_to(HOME.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


WITH_EXAMPLES = sorted(
    module_name(file) for file in HOME.rglob("*.py") if ">>> " in file.read_text(encoding="utf-8")
)


def test_there_are_examples():
    assert {"sims.params", "sims.runner", "sims.store", "sims.study"} <= set(WITH_EXAMPLES)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_run(name):
    module = import_module(name)
    tests = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    assert tests, "the examples are in no docstring that Python sees"
    printed = []
    runner = doctest.DocTestRunner()
    for test in tests:
        runner.run(test, out=printed.append)
    assert runner.failures == 0, "".join(printed)
