"""assumptions.yaml: what is assumed of Twilio, row by row. The rehearsal does it; the runbook `probe` settles it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dialtone_nb.errors import Fault, InputError

FACTS = "probe-facts.yaml"
# What an assumption, or something that was observed, can be.
Assumed = bool | int | str
# What may be observed, and no value says: that what should be refused was taken, and that what should come did not.
ACCEPTED, NOTHING = "accepted", "nothing"


@dataclass(frozen=True, slots=True)
class Assumption:
    """One thing that is assumed: what the rehearsal does, what Twilio may do as well, and what would tell."""

    id: str
    assumes: str
    value: Assumed
    alternatives: tuple[Assumed, ...]
    evidence: str
    decides: str
    documented: Assumed | None = None
    fact: str = ""  # the recorded fact that is doubtful, where one is

    @property
    def is_disputed(self) -> bool:
        """Whether Twilio's pages and recordings of it disagree."""
        return self.documented is not None


ROWS = Path(__file__).with_name("assumptions.yaml")
_SCALAR = re.compile(r"^(?:- |  )(id|value|documented): (.+)$", re.M)


def read_values() -> dict[str, tuple[Assumed, Assumed]]:
    """What the recorded Twilio does and what the documented one, by assumption.

    A reader of YAML takes half of the time in which a rehearsal starts, so its lines are looked at for these alone; a
    test compares them with what the whole file says.
    """
    values: dict[str, tuple[Assumed, Assumed]] = {}
    name = ""
    for key, text in _SCALAR.findall(ROWS.read_text(encoding="utf-8")):
        if key == "id":
            name = text
            continue
        value: Assumed = text == "true" if text in {"true", "false"} else int(text) if text.isdecimal() else text
        values[name] = (value if key == "value" else values[name][0], value)
    return values


@cache
def load_assumptions() -> Mapping[str, Assumption]:
    """Every assumption by its id, in the order of the file."""
    from ruamel.yaml import YAML

    rows = YAML(typ="safe").load(ROWS)
    read = [Assumption(**{**row, "alternatives": tuple(row["alternatives"])}) for row in rows]
    return {one.id: one for one in read}


def is_value_of(row: Assumption, value: Assumed) -> bool:
    """Whether a row may have this value, so that the rehearsal can do it."""
    is_word = value in {ACCEPTED, NOTHING} and value not in row.alternatives
    return type(value) is type(row.value) and not is_word


def read_facts(file: Path) -> dict[str, Assumed]:
    """What was observed, by assumption: what a rehearsal takes `otherwise`, to answer as that account did.

    Where something was accepted, or nothing came, no value says it, and the rehearsal does what is assumed.

    An `InputError` where the file can't be read, or says something of what is not assumed, or that this can't be.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    repair = f"name a {FACTS} that the runbook probe wrote"
    try:
        facts = YAML(typ="safe").load(file)["facts"]
        observed: dict[str, Assumed] = {one["settles"]: one["observed"] for one in facts}
    except OSError as error:
        raise InputError(Fault(str(file), f"can't be read: {error.strerror}", repair)) from None
    except (YAMLError, UnicodeDecodeError, KeyError, TypeError):
        raise InputError(Fault(str(file), "holds no recorded facts", repair)) from None
    rows = load_assumptions()
    faults = [
        Fault(f"{file}: {name}", "is no assumption" if name not in rows else f"can't be {value!r}", repair)
        for name, value in observed.items()
        if name not in rows or (type(value) is not type(rows[name].value) and value not in {ACCEPTED, NOTHING})
    ]
    if faults:
        raise InputError(faults)
    return {name: value for name, value in observed.items() if is_value_of(rows[name], value)}
