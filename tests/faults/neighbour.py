"""`python -m tests.faults.neighbour FOLDER ROLE`: one of two operators who work on an account together."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dialtone_nb.errors import HeldError, StalePlanError
from tests.faults.accounts import open_desk
from tests.faults.applies import FROM_PROD, FROM_STAGE
from tests.faults.calls import place_calls
from tests.infrastructure.desk import Desk

ROUNDS = 4
CALLS = 15
# Three phones of prod that are not set up yet.
NEW_PHONES = {"library": "+15035550104", "ferry": "+15035550107", "garden": "+15035550108"}
# The one of them that two set up at once.
NEW_PHONE = "library"
Said = dict[str, Any]


def work_on_stage(desk: Desk) -> Said:
    """Deploy three edits, and call from stage."""
    for number in range(3):
        desk.edit("/decide", f"\n// edit {number}\n")
        desk.do(desk.deploy())
        place_calls(desk, [FROM_STAGE] * (CALLS // 3))
    return {"live": desk.live("stage")}


def work_on_prod(desk: Desk) -> Said:
    """Set three phones up, and call from prod."""
    for phone, number in NEW_PHONES.items():
        desk.do(desk.set_up(phone, buy=number))
        place_calls(desk, [FROM_PROD] * (CALLS // 3))
    return {}


def contend(name: str) -> Callable[[Desk], Said]:
    """Deploy edit after edit to stage, trying again whenever another operator holds the claim."""

    def deploy(desk: Desk) -> Said:
        done, holders = 0, []
        while done < ROUNDS:
            desk.edit("/decide", f"\n// {name} {done}\n")
            try:
                outcomes = desk.carry_out(desk.deploy()).outcomes
            except HeldError as error:
                holders.append(error.holder)
                continue
            except StalePlanError:
                continue  # the other was done in between: plan again
            done += 1
            # Whoever comes next may be first to deploy again: then the check tells of that, not of a failure.
            assert {one.status for one in outcomes} == {"done"}, [one.error for one in outcomes]
        return {"done": done, "holders": holders}

    return deploy


def apply_the_plan_at_hand(desk: Desk) -> Said:
    """Make a plan, wait for a signal, apply it by its fingerprint, and report the result."""
    proposal = desk.set_up(NEW_PHONE, buy=NEW_PHONES[NEW_PHONE])
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        return {"exit_code": desk.carry_out(proposal, proposal.plan.fingerprint).exit_code}
    except (HeldError, StalePlanError) as error:
        return {"exit_code": error.exit_code}


ROLES: Mapping[str, Callable[[Desk], Said]] = {
    "stage": work_on_stage,
    "prod": work_on_prod,
    "ada": contend("ada"),
    "grace": contend("grace"),
    "first": apply_the_plan_at_hand,
    "second": apply_the_plan_at_hand,
}


def main(folder: str, role: str) -> None:
    """Play the role and print the result as JSON."""
    print(json.dumps(ROLES[role](open_desk(Path(folder), operator=role))))


if __name__ == "__main__":
    main(*sys.argv[1:])
