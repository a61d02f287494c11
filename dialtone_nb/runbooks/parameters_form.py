"""A runbook's banner with the form under it, for whoever sits in JupyterLab: its fields, and what each may hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from dialtone_nb.display.outputs import show
from dialtone_nb.display.parameters import Setting
from dialtone_nb.display.widgets.parameter_form import Choices, ParameterForm, Value
from dialtone_nb.parameters import Parameters
from dialtone_nb.runbooks.parameters_cell import ACCOUNTS, Source

# Consent is asked for under the plan that it is for.
_NOT_HERE = ("consent",)
_QUOTED = re.compile(r'"([^"]+)"')


class Adjustable(Protocol):
    """What the form needs of an opened runbook."""

    source: Source
    declared: Parameters

    @property
    def settings(self) -> list[Setting]:
        """The parameters as they stand."""

    @property
    def page(self) -> str:
        """The banner and the parameters under it, as HTML."""

    def faults_of(self, entered: Mapping[str, Value]) -> Sequence[str]:
        """What is wrong with these values, a line a fault."""

    def take(self, entered: Mapping[str, Value]) -> None:
        """Have these values from now on."""


def show_with_form(runbook: Adjustable) -> None:
    """Show the banner and the form as outputs of the running cell."""
    show(make_form(runbook).widget())


def make_form(runbook: Adjustable) -> ParameterForm:
    """The form of an opened runbook; what it takes, the runbook has from then on."""

    def take(entered: Mapping[str, Value]) -> str:
        runbook.take(entered)
        return runbook.page

    settings = [one for one in runbook.settings if one.name not in _NOT_HERE]
    return ParameterForm(runbook.page, settings, choices_of(runbook), check=runbook.faults_of, take=take)


def choices_of(runbook: Adjustable) -> dict[str, Choices]:
    """What each parameter may be, where that is known: environments, phones, and what its help puts in quotes."""
    declared: dict[str, Choices] = {}
    for one in runbook.source.declared:
        kind = one.name.rpartition("_")[2]
        quoted = tuple(_QUOTED.findall(one.help))
        if one.name == "account":
            declared[one.name] = Choices(ACCOUNTS)
        elif kind == "environment":
            empty = ("",) if one.default == "" and not one.left_empty else ()
            declared[one.name] = Choices((*empty, *runbook.declared.network.environments))
        elif kind == "client":
            declared[one.name] = Choices(tuple(runbook.declared.clients), is_closed=False)
        elif one.type is str and quoted:
            declared[one.name] = Choices(quoted, is_closed=False)
    return declared
