"""The tables of what calls were used for: durations, other parties, emergencies; and this period beside the last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pandas as pd

from dialtone_nb.calls.attempts.schema import DIRECTIONS, mask_parties, pandas_of
from dialtone_nb.calls.load import CallData
from dialtone_nb.calls.measures import usage
from dialtone_nb.calls.measures.before_after import change_words
from dialtone_nb.calls.measures.enough import left_out, too_few, too_few_attempts
from dialtone_nb.calls.measures.rates import days_of, rate_of
from dialtone_nb.calls.measures.usage import BANDS, Usage, merge_usage, tally_usage
from dialtone_nb.report.call_report.tables import moment_words
from dialtone_nb.report.report_table import Cell, ReportTable

PERIODS: Final = {7: "7 days", 30: "30 days"}
MOST_PARTIES: Final = 10


def look_at_usage(data: CallData) -> Usage:
    """What the calls were used for, in one pass over them."""
    return data.gather(tally_usage, merge_usage, usage.COUNTED)


def tabulate_durations(used: Usage) -> ReportTable:
    """Answered calls of a known duration by how long they were talked: calls, their share, and minutes."""
    bands = pandas_of(used.durations)
    rows: list[list[Cell]] = []
    for direction in DIRECTIONS:
        own = bands[bands["direction"] == direction].set_index("band")
        own = own[["attempts", "talk_s"]].reindex(list(BANDS), fill_value=0)
        calls = int(own["attempts"].sum())
        if calls:
            rows += [
                [direction, str(band), int(row["attempts"]), int(row["attempts"]) / calls, _minutes(row["talk_s"])]
                for band, row in own.iterrows()
            ]
            rows.append([direction, "all", calls, 1.0, _minutes(own["talk_s"].sum())])
    short = "Many calls of under 6 s are a sign of one-way audio, of a machine that answered, or of fraud."
    timed = int(bands["attempts"].sum())
    return ReportTable.of(
        ("direction", "talked", "answered calls", "share of the direction's", "minutes"),
        rows,
        short,
        empty="No answered call has a known duration.",
        left_out=left_out("durations", too_few(timed, noun="answered call")),
    )


def tabulate_parties(data: CallData, used: Usage, direction: str, most: int = MOST_PARTIES) -> ReportTable:
    """The numbers that most calls went to ("outgoing") or came from ("incoming"), and what they cost."""
    parties = pandas_of(used.parties)
    own = parties[parties["direction"] == direction]
    shown = own.head(most) if data.attempts.selection.show_numbers else mask_parties(own.head(most))
    rows = [
        (
            str(row["other_party"]),
            int(row["attempts"]),
            int(row["answered"]),
            _minutes(row["talk_s"]),
            f"{row['price_micros'] / 1e6:.2f} {row['currency']}".rstrip() if row["priced"] else None,
        )
        for row in shown.to_dict("records")
    ]
    note = f"The first {most} of {len(own):,}." if len(own) > most else ""
    named = "called number" if direction == "outgoing" else "calling number"
    return ReportTable.of(
        (named, "attempts", "answered", "minutes", "cost"),
        rows,
        note,
        empty=f"No {named} is known.",
        left_out=left_out(f"{named}s", too_few_attempts(data.tally())),
    )


def tabulate_emergencies(data: CallData, used: Usage, most: int = 50) -> ReportTable:
    """Each call to an emergency number or its test line, newest first."""
    frame = pandas_of(used.emergency)
    frame = frame.assign(started_at=frame["started_at"].dt.tz_convert(data.time_zone))
    rows = [
        (
            moment_words(row["started_at"]),
            row["environment"] if isinstance(row["environment"], str) else None,
            row["client"] if isinstance(row["client"], str) else None,
            str(row["other_party"]),
            str(row["outcome"]).replace("_", " "),
            None if pd.isna(row["duration_s"]) else int(row["duration_s"]),
            row["call_sid"] if isinstance(row["call_sid"], str) else None,
        )
        for row in frame.iloc[::-1].head(most).to_dict("records")
    ]
    note = f"The newest {most} of {len(frame):,}." if len(frame) > most else ""
    columns = (f"called at ({data.time_zone})", "environment", "phone", "number", "outcome", "seconds", "call SID")
    return ReportTable.of(columns, rows, note, empty="No emergency call.")


def tabulate_periods(tally: pd.DataFrame) -> ReportTable:
    """The last 7 and 30 days beside the 7 and 30 days before them, as far as the report reaches back."""
    rows = list(_periods(tally))
    short = "" if rows else f"there are fewer than {2 * min(PERIODS)} days"
    columns = ("period", "measure", "before", "last", "change")
    return ReportTable.of(columns, rows, left_out=left_out("the last week beside the one before", short))


def _periods(tally: pd.DataFrame) -> Iterator[tuple[Cell, ...]]:
    days = days_of(tally)
    for length, name in PERIODS.items():
        if len(days) < 2 * length:
            continue
        begin = days[-1] - pd.Timedelta(days=length - 1)
        last = tally[tally["day"] >= begin]
        before = tally[(tally["day"] < begin) & (tally["day"] >= begin - pd.Timedelta(days=length))]
        for measure in ("attempts", "talk_s"):
            was, now = int(before[measure].sum()), int(last[measure].sum())
            change = f"{now / was - 1:+.0%}" if was else None
            if measure == "talk_s":
                yield name, "minutes", _minutes(was), _minutes(now), change
            else:
                yield name, measure, was, now, change
        for rate in ("answered", "delivered"):
            was_rate, now_rate = rate_of(before, rate), rate_of(last, rate)
            yield name, f"{rate} rate", str(was_rate), str(now_rate), change_words(was_rate, now_rate)


def _minutes(seconds: float) -> int:
    return round(int(seconds) / 60)
