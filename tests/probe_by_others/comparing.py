"""`python -m tests.probe_by_others.comparing deviating probe-facts.yaml`: what was found of a Twilio's deviations.

The file says what somebody believes to have observed of each assumption: `settles` and `observed`, under `facts`. In
place of `deviating`, an obstacle: then nothing deviates, and what is believed of the rows that it hides is unfounded.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from dialtone_nb.values.assumptions import Assumed, load_assumptions

LISTED: Final[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("deviations.yaml").read_text(encoding="utf-8"))
# What can become of a row.
FOUND, OTHERWISE, MISSED, UNSETTLED = "found", "found, as another value", "missed", "not settled"
FALSE, UNFOUNDED = "false", "unfounded"


def verdict(assumed: Assumed, is_there: Assumed, observed: Assumed | None) -> str:
    """What became of a row; empty where it does not deviate, and that was seen."""
    if is_there == assumed:
        return "" if observed in {None, assumed} else FALSE
    if observed is None:
        return UNSETTLED
    return FOUND if observed == is_there else MISSED if observed == assumed else OTHERWISE


def compare(name: str, observed: Mapping[str, Assumed]) -> dict[str, list[str]]:
    """The rows by what became of them, at a Twilio or behind an obstacle of this name."""
    obstacle = LISTED["obstacles"].get(name)
    there = obstacle.get("deviates", {}) if obstacle else {one["settles"]: one["observed"] for one in LISTED[name]}
    became: dict[str, list[str]] = {one: [] for one in (FOUND, OTHERWISE, MISSED, UNSETTLED, FALSE, UNFOUNDED)}
    for row, assumption in load_assumptions().items():
        said = verdict(assumption.value, there.get(row, assumption.value), observed.get(row))
        if obstacle and not said and row in obstacle["hides"] and row in observed:
            said = UNFOUNDED
        if said:
            became[said].append(row)
    return became


def main(arguments: Sequence[str]) -> int:
    """Print how many rows became what, and which; 1 where one was missed, or is false or unfounded."""
    name, file = arguments
    facts = yaml.safe_load(Path(file).read_text(encoding="utf-8"))["facts"]
    became = compare(name, {one["settles"]: one["observed"] for one in facts})
    for said, rows in became.items():
        print(f"{len(rows):2} {said}{': ' if rows and said != FOUND else ''}{', '.join(rows if said != FOUND else ())}")
    return 1 if any(became[said] for said in (MISSED, FALSE, UNFOUNDED)) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
