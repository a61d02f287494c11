"""Twilio's call records, alerts and function log -> one row per attempt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from dialtone_nb.calls.attempts.outcomes import FALLBACK, LOST, RANG_ON, outcome_of
from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.attempts.schema import SCHEMA, reason_of_sip, sip_response_of, sort_attempts
from dialtone_nb.calls.twilio_source.call_records import Record, sift_alerts, sift_calls
from dialtone_nb.values.phone_numbers import E164, is_e164
from dialtone_nb.values.sip import SIP_DOMAIN_SUFFIX, environment_of, global_domain, parse_sip_uri, without_separators

if TYPE_CHECKING:
    from dialtone_nb.parameters import Parameters

# Characters that can be dialled; and the scheme of a whole URI within a URI's user, as some softphones send it.
_DIALLED: Final = re.compile("[0-9+*#]+")
_SCHEME: Final = re.compile("^(?:sips?|tel):", re.I)
_SHORT_CODE: Final = re.compile(r"\+1?([0-9]{3})")
ANSWERED: Final = ("completed", "in-progress")


@dataclass(frozen=True, slots=True)
class Phone:
    """One of our phones: its name and environment."""

    client: str
    environment: str


def phones_by_number(declared: Parameters) -> dict[str, Phone]:
    """The phones of parameters/ by number."""
    return {number: Phone(name, declared.clients[name].environment) for number, name in declared.numbers.items()}


def frame_calls(
    records: pl.DataFrame,
    alerts: Iterable[Record],
    events: Iterable[Record] = (),
    *,
    phones: Mapping[str, Phone] | None = None,
    quality: Quality,
) -> pl.DataFrame:
    """One attempt per parent call among Twilio's call records, from its dialled legs, alerts and log events."""
    calls = sift_calls(records, quality)
    parent_sid = pl.col("parent_call_sid")
    is_leg = (parent_sid != "").fill_null(False)
    legs = calls.filter(is_leg)
    orphans = legs.filter(~parent_sid.is_in(calls["sid"].implode()))
    quality.note(
        "dialled legs whose parent call was not fetched",
        "left out: they belong to a call of an earlier day",
        len(orphans),
        next(iter(orphans["parent_call_sid"]), ""),
    )
    codes = _codes(alerts, quality)
    told = [event for event in events if event.get("call_sid")]
    known = (
        calls.filter(~is_leg)
        .join(_deciding_legs(legs), left_on="sid", right_on="parent_call_sid", how="left", maintain_order="left")
        .join(_costs(legs), left_on="sid", right_on="parent_call_sid", how="left", maintain_order="left")
        .with_columns(
            code=pl.coalesce(_looked_up("leg_sid", codes), _looked_up("sid", codes)),
            refusal=_looked_up("sid", _refusals(told)),
            sip_response=_looked_up("sid", _sip_responses(told)),
            mark=pl.coalesce(_looked_up("sid", _marks(told)), pl.when("rang_on").then(pl.lit(RANG_ON))),
        )
        .with_columns(sip_response=sip_response_of("sip_response"))
    )
    return sort_attempts(_attempts(known, phones or {}), "call_sid")


def _codes(alerts: Iterable[Record], quality: Quality) -> dict[str, str]:
    """The error code of each call with an alert; of several alerts, the first one's."""
    codes: dict[str, str] = {}
    for alert in sift_alerts(alerts, quality):
        codes.setdefault(alert.get("resource_sid") or "", str(alert.get("error_code") or ""))
    return {sid: code for sid, code in codes.items() if code}


def _refusals(events: Iterable[Record]) -> dict[str, str]:
    """The dial plan's reasons for refusing calls, by call SID."""
    return {
        event["call_sid"]: str(event.get("reason") or "dial plan")
        for event in events
        if str(event.get("event", "")).endswith("-refused")
    }


def _sip_responses(events: Iterable[Record]) -> dict[str, str]:
    """The last SIP response of the far side, by call SID; there may be several, as phones can ring in turn."""
    ends = [event for event in events if "-dialstatus-" in str(event.get("event", "")) and event.get("sip_response")]
    ends.sort(key=lambda event: str(event.get("timestamp") or ""))
    return {event["call_sid"]: str(event["sip_response"]) for event in ends}


def _marks(events: Iterable[Record]) -> dict[str, str]:
    """The mark of each call, by SID: told, fallback or rang-on, in this order of precedence."""
    marks: dict[str, str] = {}
    for word in (RANG_ON, FALLBACK, "told"):
        marks |= {
            event["call_sid"]: word
            for event in events
            if event.get("call_sid") and str(event.get("event", "")) in (f"outgoing-{word}", f"incoming-{word}")
        }
    return marks


def _looked_up(column: str, words: Mapping[str, str]) -> pl.Expr:
    """The entry in `words` for each text of a column; null if there is none."""
    if not words:
        return pl.lit(None, pl.String)
    return pl.col(column).replace_strict(words, default=None, return_dtype=pl.String)


def _deciding_legs(legs: pl.DataFrame) -> pl.DataFrame:
    """By parent, the leg that was answered, or else the last one dialled; and whether the call rang on.

    It rang on if a leg began after another one's end; legs that ring together begin at the same time.
    """
    rang_on = pl.col("begun").max().over("parent_call_sid") > pl.col("ended").min().over("parent_call_sid")
    named = legs.select(
        "parent_call_sid",
        "begun",
        leg_sid="sid",
        leg_status="status",
        leg_to="to",
        leg_seconds="seconds",
        rang_on=rang_on.fill_null(False),
    )
    if named["parent_call_sid"].is_duplicated().any():
        is_answered = pl.col("leg_status").is_in(ANSWERED)
        named = named.sort(is_answered, "begun", "leg_sid").unique("parent_call_sid", keep="last", maintain_order=True)
    return named.drop("begun")


def _costs(legs: pl.DataFrame) -> pl.DataFrame:
    """By parent, the sum of its legs' prices, how many of these are still unknown, and the currency."""
    unit = pl.col("price_unit")
    return legs.group_by("parent_call_sid", maintain_order=True).agg(
        legs_amount=pl.col("amount").sum(),
        legs_open=pl.col("amount").null_count(),
        legs_unit=unit.filter(unit != "").first(),
    )


def _attempts(calls: pl.DataFrame, phones: Mapping[str, Phone]) -> pl.DataFrame:
    """The attempts of parent calls that have been joined with deciding legs, costs, error codes and refusals."""
    has_leg = pl.col("leg_sid").is_not_null()
    is_placed = (pl.col("direction") == "outbound-api").fill_null(False)
    calls = calls.with_columns(
        # A call that the API placed is its own leg.
        is_dialled=has_leg | is_placed,
        last_status=pl.coalesce("leg_status", "status"),
        rung=pl.when(has_leg).then("leg_to").when(is_placed).then("to"),
        dialled=pl.when(has_leg).then("leg_to").otherwise("to"),
    ).pipe(_judged)
    # The price of all legs together, positive; unknown until all of them have settled.
    is_open = pl.col("amount").is_null() | (pl.col("legs_open").fill_null(0) > 0)
    unexplained_by_sip = pl.when(pl.col("outcome") == "failed").then(reason_of_sip("sip_response"))
    price = (-(pl.col("amount") + pl.col("legs_amount").fill_null(0))).round(6) + 0.0
    return (
        calls.hstack(_ends(calls, phones))
        .select(
            call_sid="sid",
            started_at="begun",
            environment="environment",
            client="client",
            direction="way",
            other_party="other_party",
            outcome="outcome",
            reason=pl.coalesce("reason", unexplained_by_sip),
            sip_response="sip_response",
            duration_s=pl.when(has_leg & (pl.col("outcome") == "answered")).then("leg_seconds"),
            price=pl.when(~is_open).then(price),
            currency=pl.coalesce(pl.when(pl.col("price_unit") != "").then("price_unit"), "legs_unit"),
        )
        .cast(SCHEMA)
    )


def _judged(calls: pl.DataFrame) -> pl.DataFrame:
    """The calls with outcome and reason, which are worked out once for each combination of status, code and refusal."""
    by = ["last_status", "is_dialled", "code", "refusal", "mark"]
    met = calls.select(by).unique()
    judged = [
        _judge(status, dialled, code or "", refusal or "", mark or "")
        for status, dialled, code, refusal, mark in met.iter_rows()
    ]
    said = pl.DataFrame(judged, schema={"outcome": pl.String, "reason": pl.String}, orient="row")
    return calls.join(met.hstack(said), on=by, how="left", nulls_equal=True, maintain_order="left")


def _judge(status: str, is_dialled: bool, code: str, refusal: str, mark: str) -> tuple[str, str | None]:
    if refusal:
        return "refused", refusal
    # The legs before the words give the reason why these were spoken, and not the outcome.
    if (mark == "told" and not (is_dialled and status in ANSWERED)) or (mark == FALLBACK and not is_dialled):
        return mark, code or None
    # Without a leg, `completed` says only that our TwiML was carried out.
    if status == "completed" and not is_dialled:
        return (outcome_of("failed", code), code) if code else ("unknown", None)
    outcome = outcome_of(status, code)
    return outcome, (code if outcome in LOST else mark or code) or None


def _ends(calls: pl.DataFrame, phones: Mapping[str, Phone]) -> pl.DataFrame:
    """Direction, phone, environment and other party of each call.

    A call from a Twilio SIP domain is outgoing, and the user part of its URI is the phone.
    """
    caller = _addresses(calls["from"])
    is_outgoing = caller["host"].str.ends_with(SIP_DOMAIN_SUFFIX).fill_null(False) | (
        calls["direction"] == "trunking-originating"
    ).fill_null(False)
    rung = _addresses(calls["rung"].set(is_outgoing, None))
    # An incoming call without a leg was for the phone whose number was called.
    owner = _looked_up("to", {number: phone.client for number, phone in phones.items()})
    home = _looked_up("to", {number: phone.environment for number, phone in phones.items()})
    from_us = pl.when(is_outgoing)
    return calls.select(
        way=from_us.then(pl.lit("outgoing")).otherwise(pl.lit("incoming")),
        client=from_us.then(caller["user"]).otherwise(pl.coalesce(rung["user"], owner)),
        environment=from_us.then(caller["environment"]).otherwise(pl.coalesce(rung["environment"], home)),
        other_party=_parties(calls.select(from_us.then("dialled").otherwise("from")).to_series()),
    )


def _addresses(addresses: pl.Series) -> pl.DataFrame:
    """User, host and environment of each SIP URI, null if missing; each distinct address is parsed once."""
    found = addresses.unique().drop_nulls()
    parsed = [(user or None, global_domain(host), environment_of(host)) for user, host in map(parse_sip_uri, found)]
    names = {"user": pl.String, "host": pl.String, "environment": pl.String}
    known = found.to_frame("address").hstack(pl.DataFrame(parsed, schema=names, orient="row"))
    return addresses.to_frame("address").join(known, on="address", how="left", maintain_order="left").drop("address")


def _parties(addresses: pl.Series) -> pl.Series:
    """The other party of each call: a number, or the essential part of an address."""
    odd = addresses.filter(~addresses.str.contains(f"^{E164.pattern}$")).unique()
    return addresses.replace(odd, [_party(address) for address in odd]) if len(odd) else addresses


def _party(address: str) -> str | None:
    if not address or is_e164(address):
        return address or None
    user, host = parse_sip_uri(address)
    if host and not global_domain(host).endswith(SIP_DOMAIN_SUFFIX):
        return f"{user}@{host}"
    # Normalise dialled digits, and short codes in E.164 form: 503-555-0190 is 5035550190, +1911 is 911.
    party = _SCHEME.sub("", user) if host else address
    dialled = without_separators(party)
    if not _DIALLED.fullmatch(dialled):
        return party
    short = _SHORT_CODE.fullmatch(dialled)
    return short[1] if short else dialled
