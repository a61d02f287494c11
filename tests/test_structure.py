"""The package's shape: imports go one way, and what it promises by name is there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import dialtone_nb

PACKAGE = Path(dialtone_nb.__file__).parent
MODULES = {
    ".".join(("dialtone_nb", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
    if "node_modules" not in path.parts
}
# The floors of the house, lowest first; a room stands on those below it, and may lean on its neighbours.
FLOORS = (
    ("words, files, and what telephones can do", ("errors", "values", "files", "devices")),
    ("what people write", ("parameters", "dialplan")),
    ("Twilio, and what is deployed there", ("account", "service")),
    ("our own server, and the phones", ("server", "phones")),
    ("what there is, and what happened", ("infrastructure", "calls")),
    ("what is checked", ("verify", "probe", "alarms")),
    ("what is shown", ("display", "report")),
    ("runbooks", ("runbooks",)),
    ("running them", ("cli", "__main__", "testing")),
)
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
    "dialtone_nb.testing.session",
}


@cache
def imports_of(module: str, *, for_types: bool = True) -> list[tuple[str, int]]:
    """The modules of the package that a module imports, wherever in it, with the line; without types, when it runs."""
    return list(find_imports(module, for_types=for_types))


def find_imports(module: str, *, for_types: bool) -> Iterator[tuple[str, int]]:
    """The same, from the module's text."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and not for_types
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}, line {node.lineno}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            found = name if name in MODULES else name.rpartition(".")[0]
            if found in MODULES and found != module:
                yield found, node.lineno
                # What a package does when it is imported, happens first.
                for folder in MODULES.keys() & {
                    found.rsplit(".", depth)[0] for depth in range(1, found.count(".") + 1)
                }:
                    if not f"{module}.".startswith(f"{folder}."):
                        yield folder, node.lineno


def floor_of(module: str) -> int:
    """On which floor a module stands; what the package offers by name, above them all."""
    room = module.split(".")[1] if "." in module else ""
    found = [floor for floor, (_, rooms) in enumerate(FLOORS) if room in rooms]
    assert found or not room, f"{module} is in no room; give it one in FLOORS"
    return found[0] if found else len(FLOORS)


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
    """Nothing outside rehearsal/ imports it but the door to an account and the command that serves it."""
    opened = [other for other, _ in imports_of(module) if other.startswith("dialtone_nb.rehearsal")]
    assert not opened or module in DOOR_TO_THE_REHEARSAL, f"{module} imports {opened}"


@pytest.mark.parametrize("module", [one for one in sorted(MODULES) if ".exchange." in one or ".rehearsal.sip." in one])
def test_the_exchange_and_sip_know_nothing_of_the_api(module: str) -> None:
    """What the rehearsal's API shows and what carries its calls share the modules beside them."""
    assert [other for other, _ in imports_of(module) if other.startswith("dialtone_nb.rehearsal.api")] == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    """There is an order in which the modules could be read, what they import for types alone included."""
    graph = {module: {other for other, _ in imports_of(module)} for module in MODULES}
    left = dict(graph)
    while ready := [module for module, needs in left.items() if not needs & left.keys()]:
        for module in ready:
            del left[module]
    assert sorted(left) == []


@pytest.mark.parametrize("module", MIDDLE)
def test_middle_of_each_flow_reaches_nothing(module: str) -> None:
    """What is data in, data out imports nothing that reaches the network, other processes or the clock."""
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
    """No module needs another to be imported first; each begins with a sentence, unless it is empty."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    assert not tree.body or ast.get_docstring(tree)
    if not module.endswith("__main__"):
        assert import_module(module).__name__ == module


def test_no_module_is_called_utils() -> None:
    """What wants to be called utils holds two or three modules with better names."""
    assert [name for name in MODULES if name.rpartition(".")[2] in {"utils", "helpers", "common", "misc"}] == []
