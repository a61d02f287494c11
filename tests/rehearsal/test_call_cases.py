"""The results of calls, case by case, each with its source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from dialtone_nb.rehearsal.assumptions import BEHAVIOURS
from tests.rehearsal.network import DOMAIN, NUMBER, Network

CASES = yaml.load(Path(__file__).with_name("call_cases.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
WORDS = {"twilio", "says", "source", "twiml", "done", "from", "far", "numbers", "phones", "get"}


def twilios_of(case: dict[str, Any]) -> list[str]:
    """The sets of assumptions that a case holds for: both, unless it names one."""
    return [case["twilio"]] if "twilio" in case else list(BEHAVIOURS)


def place(network: Network, case: dict[str, Any]) -> Any:
    """The result of the case's call."""
    for number, behaviour in case.get("numbers", {}).items():
        network.door.control("POST", f"/numbers/{number}", json=behaviour)
    for client, behaviour in case.get("phones", {}).items():
        network.door.control("POST", f"/clients/{client}", json=behaviour)
    network.answers(case["twiml"].format(number=NUMBER, domain=DOMAIN), done=case.get("done", ""))
    far_side = case.get("far", {})
    if "from" in case:
        return network.door.call(from_=case["from"], to=NUMBER, **far_side)
    return network.dial(**far_side)


@pytest.mark.parametrize(
    ("twilio", "case"),
    [pytest.param(name, case, id=f"{case['says']}, {name}") for case in CASES for name in twilios_of(case)],
)
def test_call_becomes_what_its_source_says(network: Network, case: dict[str, Any]) -> None:
    """Status, duration, speech, legs, alerts, and the action's parameters, as far as the case names them."""
    told = place(network, case)
    found = {
        **{name: told[name] for name in ("status", "duration_s", "heard")},
        "children": [child["status"] for child in told["children"]],
        "alerts": sorted(f"{alert['code']} {alert['level']}" for alert in told["alerts"]),
    }
    expected = dict(case["get"])
    if (done := expected.pop("done", None)) == "not asked":
        assert network.received("done") == []
    elif done:
        (event,) = network.received("done")
        assert {name: event.get(name) for name in done} == done
    assert {name: found[name] for name in expected} == expected


def test_every_case_has_a_source_and_no_strange_words() -> None:
    """A case has a title and a source; no two have the same."""
    assert [case for case in CASES if not {"says", "source", "twiml", "get"} <= set(case) <= WORDS] == []
    assert len({case["says"] for case in CASES}) == len(CASES)
