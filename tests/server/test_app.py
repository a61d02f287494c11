"""The server over HTTP: responses to Twilio and to others, and switching tables during calls."""

from __future__ import annotations

import json
import shutil
import threading
from http.client import HTTPConnection
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import requests

from dialtone_nb.dialplan.table import Table
from dialtone_nb.server.answers import Responder, WebhookRequest
from dialtone_nb.server.folder import close_environment, push_table, read_serving, switch_table
from dialtone_nb.server.proof import is_serving_proof
from tests.dialplan.cases import CALLERS, CallerCase
from tests.server.receivers import receiver
from tests.server.running_server import (
    AUTH_TOKEN,
    CALL_SID,
    ENDED,
    LOBBY_CALLS,
    Caller,
    events_in,
    fill_folder,
    outgoing,
    server_in_thread,
    settings_for,
    wait_until,
)

PATHS = ("/sip-outgoing", "/sip-incoming", "/call-status", "/serving")


def raw(caller: Caller, path: str, body: bytes, headers: dict[str, str], method: str = "POST") -> int:
    """The status of a hand-written request."""
    connection = HTTPConnection(caller.url.removeprefix("http://"), timeout=10)
    connection.request(method, path, body=body, headers=headers)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_call_is_answered_and_its_events_are_kept(caller: Caller, folder: Path) -> None:
    """A phone dials, talks, hangs up: two responses and two lines, as from the deployed functions."""
    answer = caller.ask("/sip-outgoing", LOBBY_CALLS)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    (dial,) = ET.fromstring(answer.text)
    assert (dial.tag, dial[0].tag, dial[0].text) == ("Dial", "Number", "+15035550199")
    assert dial.attrib["action"] == caller.url + ENDED
    ended = {"CallSid": CALL_SID, "DialCallStatus": "completed", "DialCallDuration": "65"}
    answer = caller.ask(dial.attrib["action"].removeprefix(caller.url), ended)
    assert [verb.tag for verb in ET.fromstring(answer.text)] == ["Hangup"]
    wait_until(lambda: len(events_in(folder)) == 2)
    placed, over = events_in(folder)
    who = {"identified_by": "SipUsername"}
    both = {"channel": "lobby", "endpoint": "lobby", "call_sid": CALL_SID, "environment": "prod"}
    assert placed == {"timestamp": placed["timestamp"], "event": "outgoing-call", "rule": "local", **who, **both}
    assert over == {
        "timestamp": over["timestamp"],
        "event": "outgoing-dialstatus-completed",
        "duration_s": 65,
        **both,
    }


@pytest.mark.parametrize("case", CALLERS, ids=lambda case: case.situation)
def test_caller(table: Table, case: CallerCase) -> None:
    """The caller is identified as in each case of the dial plan, and is in the call's event."""
    sent = {"SipUsername": case.call.sip_username, "To": case.call.to, "From": case.call.from_}
    answer = Responder(table, case.call.environment).outgoing(WebhookRequest(sent, "https://calls.example.org"))
    named = answer.events[0].get("identified_by")
    assert (f"{answer.events[0]['channel']} by {named}" if named else "nobody") == case.caller
    assert ("<Dial" in answer.twiml) == bool(named)


def test_a_user_name_sent_twice_names_nobody(caller: Caller, folder: Path) -> None:
    """Then From decides; if From was sent twice, the caller is unknown."""
    own = ("From", "sip:lobby@dialtone-example-prod.sip.twilio.com")
    names = [("SipUsername", "clinic"), ("SipUsername", "library"), ("To", "sip:5035550199@x")]
    assert "<Dial" in caller.ask("/sip-outgoing", [own, *names]).text
    assert "<Dial" in caller.ask("/sip-outgoing", [own, ("SipUsername", ""), names[-1]]).text
    assert "<Dial" not in caller.ask("/sip-outgoing", [own, own, names[-1]]).text
    wait_until(lambda: len(events_in(folder)) == 3)
    assert [event["channel"] for event in events_in(folder)] == ["lobby", "lobby", ""]
    assert [event.get("identified_by") for event in events_in(folder)] == ["From", "From", None]


@pytest.mark.parametrize("duration", ["9" * 5000, "\u0664\u0662", "-1", "1e3", ""])
def test_a_duration_that_is_none_is_left_out(caller: Caller, folder: Path, duration: str) -> None:
    """The call is answered, and the event has no duration."""
    ended = {"CallSid": CALL_SID, "DialCallStatus": "completed", "DialCallDuration": duration}
    assert caller.ask(ENDED, ended).status_code == 200
    wait_until(lambda: len(events_in(folder)) == 1)
    assert "duration_s" not in events_in(folder)[0]


def test_what_the_far_side_answered_by_sip_is_in_the_event(caller: Caller, folder: Path) -> None:
    """As Twilio sent it, and as from the deployed functions."""
    ended = {"CallSid": CALL_SID, "DialCallStatus": "failed", "ErrorCode": "32011", "DialSipResponseCode": "408"}
    caller.ask(ENDED, ended)
    wait_until(lambda: len(events_in(folder)) == 1)
    (event,) = events_in(folder)
    assert (event["error_code"], event["sip_response"]) == ("32011", "408")


def test_no_other_party_is_in_the_events(caller: Caller, folder: Path) -> None:
    """Events have neither the called nor the calling number."""
    caller.ask("/sip-outgoing", LOBBY_CALLS)
    caller.ask("/sip-incoming", {"To": "+15035550103", "From": "+12125550188", "CallSid": CALL_SID})
    wait_until(lambda: len(events_in(folder)) == 2)
    assert "5550199" not in str(events_in(folder))
    assert "5550188" not in str(events_in(folder))


def test_a_get_is_answered_as_a_post_is(caller: Caller) -> None:
    """A SIP domain may use either; a GET's parameters are in the signed URL."""
    assert caller.ask("/sip-outgoing", LOBBY_CALLS, method="GET").text == caller.ask("/sip-outgoing", LOBBY_CALLS).text


@pytest.mark.parametrize("path", PATHS)
def test_nobody_but_twilio_is_answered(caller: Caller, path: str) -> None:
    """No signature, another token's, one for other parameters, another path or another host: 403."""
    method = "GET" if path == "/serving" else "POST"
    assert requests.request(method, caller.url + path, timeout=10).status_code == 403
    assert caller.ask(path, LOBBY_CALLS, method=method, token="x" * 32).status_code == 403
    assert caller.ask(path, LOBBY_CALLS, method=method, headers={"Host": "calls.example.org"}).status_code == 403
    assert caller.ask(path, LOBBY_CALLS, method=method, headers={"X-Twilio-Signature": "é"}).status_code == 403
    assert caller.ask(path, method=method, headers={"X-Forwarded-Host": "x"}).status_code in (200, 400)


def test_parameters_that_were_changed_on_the_way_are_not_believed(caller: Caller) -> None:
    """The signature covers all of them."""
    signed = caller.ask("/sip-outgoing", LOBBY_CALLS).request
    assert isinstance(signed.body, str)
    headers = {name: signed.headers[name] for name in ("X-Twilio-Signature", "Content-Type")}
    assert raw(caller, "/sip-outgoing", signed.body.encode(), headers) == 200
    assert raw(caller, "/sip-outgoing", signed.body.replace("0199", "0198").encode(), headers) == 403
    assert raw(caller, "/sip-outgoing", signed.body.encode() + b"&Extra=", headers) == 403
    assert raw(caller, "/sip-outgoing?Extra=1", signed.body.encode(), headers) == 403


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"To=%FF%FE", "application/x-www-form-urlencoded", 400),
        ("To=é".encode(), "application/x-www-form-urlencoded", 400),
        (b"a=&" * 600, "application/x-www-form-urlencoded", 400),
        (b"a=" + b"b" * 70_000, "application/x-www-form-urlencoded", 413),
        (b"&&==%%&", "application/x-www-form-urlencoded", 403),
        (b"\0" * 100, "application/x-www-form-urlencoded", 403),
    ],
)
def test_what_twilio_would_not_send_is_refused(caller: Caller, body: bytes, kind: str, status: int) -> None:
    """Another content type, no UTF-8, too many parameters, too long a body."""
    assert raw(caller, "/sip-outgoing", body, {"Content-Type": kind, "X-Twilio-Signature": "x"}) == status
    assert caller.ask("/sip-outgoing", LOBBY_CALLS).status_code == 200


def test_a_body_that_does_not_say_how_long_it_is_is_cut_off_as_well(caller: Caller) -> None:
    """Chunked, and longer than the limit."""
    chunks = (b"a=" + b"b" * 9_000 for _ in range(10))
    answer = requests.post(
        f"{caller.url}/sip-outgoing",
        data=chunks,
        headers={"X-Twilio-Signature": "x", "Content-Type": "application/x-www-form-urlencoded"},
        timeout=10,
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("PUT", "/sip-outgoing", 405), ("POST", "/healthz", 405), ("GET", "/", 404), ("GET", "/sip-outgoing/", 404)],
)
def test_other_requests_are_refused(caller: Caller, method: str, path: str, status: int) -> None:
    """Unknown methods and paths."""
    answer = requests.request(method, caller.url + path, timeout=10, allow_redirects=False)
    assert answer.status_code == status


def test_a_parameter_that_was_sent_twice_is_nobodys(caller: Caller) -> None:
    """Such a request is signed but not from a call, and is decided as if the parameter were missing."""
    answer = caller.ask("/sip-outgoing", [*LOBBY_CALLS.items(), ("To", "sip:9005550199@x")])
    assert "What was dialled is not a telephone number" in answer.text


def test_a_proxy_is_believed_where_it_is_declared(folder: Path) -> None:
    """Twilio requests https://calls.example.org; the proxy forwards plain HTTP with X-Forwarded headers."""
    said = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "calls.example.org"}
    with server_in_thread(settings_for(folder, proxies=("127.0.0.0/8",))) as caller:
        caller.public_url = "https://calls.example.org"
        answer = caller.ask("/sip-outgoing", LOBBY_CALLS, headers=said)
        assert answer.status_code == 200
        assert f"https://calls.example.org{ENDED}".replace("&", "&amp;") in answer.text
    with server_in_thread(settings_for(folder)) as caller:
        caller.public_url = "https://calls.example.org"
        assert caller.ask("/sip-outgoing", LOBBY_CALLS, headers=said).status_code == 403


def test_a_base_url_needs_nothing_of_the_proxy(folder: Path) -> None:
    """It may have a path that the proxy removes."""
    with server_in_thread(settings_for(folder, base_url="https://example.org/phones/")) as caller:
        caller.public_url = "https://example.org/phones"
        answer = caller.ask("/sip-outgoing", LOBBY_CALLS, headers={"Host": "whatever"})
        assert answer.status_code == 200
        assert 'action="https://example.org/phones/call-status?' in answer.text


def test_it_proves_that_it_is_ours_and_what_it_serves(caller: Caller, folder: Path) -> None:
    """A client with the token can send a challenge and check the response."""
    said = caller.ask("/serving", {"challenge": "abc"}, method="GET").json()
    assert said["environment"] == "prod"
    assert said["version"] == read_serving(folder, "prod").version
    assert is_serving_proof(said["proof"], AUTH_TOKEN, "abc", "prod", said["version"])
    for challenge in ("", "a" * 129):
        assert caller.ask("/serving", {"challenge": challenge}, method="GET").status_code == 400


def test_health_and_calls_without_a_table(tmp_path: Path, table: Table) -> None:
    """A server started before the first deploy says that it has no table, and answers once it has one."""
    with server_in_thread(settings_for(tmp_path)) as caller:
        assert requests.get(f"{caller.url}/healthz", timeout=10).status_code == 503
        assert caller.ask("/sip-outgoing", LOBBY_CALLS).status_code == 503
        fill_folder(tmp_path, table)
        wait_until(lambda: requests.get(f"{caller.url}/healthz", timeout=10).status_code == 200)
        assert caller.ask("/sip-outgoing", LOBBY_CALLS).status_code == 200
        close_environment(tmp_path, "prod")
        wait_until(lambda: requests.get(f"{caller.url}/healthz", timeout=10).status_code == 503)


@pytest.mark.parametrize("harm", ["no note", "no folder", "damaged note", "damaged table", "no table"])
def test_the_last_good_table_stays(tmp_path: Path, table: Table, harm: str) -> None:
    """Whatever happens to the folder, calls are answered as before; /healthz reports the problem until it ends."""
    folder = tmp_path / "server"
    first, second = push_table(folder, table), push_table(folder, table.model_copy(update={"ring_timeout_s": 20}))
    note = folder / "environments" / "prod.json"
    switch_table(folder, "prod", first)
    with server_in_thread(settings_for(folder)) as caller:
        assert requests.get(f"{caller.url}/healthz", timeout=10).text == "ok"
        if harm == "no note":
            note.unlink()
        elif harm == "no folder":
            folder.rename(tmp_path / "aside")
        elif harm == "damaged note":
            note.write_text("{")
        else:
            damaged = folder / "tables" / f"{second}.json"
            switch_table(folder, "prod", second)
            wait_until(lambda: second in requests.get(f"{caller.url}/metrics", timeout=10).text)
            switch_table(folder, "prod", first)
            wait_until(lambda: first in requests.get(f"{caller.url}/metrics", timeout=10).text)
            damaged.unlink()
            if harm == "damaged table":
                damaged.write_text("{}")
            note.write_text(json.dumps({"version": second, "previous": first}))
        wait_until(lambda: len(requests.get(f"{caller.url}/healthz", timeout=10).text.splitlines()) > 1)
        assert requests.get(f"{caller.url}/healthz", timeout=10).status_code == 200
        assert ">+1911</" in caller.ask("/sip-outgoing", outgoing("911")).text
        if harm == "no folder":
            shutil.rmtree(folder, ignore_errors=True)
            (tmp_path / "aside").rename(folder)
        switch_table(folder, "prod", first)
        wait_until(lambda: requests.get(f"{caller.url}/healthz", timeout=10).text == "ok")


def test_a_worker_that_starts_over_a_damaged_table_serves_the_one_before(tmp_path: Path, table: Table) -> None:
    """It never loaded the good one."""
    first, second = push_table(tmp_path, table), push_table(tmp_path, table.model_copy(update={"ring_timeout_s": 20}))
    switch_table(tmp_path, "prod", first)
    switch_table(tmp_path, "prod", second)
    (tmp_path / "tables" / f"{second}.json").write_text("{}")
    with server_in_thread(settings_for(tmp_path)) as caller:
        assert "is damaged" in requests.get(f"{caller.url}/healthz", timeout=10).text
        assert ">+1911</" in caller.ask("/sip-outgoing", outgoing("911")).text


def test_a_worker_that_starts_where_the_note_has_vanished_serves_the_newest_table(folder: Path) -> None:
    """Calls were answered there, so a table was in use, and no note says that it was removed."""
    with server_in_thread(settings_for(folder)) as caller:
        assert caller.ask("/sip-outgoing", LOBBY_CALLS).status_code == 200
    (folder / "environments" / "prod.json").unlink()
    with server_in_thread(settings_for(folder)) as caller:
        assert "what prod serves has vanished" in requests.get(f"{caller.url}/healthz", timeout=10).text
        assert ">+1911</" in caller.ask("/sip-outgoing", outgoing("911")).text


def test_a_server_takes_and_proves_both_tokens_while_one_is_rotated(folder: Path) -> None:
    """So that promoting a token between two calls loses none."""
    other = "b" * 32
    with server_in_thread(settings_for(folder, variables={"TWILIO_AUTH_TOKEN_SECONDARY": other})) as caller:
        for token in (AUTH_TOKEN, other):
            assert caller.ask("/sip-outgoing", LOBBY_CALLS, token=token).status_code == 200
        assert caller.ask("/sip-outgoing", LOBBY_CALLS, token="c" * 32).status_code == 403


def test_a_worker_that_starts_over_a_damaged_note_serves_the_newest_table(tmp_path: Path, table: Table) -> None:
    """The served version is unknown, but a phone must be able to call for help."""
    switch_table(tmp_path, "prod", push_table(tmp_path, table))
    (tmp_path / "environments" / "prod.json").write_text('{"version": "')
    with server_in_thread(settings_for(tmp_path)) as caller:
        assert "does not say which table is served" in requests.get(f"{caller.url}/healthz", timeout=10).text
        assert ">+1911</" in caller.ask("/sip-outgoing", outgoing("911")).text


def test_calls_are_answered_where_no_events_can_be_kept(tmp_path: Path, table: Table) -> None:
    """The folder of events can't be created, which /healthz reports."""
    fill_folder(tmp_path, table)
    with receiver() as received:
        (tmp_path / "events").write_text("in the way")
        settings = settings_for(tmp_path, variables={"EVENTS_WEBHOOK_URL": received.url})
        with server_in_thread(settings) as caller:
            health = requests.get(f"{caller.url}/healthz", timeout=10)
            assert (health.status_code, health.text.splitlines()[0]) == (200, "ok")
            assert "events can't be written: " in health.text
            assert caller.ask("/sip-outgoing", LOBBY_CALLS).status_code == 200
            (tmp_path / "events").unlink()
            wait_until(lambda: received.names == ["outgoing-call"])
            wait_until(lambda: requests.get(f"{caller.url}/healthz", timeout=10).text == "ok")


def test_metrics_tell_what_happened(caller: Caller, folder: Path) -> None:
    """Requests, decisions, outcomes, events and the table, in Prometheus's format."""
    caller.ask("/sip-outgoing", LOBBY_CALLS)
    caller.ask("/sip-outgoing", LOBBY_CALLS | {"To": "sip:9005550199@x"})
    caller.ask("/sip-outgoing", LOBBY_CALLS, token="x" * 32)
    caller.ask(ENDED, {"DialCallStatus": "busy"})
    caller.ask(ENDED, {"DialCallStatus": "made up by somebody"})

    def told() -> dict[str, float]:
        lines = requests.get(f"{caller.url}/metrics", timeout=10).text.splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}

    wait_until(lambda: told().get('dialtone_events_total{result="written"}') == 4)
    counted = told()
    assert counted['dialtone_requests_total{path="/sip-outgoing",status="200"}'] == 2
    assert counted['dialtone_requests_total{path="/sip-outgoing",status="403"}'] == 1
    assert counted['dialtone_decisions_total{decision="dial-pstn",direction="outgoing"}'] == 1
    assert counted['dialtone_decisions_total{decision="premium-rate",direction="outgoing"}'] == 1
    assert counted['dialtone_outcomes_total{direction="outgoing",status="busy"}'] == 1
    assert counted['dialtone_outcomes_total{direction="outgoing",status="other"}'] == 1
    assert counted['dialtone_answer_seconds_count{path="/sip-outgoing"}'] == 2
    version = read_serving(folder, "prod").version
    assert counted[f'dialtone_table_info{{environment="prod",version="{version}"}}'] == 1


def test_a_table_is_switched_without_a_dropped_call(caller: Caller, folder: Path, table: Table) -> None:
    """During continuous calls each is answered by the old table or the new one, in the end by the new."""
    other = push_table(folder, table.model_copy(update={"ring_timeout_s": 17}))
    first = read_serving(folder, "prod").version
    answers: list[tuple[int, bool]] = []
    is_over = threading.Event()

    def call() -> None:
        mine = Caller(caller.url)
        while not is_over.is_set():
            answer = mine.ask("/sip-outgoing", LOBBY_CALLS)
            answers.append((answer.status_code, 'timeout="17"' in answer.text))

    callers = [threading.Thread(target=call) for _ in range(4)]
    for one in callers:
        one.start()
    for version, is_new in ((other, True), (first, False), (other, True)):
        switch_table(folder, "prod", version)
        wait_until(lambda wanted=is_new: answers and answers[-1][1] == wanted)
    is_over.set()
    for one in callers:
        one.join()
    assert {status for status, _ in answers} == {200}
    assert {is_new for _, is_new in answers} == {True, False}


def test_a_table_that_can_not_be_served_changes_nothing(
    caller: Caller, folder: Path, table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    """The server reports a damaged table once, and serves the old one until it is pushed again."""
    first = read_serving(folder, "prod").version
    other = push_table(folder, table.model_copy(update={"ring_timeout_s": 17}))
    (folder / "tables" / f"{other}.json").write_text("{}", encoding="utf-8")
    (folder / "environments" / "prod.json").write_text(f'{{"version": "{other}", "previous": ""}}', encoding="utf-8")
    wait_until(lambda: "is damaged" in caplog.text)
    assert f"table {first[:12]} is served as before" in caplog.text
    assert 'timeout="30"' in caller.ask("/sip-outgoing", LOBBY_CALLS).text
    push_table(folder, table.model_copy(update={"ring_timeout_s": 17}))
    wait_until(lambda: 'timeout="17"' in caller.ask("/sip-outgoing", LOBBY_CALLS).text)
    assert caplog.text.count("is damaged") == 1


def test_a_wrong_address_is_told_in_the_log_once(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    """The most frequent mistake: Twilio's URL differs from the one that the server reconstructs."""
    caller.public_url = "https://calls.example.org"
    for _ in range(5):
        assert caller.ask("/sip-outgoing", LOBBY_CALLS).status_code == 403
    assert caplog.text.count("A signature does not fit") == 1
    assert f"{caller.url}/sip-outgoing" in caplog.text
    assert "--base-url" in caplog.text
