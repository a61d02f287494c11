"""Names of our modules and files in strings, comments and documents, which no import checks."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# A module or what it defines, as imports, lazy exports, display tables and template loaders write it.
DOTTED = re.compile(r"(?<![\w./@-])(?:dialtone_nb|tests)(?:\.[A-Za-z_]\w*)+")
# A file or folder from the top of the checkout.
SLASHED = re.compile(r"(?<![\w./{}-])(?:dialtone_nb|tests|notebooks|parameters)/[\w./*@{}-]*[\w*}/]")
READ = {".py", ".js", ".cjs", ".md", ".toml", ".yml", ".j2", ".css", ".txt", ".service", ".ipynb", ""}
# What comes to be when something runs, or is named as an example of what a person writes.
MADE_LATER = re.compile(r"node_modules|<|parameters/(?:network|clients|dialplan|accepted|watch|<|\w+\.yaml)|\{")

# Tests write these wrong on purpose, or make them up.
NOT_THERE = {
    *(
        "dialtone_nb.nothing",
        "dialtone_nb.open_runbok",
        "tests.a",
        "tests.a.bad",
        "tests.a.broken",
        "tests/test_gone.py",
    ),
    *("notebooks/broken", "notebooks/odd", "notebooks/promot", "notebooks/smal.ipynb"),
}


def tracked() -> list[Path]:
    """The text files of the checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [Path(name) for name in listed.split("\0") if name]
    return [path for path in paths if path.suffix in READ and (ROOT / path).is_file()]


@cache
def lines() -> list[tuple[str, str]]:
    """The lines of the files that have one of the names' beginnings, each with its place."""
    return [
        (f"{path}:{number}", line)
        for path in tracked()
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1)
        if "dialtone_nb" in line or "tests" in line or "notebooks/" in line or "parameters/" in line
    ]


def named(pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    """Each name in the files, with its first place."""
    seen: dict[str, str] = {}
    for place, line in lines():
        for found in pattern.findall(line):
            seen.setdefault(found, place)
    return sorted((name, place) for name, place in seen.items() if name not in NOT_THERE)


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        module = ".".join(parts[:length])
        try:
            if find_spec(module) is None:
                continue
        except ModuleNotFoundError:
            continue
        if length == len(parts):
            return True
        thing: object = import_module(module)
        for attribute in parts[length:]:
            if not hasattr(thing, attribute):
                return False
            thing = getattr(thing, attribute)
        return True
    return False


@pytest.mark.parametrize(("name", "place"), named(DOTTED))
def test_every_dotted_name_is_there(name: str, place: str) -> None:
    """Names of our modules and their attributes can be imported."""
    assert resolves(name), f"{place} names {name}"


@pytest.mark.parametrize(("name", "place"), named(SLASHED))
def test_every_path_is_there(name: str, place: str) -> None:
    """Files and folders of the checkout that are named exist."""
    if MADE_LATER.search(name):
        return
    there = ROOT.glob(name) if "*" in name else [ROOT / name]
    assert any(path.exists() for path in there), f"{place} names {name}"


def test_whatever_is_shown_by_its_type_has_that_type() -> None:
    """Displays are registered by module and class name as text: each class exists."""
    pairs = [
        (str(first.value), second.value)
        for path in tracked()
        if path.suffix == ".py" and path.parts[:2] == ("dialtone_nb", "display")
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.Tuple) and len(node.elts) > 1
        for first, second in [(node.elts[0], node.elts[1])]
        if isinstance(first, ast.Constant) and str(first.value).startswith("dialtone_nb.")
        if isinstance(second, ast.Constant) and isinstance(second.value, str)
    ]
    assert len(pairs) >= 10
    assert [pair for pair in pairs if not resolves(".".join(pair))] == []
