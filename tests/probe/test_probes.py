"""The probes: one for each assumption and each doubtful fact, selected by permission and budget."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from dialtone_nb.cli.rehearsal import build_parser, start
from dialtone_nb.errors import InputError
from dialtone_nb.probe.findings import scrub
from dialtone_nb.probe.probes import MISSING, Allowed, Probe, choose_probes, controls_of, load_controls, load_probes
from dialtone_nb.values.assumptions import ACCEPTED, NOTHING, load_assumptions, read_facts

FACTS = Path(__file__).parents[1] / "rehearsal" / "recorded.yaml"


def test_every_assumption_has_one_probe() -> None:
    """Each assumption can be decided, and each probe decides an assumption."""
    assert sorted(one.settles for one in load_probes()) == sorted(load_assumptions())


def test_a_line_that_needs_a_control_has_it() -> None:
    """Who has a phone call, or looks for what came of it, has seen first that phones may, and that functions answer."""
    rows = load_probes()
    assert {name for one in rows for name in one.after} <= load_controls().keys()
    for one in rows:
        controls = {control.id for control in controls_of([one])}
        lines = " ".join(one.do)
        assert "phones_call" in controls or "PHONE c calls" not in lines, one.settles
        assert "phones_are_called" in controls or "PHONE c calls" not in lines or "PHONE d" not in lines, one.settles
        assert "functions" in controls or not one.answers, one.settles
        assert "alerts" in controls or not one.reads.startswith("alert"), one.settles
        assert "domain" in controls or not ("{SD" in lines or "{CL" in lines), one.settles


@pytest.mark.parametrize("probe", load_probes(), ids=lambda one: one.settles)
def test_a_probe_says_what_has_to_succeed(probe: Probe) -> None:
    """Only what is looked at, or clears away, may come out in any way; the rest of its lines must succeed."""
    tried = [line for line in probe.do if line.startswith("TRY ")]
    assert len(tried) < len(probe.do)
    named = {line.rpartition(" -> ")[2] for line in tried if " -> " in line}
    assert named <= set(probe.reads.split()[1:])


def test_every_doubtful_fact_is_an_assumption_too() -> None:
    """So that a probe decides it."""
    facts = yaml.safe_load(FACTS.read_text("utf-8"))["facts"]
    doubtful = {one["id"] for one in facts if one["sure"] == "doubtful"}
    assert {one.fact for one in load_assumptions().values()} - {""} == doubtful


@pytest.mark.parametrize("probe", load_probes(), ids=lambda one: one.settles)
def test_a_probe_can_tell_what_is_assumed_from_every_alternative(probe: Probe) -> None:
    """Each alternative has its own observation; numbers and words stand for themselves."""
    row = probe.assumption
    told = {*probe.means.values(), probe.present, probe.absent} - {None}
    if told:
        assert {row.value, *row.alternatives} - told == set()
    else:
        assert [probe.observed(value) for value in (row.value, *row.alternatives)] == [row.value, *row.alternatives]
    assert probe.observed(MISSING) == (NOTHING if probe.absent is None else probe.absent)
    assert probe.observed(ACCEPTED) == ACCEPTED


def test_without_leave_all_of_it_is_free() -> None:
    """No calls and no number, whatever the budget."""
    choice = choose_probes(Allowed(cap_usd=50))
    assert choice.cost_usd == 0
    assert {one.needs for one in choice.probes} == {"nothing"}
    assert set(choice.left_out.values()) == {"needs allow_calls", "needs allow_calls and allow_number"}


@pytest.mark.parametrize("cap", [0.0, 0.01, 0.05, 0.15, 1.0, 2.0, 2.2, 3.0])
def test_no_more_is_tried_than_the_cap_pays_for(cap: float) -> None:
    """The probes that need a number run together or not at all."""
    choice = choose_probes(Allowed(calls=True, number=True, cap_usd=cap))
    assert choice.cost_usd <= cap
    of_number = [one.settles for one in load_probes() if one.needs == "number"]
    tried = [one.settles for one in choice.probes if one.needs == "number"]
    assert tried in ([], of_number)
    assert len(choice.probes) + len(choice.left_out) == len(load_probes())


def test_a_number_takes_leave_for_calls_too() -> None:
    """It is called."""
    choice = choose_probes(Allowed(number=True, cap_usd=50))
    assert {one.needs for one in choice.probes} == {"nothing"}


@pytest.mark.parametrize(
    "private",
    [
        "AC" + "0" * 32,
        "+15035550142",
        "192.0.2.7",
        "https://example.com/x",
        "sip:a@dialtone-probe-1.sip.twilio.com",
        "x-1234-stage.twil.io",
    ],
)
def test_nothing_private_is_in_a_fact(private: str) -> None:
    """SIDs, numbers, addresses and hosts are removed from observations."""
    assert scrub(f"before {private} after") == "before … after"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "can't be read: No such file or directory"),
        ("facts: [", "holds no recorded facts"),
        ("- 1", "holds no recorded facts"),
        ("facts: [{settles: queue_max_size}]", "holds no recorded facts"),
        ("facts: [{settles: moon, observed: 1}]", "moon: is no assumption"),
        ("facts: [{settles: queue_max_size, observed: many}]", "queue_max_size: can't be 'many'"),
    ],
)
def test_facts_that_are_none_are_refused_in_one_line(tmp_path: Path, text: str | None, says: str) -> None:
    """Before the rehearsal that would load them starts."""
    file = tmp_path / "facts.yaml"
    if text is not None:
        file.write_text(text, "utf-8")
    options = build_parser().parse_args(["--state", str(tmp_path / "state.db"), "--facts", str(file)])
    with pytest.raises(InputError, match=r"probe-facts\.yaml") as caught:
        start(options)
    assert len(caught.value.lines()) == 1
    assert says in str(caught.value)
    assert not (tmp_path / "state.db").exists()


def test_facts_that_no_value_says_leave_what_is_assumed(tmp_path: Path) -> None:
    """What was accepted, or did not come, can't be rehearsed by a value; `nothing` is one where a row has it."""
    rows = {"queue_max_size": "nothing", "weak_password_code": "accepted", "process_env": "nothing"}
    file = tmp_path / "facts.yaml"
    told = [{"settles": name, "observed": value} for name, value in rows.items()]
    file.write_text(yaml.safe_dump({"facts": told}), "utf-8")
    assert read_facts(file) == {"process_env": "nothing"}
