"""The sentences and tables of a call report agree with its calls."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import cast

import pandas as pd
import pytest
from hypothesis import example, given, settings

from dialtone_nb.calls.attempts.outcomes import CODES, MEANINGS, OUTCOME_OF_CODE, OUTCOMES, SIP_CODES, code_of
from dialtone_nb.calls.attempts.quality import Finding
from dialtone_nb.calls.load import CallData
from dialtone_nb.report import call_report as report
from dialtone_nb.report.report_table import ReportTable
from tests.calls.strategies import frame_of, frames
from tests.report.calls import hundred_calls

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def calls(
    outcomes: Sequence[str],
    client: str = "lobby",
    *,
    first_day: int = 0,
    reason: str | None = None,
    direction: str = "outgoing",
) -> list[dict[str, object]]:
    """Attempts with these outcomes, one an hour."""
    return [
        {
            "started_at": START + timedelta(days=first_day, hours=number),
            "environment": "prod",
            "client": client,
            "direction": direction,
            "outcome": outcome,
            "reason": reason,
            "duration_s": None,
            "price": None,
            "currency": None,
        }
        for number, outcome in enumerate(outcomes)
    ]


def data_of(*some: list[dict[str, object]], last_day: date | None = None) -> CallData:
    """A source with these attempts."""
    return CallData.of(
        frame_of([call for one in some for call in one]), "a test", (), START.date() if some else None, last_day
    )


def summary_of(data: CallData) -> report.Summary:
    """The summary of a source."""
    return report.summarise_calls(data, report.compare_calls(data, ()), report.look_for_life(data))


def test_the_summary_says_how_many_and_how_well() -> None:
    """Attempts by direction, the two rates with numerator and denominator, and lost calls."""
    data = data_of(
        calls(["answered", "answered", "no_answer", "refused"]), calls(["failed"], reason="13224", direction="incoming")
    )
    assert summary_of(data).facts == (
        "5 attempts of 1 phone on 2026-03-02: 4 outgoing and 1 incoming (a test).",
        "Answered (ASR): 50.0% (2 of 4; 15.0%–85.0%).",
        "Delivered (near NER): 75.0% (3 of 4; 30.1%–95.4%).",
        "Not judged: 1 refused.",
        "1 attempt lost: dialled number is invalid (13224).",
    )
    assert summary_of(data).changes == ()
    assert summary_of(data).to_do == ()


def test_no_incoming_call_is_no_incoming_rate() -> None:
    """Without a denominator, summary and table say so in place of 0 %."""
    data = data_of(calls(["answered"]))
    assert "There is no incoming attempt, so no incoming rate: nothing to divide by." in summary_of(data).facts
    rows = {row[0]: row for row in report.tabulate_rates(data.tally(), "direction").rows}
    assert rows["incoming"] == ("incoming", 0, 0, 0, None, 0, None, 0, None)


def test_a_phone_that_does_worse_beyond_chance_is_named_with_the_repair() -> None:
    """One of three phones that loses half of its calls is named with the repair."""
    data = data_of(
        calls(["answered"] * 60, "lobby"),
        calls(["answered"] * 60, "clinic"),
        calls(["answered", "unregistered"] * 20, "van", reason="32009"),
    )
    assert summary_of(data).to_do == (
        (
            "van delivers less than the other phones: 50.0% (20 of 40; 35.2%–64.8%). "
            "Chiefly: dialled phone is not registered; check its power and network, then its password."
        ),
    )


def test_a_phone_that_lost_every_incoming_call_is_named_however_few_they_were() -> None:
    """Two lost calls prove little, but are reported for a phone without any answered call; a single one is not."""
    lost = calls(["unregistered"] * 2, "van", reason="32009", direction="incoming")
    once = calls(["failed"], "ferry", reason="32016", direction="incoming")
    assert summary_of(data_of(calls(["answered"] * 60), lost, once)).to_do == (
        (
            "van lost every incoming call, 2 of them. "
            "Chiefly: dialled phone is not registered; check its power and network, then its password."
        ),
    )


def test_a_day_that_stands_out_is_named_with_its_cause() -> None:
    """In addition to the month's rate, which hides it."""
    usual = [calls((["answered"] * 12 + ["failed"]), first_day=day, reason="13224") for day in range(30) if day != 9]
    bad = calls(["answered"] * 5 + ["unreachable"] * 9, first_day=9, reason="32011")
    (said,) = [one for one in summary_of(data_of(*usual, bad)).changes if "stands out" in one]
    assert said.startswith("2026-03-11 stands out: 64.3% (9 of 14; ")
    assert "on the other days 7.7% (29 of 377; " in said
    assert said.endswith(f"Chiefly: {CODES['32011'].meaning} (32011); {CODES['32011'].repair}.")


def test_a_few_bad_calls_name_nobody() -> None:
    """Three failures of four calls are no finding."""
    data = data_of(calls(["answered"] * 60, "lobby"), calls(["failed"] * 3 + ["answered"], "van"))
    assert summary_of(data).to_do == ()


def test_a_fall_in_the_last_week_is_named() -> None:
    """The last seven days against all earlier ones, if the difference is beyond chance."""
    before, after = calls(["answered"] * 100), calls(["answered", "failed"] * 30, first_day=20)
    sentences = summary_of(data_of(before, after)).to_do
    assert [sentence[:44] for sentence in sentences] == ["The delivered rate fell in the last 7 days: "]


def test_a_phone_that_fell_silent_is_named() -> None:
    """A phone that is silent for longer than ever may be broken; calls that did not reach it do not count."""
    dead = calls(["unregistered"] * 3, "van", first_day=20, reason="32009", direction="incoming")
    data = data_of(calls(["answered"] * 20, "van"), calls(["answered"] * 20, "lobby", first_day=20), dead)
    assert "Quiet for longer than ever before: van since 2026-03-03. Switched off on purpose, or broken?" in (
        summary_of(data).to_do
    )


def test_no_calls_are_one_sentence() -> None:
    """An empty source gives one sentence."""
    assert summary_of(data_of()).facts == ("There is no attempt in a test.",)


def test_a_filter_that_leaves_no_attempt_is_named() -> None:
    """The name of a phone may be misspelt, for example."""
    (sentence,) = summary_of(data_of(calls(["answered"] * 20, "lobby")).narrow(client="Lobby")).facts
    assert sentence == "There is no attempt in a test (20 attempts of any other client: left out, as asked)."


@given(frames)
@example(frame_of([]))
@settings(max_examples=15, deadline=None)
def test_every_table_can_be_made_of_any_calls(frame: pd.DataFrame) -> None:
    """For any calls, tables and summary are made, and outcomes add up to the attempts."""
    data = CallData.of(frame, "a test", (Finding("odd", 1, "kept"),))
    tally = data.tally()
    assert sum(cast("int", row[1]) for row in report.tabulate_outcomes(tally).rows) == len(frame)
    assert sum(cast("int", row[1]) for row in report.tabulate_rates(data.hours(), "hour").rows) == len(frame)
    for key in ("day", "week", "client", "direction", "environment"):
        assert sum(cast("int", row[1]) for row in report.tabulate_rates(tally, key).rows) == len(frame)
    for shown in (
        summary_of(data),
        report.tabulate_reasons(tally),
        report.tabulate_refusals(tally),
        report.tabulate_signs_of_life(report.look_for_life(data)),
        report.tabulate_attempts(data),
        report.tabulate_findings(data),
        report.tabulate_definitions(),
        report.tabulate_measures(),
        report.tabulate_funnels(tally),
        report.tabulate_deployments(()),
        report.tabulate_cost(tally),
        report.tabulate_cost(tally, "day"),
        report.tabulate_concurrency(data),
        report.tabulate_periods(tally),
        report.tabulate_durations(report.look_at_usage(data)),
        report.tabulate_emergencies(data, report.look_at_usage(data)),
        report.tabulate_parties(data, report.look_at_usage(data), "outgoing"),
        report.tabulate_delays((), ()),
        report.tabulate_rules(),
        data,
    ):
        assert shown._repr_html_()
        assert repr(shown)


def tables_of(data: CallData) -> dict[str, ReportTable]:
    """The tables of a report, by name."""
    life, used = report.look_for_life(data), report.look_at_usage(data)
    made = report.tables_of(data, report.compare_calls(data, ()), life, (), (), used)
    return {**made, "calls at once": report.tabulate_concurrency(data), "attempts": report.tabulate_attempts(data)}


def test_of_five_calls_only_what_says_something_is_a_table() -> None:
    """How they ended, why some were lost, and each of them; all the rest is a line, and its rows are exported."""
    tables = tables_of(CallData.of(frame_of(hundred_calls()[1:6]), "a test"))
    assert {name for name, table in tables.items() if "<table" in table._repr_html_()} == {
        "outcomes",
        "reasons",
        "attempts",
    }
    assert str(tables["rates-by-week"]) == "Left out, as 5 attempts say nothing of it: rates by week."
    assert len(tables["rates-by-week"].csv().splitlines()) > 1


def test_a_table_without_rows_is_a_line_that_says_of_what_there_is_none() -> None:
    """Of no call at all, too; a full log has every table that is not empty."""
    lines = {name: str(table) for name, table in tables_of(data_of()).items()}
    assert all(line.endswith(".") for line in lines.values())
    assert lines["emergencies"] == "No emergency call."
    assert lines["rates-by-day"] == "Left out, as there is no attempt: rates by day."
    full = tables_of(CallData.of(frame_of(hundred_calls()), "a test"))
    without = [name for name, table in full.items() if "<table" not in table._repr_html_()]
    assert set(without) == {
        *("deployments", "delays", "refusals", "called-numbers", "calling-numbers", "emergencies", "calls at once")
    }


def test_what_is_one_row_for_all_is_a_sentence() -> None:
    """What the calls of one phone cost, what the dial plan refused, and that no two calls met."""
    some = [{**one, "client": "lobby", "outcome": "answered"} for one in hundred_calls()[:20]]
    tables = tables_of(CallData.of(frame_of(some), "a test"))
    assert str(tables["cost-by-phone"]) == "0.20 USD for 20 attempts with a settled price, 0.0100 USD an attempt."
    assert str(tables_of(data_of(calls(["refused"] * 3, reason="premium")))["refusals"]) == (
        "Our own dial plan refused 3 attempts: premium."
    )
    assert str(tables["calls at once"]) == "There was never more than one answered call."


def test_a_name_that_looks_like_html_is_shown_as_a_name() -> None:
    """Phones' names come from a log, and are escaped everywhere."""
    data = data_of(calls(["answered"] * 60), calls(["failed"] * 60, "<script>"))
    assert "&lt;script&gt;" in summary_of(data)._repr_html_()
    assert "<script>" not in summary_of(data)._repr_html_()


def test_the_latest_attempts_come_first_and_the_rest_is_counted() -> None:
    """Twenty of them, newest first."""
    table = report.tabulate_attempts(data_of(calls(["busy"] * 30)))
    assert [row[0] for row in table.rows[:2]] == ["2026-03-03 14:00:00", "2026-03-03 13:00:00"]
    assert table.note == "The latest 20 of 30 attempts."


@pytest.mark.parametrize("code", sorted(OUTCOME_OF_CODE))
def test_every_code_that_decides_an_outcome_is_explained(code: str) -> None:
    """A report can explain it and give a repair."""
    assert CODES[code].meaning
    assert CODES[code].repair


@pytest.mark.parametrize("response", [*range(300, 306), *SIP_CODES, 499, 599, 699])
def test_every_sip_response_is_explained(response: int) -> None:
    """Those with an own explanation, and others by their class (4xx, 5xx, 6xx)."""
    explained = code_of(f"SIP {response}")
    assert explained.meaning
    assert explained.repair


def test_codes_of_one_kind_are_named_for_what_they_are_about() -> None:
    """Twilio adds codes for Event Streams; an unknown code has a link."""
    assert code_of("91399").meaning == "Event Streams could not deliver an event"
    assert code_of("913").meaning == "see Twilio's error dictionary"


def test_the_table_of_reasons_has_what_the_far_side_answered() -> None:
    """A call blocked by a carrier has its SIP response and the repair."""
    table = report.tabulate_reasons(data_of(calls(["failed"] * 3, reason="SIP 603")).tally())
    (row,) = table.rows
    assert row[:2] == ("failed", "SIP 603")
    assert "carrier" in str(row[2])
    assert "Trust Hub" in str(row[-1])


def test_every_outcome_has_a_meaning() -> None:
    """The table of outcomes can explain each."""
    assert set(MEANINGS) == set(OUTCOMES)


def test_calls_that_rang_on_or_came_by_the_fallback_are_told_beside_the_outcomes() -> None:
    """They are attempts with the outcome of their last step; a call that ended with a message has its own outcome."""
    went_on = calls(["answered", "busy"], reason="rang-on", direction="incoming")
    data = data_of(calls(["told"], reason="32009"), went_on, calls(["answered"], reason="fallback"))
    table = report.tabulate_outcomes(data.tally())
    assert [row[:2] for row in table.rows] == [("answered", 2), ("busy", 1), ("told", 1)]
    assert table.note == (
        "4 attempts in all, of which 2 rang-on (nobody answered at first: it rang on); "
        "1 fallback (reached by the fallback URL)."
    )
    lost = report.tabulate_reasons(data_of(calls(["fallback"], reason="11200")).tally())
    assert lost.rows[0][:4] == ("fallback", "11200", "the voice URL failed", 1)
