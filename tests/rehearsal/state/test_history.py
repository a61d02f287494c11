"""The generated past of an account, and the file of true values beside the state file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialtone_nb.account.account import open_account
from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.attempts.schema import pandas_of
from dialtone_nb.calls.twilio_source.call_records import CallPage, records_of
from dialtone_nb.calls.twilio_source.frame import frame_calls
from dialtone_nb.errors import InputError
from dialtone_nb.rehearsal import Rehearsal, start_rehearsal
from dialtone_nb.rehearsal.state.clock import BEGINNING, iso8601
from dialtone_nb.rehearsal.state.history import DAY, imagine_past, plan_mishaps, write_history
from tests.rehearsal.doors import Door

DAYS, CALLS = 10, 700


def pages(door: Door, host: str, path: str, key: str) -> list[dict[str, Any]]:
    """Every record of a list, page by page."""
    found, path = [], f"{path}?PageSize=1000"
    while path:
        page = door.ask("GET", host, path).json()
        found += page[key]
        path = page.get("next_page_uri") or (page.get("meta", {}).get("next_page_url") or "").removeprefix(
            f"https://{host}"
        )
    return found


def frame_of(rehearsal: Rehearsal) -> Any:
    """The attempts as a call report reads them from the account."""
    door = Door(rehearsal)
    calls = pages(door, "api.twilio.com", f"/2010-04-01/Accounts/{rehearsal.account_sid}/Calls.json", "calls")
    alerts = pages(door, "monitor.twilio.com", "/v1/Alerts", "alerts")
    door.session.close()
    quality = Quality()
    return pandas_of(frame_calls(records_of([CallPage(calls)], quality), alerts, quality=quality))


def test_a_report_reads_from_the_account_what_the_truth_says(state: Path) -> None:
    """Every attempt with phone, direction, other party, outcome, reason and duration, and so the totals."""
    truth = json.loads(write_history(state, days=DAYS, calls=CALLS, seed=7).read_bytes())
    with start_rehearsal(state) as rehearsal:
        frame = frame_of(rehearsal)
    columns = ["call_sid", "environment", "client", "direction", "other_party", "outcome", "reason", "duration_s"]
    read = frame[columns].astype(object).where(frame[columns].notna(), None).values.tolist()
    assert sorted(read) == sorted([one[name] for name in columns] for one in truth["attempts"])
    assert sorted(one["started_at"] for one in truth["attempts"]) == [
        iso8601(at.timestamp()) for at in frame["started_at"]
    ]
    assert len(frame) == CALLS
    assert frame["outcome"].value_counts().to_dict() == truth["totals"]["outcome"]
    assert frame["price"].notna().sum() >= truth["totals"]["outcome"]["answered"]


def test_a_running_rehearsal_can_be_given_a_past(state: Path, tmp_path: Path) -> None:
    """The same past as at the start, up to its clock; an impossible one, and a second one, are rejected."""
    truth = json.loads(write_history(tmp_path / "other.db", days=DAYS, calls=CALLS, seed=7).read_bytes())
    with start_rehearsal(state, seed=7) as rehearsal:
        door = Door(rehearsal)
        for past in ({}, {"days": 0, "calls": 1}, {"days": 1, "calls": True}, {"days": "3", "calls": 5}):
            assert door.ask("POST", "rehearsal.localhost", "/history", json=past).status_code == 400
        made = door.ask("POST", "rehearsal.localhost", "/history", json={"days": DAYS, "calls": CALLS})
        assert made.json() == {"calls": CALLS, "since": truth["since"], "until": truth["until"]}
        again = door.ask("POST", "rehearsal.localhost", "/history", json={"days": DAYS, "calls": CALLS})
        assert "with calls already" in again.json()["message"]
        assert sorted(frame_of(rehearsal)["call_sid"]) == sorted(one["call_sid"] for one in truth["attempts"])
        door.session.close()


def test_the_same_seed_makes_the_same_past(tmp_path: Path) -> None:
    """The true values are equal to the byte, and another seed gives others."""
    first, again, other = (
        write_history(tmp_path / f"{n}.db", days=3, calls=50, seed=seed).read_bytes()
        for n, seed in enumerate((7, 7, 8))
    )
    assert first == again != other


def test_an_account_with_calls_gets_no_past(state: Path) -> None:
    """The true values must cover all calls, so that a second past is rejected without effect."""
    written = write_history(state, days=3, calls=20, seed=7)
    before = written.read_bytes()
    with pytest.raises(InputError, match="with calls already"):
        write_history(state, days=3, calls=20, seed=7)
    assert written.read_bytes() == before


@settings(deadline=None, max_examples=25)
@given(days=st.integers(1, 60), calls=st.integers(1, 300), seed=st.integers(0, 1000))
def test_a_past_has_as_many_calls_as_asked_for_in_the_days_asked_for(days: int, calls: int, seed: int) -> None:
    """Exactly this many, oldest first, all completed before the present."""
    past = list(imagine_past(BEGINNING, days, calls, seed))
    assert len(past) == calls
    assert [one.started for one in past] == sorted(one.started for one in past)
    assert past[0].started >= BEGINNING - days * DAY
    assert all(one.started + one.ring + (one.talk or 0) < BEGINNING for one in past)


def test_the_past_has_its_rhythm_and_its_mishaps() -> None:
    """Afternoons are busier than nights; a phone falls silent, an outage fails all calls, a fraud is one burst."""
    past = list(imagine_past(BEGINNING, 30, 5000, 7))
    mishaps = plan_mishaps(BEGINNING, 30)
    hours = Counter(int(one.started // 3600 % 24) for one in past)
    assert hours[21] > 5 * hours[10]
    dead = [one for one in past if one.phone.name == mishaps.dead_phone and one.started >= mishaps.dead_since]
    assert {(one.direction, one.outcome, one.code) for one in dead} == {("incoming", "unregistered", 32009)}
    in_outage = [one for one in past if mishaps.outage[0] <= one.started < mishaps.outage[1]]
    assert {one.outcome for one in in_outage} <= {"failed", "unreachable"}
    assert in_outage
    blocked = [one for one in past if one.outcome == "blocked"]
    assert len(blocked) == 50
    assert {one.phone.name for one in blocked} == {mishaps.fraud_phone}
    assert all(mishaps.fraud[0] - 1 <= one.started <= mishaps.fraud[1] for one in blocked)


def test_an_account_of_any_seed_is_found_by_runbooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runbooks give the file, which has the seed."""
    state = tmp_path / "state.db"
    write_history(state, days=3, calls=20, seed=11)
    monkeypatch.setenv("DIALTONE_REHEARSAL_STATE", str(state))
    assert len(open_account("rehearsal", tmp_path).client.calls.list()) >= 20


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--history", "0d"], "not a number of days"),
        (["--history", "soon"], "not a number of days"),
        (["--history", "3d", "--calls", "0"], "not a number of calls"),
    ],
)
def test_a_past_that_can_not_be_is_refused(options: list[str], words: str, tmp_path: Path) -> None:
    """No days, an invalid number of days, or no calls: one line, and nothing is made."""
    command = [sys.executable, "-m", "dialtone_nb", "rehearsal", "--state", str(tmp_path / "state.db"), *options]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert words in ended.stderr
    assert list(tmp_path.iterdir()) == []
