"""The opening call of every runbook: check its parameters, load what is declared, and show a banner."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, get_origin, get_type_hints

from dialtone_nb.display.banner import Banner
from dialtone_nb.display.outputs import show_ours
from dialtone_nb.display.parameters import Origin, Setting, settings_html
from dialtone_nb.display.widgets.parameter_form import Choices
from dialtone_nb.errors import Fault, InputError, ParametersError
from dialtone_nb.parameters import SAMPLE, Parameters, is_network, load_parameters
from dialtone_nb.runbooks.steps.parameters_cell import (
    Declared,
    Given,
    RunbookSource,
    Value,
    check_environments,
    check_given,
    choices_of,
    fill_in,
    is_typed,
    read_assignments,
    read_source,
)

if TYPE_CHECKING:
    from dialtone_nb.account.account import Account

PARAMETERS_VARIABLE = "DIALTONE_PARAMETERS"
# A frozen data class of the parameters that a step of a runbook takes.
Step = TypeVar("Step")


class ParameterValues(Mapping[str, Value]):
    """The parameters of one run, by name: read-only, and each an attribute too, for the cells of a notebook."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __getattr__(self, name: str) -> Value:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"the runbook declares no parameter {name!r}")
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def read(self, step: type[Step]) -> Step:
        """The parameters that a step of a runbook takes, as its own class has them, whose fields are their names.

        What the runbook does not declare has the step's default; a `ParametersError` where it declares another type.
        """
        wanted = {name: get_origin(kind) or kind for name, kind in get_type_hints(step).items()}
        given = {name: value for name, value in self.items() if name in wanted}
        faults = [
            Fault(f"parameter {name}", f"is declared as {type(value).__name__}", f"declare it as {kind.__name__}")
            for name, value in given.items()
            if not is_typed(value, kind := wanted[name])
        ]
        if faults:
            raise ParametersError(faults)
        return step(**given)

    def __repr__(self) -> str:
        return f"ParameterValues({', '.join(f'{name}={value!r}' for name, value in self.items())})"


@dataclass(eq=False)
class Runbook:
    """An opened runbook: its parameters, what is declared in parameters/, and the account that it works on.

    It stays as it was opened, but for what a person takes over in its form: then all that follows has those values.
    """

    # By runbook: what was taken in a form of this session, and the value that it took the place of.
    _held: ClassVar[dict[str, dict[str, tuple[Value, Value]]]] = {}

    source: RunbookSource
    parameters: ParameterValues
    declared: Parameters = field(repr=False)
    project: Path
    # What was left empty, and stands for an environment or a phone that follows from the files.
    left_empty: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The notebook's name, such as deploy."""
        return self.source.name

    @property
    def environment(self) -> str:
        """The environment to work on; empty where the runbook has none or works on all."""
        return str(self.parameters.get("environment", ""))

    @property
    def is_protected(self) -> bool:
        """Whether the environment needs a plan's fingerprint as consent."""
        environment = self.declared.network.environments.get(self.environment)
        return environment is not None and environment.protected

    @property
    def attended(self) -> bool:
        """Whether somebody is there to answer: in JupyterLab, and not under papermill, nbval or `make notebooks`."""
        return is_attended()

    @cached_property
    def account(self) -> Account:
        """The account, opened when it is first asked for."""
        from dialtone_nb.account.account import open_account

        return open_account(self.account_kind, self.project)

    @property
    def account_kind(self) -> str:
        """The kind of account: rehearsal or twilio; a runbook that declares none rehearses."""
        return str(self.parameters.get("account", "rehearsal"))

    @property
    def banner(self) -> Banner:
        """What the runbook shows of itself."""
        defaults = {parameter.name: parameter.default for parameter in self.source.declared}
        changed = {
            name: value
            for name, value in self.parameters.items()
            if value != defaults[name] and name not in ("account", "environment") and name not in self.left_empty
        }
        # A runbook whose `source` is the account unless files are named asks no account where they are.
        from_files = defaults.get("source") == "twilio" and self.parameters["source"] != "twilio"
        kind = "files" if from_files else self.account_kind
        sample = self.declared.is_sample
        holder = self._holder if kind == "twilio" else ""
        return Banner(
            self.source.title, kind, self.environment, self.is_protected, changed, on_sample=sample, holder=holder
        )

    @cached_property
    def _holder(self) -> str:
        """The account's name and balance; without credentials that may read them, nothing: later cells say so."""
        try:
            from dialtone_nb.account.account import tell_holder

            return tell_holder(self.account)
        except InputError:
            return ""

    @property
    def settings(self) -> list[Setting]:
        """The parameters as they stand, and who set each."""
        held = self._held.get(self.name, {})

        def origin(one: Declared) -> Origin:
            if one.name in held and held[one.name][0] == self.parameters[one.name]:
                return Origin.FORM
            value = "" if one.name in self.left_empty else self.parameters[one.name]
            return Origin.NOTEBOOK if value == one.default else Origin.RUN

        return [Setting(one.name, self.parameters[one.name], origin(one), one.help) for one in self.source.declared]

    @property
    def choices(self) -> dict[str, Choices]:
        """What each parameter may be, where that is known."""
        numbers = {name: client.caller_id for name, client in self.declared.clients.items()}
        return choices_of(self.source, list(self.declared.network.environments), numbers)

    @property
    def page(self) -> str:
        """The banner and the parameters under it, as HTML."""
        return self.banner.html() + settings_html(self.settings)

    def faults_of(self, entered: Mapping[str, Value]) -> list[str]:
        """The faults that these values would have in place of the present ones, one a line."""
        try:
            check_run(self.source, self._given_with(entered), parameters_folder(self.project, self.source))
        except ParametersError as error:
            return error.lines()
        return []

    def take(self, entered: Mapping[str, Value]) -> None:
        """Have these values from now on, also when the runbook is opened again in this session.

        They hold until the notebook's own cell says something else than it did; a `ParametersError` where they can't.
        """
        given = self._given_with(entered)
        values, declared = check_run(self.source, given, parameters_folder(self.project, self.source))
        held, before = self._held.setdefault(self.name, {}), self._said
        self.parameters, self.declared = ParameterValues(values), declared
        self.left_empty = _left_empty(self.source, given, values)
        for name in entered:
            held[name] = (self._said[name], held[name][1] if name in held else before[name])
        for opened in ("account", "_holder"):
            self.__dict__.pop(opened, None)

    @property
    def _said(self) -> dict[str, Value]:
        """The parameters as they were given: what was left empty is empty."""
        return {name: "" if name in self.left_empty else value for name, value in self.parameters.items()}

    def _given_with(self, entered: Mapping[str, Value]) -> dict[str, Given]:
        return self.source.given({**self._said, **entered})

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": self.banner.text(), "text/html": self.page}


def open_runbook(name: str) -> Runbook:
    """The runbook, ready to work; a `ParametersError` with every fault of its parameters and of the files."""
    shell = _shell()
    project = find_project(Path.cwd())
    source = read_source(project, name)
    given = _given(source, shell.user_ns, shell.user_ns.get("In", ())) if shell else {}
    given |= _held_in_form(source, given)
    values, declared = check_run(source, given, parameters_folder(project, source))
    if shell:
        show_ours(shell, attended=is_attended())
    return Runbook(source, ParameterValues(values), declared, project, _left_empty(source, given, values))


def _left_empty(source: RunbookSource, given: Mapping[str, Given], values: Mapping[str, Value]) -> frozenset[str]:
    """The parameters that were left empty, and whose value followed from the files."""
    said = source.said(given)
    return frozenset(name for name, value in values.items() if said[name] == "" and value != "")


def _held_in_form(source: RunbookSource, given: Mapping[str, Given]) -> dict[str, Given]:
    """What was taken in the runbook's form, as long as the notebook says what it said then; else the notebook wins."""
    held = Runbook._held.get(source.name, {})
    said = source.said(given)
    for name in [name for name, (_, replaced) in held.items() if said.get(name) != replaced]:
        del held[name]
    return source.given({name: value for name, (value, _) in held.items()})


def check_run(source: RunbookSource, given: Mapping[str, Given], folder: Path) -> tuple[dict[str, Value], Parameters]:
    """The values of a run and what the parameter files declare; a `ParametersError` with every fault of both."""
    values, faults = check_given(source, given)
    try:
        declared = load_parameters(folder)
    except ParametersError as error:
        raise ParametersError([*faults, *error.faults]) from None
    environments = list(declared.network.environments)
    phones = {name: client.environment for name, client in declared.clients.items()}
    values, more = fill_in(source, values, given, environments, phones)
    faults += [*more, *check_environments(source, values, given, environments)]
    if declared.is_sample and values.get("account") == "twilio":
        faults.append(_sample_fault(source, given))
    if faults:
        raise ParametersError(faults)
    return values, declared


def _sample_fault(source: RunbookSource, given: Mapping[str, Given]) -> Fault:
    """The sample's numbers are fictional and its domains are anybody's: it must not be built at Twilio."""
    repair = (
        "for your own network use the other runbooks, such as deploy"
        if source.on_sample
        else "write your own into parameters/ (python -m dialtone_nb new-network)"
    )
    place = source.place("account", given)
    return Fault(place, f"is 'twilio', and the sample network in {SAMPLE.as_posix()}/ is for rehearsals alone", repair)


def find_project(start: Path) -> Path:
    """The nearest folder at or above `start` that holds notebooks/ and parameters/; otherwise this package's own."""
    for folder in (start, *start.parents):
        if (folder / "notebooks").is_dir() and (folder / "parameters").is_dir():
            return folder
    return Path(__file__).resolve().parents[3]


def parameters_folder(project: Path, source: RunbookSource | None = None) -> Path:
    """Where a run's parameter files are: the operator's own network in parameters/, and the sample while there is none.

    DIALTONE_PARAMETERS names another folder, relative to the project. A runbook about the sample looks at nothing else.
    """
    if source and source.on_sample:
        return sample_folder(project)
    if named := os.environ.get(PARAMETERS_VARIABLE):
        return project / named
    own = project / "parameters"
    return own if is_network(own) else sample_folder(project)


def sample_folder(project: Path) -> Path:
    """Where the sample network is: in the project, or beside this package."""
    home = Path(__file__).resolve().parents[3]
    return next((folder for folder in (project / SAMPLE, home / SAMPLE) if folder.is_dir()), project / SAMPLE)


def is_attended() -> bool:
    """Whether somebody is there to answer: JupyterLab names the session, or the front end allows input."""
    kernel = getattr(_shell(), "kernel", None)
    return "JPY_SESSION_NAME" in os.environ or bool(getattr(kernel, "_allow_stdin", False))


def _given(source: RunbookSource, namespace: Mapping[str, object], cells: Sequence[str]) -> dict[str, Given]:
    """What the session gives to the runbook's parameters, and the strangers among it.

    The kernel's history tells which cells held parameters: papermill's injected one and the tagged one assign literals
    and do nothing else. nbval keeps no history; there, whatever plain literal the session holds was given.
    """
    strangers = set(_assigned(source, cells, opened=_is_opened(namespace))) if any(cells) else _plain(namespace)
    names = [name for name in (*source.names, *sorted(strangers)) if name in namespace]
    return source.given({name: namespace[name] for name in names})


def _is_opened(namespace: Mapping[str, object]) -> bool:
    return any(isinstance(value, Runbook) for value in namespace.values())


def _assigned(source: RunbookSource, cells: Sequence[str], *, opened: bool) -> list[str]:
    """The names assigned in cells of literals; a cell that was corrected and ran again replaces what it said before."""
    kept: list[set[str]] = []
    for cell in cells:
        names = set(read_assignments(cell) or ())
        if not names or (opened and not names & set(source.names)):
            continue  # once the runbook is open, only a cell that sets a declared parameter is about parameters
        kept = [*(earlier for earlier in kept if not earlier & names), names]
    return [name for names in kept for name in names]


def _plain(namespace: Mapping[str, object]) -> set[str]:
    hidden = getattr(_shell(), "user_ns_hidden", {})
    return {
        name
        for name, value in namespace.items()
        if isinstance(value, str | int | float) and not name.startswith("_") and name not in hidden
    }


def _shell() -> Any:
    """IPython's shell, or None outside of it."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None
