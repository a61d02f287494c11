"""The rehearsal's own API: clock, faults and request counts; and the rehearsal as a command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from dialtone_nb.rehearsal import Rehearsal, start_rehearsal
from tests.rehearsal.api.test_serverless import HELLO
from tests.rehearsal.doors import Door, add_phone, client_of

ROOT = Path(__file__).parents[3]
COMMAND = "import sys; from dialtone_nb.cli.rehearsal import main; sys.exit(main(sys.argv[1:]))"


def test_clock_moves_when_it_is_told_to_and_not_otherwise(client: Client, door: Door) -> None:
    """Requests do not move it; its time is saved."""
    assert door.control("GET", "/clock")["now"] == "2026-03-02T09:00:00Z"
    client.sip.credential_lists.create("phones")
    assert door.control("GET", "/clock")["now"] == "2026-03-02T09:00:00Z"
    assert door.control("POST", "/clock", json={"advance_s": 3600.5})["now"] == "2026-03-02T10:00:00Z"
    assert client.sip.credential_lists.create("more").date_created.hour == 10


@pytest.mark.parametrize("body", [{}, {"advance_s": -1}, {"advance_s": "3600"}])
def test_clock_never_goes_back(door: Door, body: dict[str, Any]) -> None:
    """It rejects negative times and other values than numbers."""
    assert door.control("POST", "/clock", json=body)["code"] == 20001


def test_what_is_no_json_is_refused(door: Door) -> None:
    """A body that is not a JSON object gives 400."""
    kind = {"Content-Type": "application/json; charset=utf-8"}
    assert door.ask("POST", "rehearsal.localhost", "/clock", data="{", headers=kind).status_code == 400
    assert door.ask("POST", "rehearsal.localhost", "/clock", json=[1]).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/clock", {}),
        ("POST", "/clock", {"Content-Type": "text/plain"}),
        ("POST", "/clock", {"Content-Type": "application/x-www-form-urlencoded"}),
        ("POST", "/calls", {"Content-Type": "text/plain; application/json"}),
        ("POST", "/faults", {"Content-Type": "application/jsonp"}),
        ("POST", "/door", {"Content-Type": "multipart/form-data"}),
        ("DELETE", "/faults", {"Content-Type": "text/plain"}),
    ],
)
def test_orders_are_json_and_say_so(door: Door, method: str, path: str, headers: dict[str, str]) -> None:
    """Requests that a web page can send without preflight get 415 in one line, without effect."""
    refused = door.ask(method, "rehearsal.localhost", path, data='{"advance_s": 60}', headers=headers)
    assert refused.status_code == 415
    assert refused.json()["message"] == "rehearsal.localhost takes JSON alone, with Content-Type: application/json"
    assert door.control("GET", "/clock")["now"] == "2026-03-02T09:00:00Z"


FROM_PAGES = [
    {"Origin": "https://example.com"},
    {"Origin": "http://localhost:8888"},
    {"Origin": "null"},
    {"Origin": "http://[::1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
]


@pytest.mark.parametrize("headers", FROM_PAGES)
@pytest.mark.parametrize("path", ["/", "/clock", "/clients", "/requests", "/servers", "/door", "/lives", "/phones"])
def test_a_web_page_learns_nothing(door: Door, path: str, headers: dict[str, str]) -> None:
    """A page of another site, or of another local port, gets 403 for every request."""
    assert door.ask("GET", "rehearsal.localhost", path, headers=headers).status_code == 403
    assert door.ask("POST", "localhost", path, json={}, headers=headers).status_code == 403


def test_its_own_pages_and_a_link_to_them_are_answered(door: Door) -> None:
    """The rehearsal's own pages may send requests; a link to the phones' page works, also in a frame."""
    host = door.rehearsal.url.removeprefix("http://")
    own = {"Origin": door.rehearsal.url, "Sec-Fetch-Site": "same-origin"}
    assert door.ask("POST", host, "/clock", json={"advance_s": 0}, headers=own).status_code == 200
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert door.ask("GET", host, "/phones", headers=followed).status_code == 501  # no door is open
    assert door.ask("GET", host, "/clock", headers=followed).status_code == 403


@pytest.mark.parametrize("host", ["rebound.example", "127.0.0.1.rebound.example", "localhost.example", "192.0.2.1", ""])
def test_a_name_that_was_rebound_is_no_name_of_ours(door: Door, host: str) -> None:
    """Only rehearsal.localhost and loopback names reach its own API (DNS rebinding)."""
    assert door.ask("POST", host, "/clock", json={"advance_s": 60}).status_code in {400, 501}
    assert door.control("GET", "/clock")["now"] == "2026-03-02T09:00:00Z"


@pytest.mark.parametrize(
    ("path", "order"),
    [
        ("/servers", {"host": "stage.phones.example.org", "address": "http://127.0.0.1:9"}),
        ("/door", {"address": "192.0.2.20:5060"}),
        ("/door", {"address": "192.0.2.20:5060", "beyond_this_machine": True}),
        ("/door", {"address": "127.0.0.1:0", "beyond_this_machine": True}),
        ("/door", {"address": "127.0.0.1:0", "trunk": "192.0.2.9:5060", "beyond_this_machine": True}),
        ("/door", {"address": "127.0.0.1:0", "trunk": "127.0.0.1:5080"}),
    ],
)
def test_what_leaves_this_machine_takes_the_token(door: Door, path: str, order: dict[str, Any]) -> None:
    """Without the account's token, or with a wrong one, the answer is 401 with a reason, and no server opens."""
    wrong = [None, ("", ""), (door.account[0], "0" * 32), ("SK" + "0" * 32, door.account[1])]
    for auth in wrong:
        refused = door.ask("POST", "rehearsal.localhost", path, json=order, auth=auth)
        assert (refused.status_code, "auth token" in refused.json()["message"]) == (401, True)
    assert door.control("GET", "/servers") == {"servers": []}
    assert not door.control("GET", "/door")["is_open"]


def test_with_the_token_a_server_gets_its_name(door: Door) -> None:
    """The account's token and the API key's secret are accepted."""
    order = {"host": "stage.phones.example.org", "address": "http://127.0.0.1:9"}
    identity = door.rehearsal.identity
    for auth in (door.account, (identity.api_key_sid, identity.api_key_secret)):
        assert door.ask("POST", "rehearsal.localhost", "/servers", json=order, auth=auth).status_code == 201


def test_requests_are_counted_by_method_and_host(client: Client, door: Door) -> None:
    """Requests to Twilio's hosts are counted, and the counters can be reset; others are not."""
    client.sip.credential_lists.list()
    client.sip.credential_lists.create("phones")
    client.serverless.v1.services.list()
    assert door.control("GET", "/requests") == {
        "total": 3,
        "requests": {"GET api.twilio.com": 1, "GET serverless.twilio.com": 1, "POST api.twilio.com": 1},
    }
    assert door.control("DELETE", "/requests") is None
    assert door.control("GET", "/requests")["total"] == 0


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [("429", 429, 20429), ("401", 401, 20003), ("500", 500, 20500), ("503", 503, 20503)],
)
def test_fault_refuses_without_doing(client: Client, door: Door, fault: str, status: int, code: int) -> None:
    """429, 500 and 503 have Twilio's format and no effect, and the next request succeeds."""
    door.control("POST", "/faults", json={"fault": fault})
    with pytest.raises(TwilioRestException) as raised:
        client.sip.credential_lists.create("phones")
    assert (raised.value.status, raised.value.code) == (status, code)
    assert client.sip.credential_lists.list() == []


@pytest.mark.parametrize(
    ("fault", "done"), [("timeout-before", 0), ("timeout-after", 1), ("reset", 0), ("reset-after", 1)]
)
def test_fault_leaves_the_outcome_open(rehearsal: Rehearsal, client: Client, door: Door, fault: str, done: int) -> None:
    """A time-out or a reset gives no answer; the fault decides whether the request takes effect."""
    door.control("POST", "/faults", json={"match": {"method": "POST", "host": "api.twilio.com"}, "fault": fault})
    with pytest.raises(requests.RequestException):
        client_of(rehearsal, timeout=0.5).sip.credential_lists.create("phones")
    assert len(client.sip.credential_lists.list()) == done


@pytest.mark.parametrize(
    ("fault", "status", "done"), [("500-html", 500, 0), ("503-html", 503, 0), ("504-after", 504, 1)]
)
def test_fault_answers_as_a_gateway_does(client: Client, door: Door, fault: str, status: int, done: int) -> None:
    """A gateway's error is HTML in place of JSON; with 504 the request may have had its effect."""
    door.control("POST", "/faults", json={"match": {"method": "POST"}, "fault": fault})
    refused = door.classic("POST", "/SIP/CredentialLists.json", data={"FriendlyName": "phones"})
    assert (refused.status_code, refused.headers["content-type"]) == (status, "text/html")
    assert refused.text.startswith("<html>")
    assert len(client.sip.credential_lists.list()) == done


def test_fault_cuts_an_answer_short(client: Client, door: Door) -> None:
    """A truncated answer has half its body, with the full Content-Length; the request has its effect."""
    door.control("POST", "/faults", json={"match": {"method": "POST"}, "fault": "truncated"})
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        door.classic("POST", "/SIP/CredentialLists.json", data={"FriendlyName": "phones"})
    assert len(client.sip.credential_lists.list()) == 1


def test_fault_strikes_the_nth_that_matches(client: Client, door: Door) -> None:
    """A fault waits for the nth request with its method, host and path, and occurs the given number of times."""
    match = {"method": "POST", "path": "CredentialLists\\.json$", "nth": 2}
    door.control("POST", "/faults", json={"match": match, "fault": "503", "times": 2})
    results = []
    for number in range(5):
        client.sip.credential_lists.list()
        try:
            client.sip.credential_lists.create(f"list {number}")
            results.append("ok")
        except TwilioRestException as error:
            results.append(str(error.status))
    assert results == ["ok", "503", "503", "ok", "ok"]


def test_faults_can_be_taken_back(client: Client, door: Door) -> None:
    """After DELETE /faults there are none."""
    door.control("POST", "/faults", json={"fault": "500", "times": 100})
    door.control("DELETE", "/faults")
    assert client.sip.credential_lists.list() == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"fault": "418"},
        {"fault": "500", "match": {"colour": "red"}},
        {"fault": "500", "match": {"path": "("}},
        {"fault": "500", "times": 0},
        {"fault": "500", "match": {"nth": "x"}},
    ],
)
def test_fault_that_makes_no_sense_is_refused(door: Door, body: dict[str, Any]) -> None:
    """An unknown fault, an invalid match and an impossible count are rejected."""
    assert door.control("POST", "/faults", json=body)["code"] == 20001


def test_builds_can_be_slow_or_fail(client: Client, door: Door) -> None:
    """A slow build takes ten times as many fetches; a failed one raises 82003 and can't be deployed."""
    service = client.serverless.v1.services(client.serverless.v1.services.create("phones", "Phones").sid)
    sid = service.fetch().sid
    function = service.functions.create(friendly_name="/hello").sid
    version = door.upload(sid, function, "/hello", "public", HELLO).json()["sid"]

    def statuses(looks: int) -> list[str]:
        build = service.builds.create(function_versions=[version])
        return [service.builds(build.sid).build_status().fetch().status for _ in range(looks)]

    door.control("POST", "/faults", json={"fault": "slow-build"})
    door.control("POST", "/faults", json={"fault": "failed-build", "match": {"nth": 2}})
    assert statuses(20) == ["building"] * 19 + ["completed"]
    assert statuses(2) == ["building", "failed"]
    assert statuses(2) == ["building", "completed"]
    assert [alert.error_code for alert in client.monitor.v1.alerts.list()] == ["82003"]


def start(state: Path, *options: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """A rehearsal in a separate process, and its output until it was ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "--state", str(state), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PATH": os.environ.get("PATH", ""), "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout
    printed = [process.stdout.readline() for _ in range(5)]
    pairs = dict(line.rstrip().split("  ", 1) for line in printed[1:4])
    return process, {name: value.strip() for name, value in pairs.items()} | {"banner": printed[0]}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_prints_how_to_reach_it_and_stops_cleanly(state: Path, number: signal.Signals) -> None:
    """It prints URL, account SID and auth token when ready, and returns 0 on SIGTERM."""
    process, printed = start(state, "--seed", "9")
    assert "not Twilio" in printed["banner"]
    auth = (printed["Account SID"], printed["Auth token"])
    response = requests.get(
        f"{printed['URL']}/v1/Services", headers={"Host": "serverless.twilio.com"}, auth=auth, timeout=5
    )
    assert response.status_code == 200
    process.send_signal(number)
    _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")


def test_killed_rehearsal_loses_nothing(state: Path) -> None:
    """After SIGKILL the state has everything that was acknowledged."""
    process, printed = start(state)
    auth = (printed["Account SID"], printed["Auth token"])
    path = f"/2010-04-01/Accounts/{auth[0]}/SIP/CredentialLists.json"
    with requests.Session() as session:
        for number in range(30):
            data = {"FriendlyName": f"list {number}"}
            headers = {"Host": "api.twilio.com"}
            assert (
                session.post(printed["URL"] + path, headers=headers, auth=auth, data=data, timeout=5).status_code == 201
            )
    process.kill()
    process.communicate(timeout=10)
    with start_rehearsal(state) as rehearsal:
        assert len(client_of(rehearsal).sip.credential_lists.list()) == 30


def test_a_call_goes_through_the_domain_where_the_phone_is_registered(client: Client, door: Door) -> None:
    """Of two domains that know it; at a domain that only allows registration the call is rejected."""
    for domain in ("one.sip.twilio.com", "other.sip.twilio.com"):
        add_phone(client, "lobby", domain, "https://nobody-1234.twil.io/voice")
    for domain in ("one", "other"):
        door.control("POST", "/clients/lobby", json={"registered": False})
        door.control("POST", "/clients/lobby", json={"registered": True, "domain": domain})
        assert door.call(client="lobby", dial="5035550199")["from"] == f"sip:lobby@{domain}.sip.twilio.com"
    (other,) = [one for one in client.sip.domains.list() if one.domain_name.startswith("other")]
    (mapping,) = client.sip.domains(other.sid).auth.calls.credential_list_mappings.list()
    client.sip.domains(other.sid).auth.calls.credential_list_mappings(mapping.sid).delete()
    turned = door.call(client="lobby", dial="5035550199")
    assert (turned["status"], turned["alerts"][0]["code"]) == ("refused", 32202)


def test_a_suspended_account_carries_no_call_and_says_so(client: Client, door: Door) -> None:
    """Neither from a phone (10001) nor to a number (10003) until it is active; other statuses are rejected."""
    add_phone(client, "lobby", "phones.sip.twilio.com", "https://example.org/")
    number = client.incoming_phone_numbers.create(phone_number="+15035550101").phone_number
    assert door.control("POST", "/account", json={"status": "suspended"}) == {"status": "suspended"}
    assert client.api.v2010.accounts(client.account_sid).fetch().status == "suspended"
    assert [one.status for one in client.api.v2010.accounts.list(status="suspended")] == ["suspended"]
    outgoing = door.call(client="lobby", dial="5035550199")
    incoming = door.call(from_="+12065550142", to=number)
    assert [told["status"] for told in (outgoing, incoming)] == ["refused", "refused"]
    assert {alert.error_code for alert in client.monitor.v1.alerts.list()} == {"10001", "10003"}
    assert door.control("POST", "/account", json={"status": "asleep"})["code"] == 20001
    door.control("POST", "/account", json={"status": "active"})
    assert door.call(from_="+12065550142", to=number)["status"] != "refused"
