"""What a runbook's tagged cell declares, and whether the values given to it fit; every fault at once.

papermill only warns of a name that it does not know, and guesses the type of a value whatever the cell declares,
so both are checked here: before a kernel starts by our own command, and by the runbook's opening call.

A runbook names no particular network: an environment or a phone may be left empty, and the help in its line says
what that means ("empty for the first"). The same words make it so, here.
"""

from __future__ import annotations

import ast
import datetime
import io
import json
import re
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dialtone_nb.display.widgets.parameter_form import Choices
from dialtone_nb.errors import Fault, ParametersError
from dialtone_nb.parameters.yaml_files import suggest

TAG = "parameters"
# Beside that tag: a runbook about the sample network, whatever other network there is.
ON_SAMPLE_TAG = "sample"
ACCOUNTS = ("rehearsal", "twilio")

Value = str | int | float | bool | list[str]
_TYPES: dict[str, type[Value]] = {"str": str, "int": int, "float": float, "bool": bool, "list": list}
_LEFT_EMPTY = re.compile(r"\bempty for the (first|second|phone's)\b")
_QUOTED = re.compile(r'"([^"]+)"')
# A help that begins with all that the parameter may be: "set up", "rotate" or "suspend".
_ALL_QUOTED = re.compile(r'(?:only )?"[^"]+"(?:, "[^"]+")* or "[^"]+"')
_WANTED = {str: "text", int: "a whole number", float: "a number", bool: "True or False", list: "a list of texts"}


@dataclass(frozen=True, slots=True)
class Declared:
    """One parameter of a runbook, as its tagged cell declares it."""

    name: str
    type: type[Value]
    default: Value
    help: str

    @property
    def left_empty(self) -> str:
        """What an empty value stands for: "first", "second", "phone's", or nothing but itself."""
        found = _LEFT_EMPTY.search(self.help) if self.type is str else None
        return found[1] if found else ""


@dataclass(frozen=True, slots=True)
class Given:
    """A value that somebody gave to a parameter, and where."""

    value: Any
    place: str


@dataclass(frozen=True, slots=True)
class RunbookSource:
    """A runbook's notebook before it runs: its name, title and declared parameters."""

    name: str
    title: str
    declared: tuple[Declared, ...]
    path: Path
    on_sample: bool = False

    @property
    def names(self) -> list[str]:
        """The declared names, in the cell's order."""
        return [parameter.name for parameter in self.declared]

    def given(self, values: Mapping[str, object]) -> dict[str, Given]:
        """These values as given in the session of the runbook itself."""
        return {name: Given(value, self.place(name, {})) for name, value in values.items()}

    def place(self, name: str, given: Mapping[str, Given]) -> str:
        """Where a parameter is set: where it was given, or in the runbook."""
        return given[name].place if name in given else f"parameter {name} of {self.name}"

    def said(self, given: Mapping[str, Given]) -> dict[str, Any]:
        """The value of each parameter before any check: the one given, or the cell's own."""
        return {one.name: given[one.name].value if one.name in given else one.default for one in self.declared}


def runbook_names(project: Path) -> list[str]:
    """The runbooks of a project, by name."""
    return sorted(path.stem for path in (project / "notebooks").glob("*.ipynb"))


def read_source(project: Path, name: str) -> RunbookSource:
    """A runbook by name; a `ParametersError` where there is none, or where its tagged cell holds more than literals."""
    path = project / "notebooks" / f"{name}.ipynb"
    if not path.is_file():
        wanted = Path(name).name.removesuffix(".ipynb")
        repair = suggest(wanted, runbook_names(project))
        raise ParametersError(Fault(f"runbook {name}", f"there is no notebooks/{path.name}", repair))
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (ValueError, KeyError, TypeError) as error:
        raise ParametersError(Fault(f"notebooks/{path.name}", f"is not a notebook: {error}")) from None
    tagged = [_text(cell) for cell in cells if TAG in _tags(cell)]
    on_sample = any(ON_SAMPLE_TAG in _tags(cell) for cell in cells)
    return RunbookSource(
        name, _title(cells) or name, _declared("\n".join(tagged), f"notebooks/{path.name}"), path, on_sample
    )


def _text(cell: Mapping[str, Any]) -> str:
    return "".join(cell["source"])


def _tags(cell: Mapping[str, Any]) -> Sequence[str]:
    tags: Sequence[str] = cell.get("metadata", {}).get("tags", ())
    return tags


def _title(cells: Iterable[Mapping[str, Any]]) -> str:
    for cell in cells:
        if cell["cell_type"] == "markdown":
            for line in _text(cell).splitlines():
                if line.startswith("# "):
                    return line[2:].strip()
    return ""


def _declared(source: str, place: str) -> tuple[Declared, ...]:
    helps = _trailing_comments(source)
    declared, faults = [], []
    for statement in ast.parse(source).body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id=kind), value=ast.expr() as value) if (
                kind in _TYPES and (literal := _literal(value)) is not None and is_typed(literal.value, _TYPES[kind])
            ):
                default = _typed(literal.value, _TYPES[kind])
                declared.append(Declared(name, _TYPES[kind], default, helps.get(statement.lineno, "")))
            case _:
                line = ast.unparse(statement)
                repair = f"write one literal a line, such as days: int = 7; types are {', '.join(_TYPES)}"
                faults.append(Fault(f"{place} {TAG} cell", f"declares no parameter: {line}", repair))
    if faults:
        raise ParametersError(faults)
    return tuple(declared)


def _trailing_comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ").strip() for token in tokens if token.type == tokenize.COMMENT}


@dataclass(frozen=True, slots=True)
class _Literal:
    value: Any


def _literal(node: ast.expr) -> _Literal | None:
    """A literal's value; papermill writes infinity and "not a number" as calls of float."""
    match node:
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str(text))]):
            return _Literal(float(text))
    try:
        return _Literal(ast.literal_eval(node))
    except ValueError:
        return None


def read_assignments(source: str) -> dict[str, object] | None:
    """What a cell assigns, where it does nothing but assign literals to names; otherwise None."""
    try:
        body = ast.parse(source).body
    except SyntaxError:  # a magic or a shell line
        return None
    assigned: dict[str, object] = {}
    for statement in body:
        match statement:
            case (
                ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                | ast.Assign(targets=[ast.Name(id=name)], value=value)
            ) if (literal := _literal(value)) is not None:
                assigned[name] = literal.value
            case _:
                return None
    return assigned


def check_given(source: RunbookSource, given: Mapping[str, Given]) -> tuple[dict[str, Value], list[Fault]]:
    """The value of every declared parameter, and what is wrong with those given: names, types and the account."""
    faults = [
        Fault(one.place, f"{source.name} has no parameter {name!r}", suggest(name, source.names))
        for name, one in given.items()
        if name not in source.names
    ]
    values: dict[str, Value] = {}
    for parameter in source.declared:
        one = given.get(parameter.name)
        values[parameter.name] = parameter.default
        if one is None:
            continue
        value = read_list(one.value) if parameter.type is list else one.value
        if is_typed(value, parameter.type):
            values[parameter.name] = _typed(value, parameter.type)
            faults.extend(_account_faults(parameter, one))
        else:
            faults.append(_type_fault(parameter, one))
    return values, faults


def fill_in(
    source: RunbookSource,
    values: Mapping[str, Value],
    given: Mapping[str, Given],
    environments: Sequence[str],
    clients: Mapping[str, str],
) -> tuple[dict[str, Value], list[Fault]]:
    """The values, with empty ones replaced by what their help says; and a fault for each that can't be.

    `environments` are those of network.yaml in their order, `clients` the phones with the environment of each.
    """
    filled, faults = dict(values), []
    for one in source.declared:
        if not one.left_empty or filled[one.name]:
            continue
        problem, repair = "", ""
        if one.name == "client":
            # In an environment that is none, that is the fault, not the phone.
            where = filled.get("environment", "")
            filled[one.name] = next((name for name, its in clients.items() if where in ("", its)), "")
            if not filled[one.name] and (not where or where in environments):
                problem, repair = f"is empty, and {where or 'network'} has no phone in clients.yaml", "add one there"
        elif one.left_empty == "second" and len(environments) < 2:
            problem = f"is empty, and network.yaml declares no second environment beside {environments[0]}"
            repair = f"name {environments[0]}, if it is meant"
        else:
            filled[one.name] = _environment_for(one, filled, environments, clients)
        if problem:
            faults.append(Fault(source.place(one.name, given), problem, repair))
    return filled, faults


def _environment_for(
    one: Declared, values: Mapping[str, Value], environments: Sequence[str], clients: Mapping[str, str]
) -> str:
    if one.left_empty == "phone's":
        its = clients.get(str(values.get("client", "")))
        with_phones = (name for name in environments if name in clients.values())
        return its or next(with_phones, environments[0])
    return environments[1 if one.left_empty == "second" else 0]


def check_environments(
    source: RunbookSource, values: Mapping[str, Value], given: Mapping[str, Given], environments: Iterable[str]
) -> list[Fault]:
    """What is wrong with the environments that a runbook names: each must be declared in network.yaml."""
    known = list(environments)
    return [
        Fault(
            source.place(name, given),
            f"the environment {value!r} is not declared in network.yaml",
            suggest(str(value), known),
        )
        for name, default in ((one.name, one.default) for one in source.declared)
        if name == "environment" or name.endswith("_environment")
        if (value := values[name]) not in known and not (value == "" and default == "")
    ]


def choices_of(source: RunbookSource, environments: Sequence[str], clients: Mapping[str, str]) -> dict[str, Choices]:
    """What each parameter may be, where that is known: environments, phones, and what its help puts in quotes.

    `clients` has the caller ID of each phone, by its name.
    """
    declared: dict[str, Choices] = {}
    # Where calls come from files, so may the phones that they are of.
    reads_files = any(one.name == "source" and one.default == "twilio" for one in source.declared)
    for one in source.declared:
        kind = one.name.rpartition("_")[2]
        quoted = tuple(_QUOTED.findall(one.help))
        empty = ("",) if one.default == "" and not one.left_empty else ()
        if one.name == "account":
            declared[one.name] = Choices(ACCOUNTS)
        elif kind == "environment" or (one.name == "source" and one.default == ""):
            declared[one.name] = Choices((*empty, *environments))
        elif kind == "client":
            declared[one.name] = Choices((*empty, *clients), is_closed=not reads_files)
        elif one.name == "buy_number":
            declared[one.name] = Choices(("", *clients.values()), is_closed=False)
        elif one.name == "force":
            declared[one.name] = Choices(("", *environments), is_closed=False)
        elif one.type is str and quoted:
            is_closed = _ALL_QUOTED.match(one.help) is not None
            declared[one.name] = Choices((*(empty if is_closed else ()), *quoted), is_closed=is_closed)
    return declared


def read_list(value: object) -> object:
    """A list as it was given: whole, as text in Python's or JSON's form, which is all that -p can pass, or one text."""
    if not isinstance(value, str):
        return value
    try:
        written = ast.literal_eval(value.strip()) if value.lstrip().startswith("[") else None
    except (ValueError, SyntaxError):
        written = None
    return written if isinstance(written, list) else [value]


def is_typed(value: object, kind: type[Value]) -> bool:
    """Whether a value is of a parameter's type."""
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is list:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    return type(value) is kind


def _typed(value: Any, kind: type[Value]) -> Value:
    typed: Value = kind(value)
    return typed


def _account_faults(parameter: Declared, one: Given) -> list[Fault]:
    if parameter.name != "account" or one.value in ACCOUNTS:
        return []
    return [Fault(one.place, f"there is no account {one.value!r}", suggest(str(one.value), ACCOUNTS))]


def _shown(value: object) -> str:
    """A value in the form in which it was written."""
    if value is None:
        return "an empty line"
    return value.isoformat() if isinstance(value, datetime.date) else repr(value)


def _type_fault(parameter: Declared, one: Given) -> Fault:
    problem = f"{_shown(one.value)} is not {_WANTED[parameter.type]}"
    if parameter.type is list:
        items = read_list(one.value)
        odd = next(item for item in (items if isinstance(items, list) else [items]) if not isinstance(item, str))
        repair = f"put each in quotes, like {parameter.default!r}, or pass one with -r {parameter.name} VALUE"
        return Fault(one.place, f"{_shown(odd)} is not text in a list", repair)
    if parameter.type is str:
        # What was typed is lost by now: papermill has made +15035550123 a number.
        if one.value is None or isinstance(one.value, bool | int | float | datetime.date):
            return Fault(one.place, problem, f"put it in quotes, or pass it with -r {parameter.name} VALUE")
        return Fault(one.place, problem, "write one plain text")
    if isinstance(one.value, str):
        return Fault(one.place, problem, f"write it without quotes, like {parameter.default!r}")
    return Fault(one.place, problem, f"write it like {parameter.default!r}")
