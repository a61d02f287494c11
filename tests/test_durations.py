"""`make check` runs the fast tests, and `make test` all."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import conftest
from tests.conftest import ROOT, Stopwatch, fast_modules, name_of, pytest_ignore_collect, read_durations

WORDS, STRUCTURE, NEW = (ROOT / "tests" / f"{name}.py" for name in ("test_words", "test_structure", "test_durations"))


@pytest.fixture
def durations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of durations with two known modules, and one that no longer exists."""
    file = tmp_path / "durations.json"
    file.write_text(json.dumps({name_of(WORDS): 4, name_of(STRUCTURE): 4096, "tests/test_gone.py": 1}))
    monkeypatch.setattr(conftest, "DURATIONS", file)
    return file


def asked(**options: bool) -> Any:
    """The options of a pytest run."""
    return SimpleNamespace(option=SimpleNamespace(**options))


@pytest.mark.usefixtures("durations")
def test_what_takes_long_is_left_out_of_the_fast_tests_and_what_is_new_is_not() -> None:
    """A new module counts as fast until it has been measured."""
    left_out = [path for path in (WORDS, STRUCTURE, NEW) if pytest_ignore_collect(path, asked(fast=True))]
    assert left_out == [STRUCTURE]
    assert not any(pytest_ignore_collect(path, asked(fast=False)) for path in (WORDS, STRUCTURE, NEW))


def test_the_fast_modules_are_those_that_take_least_as_many_as_fit() -> None:
    """The rest is left to `make test`."""
    assert fast_modules({"a": 4, "b": 1, "c": 2, "d": 8}, most=8) == {"a", "b", "c"}


def test_only_what_has_become_quite_different_is_kept_anew(durations: Path) -> None:
    """A small difference changes no line; a new module gets one, and a removed one loses its line."""
    watch = Stopwatch()
    for path, seconds in ((WORDS, 9), (STRUCTURE, 10), (NEW, 0.01)):
        for part in ("setup", "call"):
            report = SimpleNamespace(nodeid=f"{name_of(path)}::test_{part}", duration=seconds / 2)
            watch.pytest_runtest_logreport(report)  # type: ignore[arg-type]
    watch.pytest_sessionfinish()
    assert read_durations() == {name_of(WORDS): 4, name_of(STRUCTURE): 8, name_of(NEW): 0.125}
    assert durations.read_text().count("\n") == 5


def test_every_module_that_was_measured_is_a_file_of_tests() -> None:
    """The file matches this checkout, in powers of two."""
    for module, seconds in read_durations().items():
        assert re.search(r"(test_\w+\.py|\.ipynb)$", module)
        assert seconds.hex().startswith("0x1.0000000000000p")


def test_make_test_leaves_nothing_out() -> None:
    """It has no filter by folder or duration."""
    (line,) = re.findall(r"\$\(PYTEST\) .*--nbval .*?;", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert line.endswith(" tests notebooks;")
    assert "--fast" not in line
    assert "--ignore" not in line
