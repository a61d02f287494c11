"""Twilio's call records, alerts and function log become one row per attempt."""

from typing import Any

import pandas as pd
import pytest

from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.attempts.schema import COLUMNS, make_frame, mask_parties, pandas_of
from dialtone_nb.calls.twilio_source.call_records import CallPage, records_of
from dialtone_nb.calls.twilio_source.frame import Phone, frame_calls
from dialtone_nb.values.sip import environment_of

PROD = "dialtone-example-prod.sip.twilio.com"


def call(sid: str, **fields: Any) -> dict[str, Any]:
    """A call record as Twilio lists it: a parent that came from the lobby's phone and completed."""
    return {
        "sid": sid,
        "parent_call_sid": None,
        "from": f"sip:lobby@{PROD}",
        "to": f"sip:5035550199@{PROD}",
        "status": "completed",
        "direction": "inbound",
        "start_time": "Mon, 02 Mar 2026 09:00:00 +0000",
        "date_created": "Mon, 02 Mar 2026 09:00:00 +0000",
        "duration": "40",
        "price": "-0.00400",
        "price_unit": "USD",
        **fields,
    }


def leg(sid: str, parent: str = "CA1", **fields: Any) -> dict[str, Any]:
    """A dialled child call."""
    known = {"parent_call_sid": parent, "from": "+15035550103", "to": "+15035550199", "direction": "outbound-dial"}
    return call(sid, **{**known, "duration": "31", "price": "-0.01300", **fields})


def alert(code: int, sid: str) -> dict[str, Any]:
    """A warning about a call."""
    return {"sid": f"NO{code}", "error_code": str(code), "resource_sid": sid, "date_created": "2026-03-02T09:00:01Z"}


def attempts(*calls: dict[str, Any], alerts: Any = (), events: Any = (), phones: Any = None) -> pd.DataFrame:
    """The attempts of these records."""
    quality = Quality()
    return pandas_of(
        frame_calls(records_of([CallPage(calls)], quality), alerts, events, phones=phones, quality=quality)
    )


@pytest.mark.parametrize(
    ("to", "party"),
    [
        (f"sip:503-555-0199@{PROD}", "5035550199"),
        (f"sip:%2B1%20503%20555%200199@{PROD};user=phone", "+15035550199"),
        (f"sip:+1911@{PROD}", "911"),
        (f"sip:9-1-1@{PROD}", "911"),
        (f"sip:sip:+1988@{PROD};user=phone@{PROD}", "988"),
        (f"sip:+10@{PROD}", "+10"),
        (f"sip:%23@{PROD}", "#"),
        (f"sip:front-desk@{PROD}", "front-desk"),
        ("sip:503-555@pbx.example.org", "503-555@pbx.example.org"),
    ],
)
def test_what_a_phone_dialled_is_shown_in_its_plain_form(to: str, party: str) -> None:
    """However it was written; a phone's name and another server's address stay as they are."""
    assert attempts(call("CA1", to=to)).iloc[0]["other_party"] == party


@pytest.mark.parametrize(("number", "party"), [("+1911", "911"), ("+1933", "933"), ("+15035550199", "+15035550199")])
def test_an_emergency_leg_is_the_code_that_was_dialled(number: str, party: str) -> None:
    """Twilio gets +1911, which a report shows as 911 and does not hide."""
    frame = attempts(call("CA1", to=f"sip:911@{PROD}"), leg("CA2", to=number))
    assert frame.iloc[0]["other_party"] == party
    assert mask_parties(frame).iloc[0]["other_party"] == (party if len(party) == 3 else "+1503555••••")


def test_a_parent_and_its_leg_are_one_attempt() -> None:
    """Caller, called party, outcome, duration, and the price of both legs together."""
    row = attempts(call("CA1"), leg("CA2")).iloc[0].to_dict()
    assert row == {
        "call_sid": "CA1",
        "started_at": pd.Timestamp("2026-03-02T09:00:00Z"),
        "environment": "prod",
        "client": "lobby",
        "direction": "outgoing",
        "other_party": "+15035550199",
        "outcome": "answered",
        "reason": pytest.approx(float("nan"), nan_ok=True),
        "sip_response": None,
        "duration_s": 31,
        "price": 0.017,
        "currency": "USD",
    }


@pytest.mark.parametrize(
    "from_",
    [
        "sip:lobby@dialtone-example-prod.sip.ashburn.twilio.com:5061;transport=tls",
        "sips:%6Cobby@DIALTONE-example-prod.sip.us1.twilio.com",
        '"Lobby" <sip:lobby:secret@dialtone-example-prod.sip.twilio.com.>',
    ],
)
def test_a_phone_at_an_edge_is_the_same_phone(from_: str) -> None:
    """A localised SIP domain name, a port, an escape or a password in From does not matter."""
    row = attempts(call("CA1", **{"from": from_}), leg("CA2")).iloc[0]
    assert (row["client"], row["environment"], row["direction"]) == ("lobby", "prod", "outgoing")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("completed", "answered"),
        ("busy", "busy"),
        ("no-answer", "no_answer"),
        ("canceled", "canceled"),
        ("failed", "failed"),
        ("ringing", "in_progress"),
        ("something-new", "unknown"),
    ],
)
def test_the_leg_decides_whatever_the_parent_says(status: str, outcome: str) -> None:
    """A completed parent proves nothing."""
    assert attempts(call("CA1"), leg("CA2", status=status))["outcome"].tolist() == [outcome]


@pytest.mark.parametrize("sid", ["CA1", "CA2"], ids=["parent", "leg"])
def test_a_warning_on_either_leg_tells_why(sid: str) -> None:
    """A 32009 on the parent or the leg makes an unanswered call one to an unregistered phone."""
    row = attempts(call("CA1"), leg("CA2", status="no-answer"), alerts=[alert(32009, sid)]).iloc[0]
    assert (row["outcome"], row["reason"]) == ("unregistered", "32009")


def test_the_log_tells_what_the_far_side_answered_by_sip() -> None:
    """The last SIP response counts if phones ring in sequence; it is the reason if there is no error code."""
    ends = [
        {"event": f"incoming-dialstatus-{status}", "call_sid": "CA1", "timestamp": at, "sip_response": response}
        for status, at, response in (("failed", "2026-03-02T09:00:30Z", "503"), ("busy", "2026-03-02T09:00:20Z", "486"))
    ]
    row = attempts(call("CA1"), leg("CA2", status="failed"), events=ends).iloc[0]
    assert (row["outcome"], row["sip_response"], row["reason"]) == ("failed", 503, "SIP 503")
    row = attempts(call("CA1"), leg("CA2", status="failed"), events=ends, alerts=[alert(13224, "CA2")]).iloc[0]
    assert (row["sip_response"], row["reason"]) == (503, "13224")


def test_a_parent_that_dialled_nothing_is_unknown_until_the_log_says_refused() -> None:
    """The outcome is unknown until the function's own event says that the dial plan refused the call, and why."""
    assert attempts(call("CA1"))["outcome"].tolist() == ["unknown"]
    refusal = {"event": "outgoing-refused", "call_sid": "CA1", "reason": "premium"}
    row = attempts(call("CA1"), events=[refusal]).iloc[0]
    assert (row["outcome"], row["reason"]) == ("refused", "premium")


def test_a_parent_that_an_error_kept_from_dialling_is_failed_for_that_reason() -> None:
    """If the voice URL failed, no leg was dialled, and the alert is the reason."""
    row = attempts(call("CA1"), alerts=[alert(11200, "CA1")]).iloc[0]
    assert (row["outcome"], row["reason"]) == ("failed", "11200")


def test_the_answered_one_of_several_legs_decides() -> None:
    """If several phones rang, the one that answered is the outcome."""
    frame = attempts(call("CA1"), leg("CA2"), leg("CA3", status="no-answer"))
    assert frame["outcome"].tolist() == ["answered"]


def test_an_incoming_call_belongs_to_the_phone_that_it_rang_or_whose_number_it_was() -> None:
    """The leg has the phone's name; without a leg, the called number identifies it."""
    incoming = call("CA1", **{"from": "+15035550177", "to": "+15035550103"})
    ringing = leg("CA2", to=f"sip:lobby@{PROD}", status="busy")
    rung = attempts(incoming, ringing).iloc[0]
    assert (rung["direction"], rung["client"], rung["environment"]) == ("incoming", "lobby", "prod")
    assert rung["other_party"] == "+15035550177"
    owned = attempts(incoming, phones={"+15035550103": Phone("lobby", "prod")}).iloc[0]
    assert (owned["client"], owned["environment"]) == ("lobby", "prod")
    assert attempts(incoming)["client"].isna().all()


def test_a_call_placed_through_the_api_is_its_own_leg() -> None:
    """A test call rings a phone without a child call; completed means that somebody answered."""
    ringing = call("CA1", **{"from": "+15035550103", "to": f"sip:lobby@{PROD}", "direction": "outbound-api"})
    row = attempts(ringing).iloc[0]
    assert (row["direction"], row["client"], row["outcome"]) == ("incoming", "lobby", "answered")


def test_a_price_is_unknown_until_every_leg_is_settled() -> None:
    """Prices arrive late, and a partial sum would be too low."""
    assert attempts(call("CA1"), leg("CA2", price=None))["price"].isna().all()


def test_a_leg_without_its_parent_is_counted_and_left_out() -> None:
    """A leg whose parent started on an earlier day is no attempt of its own."""
    quality = Quality()
    assert frame_calls(records_of([CallPage([leg("CA2", parent="CA9")])], quality), [], quality=quality).is_empty()
    assert [finding.count for finding in quality.findings()] == [1]


def test_other_peoples_numbers_are_hidden_and_service_codes_are_not() -> None:
    """The last four digits are masked; 911 and the trunk's codes are shown."""
    parties = ["+15035550199", "911", "+1911", "#", "menu@pbx.example.org", None, "5035550199"]
    frame = make_frame({"other_party": parties, "outcome": ["busy"] * 7, "direction": ["outgoing"] * 7})
    hidden = mask_parties(frame)["other_party"].fillna("").tolist()
    assert hidden == ["+1503555••••", "911", "+1911", "#", "menu@pbx.example.org", "", "503555••••"]


@pytest.mark.parametrize(
    ("domain", "environment"),
    [
        *((PROD, "prod"), ("dialtone-nonemergency-stage.sip.twilio.com", "stage"), ("pbx.example.org", None)),
        *(
            ("dialtone-example-prod.sip.ashburn.twilio.com", "prod"),
            ("prod.sip.twilio.com.example.org", None),
            ("", None),
        ),
    ],
)
def test_a_sip_domains_last_word_is_the_environment(domain: str, environment: str | None) -> None:
    """Names of environments have no dash, so it is the part after the last dash."""
    assert environment_of(domain) == environment


def test_an_empty_frame_has_every_column() -> None:
    """Without calls the frame has no rows, and no error is raised."""
    frame = attempts()
    assert list(frame.columns) == list(COLUMNS)
    assert frame.empty


def test_an_outcome_that_is_none_of_ours_is_an_error() -> None:
    """A misspelt outcome is rejected."""
    with pytest.raises(ValueError, match="hung_up"):
        make_frame({"outcome": ["hung_up"], "direction": ["outgoing"]})


OWNERS = {"+15035550103": Phone("hall", "prod")}
AT_OWNER = {"from": "+15035550177", "to": "+15035550103"}
LATER = {"start_time": "Mon, 02 Mar 2026 09:00:20 +0000", "end_time": "Mon, 02 Mar 2026 09:01:00 +0000"}
EARLIER = {"end_time": "Mon, 02 Mar 2026 09:00:19 +0000"}


def went_on(*legs: dict[str, Any], events: Any = (), alerts: Any = ()) -> list[list[Any]]:
    """Phone, outcome and reason of each attempt for a call to the hall's number."""
    frame = attempts(call("CA1", **AT_OWNER), *legs, events=events, alerts=alerts, phones=OWNERS)
    return frame[["client", "outcome", "reason"]].astype(object).where(frame.notna(), None).values.tolist()


def ring(sid: str, to: str, status: str, **fields: Any) -> dict[str, Any]:
    """A leg of a call to the hall."""
    return leg(sid, to=to if to.startswith("+") else f"sip:{to}@{PROD}", status=status, **fields)


def said(word: str, **more: Any) -> dict[str, Any]:
    """The events that our functions logged for the call."""
    return {"event": f"incoming-{word}", "call_sid": "CA1", **more}


def test_a_call_that_rang_on_is_one_attempt_with_the_outcome_of_its_last_step() -> None:
    """A leg that begins after another's end is a further attempt to ring, with or without log events."""
    first = ring("CA2", "hall", "no-answer", **EARLIER)
    assert went_on(first, ring("CA3", "office", "completed", **LATER)) == [["office", "answered", "rang-on"]]
    assert went_on(first, ring("CA3", "+12065550144", "busy", **LATER)) == [["hall", "busy", "rang-on"]]
    absent = ring("CA3", "office", "no-answer", **LATER)
    assert went_on(first, absent, alerts=[alert(32009, "CA3")]) == [["office", "unregistered", "32009"]]


def test_phones_that_ring_together_have_not_rung_on() -> None:
    """Their legs begin together; the function's event is better evidence than times in seconds."""
    both = ring("CA2", "hall", "canceled", **EARLIER), ring("CA3", "office", "completed")
    assert went_on(*both) == [["office", "answered", None]]
    assert went_on(*both, events=[said("rang-on")]) == [["office", "answered", "rang-on"]]


def test_a_caller_who_was_told_is_one_attempt() -> None:
    """The message is the last step, and the leg before gives the reason."""
    rang = ring("CA2", "hall", "no-answer", **EARLIER)
    assert went_on(rang, events=[said("told")]) == [["hall", "told", None]]
    assert went_on(rang, events=[said("told")], alerts=[alert(32009, "CA2")]) == [["hall", "told", "32009"]]
    assert went_on(events=[said("told")]) == [["hall", "told", None]]


def test_a_call_that_came_by_the_fallback_says_so() -> None:
    """Answered, lost, or told by the fallback that the line is being repaired."""
    asked, failed = [said("fallback", error_code="11200")], [alert(11200, "CA1")]
    assert went_on(ring("CA2", "hall", "completed"), events=asked, alerts=failed) == [["hall", "answered", "fallback"]]
    assert went_on(events=asked, alerts=failed) == [["hall", "fallback", "11200"]]
    lost = ring("CA2", "hall", "no-answer")
    assert went_on(lost, events=asked, alerts=[alert(32009, "CA2")]) == [["hall", "unregistered", "32009"]]
