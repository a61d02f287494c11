"""All imports are declared: exact versions, ranges for extras, and versions for Debian's Python."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import Distribution, distributions, packages_distributions
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.packages import pins

ROOT = Path(__file__).parent.parent
# Debian 12's; `make` asks for 3.11 and no more.
OLDEST_PYTHON = "3.11.2"
OWN = {"dialtone_nb", "tests"} | {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
# What runs in environments of its own, which `make foreign` makes.
ELSEWHERE = ROOT / "tests" / "foreign" / "children"
# They make an environment, and are not in it for our sake.
TOOLS_OF_THE_ENVIRONMENT = {"pip", "setuptools", "wheel"}
# Which extras each part of the package may use; the others need nothing but the base.
EXTRAS = {
    "alarms": {"reports"},
    "calls": {"reports", "dask"},
    "cli": {"runbooks", "reports"},
    "display": {"runbooks"},
    "probe": {"sip"},
    "rehearsal": {"rehearsal", "sip"},
    "report": {"runbooks"},
    "runbooks": {"runbooks"},
    "server": {"server", "aws"},
    "testing": {"rehearsal", "dev"},  # pytest is there where it loads the plugin, and nothing else of dev is used
    "verify": {"reports"},
}


REQUIRED = pins(ROOT / "requirements.txt")
PINNED = pins(ROOT / "requirements.lock")
SERVER = Path("dialtone_nb", "server", "examples")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
PROJECT_NAME = canonicalize_name(PROJECT["name"])


def ranges(*extras: str) -> dict[str, SpecifierSet]:
    """The requirements of the base and these extras, including extras that they contain."""
    found: dict[str, SpecifierSet] = {}
    wanted = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    for one in map(Requirement, wanted):
        if canonicalize_name(one.name) == PROJECT_NAME:
            found |= ranges(*one.extras)
        else:
            found[canonicalize_name(one.name)] = one.specifier
    return found


BUILDER = Requirement(*PYPROJECT["build-system"]["requires"])
RANGES = ranges(*PROJECT["optional-dependencies"]) | {canonicalize_name(BUILDER.name): BUILDER.specifier}


def sources() -> Iterator[tuple[Path, str]]:
    """Every Python source of the project: the package, the tests, the notebooks' cells."""
    for folder in ("dialtone_nb", "tests", "notebooks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "node_modules" not in path.parts and path.parent != ELSEWHERE:
                yield path.relative_to(ROOT), path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        yield path.relative_to(ROOT), "\n\n".join(cell.source for cell in cells if cell.cell_type == "code")


def imported(text: str) -> set[str]:
    """The third-party packages that a source imports anywhere."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - OWN


@cache
def imports() -> dict[Path, set[str]]:
    """The third-party packages per source; found once, and not by workers that only collect."""
    providers = packages_distributions()
    return {
        path: {canonicalize_name(providers[name][0]) if name in providers else name for name in imported(text)}
        for path, text in sources()
    }


def test_what_is_imported_is_required_and_not_just_there() -> None:
    """A package that is only a dependency of another may disappear or change."""
    missing = {(package, str(path)) for path, packages in imports().items() for package in packages - set(REQUIRED)}
    assert missing == set()


def test_requirements_and_ranges_are_of_the_same_packages() -> None:
    """pyproject.toml has a range for each, which includes the exact version."""
    assert set(RANGES) == set(REQUIRED)
    assert {name for name, version in REQUIRED.items() if version not in RANGES[name]} == set()


def test_a_part_of_the_package_needs_no_more_than_its_extras() -> None:
    """The rehearsal or the server can be installed alone, without notebooks' packages."""
    for path, packages in imports().items():
        if path.parts[0] == "dialtone_nb":
            part = path.with_suffix("").parts[1]
            assert packages - set(ranges(*EXTRAS.get(part, ()))) == set(), path


def test_every_package_here_is_pinned_at_the_version_that_is_here() -> None:
    """Kept outputs are compared byte by byte, and an unlocked package could have any version."""
    here = {canonicalize_name(one.name): one.version for one in distributions()}
    free = {name: version for name, version in here.items() if PINNED.get(name) != version}
    assert set(free) <= {PROJECT_NAME, *TOOLS_OF_THE_ENVIRONMENT}, "run `make setup`, or `make lock`"


def test_the_lock_is_of_the_requirements() -> None:
    """`make lock` generates it from them."""
    assert {name: PINNED.get(name) for name in REQUIRED} == REQUIRED


def entries(lock: Path) -> set[str]:
    """The packages of a lock file, each with its hashes, without markers and comments."""
    text = re.sub(r" *;[^\\\n]*| *#.*", " ", (ROOT / lock).read_text(encoding="utf-8"))
    return {" ".join(entry.split()) for entry in re.split(r"\n(?=\S)", text)}


@pytest.mark.parametrize("lock", [Path("requirements.lock"), SERVER / "requirements.lock"], ids=str)
def test_whatever_is_installed_has_its_hashes(lock: Path) -> None:
    """A replaced file in the registry, with the same name and version, is rejected."""
    assert [entry.split()[0] for entry in entries(lock) if "--hash=sha256:" not in entry] == []


def test_the_servers_lock_has_what_it_asks_for_at_the_versions_that_are_tried_here() -> None:
    """Its container has no notebooks, and only versions that the tests use, by the same hashes."""
    asked = {
        canonicalize_name(line)
        for line in (ROOT / SERVER / "requirements.txt").read_text().splitlines()
        if line[0] != "#"
    }
    locked = pins(ROOT / SERVER / "requirements.lock")
    assert asked <= set(locked)
    assert entries(SERVER / "requirements.lock") - entries(Path("requirements.lock")) == set()
    assert "jupyterlab" not in locked


def specifier_of(package: Distribution) -> SpecifierSet:
    """The Python versions that an installed package supports."""
    said = [line for line in package.metadata if line == "Requires-Python"]
    return SpecifierSet(package.metadata[said[0]] if said else "")


def test_what_is_pinned_takes_the_oldest_python() -> None:
    """On Debian 12 a pin that needs a newer Python fails with an obscure error."""
    wanted = {one.name: specifier_of(one) for one in distributions()}
    assert {name: str(pythons) for name, pythons in wanted.items() if OLDEST_PYTHON not in pythons} == {}
