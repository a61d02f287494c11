"""Logs of calls other than events: Twilio's call records and alerts, and Asterisk's CDRs -> attempts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from dialtone_nb.calls.attempts.parts import EVERYTHING, Attempts
from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.attempts.schema import SCHEMA, sort_attempts
from dialtone_nb.calls.file_source.asterisk_cdr import Cdr, LocalNetwork, frame_cdrs
from dialtone_nb.calls.file_source.call_tables import MADE_SID, join_legs
from dialtone_nb.calls.file_source.times import undecided
from dialtone_nb.calls.twilio_source.call_records import TEXTS, Record, each_once, type_records
from dialtone_nb.calls.twilio_source.frame import frame_calls


@dataclass(frozen=True, slots=True)
class OtherLogs:
    """Call records, alerts and CDRs from files; `pages` has the address of each list page and of the next one."""

    calls: tuple[pl.DataFrame, ...] = ()
    alerts: tuple[Record, ...] = ()
    cdrs: tuple[Cdr, ...] = ()
    pages: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(len(calls) for calls in self.calls) or bool(self.cdrs)

    @classmethod
    def join(cls, several: Sequence[OtherLogs]) -> OtherLogs:
        """Several logs combined into one."""
        return cls(
            tuple(one for logs in several for one in logs.calls),
            tuple(one for logs in several for one in logs.alerts),
            tuple(one for logs in several for one in logs.cdrs),
            {uri: following for logs in several for uri, following in logs.pages.items()},
        )

    def frame(self, network: LocalNetwork, quality: Quality) -> pl.DataFrame:
        """The attempts in these logs, oldest first."""
        missing = sorted({one for one in self.pages.values() if one} - self.pages.keys())
        quality.note("pages whose next page is not there", "calls may be missing: fetch up to the last", len(missing))
        records = type_records(pl.concat([pl.DataFrame(schema=TEXTS), *self.calls]))
        for text in undecided(records["start_time"].drop_nulls().unique(maintain_order=True)):
            quality.note("dates that may have the day first or the month", "read with the month first", example=text)
        # First, because another file may tell the parent of a leg that one leaves without.
        records = join_legs(each_once(records, quality), quality)
        calls = frame_calls(records, self.alerts, phones=network.phones, quality=quality)
        # A call of a table without SIDs was given one of ours, which must not appear as Twilio's.
        is_made = pl.col("call_sid").str.starts_with(MADE_SID)
        calls = calls.with_columns(call_sid=pl.when(~is_made).then("call_sid"))
        cdrs = frame_cdrs(self.cdrs, network, quality)
        return sort_attempts(pl.concat([calls, cdrs]), "call_sid")


NO_OTHERS: Final = OtherLogs()


def join_attempts(
    events: Attempts, others: OtherLogs, network: Callable[[], LocalNetwork], quality: Quality
) -> Attempts:
    """The attempts of events and of other logs together, each call once.

    A call that is in both has its outcome and reason from the events, and its price from Twilio's record.
    """
    if not others:
        return events
    told = others.frame(network(), quality)
    logged = pl.concat([SCHEMA.to_frame(), *(part.read(EVERYTHING) for part in events.parts)])
    if not len(logged):
        return Attempts.of(told)
    sids = told["call_sid"].drop_nulls()
    both = logged.filter(pl.col("call_sid").is_in(sids.implode()).fill_null(False)).unique("call_sid", keep="last")
    quality.note("calls that events and Twilio's records tell of", "counted once", len(both))
    known = both.filter(~pl.col("outcome").is_in(["unknown", "in_progress"])).select(
        "call_sid", was="outcome", why="reason", lasted="duration_s", response="sip_response"
    )
    merged = (
        told.join(known, on="call_sid", how="left", maintain_order="left")
        .with_columns(
            outcome=pl.coalesce("was", "outcome"),
            reason=pl.when(pl.col("was").is_not_null()).then("why").otherwise("reason"),
            duration_s=pl.coalesce("duration_s", "lasted"),
            sip_response=pl.coalesce("sip_response", "response"),
        )
        .select(EVERYTHING)
    )
    alone = logged.filter(~pl.col("call_sid").is_in(sids.implode()).fill_null(False))
    return Attempts.of(sort_attempts(pl.concat([alone, merged]), "call_sid"))
