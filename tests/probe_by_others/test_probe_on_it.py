"""The probes at Twilios and behind obstacles of another hand; `make faults` has those that are not here."""

from __future__ import annotations

from pathlib import Path

from dialtone_nb.probe.findings import Verdict
from tests.probe_by_others.comparing import FALSE, FOUND, LISTED, UNFOUNDED, compare
from tests.probe_by_others.probing import believed, probe_at

# In one run: none is in the way of another.
OBSTACLES = ("phones_may_not_register", "api_may_not_call", "no_number_is_sold")


def test_every_deviation_is_found_and_nothing_false(tmp_path: Path) -> None:
    """Those that nobody thought of, too, with what is there instead."""
    became = compare("deviating", believed(probe_at(tmp_path)))
    assert {said: rows for said, rows in became.items() if said != FOUND and rows} == {}
    assert len(became[FOUND]) == len(LISTED["deviating"])


def test_behind_obstacles_nothing_is_believed(tmp_path: Path) -> None:
    """What they hide is open, and says why; what they do not hide is settled."""
    findings = probe_at(tmp_path, names=OBSTACLES)
    for name in OBSTACLES:
        became = compare(name, believed(findings))
        assert (name, became[FALSE], became[UNFOUNDED]) == (name, [], [])
    assert findings.of(Verdict.DIFFERS) == []
    why = {one.id: one.why for one in findings.of(Verdict.OPEN)}
    assert all(said.startswith("could not be tried, because ") for said in why.values())
    assert "PHONE a registers" in why["too_many_bindings_response"]
    assert "21216" in why["twiml_too_long_code"]
    assert "21404" in why["takes_emergency_address_at_purchase"]
    assert {"sends_sip_username", "no_voice_url_response", "queue_max_size"} <= believed(findings).keys()
