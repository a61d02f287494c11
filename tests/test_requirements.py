"""Declared is what is imported: at an exact version, as a range for who installs a part, and for Debian's Python."""

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


def pins(name: str) -> dict[str, str]:
    """The exact versions that a file names; a lock has the hashes of each on lines of their own."""
    lines = ((ROOT / name).read_text(encoding="utf-8").replace("\\\n", "#")).splitlines()
    plain = (line.partition("#")[0].strip() for line in lines)
    requirements = [Requirement(line) for line in plain if line and not line.startswith("-")]
    for one in requirements:
        assert re.fullmatch(r"==[\w.]+", str(one.specifier)), f"{name}: {one} is no exact version"
    return {canonicalize_name(one.name): str(one.specifier)[2:] for one in requirements}


REQUIRED = pins("requirements.txt")
PINNED = pins("requirements.lock")
SERVER = Path("dialtone_nb", "server", "examples")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
PROJECT_NAME = canonicalize_name(PROJECT["name"])


def ranges(*extras: str) -> dict[str, SpecifierSet]:
    """What the base and these extras ask for, those that they bring along included."""
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
    """Every Python text of the project: the package, the tests, the notebooks' cells."""
    for folder in ("dialtone_nb", "tests", "notebooks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "node_modules" not in path.parts and path.parent != ELSEWHERE:
                yield path.relative_to(ROOT), path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        yield path.relative_to(ROOT), "\n\n".join(cell.source for cell in cells if cell.cell_type == "code")


def imported(text: str) -> set[str]:
    """The packages of others that a text imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - OWN


@cache
def imports() -> dict[Path, set[str]]:
    """The packages of others that each text imports; found once, and not by workers that only collect."""
    providers = packages_distributions()
    return {
        path: {canonicalize_name(providers[name][0]) if name in providers else name for name in imported(text)}
        for path, text in sources()
    }


def test_what_is_imported_is_required_and_not_just_there() -> None:
    """Something else may bring it today, and leave it off, or change it, tomorrow."""
    missing = {(package, str(path)) for path, packages in imports().items() for package in packages - set(REQUIRED)}
    assert missing == set()


def test_requirements_and_ranges_are_of_the_same_packages() -> None:
    """pyproject.toml says of each what versions are good; the exact one is among them."""
    assert set(RANGES) == set(REQUIRED)
    assert {name for name, version in REQUIRED.items() if version not in RANGES[name]} == set()


def test_a_part_of_the_package_needs_no_more_than_its_extras() -> None:
    """Whoever wants the rehearsal or the server alone gets what they import, without notebooks."""
    for path, packages in imports().items():
        if path.parts[0] == "dialtone_nb":
            part = path.with_suffix("").parts[1]
            assert packages - set(ranges(*EXTRAS.get(part, ()))) == set(), path


def test_every_package_here_is_pinned_at_the_version_that_is_here() -> None:
    """Kept outputs are compared to the byte; what the lock leaves out comes at any version."""
    here = {canonicalize_name(one.name): one.version for one in distributions()}
    free = {name: version for name, version in here.items() if PINNED.get(name) != version}
    assert set(free) <= {PROJECT_NAME, *TOOLS_OF_THE_ENVIRONMENT}, "run `make setup`, or `make lock`"


def test_the_lock_is_of_the_requirements() -> None:
    """`make lock` makes it of them; at another version than they say, it would be of something else."""
    assert {name: PINNED.get(name) for name in REQUIRED} == REQUIRED


@pytest.mark.parametrize("lock", [Path("requirements.lock"), SERVER / "requirements.lock"], ids=str)
def test_whatever_is_installed_has_its_hashes(lock: Path) -> None:
    """A file that somebody else put into the registry under the same name and version is refused."""
    entries = [entry for entry in re.split(r"\n(?=\S)", (ROOT / lock).read_text(encoding="utf-8")) if entry.strip()]
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_servers_lock_has_what_it_asks_for_at_the_versions_that_are_tried_here() -> None:
    """Its container has no notebooks, and nothing that the tests did not run with."""
    asked = {
        canonicalize_name(line)
        for line in (ROOT / SERVER / "requirements.txt").read_text().splitlines()
        if line[0] != "#"
    }
    locked = pins(str(SERVER / "requirements.lock"))
    assert asked <= set(locked)
    assert {name: version for name, version in locked.items() if PINNED[name] != version} == {}
    assert "jupyterlab" not in locked


def specifier_of(package: Distribution) -> SpecifierSet:
    """The versions of Python that a package here says it works with."""
    said = [line for line in package.metadata if line == "Requires-Python"]
    return SpecifierSet(package.metadata[said[0]] if said else "")


def test_what_is_pinned_takes_the_oldest_python() -> None:
    """A pin that wants a newer one ends the set-up of Debian 12 with an error about a package nobody has heard of."""
    wanted = {one.name: specifier_of(one) for one in distributions()}
    assert {name: str(pythons) for name, pythons in wanted.items() if OLDEST_PYTHON not in pythons} == {}
