"""parameters/accepted.yaml: differences that are known and accepted for a while, each with a reason and an end."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from pydantic import Field

from dialtone_nb.parameters.yaml_files import Closed, YamlFile
from dialtone_nb.verify.checks import Check, CheckState

FILE = "accepted.yaml"


class Acceptance(Closed):
    """Why a check may be wrong, and until which day, that day included."""

    reason: str = Field(min_length=1)
    until: date = Field(strict=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The checks with accepted ones muted, and the entries of accepted.yaml that mute nothing."""

    checks: tuple[Check, ...]
    notes: tuple[str, ...]


def load_acceptances(folder: Path) -> dict[str, Acceptance]:
    """The acceptances by check name; empty if there is no such file, a `ParametersError` if it is wrong."""
    path = folder / FILE
    if not path.is_file():
        return {}
    acceptances: dict[str, Acceptance] = YamlFile(path).parse(dict[str, Acceptance])
    return acceptances


def accept(checks: Iterable[Check], acceptances: Mapping[str, Acceptance], today: date) -> Accepted:
    """The checks, with accepted ones that are wrong or unknown muted; an expired acceptance mutes nothing."""
    checks = tuple(checks)
    muted = tuple(_muted(check, acceptances.get(check.name), today) for check in checks)
    needed = [check.name for check in checks if check.state is not CheckState.GOOD]
    return Accepted(muted, tuple(_note(name, needed) for name in acceptances if name not in needed))


def _note(name: str, needed: Sequence[str]) -> str:
    """A note on an entry that mutes nothing: its name may be misspelt, its environment another, or its time over."""
    near = difflib.get_close_matches(name, needed, n=1, cutoff=0.9)
    return f"{FILE}: {name!r} mutes nothing here" + (f"; did you mean {near[0]!r}?" if near else "")


def _muted(check: Check, acceptance: Acceptance | None, today: date) -> Check:
    if acceptance is None or check.state is CheckState.GOOD:
        return check
    if acceptance.until < today:
        return replace(check, found=f"{check.found} (was accepted until {acceptance.until}, which is over)")
    found = f"{check.found} (accepted until {acceptance.until}: {acceptance.reason})"
    return replace(check, state=CheckState.ACCEPTED, found=found)
