"""The package's structure: the direction of imports, and its public names."""

from __future__ import annotations

import ast
from collections import Counter
from importlib import import_module

import pytest

import dialtone_nb
from tests.layers import MODULES, PACKAGE, PICTURE, draw, floor_of, imports_of

MIDDLE = (
    *("infrastructure.desired", "infrastructure.plan"),
    *("dialplan.decide", "dialplan.table", "calls.measures.rates"),
)
EFFECTS = {"os", "socket", "subprocess", "time", "threading", "requests", "twilio", "urllib3", "httpx", "shutil"}
DOOR_TO_THE_REHEARSAL = {
    "dialtone_nb.account.account",
    "dialtone_nb.__main__",
    "dialtone_nb.cli.arguments",
    "dialtone_nb.cli.rehearsal",
    "dialtone_nb.testing.account",
    "dialtone_nb.testing.applications",
    "dialtone_nb.testing.session",
}
ROOM_FOR = {"rehearsal/exchange": 25, "rehearsal/sip": 25}

OUTSIDE = sorted(module for module in MODULES if not module.startswith("dialtone_nb.rehearsal"))


@pytest.mark.parametrize("module", OUTSIDE)
def test_imports_go_one_way(module: str) -> None:
    """A module imports from its own floor or a lower one."""
    upward = [
        f"{MODULES[module].relative_to(PACKAGE.parent)}:{line} imports {other}"
        for other, line in imports_of(module)
        if not other.startswith("dialtone_nb.rehearsal") and floor_of(other) > floor_of(module)
    ]
    assert upward == []


@pytest.mark.parametrize("module", OUTSIDE)
def test_only_the_door_opens_the_rehearsal(module: str) -> None:
    """Outside rehearsal/ only account/ and the command that serves it import it."""
    opened = [other for other, _ in imports_of(module) if other.startswith("dialtone_nb.rehearsal")]
    assert not opened or module in DOOR_TO_THE_REHEARSAL, f"{module} imports {opened}"


@pytest.mark.parametrize("module", [one for one in sorted(MODULES) if ".exchange." in one or ".rehearsal.sip." in one])
def test_the_exchange_and_sip_know_nothing_of_the_api(module: str) -> None:
    """The API and the carrying of calls depend on shared modules, not on each other."""
    assert [other for other, _ in imports_of(module) if other.startswith("dialtone_nb.rehearsal.api")] == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    """There is an order of import, even with imports for types."""
    graph = {module: {other for other, _ in imports_of(module)} for module in MODULES}
    left = dict(graph)
    while ready := [module for module, needs in left.items() if not needs & left.keys()]:
        for module in ready:
            del left[module]
    assert sorted(left) == []


@pytest.mark.parametrize("module", MIDDLE)
def test_middle_of_each_flow_reaches_nothing(module: str) -> None:
    """Modules of pure data processing import nothing with network, processes or clock."""
    tree = ast.parse(MODULES[f"dialtone_nb.{module}"].read_text(encoding="utf-8"))
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert not {str(name).partition(".")[0] for name in imported} & EFFECTS


def test_public_names_are_there() -> None:
    """Every name in `__all__` can be imported, and dir() lists it."""
    assert sorted(dialtone_nb.__all__) == sorted(dir(dialtone_nb))
    for name in dialtone_nb.__all__:
        assert getattr(dialtone_nb, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = dialtone_nb.nothing


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_module_can_be_imported_and_says_what_it_is(module: str) -> None:
    """Each can be imported first, and has a docstring unless it is empty."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    assert not tree.body or ast.get_docstring(tree)
    if not module.endswith("__main__"):
        assert import_module(module).__name__ == module


def test_no_module_is_called_utils() -> None:
    """A module for everything should be two or three with better names."""
    assert [name for name in MODULES if name.rpartition(".")[2] in {"utils", "helpers", "common", "misc"}] == []


def test_no_package_is_crowded() -> None:
    """A package has fifteen modules at most; a live call and a SIP transaction take more, as one idea each."""
    sizes = Counter(path.parent.relative_to(PACKAGE).as_posix() for path in MODULES.values() if path.stem != "__init__")
    assert {name: size for name, size in sizes.items() if size > ROOM_FOR.get(name, 15)} == {}


def test_the_diagram_of_the_layers_is_what_the_imports_are() -> None:
    """It is in CONTRIBUTING; `make picture` draws it again after a new room or arrow."""
    assert PICTURE.read_text(encoding="utf-8") == draw(), "make picture"
    assert f"(docs/{PICTURE.name})" in (PICTURE.parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
