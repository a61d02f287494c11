"""The phone history that the walkthrough shows is what such a phone does today."""

from __future__ import annotations

import json
import re
from pathlib import Path

from dialtone_nb.phones.phone_history import KEPT, load_kept_history, read_history, write_kept_history
from tests.rehearsal.sip.conftest import needs
from tests.rehearsal.sip.life import MADE_BY, live, open_site

# What a clock, a port or a phone's release decides; everything else has to be the same.
BY_CHANCE = re.compile(
    r"127\.0\.0\.1:\d+|baresip v\S+ \([^)]*\)|\d+(?= (?:ms|s;|packets|to it))"
    r"|(?<=SIP )[\d.]+|(?<=webhook )[\d.]+|(?<=decision )[\d.]+"
)


def told(text: str) -> list[tuple[str, str]]:
    """The steps of a history, without values that vary."""
    return [(one["step"], BY_CHANCE.sub("…", one["detail"])) for one in json.loads(text)["life"]["steps"]]


def test_the_kept_life_is_lived_again(tmp_path: Path) -> None:
    """baresip registers with a wrong password and a right one, calls, is rejected, is called: step by step as kept."""
    needs("baresip", "baresip-core")
    with open_site(tmp_path / "project") as site:
        lived = live(site, tmp_path)
    again = write_kept_history(lived, "a phone", MADE_BY)
    assert told(again) == told(KEPT.read_text(encoding="utf-8"))
    assert [goal["words"] for goal in json.loads(again)["life"]["goals"]] == [
        goal.words for goal in load_kept_history().life.goals
    ]
    assert all(goal.after_s is not None for goal in read_history(lived).goals)


def test_the_kept_life_says_what_a_cold_function_costs() -> None:
    """Of its two delays the first is longer, as the function was loaded then."""
    waits = [int(ms) for ms in re.findall(r"(\d+) ms after the INVITE", KEPT.read_text(encoding="utf-8"))]
    assert len(waits) == 2
    assert waits[0] > waits[1]


def test_a_life_that_has_not_begun_has_its_first_goal_before_it() -> None:
    """Times are relative to the first step, of which there is none yet."""
    goals = [{"words": "It registers", "repair": "Check the password.", "at": None}]
    life = read_history({"client": "van", "domain": "d", "binding": None, "trouble": "", "goals": goals, "steps": []})
    assert life.next_goal == life.goals[0]
    assert life.steps == ()
