"""Carrying out calls: what is heard, and the records, alerts and webhooks that result."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from dialtone_nb.rehearsal import Rehearsal
from dialtone_nb.rehearsal.exchange import webhooks
from tests.rehearsal.doors import Door
from tests.rehearsal.network import BOTH, DOMAIN, FRIEND, LOBBY, NUMBER, PSTN, Network


def test_answered_call_leaves_parent_and_child(network: Network) -> None:
    """A phone that calls a number leaves an inbound parent and an outbound-dial child, both completed."""
    network.answers(PSTN)
    told = network.dial(answer_after=4, talk=25)
    parent = network.client.calls(told["call_sid"]).fetch()
    (child,) = network.client.calls.list(parent_call_sid=parent.sid)
    assert (parent.direction, parent.status, parent.duration) == ("inbound", "completed", "25")
    assert (parent._from, parent.to) == (f"sip:lobby@{DOMAIN}", f"sip:5035550199@{DOMAIN}")
    assert (child.direction, child.status, child.duration) == ("outbound-dial", "completed", "25")
    assert (child._from, child.to, child.to_formatted) == (NUMBER, "+15035550199", "(503) 555-0199")
    assert parent.parent_call_sid is None
    assert (parent.end_time - parent.start_time).total_seconds() == 29
    assert told["children"][0]["call_sid"] == child.sid
    assert network.alerts() == []


def test_time_that_passes_while_a_call_begins_does_not_stop_it(
    network: Network, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Advancing the clock waits for a call that is starting, whose functions may take time."""
    network.answers(PSTN)
    exchange, door = rehearsal.served.exchange, Door(rehearsal)
    begin, pass_time, asked = exchange._begin, exchange.pass_time, threading.Event()

    async def passing(seconds: float) -> None:
        asked.set()
        await pass_time(seconds)

    def beginning(*what: Any) -> Any:
        waiting.append(pool.submit(door.control, "POST", "/clock", json={"advance_s": 60}))
        assert asked.wait(20)
        return begin(*what)

    monkeypatch.setattr(exchange, "pass_time", passing)
    monkeypatch.setattr(exchange, "_begin", beginning)
    waiting: list[Future[Any]] = []
    with ThreadPoolExecutor(1) as pool:
        call = network.dial(talk=10)
        assert (call["status"], call["alerts"]) == ("completed", [])
        (clock,) = waiting
        # A second between calls, too.
        assert clock.result()["seconds"] - network.client.calls(call["call_sid"]).fetch().end_time.timestamp() == 61
    door.session.close()


def test_price_is_null_until_it_has_settled(network: Network) -> None:
    """A call's price is null at first; after half an hour it is negative, in USD, by started minutes."""
    network.answers(PSTN)
    sid = network.dial(talk=61)["children"][0]["call_sid"]
    call = network.client.calls(sid)
    assert (call.fetch().price, call.fetch().price_unit) == (None, "USD")
    network.door.control("POST", "/clock", json={"advance_s": 1900})
    assert float(call.fetch().price) == pytest.approx(-2 * 0.014)
    assert call.fetch().date_updated > call.fetch().end_time


@BOTH
def test_webhook_has_every_parameter_of_a_sip_call(network: Network, rehearsal: Rehearsal, twilio: str) -> None:
    """A SIP domain's voice URL gets the call's parameters; the authenticated user is only documented."""
    network.answers("<Say>hello</Say>")
    told = network.dial()
    (event,) = network.received("voice")
    sent = {name: value for name, value in event.items() if name != "request"}
    sid = network.client.sip.domains.list()[0].sid
    ends = {"From": told["from"], "Caller": told["from"], "To": told["to"], "Called": told["to"]}
    assert sent.pop("SipCallId")
    assert sent == ends | {
        "AccountSid": rehearsal.account_sid,
        "ApiVersion": "2010-04-01",
        "CallSid": told["call_sid"],
        "CallStatus": "ringing",
        "Direction": "inbound",
        "SipDomain": DOMAIN,
        "SipDomainSid": sid,
        "SipSourceIp": "192.0.2.10",
    } | ({"SipUsername": "lobby"} if twilio == "documented" else {})
    assert event["request"]["headers"]["x-twilio-signature"]


def test_webhook_has_the_places_of_a_call_to_a_number(network: Network) -> None:
    """A number's voice URL gets the locations of both ends."""
    network.answers("<Say>hello</Say>")
    network.door.call(from_=FRIEND, to=NUMBER)
    (event,) = network.received("voice")
    assert (event["From"], event["To"], event["Direction"]) == (FRIEND, NUMBER, "inbound")
    assert (event["FromCity"], event["ToState"], event["CalledCountry"]) == ("NEW YORK", "OR", "US")
    assert event["StirVerstat"].startswith("TN-Validation-Passed")
    assert "SipUsername" not in event


def test_what_is_dialled_is_escaped_in_the_uri(network: Network) -> None:
    """If a phone dials #, To has %23, as at Twilio."""
    network.answers("<Say>menu</Say>")
    assert network.door.call(client="lobby", dial="#")["to"] == f"sip:%23@{DOMAIN}"


@pytest.mark.parametrize(
    ("far_side", "status", "sip"),
    [
        ({}, "completed", 200),
        ({"busy": True}, "busy", 486),
        ({"no_answer": True}, "no-answer", 487),
        ({"answer_after": 31}, "no-answer", 487),
        ({"unreachable": True}, "failed", 408),
    ],
)
def test_action_is_told_how_the_dial_ended(network: Network, far_side: dict[str, Any], status: str, sip: int) -> None:
    """The Dial's action gets DialCallStatus, DialCallSid and the SIP response; its TwiML is executed."""
    network.door.control("POST", "/clients/lobby", json={"registered": True})
    network.answers(LOBBY, done="<Say>the end</Say>")
    told = network.door.call(from_=FRIEND, to=NUMBER, **far_side)
    (event,) = network.received("done")
    (child,) = told["children"]
    assert (event["DialCallStatus"], event["DialCallSid"], child["status"]) == (status, child["call_sid"], status)
    assert event["DialBridged"] == ("true" if status == "completed" else "false")
    assert event["DialSipResponseCode"] == str(sip)
    assert event.get("DialCallDuration") == ("30" if status == "completed" else None)
    assert told["heard"] == ["the end"]
    assert told["status"] == "completed"


def test_nobody_waits_longer_than_the_timeout(network: Network) -> None:
    """An unanswered target rings for the Dial's timeout."""
    network.answers(f'<Dial callerId="{NUMBER}" timeout="12">+15035550199</Dial>')
    told = network.dial(no_answer=True)
    child = network.client.calls(told["children"][0]["call_sid"]).fetch()
    assert (child.end_time - child.start_time).total_seconds() == 12


def test_nobody_talks_longer_than_the_time_limit(network: Network) -> None:
    """A call is ended by timeLimit, with warning 32015 on the leg."""
    network.answers(f'<Dial callerId="{NUMBER}" timeLimit="60">+15035550199</Dial>')
    told = network.dial(talk=500)
    assert told["children"][0]["duration_s"] == 60
    assert [(a["code"], a["resource_sid"]) for a in told["alerts"]] == [(32015, told["children"][0]["call_sid"])]


@BOTH
def test_caller_who_hangs_up_cancels_the_leg(network: Network, twilio: str) -> None:
    """Both legs are canceled; the action is requested as documented, its answer ignored, or not, as recorded.

    Both request the leg's own status callback.
    """
    network.answers(PSTN, done="<Say>nobody hears this</Say>")
    told = network.dial(cancel_after=2)
    assert (told["status"], told["children"][0]["status"], told["heard"]) == ("canceled", "canceled", [])
    statuses = [event["DialCallStatus"] for event in network.received("done")]
    assert statuses == (["canceled"] if twilio == "documented" else [])


@BOTH
def test_caller_who_hangs_up_after_an_answer_has_the_action_asked(network: Network) -> None:
    """Without answerOnBridge the call is answered before the target rings, and the action is requested (recorded)."""
    network.answers(PSTN.replace("true", "false"), done="<Say>nobody hears this</Say>")
    assert network.dial(cancel_after=2)["status"] == "completed"
    (event,) = network.received("done")
    assert (event["DialCallStatus"], event["CallStatus"]) == ("canceled", "completed")
    assert "DialCallDuration" not in event


def test_without_answer_on_bridge_the_parent_is_answered_at_once(network: Network) -> None:
    """Without answerOnBridge the caller pays for the ringing; with it the call lasts from the answer."""
    network.answers(PSTN)
    assert network.dial(answer_after=10, talk=20)["duration_s"] == 20
    network.answers(PSTN.replace("true", "false"))
    assert network.dial(answer_after=10, talk=20)["duration_s"] == 30
    assert network.dial(cancel_after=2)["status"] == "completed"


def test_verbs_are_carried_out_in_order(network: Network) -> None:
    """Say, Play, Pause and tones are executed in order, each with its duration."""
    network.answers('<Say loop="2">one</Say><Pause length="7"/><Play>https://example.com/a.mp3</Play><Say>two</Say>')
    told = network.dial()
    assert told["heard"] == ["one", "one", "(plays https://example.com/a.mp3)", "two"]
    assert told["duration_s"] == 1 + 1 + 7 + 5 + 1


def test_document_goes_on_after_a_dial_without_action(network: Network) -> None:
    """Without an action the next verb follows."""
    network.answers(f'<Dial callerId="{NUMBER}">+15035550199</Dial><Say>after</Say><Hangup/><Say>never</Say>')
    assert network.dial(busy=True)["heard"] == ["after"]


def test_redirect_is_followed(network: Network) -> None:
    """Its URL is relative to the first document's."""
    network.answers("<Say>first</Say><Redirect>done</Redirect><Say>never</Say>", done="<Say>second</Say>")
    assert network.dial()["heard"] == ["first", "second"]


def test_redirecting_in_a_circle_ends(network: Network) -> None:
    """A document that redirects to itself ends with an alert."""
    network.answers("<Redirect/>")
    assert [alert["code"] for alert in network.dial()["alerts"]] == [11215]


@pytest.mark.parametrize(("reason", "status"), [("", "no-answer"), (' reason="busy"', "busy")])
def test_rejected_call_is_never_answered(network: Network, reason: str, status: str) -> None:
    """A call rejected by its first verb is not answered and costs nothing."""
    network.answers(f"<Reject{reason}/>")
    told = network.dial()
    assert (told["status"], told["answered"], told["duration_s"]) == (status, False, 0)
    network.door.control("POST", "/clock", json={"advance_s": 1900})
    assert network.client.calls(told["call_sid"]).fetch().price is None


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        ("{}", "application/json", 12300),
        ("<Response", "text/xml", 12100),
        ("<html/>", "text/html", 12102),
        (" ", "text/xml", 11770),
    ],
)
def test_document_that_is_none_is_an_application_error(
    network: Network, body: str, content_type: str, code: int
) -> None:
    """Other content raises its alert, with request and response, and the caller hears of an application error."""
    network.answers(body, content_type=content_type)
    told = network.dial()
    assert [alert["code"] for alert in told["alerts"]] == [code]
    assert "application error" in told["heard"][0]
    fetched = network.client.monitor.v1.alerts(told["alerts"][0]["sid"]).fetch()
    assert (fetched.request_method, fetched.resource_sid) == ("POST", told["call_sid"])
    assert "CallSid" in fetched.request_variables
    assert fetched.response_body == body


def test_plain_text_is_spoken(network: Network) -> None:
    """A text/plain document is read out."""
    network.answers("good evening", content_type="text/plain")
    assert network.dial()["heard"] == ["good evening"]


def test_not_modelled_verb_raises_a_visible_alert(network: Network) -> None:
    """An unmodelled verb raises an error with a code of ours, and the call continues."""
    network.answers("<Pay/><Say>after</Say>")
    told = network.dial()
    assert [(alert["code"], alert["level"]) for alert in told["alerts"]] == [(20501, "error")]
    assert "<Pay>" in told["alerts"][0]["message"]
    assert told["heard"] == ["after"]


def test_function_that_fails_is_two_alerts_and_a_fallback(network: Network) -> None:
    """A failing voice URL raises 11200 on the call beside the function's alert; the fallback URL is requested."""
    client, base = network.client, f"https://{network.live.domain_name}"
    domain = client.sip.domains(client.sip.domains.list()[0].sid)
    domain.update(voice_url=f"{base}/broken", voice_fallback_url=f"{base}/done")
    network.answers("", done="<Say>fallback</Say>")
    told = network.dial()
    assert (told["heard"], [alert["code"] for alert in told["alerts"]]) == (["fallback"], [11200])
    assert network.received("done")[0]["ErrorCode"] == "11200"
    assert "82002" in [alert.error_code for alert in client.monitor.v1.alerts.list()]


@pytest.mark.parametrize(
    "url", ["https://phones-0000-stage.twil.io/voice", "https://example.com/voice", "http://127.0.0.1:9/"]
)
def test_webhook_that_cannot_be_asked(network: Network, url: str) -> None:
    """A deleted service's URL, another machine's, and a closed port raise an HTTP alert."""
    domain = network.client.sip.domains.list()[0].sid
    network.client.sip.domains(domain).update(voice_url=url)
    assert network.dial()["alerts"][0]["code"] in {11200, 11205}


def test_webhook_that_is_not_answered_in_time(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts the connection and sends nothing: 11205, with Twilio's message."""
    monkeypatch.setattr(webhooks, "BUDGET_S", 0.2)
    domain = network.client.sip.domains.list()[0].sid
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/voice"
        network.client.sip.domains(domain).update(voice_url=url)
        (alert,) = network.dial()["alerts"]
    assert (alert["code"], alert["message"]) == (11205, "HTTP Connection Failure - Read timed out")


def test_status_callbacks_come(network: Network) -> None:
    """The domain's status callback gets the end of the call; a target's gets the events it asked for."""
    base = f"https://{network.live.domain_name}"
    network.client.sip.domains(network.client.sip.domains.list()[0].sid).update(
        voice_status_callback_url=f"{base}/done"
    )
    events = "initiated ringing answered completed"
    number = f'<Number statusCallback="{base}/done" statusCallbackEvent="{events}">+15035550199</Number>'
    network.answers(f'<Dial callerId="{NUMBER}">{number}</Dial>')
    told = network.dial(talk=20)
    statuses = [(event["CallSid"] == told["call_sid"], event["CallStatus"]) for event in network.received("done")]
    assert sorted(statuses) == [
        (False, "completed"),
        (False, "in-progress"),
        (False, "initiated"),
        (False, "ringing"),
        (True, "completed"),
    ]
    ended = next(event for event in network.received("done") if event["CallSid"] == told["call_sid"])
    assert ended["CallDuration"] == "23"


def test_status_callback_that_fails_is_a_warning(network: Network) -> None:
    """A status callback that returns an error raises 15003."""
    url = f"https://{network.live.domain_name}/missing"
    network.client.sip.domains(network.client.sip.domains.list()[0].sid).update(voice_status_callback_url=url)
    network.answers("<Say>hello</Say>")
    assert [alert["code"] for alert in network.dial()["alerts"]] == [15003]


def test_events_are_the_history_of_webhooks(network: Network) -> None:
    """A call's Events are its requests and responses, in order."""
    network.answers(PSTN, done="<Say>bye</Say>")
    told = network.dial(busy=True)
    events = network.client.calls(told["call_sid"]).events.list()
    assert [event.request["url"].rpartition("/")[2] for event in events] == ["voice", "done"]
    assert events[1].request["parameters"]["DialCallStatus"] == "busy"
    assert "<Say>bye</Say>" in events[1].response["response_body"]


def test_notifications_are_the_calls_alerts(network: Network) -> None:
    """A call's Notifications are its alerts, log 0 for errors and 1 for warnings."""
    network.answers("<Pay/><Dial>+15035550199</Dial>")
    call = network.client.calls(network.dial()["call_sid"])
    assert sorted((n.error_code, n.log) for n in call.notifications.list()) == [("13214", "1"), ("20501", "0")]
    assert [n.error_code for n in call.notifications.list(log=1)] == ["13214"]
    sid = call.notifications.list(log=1)[0].sid
    assert call.notifications(sid).fetch().error_code == "13214"


def test_call_sids_repeat_and_differ(network: Network) -> None:
    """Repeated calls have different SIDs; a leg's SID is derived from its parent's."""
    network.answers(PSTN)
    first, second = network.dial(), network.dial()
    assert first["call_sid"] != second["call_sid"]
    assert first["children"][0]["call_sid"] != second["children"][0]["call_sid"]


def test_unknown_call_is_not_found(client: Client) -> None:
    """An unknown call gives 404."""
    with pytest.raises(TwilioRestException) as raised:
        client.calls("CA" + "0" * 32).fetch()
    assert raised.value.code == 20404


def test_many_calls_at_once_are_all_carried(network: Network) -> None:
    """Simultaneous calls are carried out one after the other; a waiting call blocks no other."""
    network.answers("<Dial><Number>+12125550155</Number></Dial>")
    with ThreadPoolExecutor(24) as pool:
        calls = list(pool.map(lambda _: network.door.call(client="lobby", dial="2125550155"), range(24)))
    assert {call["status"] for call in calls} == {"completed"}
    assert len({call["call_sid"] for call in calls}) == 24
