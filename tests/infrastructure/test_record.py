"""The record and the journal of a run, and that no page, file or message has a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dialtone_nb.display.applied import applied_html, applied_text
from dialtone_nb.display.plans import plan_html, plan_text
from dialtone_nb.errors import DialtoneError
from dialtone_nb.files.lines import append
from dialtone_nb.infrastructure.apply import ChangeOutcome, Status
from dialtone_nb.infrastructure.plan import Change
from dialtone_nb.infrastructure.record import JOURNAL, RECORD, load_records
from dialtone_nb.phones.passwords import generate_password
from dialtone_nb.phones.private_files import load_private_files
from dialtone_nb.runbooks.steps import phone_files
from dialtone_nb.runbooks.steps.apply import raise_where_broken
from tests.infrastructure.desk import VAN, Desk, stage_deployed

TRUNK = "sesame-9f8e7d6c-trunk"


def read_lines(path: Path) -> list[dict[str, object]]:
    """The lines of a JSON lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_record_says_who_when_where_what_and_what_came_of_it(desk: Desk) -> None:
    """One line a run: operator, time, account, environment, fingerprint, each change with outcome and request ID."""
    proposal = desk.deploy()
    applied = desk.do(proposal)
    (record,) = load_records(desk.reports)
    assert record == applied.record
    assert (record.who, record.runbook, record.account) == ("ada@switchroom", "test", "the rehearsal")
    assert (record.environment, record.fingerprint) == ("stage", proposal.plan.fingerprint)
    assert record.when.startswith("2026-03-02T09:00")
    assert record.summary == proposal.plan.summary
    assert record.check == "nothing to do"
    assert [(one["action"], one["kind"], one["key"]) for one in record.changes] == [
        (change.action, change.kind.name, change.key) for change in proposal.plan.changes
    ]
    for one in record.changes:
        assert one["outcome"] == "done"
        assert str(one["request_id"]).startswith("RQ"), one
        assert float(one["seconds"]) >= 0


def test_each_run_that_changes_something_is_one_line(desk: Desk) -> None:
    """Lines are appended; a run without changes adds none."""
    desk.after(stage_deployed)
    desk.do(desk.deploy())
    desk.edit("/decide")
    desk.do(desk.deploy())
    assert [len(record.changes) for record in load_records(desk.reports)] == [29, 4]


def test_journal_has_every_change_before_and_after(desk: Desk) -> None:
    """Start and end of each change are written, in order, with the plan's fingerprint."""
    proposal = desk.deploy()
    desk.do(proposal)
    entries = read_lines(desk.reports / JOURNAL)
    assert {entry["plan"] for entry in entries} == {proposal.plan.fingerprint}
    by_thing: dict[tuple[object, object], list[object]] = {}
    for entry in entries:
        by_thing.setdefault((entry["kind"], entry["key"]), []).append(entry["event"])
    assert set(by_thing) == {(change.kind.name, change.key) for change in proposal.plan.changes}
    assert all(events == ["starts", "done"] for events in by_thing.values())


def test_journal_of_a_killed_run_says_what_was_under_way(desk: Desk) -> None:
    """A change with a start and no end must be checked on the account."""

    class Killed(BaseException):
        pass

    def watch(event: ChangeOutcome | Change) -> None:
        if isinstance(event, ChangeOutcome):
            raise Killed

    with pytest.raises(Killed):
        desk.carry_out(desk.deploy(), observe=watch)
    assert [entry["event"] for entry in read_lines(desk.reports / JOURNAL)] == ["starts", "done"]
    assert not (desk.reports / RECORD).exists()


def test_failure_is_on_record_with_its_reason(desk: Desk) -> None:
    """A stopped run has the failed change with its reason, and those not made; it has no check."""
    desk.fault("failed-build")
    applied = desk.carry_out(desk.deploy())
    (record,) = load_records(desk.reports)
    failed = [one for one in record.changes if one["outcome"] == "failed"]
    assert [one["kind"] for one in failed] == ["build"]
    assert "82003" in str(failed[0]["error"])
    assert "not done" in {one["outcome"] for one in record.changes}
    assert record.check == "not made"
    with pytest.raises(DialtoneError, match=r"changes done; run again to go on; build ZB.* failed") as broken:
        raise_where_broken(applied)
    assert broken.value.exit_code == 4


def test_run_whose_check_could_not_be_made_is_on_record(desk: Desk) -> None:
    """The changes are recorded though Twilio did not answer the check."""
    proposal = desk.deploy()

    def watch(event: ChangeOutcome | Change) -> None:
        if isinstance(event, ChangeOutcome) and event.change is proposal.plan.changes[-1]:
            desk.fault("500", "GET", r"/SIP/CredentialLists\.json", times=6)

    with pytest.raises(DialtoneError, match="error 20500"):
        desk.carry_out(proposal, observe=watch)
    (record,) = load_records(desk.reports)
    assert {one["outcome"] for one in record.changes} == {"done"}
    assert record.check.startswith("failed: Twilio answered GET")


def test_lost_answer_is_noted(desk: Desk) -> None:
    """The record notes a lost answer whose resource was looked up."""
    desk.fault("reset-after", "POST", r"/SIP/CredentialLists\.json")
    desk.do(desk.deploy())
    (record,) = load_records(desk.reports)
    assert [one["note"] for one in record.changes if "note" in one] == ["no answer came; it was there when looked for"]


def test_no_secret_is_in_any_page_file_or_message(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The passwords of the trunk and a phone are in private files and at Twilio only."""
    made: list[str] = []

    def noted() -> str:
        made.append(generate_password())
        return made[-1]

    monkeypatch.setattr(phone_files, "generate_password", noted)
    desk.trunk_password = TRUNK
    shown: list[str] = []
    for propose in (desk.deploy, lambda: desk.set_up("van", buy=VAN), lambda: desk.set_up("van", "rotate")):
        proposal = propose()
        applied = desk.do(proposal)
        shown += [plan_text(proposal.plan), plan_html(proposal.plan), proposal.plan.json(), repr(proposal)]
        shown += [applied_text(applied), applied_html(applied), repr(applied), applied.summary, repr(desk.account)]
    desk.trunk_password = "another-" + TRUNK
    changed = desk.deploy()
    shown += [plan_text(changed.plan), changed.plan.json(), repr(changed.existing), repr(changed)]
    shown += [path.read_text(encoding="utf-8") for path in desk.project.rglob("*") if path.is_file()]
    assert len(set(made)) == 2
    assert made[1] in load_private_files(desk.site("stage").private / "stage" / "van")["phone.txt"]
    for secret in (TRUNK, desk.account.credentials.password, *made):
        assert not [text for text in shown if secret in text]


def test_secret_that_twilio_repeats_is_taken_out_of_the_error(desk: Desk) -> None:
    """If an error message quotes the trunk's password, record, journal and message leave it out."""
    desk.trunk_password = "x" * 460  # longer than Twilio takes
    desk.account.transport.keep_secret("than 450")  # stands for a part of the message
    applied = desk.carry_out(desk.deploy())
    assert applied.exit_code == 4
    errors = [one.error for one in applied.outcomes if one.error]
    assert any("[secret]" in error for error in errors)
    kept = (desk.reports / RECORD).read_text() + (desk.reports / JOURNAL).read_text() + applied_text(applied)
    assert "than 450" not in kept
    assert "x" * 20 not in kept


def test_lines_of_two_writers_do_not_mix(tmp_path: Path) -> None:
    """Long lines of several writers stay whole."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: append(tmp_path / "r.jsonl", {"n": n, "fill": "y" * 5000}), range(80)))
    assert sorted(int(str(line["n"])) for line in read_lines(tmp_path / "r.jsonl")) == list(range(80))


def test_no_record_yet_is_an_empty_list(tmp_path: Path) -> None:
    """A folder without a record gives an empty list."""
    assert load_records(tmp_path / "nothing") == []


def test_statuses_are_words(desk: Desk) -> None:
    """The record's outcomes are the names of `Status`."""
    desk.after(stage_deployed)
    assert {one["outcome"] for one in load_records(desk.reports)[0].changes} <= {str(status) for status in Status}
