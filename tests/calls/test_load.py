"""Sources, selections, and parameters of a report."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialtone_nb.account.account import open_account
from dialtone_nb.calls.load import CallData, load_calls, load_runbook_calls
from dialtone_nb.errors import InputError


@pytest.mark.parametrize("until", ["", "2033-01-02"])
@pytest.mark.parametrize("archive", ["", "archive"])
def test_a_first_day_that_has_not_come_is_refused_with_the_day_that_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: str, archive: str
) -> None:
    """By the rehearsal's clock, not the computer's."""
    monkeypatch.setenv("DIALTONE_REHEARSAL_STATE", str(tmp_path / "state.db"))
    account = open_account("rehearsal", tmp_path)
    kept = str(tmp_path / archive) if archive else ""
    with pytest.raises(InputError) as caught:
        load_calls("twilio", account, since="2033-01-01", until=until, archive=kept)
    today = f"{account.now():%Y-%m-%d}"
    assert caught.value.lines() == [
        (
            f"parameter since: 2033-01-01 has not come yet: it is {today} by the rehearsal's clock; "
            f"write {today} or earlier"
        )
    ]


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Four calls on three days, of two environments."""
    rows = [
        ("2026-03-02T23:30:00Z", "lobby", "prod"),
        ("2026-03-03T07:30:00Z", "lobby", "prod"),
        ("2026-03-03T12:00:00Z", "van", "stage"),
        ("2026-03-05T12:00:00Z", "van", "stage"),
    ]
    path = tmp_path / "events.jsonl"
    path.write_text(
        "\n".join(
            json.dumps(
                {
                    "timestamp": at,
                    "endpoint": phone,
                    "environment": environment,
                    "event": "outgoing-dialstatus-busy",
                    "other_party": "+15035550199",
                }
            )
            for at, phone, environment in rows
        )
    )
    return path


def test_one_environment_can_be_asked_for_and_the_rest_is_counted(events: Path) -> None:
    """The number of attempts left out is a finding."""
    data = load_calls(events, environment="stage")
    assert data.frame["client"].tolist() == ["van", "van"]
    assert ("attempts outside the environment 'stage'", 2) in [(one.what, one.count) for one in data.findings]


def test_a_source_without_environments_is_not_emptied_by_asking_for_one(tmp_path: Path) -> None:
    """All attempts are kept, and the report says why."""
    path = tmp_path / "a.json"
    path.write_text('[{"timestamp": "2026-03-02T09:00:00", "channel": "x", "event": "outgoing-dialstatus-busy"}]')
    data = load_calls(path, environment="stage")
    assert len(data.frame) == 1
    assert "attempts of which the source tells no environment" in [one.what for one in data.findings]


@pytest.mark.parametrize(
    ("zone", "since", "until", "attempts"),
    [
        ("UTC", "2026-03-03", "2026-03-03", 2),
        ("America/Los_Angeles", "2026-03-02", "2026-03-02", 2),
        ("UTC", "", "2026-03-02", 1),
        ("UTC", "2026-03-04", "", 1),
        ("UTC", "", "", 4),
    ],
)
def test_days_are_those_of_the_time_zone_both_ends_included(
    events: Path, zone: str, since: str, until: str, attempts: int
) -> None:
    """A call late in the evening belongs to its local day."""
    assert len(load_calls(events, time_zone=zone, since=since, until=until).frame) == attempts


@pytest.mark.parametrize(
    ("asked", "covered"),
    [
        ({"since": "2026-04-01"}, ("2026-04-01", "2026-04-01")),
        ({"until": "2026-01-01"}, ("2026-01-01", "2026-01-01")),
        ({"since": "2026-03-01", "until": "2026-03-04"}, ("2026-03-01", "2026-03-04")),
    ],
)
def test_days_that_were_asked_for_need_not_be_in_the_file(
    events: Path, asked: dict[str, Any], covered: tuple[str, str]
) -> None:
    """The report's last day is never before its first."""
    data = load_calls(events, **asked)
    assert (str(data.first_day), str(data.last_day)) == covered


def test_numbers_are_hidden_unless_asked_for(events: Path) -> None:
    """A report can be shared without further work."""
    assert set(load_calls(events).frame["other_party"]) == {"+1503555••••"}
    assert set(load_calls(events, show_numbers=True).frame["other_party"]) == {"+15035550199"}


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"since": "yesterday"}, "parameter since: is not a day: 'yesterday'; write it as 2025-01-31"),
        ({"until": "2026-13-01"}, "parameter until: is not a day"),
        ({"time_zone": "Portland"}, "parameter time_zone: is not a time zone: 'Portland'"),
        ({"time_zone": "../etc/passwd"}, "parameter time_zone: is not a time zone"),
        (
            {"since": "2026-03-05", "until": "2026-03-04"},
            "parameters since and until: 2026-03-05 is after 2026-03-04; turn them round",
        ),
        ({"source": "twilio"}, "no account is open"),
    ],
)
def test_a_wrong_parameter_is_one_clear_line(events: Path, parameters: dict[str, str], said: str) -> None:
    """The line has the parameter and the repair."""
    given: dict[str, Any] = {"source": events, **parameters}
    with pytest.raises(InputError, match=said):
        load_calls(**given)


def test_a_gap_in_the_log_is_named(events: Path) -> None:
    """A day without events between the first and the last is a finding, with its date."""
    gap = next(one for one in load_calls(events).findings if one.what == "days without any event")
    assert (gap.count, gap.example) == (1, "2026-03-04")


def test_a_runbook_on_files_opens_no_account(events: Path) -> None:
    """Only the source twilio needs credentials; relative paths are also found in the project."""

    class Unopened:
        declared = None
        project = events.parent
        parameters = SimpleNamespace(
            source="events.jsonl", environment="", since="", until="", time_zone="UTC", show_numbers=False
        )

        @property
        def account(self) -> Any:
            raise AssertionError("the account was opened")

    assert isinstance(load_runbook_calls(cast("Any", Unopened())), CallData)
