"""All tests use the sample network; their durations decide their order, and which of them `make check` runs.

durations.json has the seconds of each module, in powers of two, so that they rarely change. `make test` updates it. A
module that is not in it is new: it runs first, and in `make check`.
"""

from __future__ import annotations

import gc
import json
import math
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
DURATIONS: Final = Path(__file__).with_name("durations.json")
# Whatever network the operator of this checkout has, here and in whatever is started; a test of one's own takes it out.
os.environ["DIALTONE_PARAMETERS"] = str(ROOT / "parameters" / "sample")
# Most of what collecting makes are modules and tests, which last: garbage is looked for seldom.
gc.set_threshold(50_000)
# What the tests of `make check` may take, all modules together.
CHECK_S: Final = 60.0
# A busy machine, or another one, makes no new entry.
_ABOUT_THE_SAME: Final = 4


@pytest.fixture(scope="module", autouse=True)
def environment_as_it_was() -> Iterator[None]:
    """Restore the environment after each module, so that the next one's runbooks do not use its account."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that the Makefile uses."""
    group = parser.getgroup("durations")
    group.addoption("--fast", action="store_true", help="run the modules that take least, up to about a minute")
    group.addoption("--keep-durations", action="store_true", help="keep in durations.json how long modules took")


def pytest_configure(config: pytest.Config) -> None:
    """Measure times in the controlling process if there are several workers."""
    if config.option.keep_durations and not is_worker(config):
        config.pluginmanager.register(Stopwatch())


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave slow modules out, without importing them."""
    if not config.option.fast or not collection_path.is_file() or collection_path.name == "conftest.py":
        return None
    known = read_durations()
    module = name_of(collection_path)
    return True if module in known and module not in fast_modules(known) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Start the slowest modules first, so that the workers end at about the same time."""
    if is_worker(config):
        known = read_durations()
        items.sort(key=lambda item: -known.get(name_of(item.path), math.inf))


def pytest_collection_finish() -> None:
    """Take what was collected, which lasts, out of all later looks for garbage: pytest makes five as it ends."""
    gc.freeze()


class Stopwatch:
    """Adds up the seconds of each module, with set-up and clean-up."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the seconds of a test's phase."""
        self._seconds[report.nodeid.partition("::")[0]] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Save times that are new or differ much, and remove modules that no longer exist."""
        known = read_durations()
        for module, seconds in self._seconds.items():
            if not known.get(module, 0) / _ABOUT_THE_SAME < seconds < known.get(module, 0) * _ABOUT_THE_SAME:
                known[module] = rounded(seconds)
        kept = {module: known[module] for module in sorted(known) if (ROOT / module).is_file()}
        DURATIONS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is a pytest-xdist worker."""
    return hasattr(config, "workerinput")


@cache
def name_of(path: Path) -> str:
    """A module as durations.json has it."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.as_posix()


def read_durations() -> dict[str, float]:
    """The seconds of each module that was measured."""
    known: dict[str, float] = json.loads(DURATIONS.read_text(encoding="utf-8")) if DURATIONS.exists() else {}
    return known


def rounded(seconds: float) -> float:
    """The nearest power of two, from an eighth on."""
    return float(2 ** round(math.log2(max(seconds, 0.125))))


def fast_modules(known: Mapping[str, float], most: float = CHECK_S) -> set[str]:
    """The fastest modules, as many as fit."""
    fast: set[str] = set()
    for module, seconds in sorted(known.items(), key=lambda one: (one[1], one[0])):
        most -= seconds
        if most < 0:
            break
        fast.add(module)
    return fast
