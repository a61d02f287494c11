"""`python -m tests.probe_by_others.comparing deviating probe-facts.yaml`: what was found of a Twilio's deviations.

The file says what somebody believes to have observed of each assumption: `settles` and `observed`, under `facts`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from dialtone_nb.values.assumptions import Assumed, load_assumptions

LIST = Path(__file__).with_name("deviations.yaml")
# What can become of a row.
FOUND, OTHERWISE, MISSED, FALSE, UNSETTLED = "found", "found, as another value", "missed", "false", "not settled"


def listed() -> dict[str, list[dict[str, Any]]]:
    """The deviations of each Twilio, as deviations.yaml has them; its bystanders are no rows."""
    read = yaml.safe_load(LIST.read_text(encoding="utf-8"))
    return {twilio: rows for twilio, rows in read.items() if isinstance(rows, list)}


def verdict(assumed: Assumed, is_there: Assumed, observed: Assumed | None) -> str:
    """What became of a row; empty where it does not deviate, and that was seen."""
    if is_there == assumed:
        return "" if observed in {None, assumed} else FALSE
    if observed is None:
        return UNSETTLED
    return FOUND if observed == is_there else MISSED if observed == assumed else OTHERWISE


def compare(twilio: str, observed: Mapping[str, Assumed]) -> dict[str, list[str]]:
    """The rows by what became of them."""
    there = {one["settles"]: one["observed"] for one in listed()[twilio]}
    became: dict[str, list[str]] = {one: [] for one in (FOUND, OTHERWISE, MISSED, UNSETTLED, FALSE)}
    for name, row in load_assumptions().items():
        if said := verdict(row.value, there.get(name, row.value), observed.get(name)):
            became[said].append(name)
    return became


def main(arguments: Sequence[str]) -> int:
    """Print how many rows became what, and which; 1 where one was missed or is false."""
    twilio, file = arguments
    facts = yaml.safe_load(Path(file).read_text(encoding="utf-8"))["facts"]
    became = compare(twilio, {one["settles"]: one["observed"] for one in facts})
    for said, names in became.items():
        print(
            f"{len(names):2} {said}{': ' if names and said != FOUND else ''}{', '.join(names if said != FOUND else ())}"
        )
    return 1 if became[MISSED] or became[FALSE] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
