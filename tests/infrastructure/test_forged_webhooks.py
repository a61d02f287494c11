"""Forged requests: functions and our own server reject them alike, never with a Dial."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode, urlsplit

import pytest
import requests
from twilio.request_validator import RequestValidator

from dialtone_nb.infrastructure.desired import webhook_url
from dialtone_nb.rehearsal import Rehearsal
from tests.faults.accounts import serving
from tests.infrastructure.desk import STAGE, WORKBENCH, Desk, stage_deployed

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Sent:
    """A request as an attacker sends it: its content, and what its signature was made over."""

    url: str
    parameters: Mapping[str, str]
    token: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    # What was signed, where that is something else than what is sent.
    signed_url: str = ""
    signed: Mapping[str, str] | None = None

    def signature(self) -> str:
        """Twilio's signature over this content."""
        over = self.parameters if self.signed is None else self.signed
        return str(RequestValidator(self.token).compute_signature(self.signed_url or self.url, dict(over)))

    def at(self, base: str) -> requests.Response:
        """The answer, through the rehearsal, which stands in for DNS and proxies."""
        parts = urlsplit(self.url)
        address = base + self.url.removeprefix(f"{parts.scheme}://{parts.netloc}")
        headers = {"Host": parts.netloc, "Content-Type": FORM, "X-Twilio-Signature": self.signature(), **self.headers}
        body = urlencode(self.parameters).encode() if self.body is None else self.body
        kept = {name: value for name, value in headers.items() if value != "absent"}
        return requests.request(self.method, address, data=body, headers=kept, timeout=20, allow_redirects=False)


def from_another_phone(sent: Sent) -> Sent:
    """A genuine request of one phone, with another phone's name put in."""
    return replace(sent, parameters={**sent.parameters, "SipUsername": "van"}, signed=sent.parameters)


Forge = Callable[[Sent], Sent]
FORGERIES: Mapping[str, Forge] = {
    "unsigned": lambda sent: replace(sent, headers={"X-Twilio-Signature": "absent"}),
    "an empty signature": lambda sent: replace(sent, headers={"X-Twilio-Signature": ""}),
    "a signature of rubbish": lambda sent: replace(sent, headers={"X-Twilio-Signature": "AAAA%%%====" * 50}),
    "signed with another token": lambda sent: replace(sent, token="0" * 32),
    "signed with an empty token": lambda sent: replace(sent, token=""),
    "replayed with another number": lambda sent: replace(
        sent, parameters={**sent.parameters, "To": f"sip:9005550199@{STAGE}"}, signed=sent.parameters
    ),
    "replayed with another phone": from_another_phone,
    "replayed with a parameter more": lambda sent: replace(
        sent, parameters={**sent.parameters, "Extra": "1"}, signed=sent.parameters
    ),
    "replayed with a parameter less": lambda sent: replace(
        sent, parameters=dict(list(sent.parameters.items())[1:]), signed=sent.parameters
    ),
    "replayed at another path": lambda sent: replace(sent, signed_url=sent.url.rsplit("/", 1)[0] + "/elsewhere"),
    "replayed at another host": lambda sent: replace(
        sent, signed_url=sent.url.replace(urlsplit(sent.url).netloc, "calls.example.net")
    ),
    "replayed with another query": lambda sent: replace(
        sent, url=f"{sent.url}?direction=incoming", signed_url=sent.url
    ),
    "signed for http": lambda sent: replace(sent, signed_url=sent.url.replace("https:", "http:")),
    "a GET with the signature of a POST": lambda sent: replace(
        sent, method="GET", url=f"{sent.url}?{urlencode(sent.parameters)}", signed_url=sent.url, body=b""
    ),
    "JSON with the signature of a form": lambda sent: replace(
        sent, headers={"Content-Type": "application/json"}, body=b'{"To": "sip:5035550199@x"}'
    ),
    "a proxy's headers for another host": lambda sent: replace(
        sent,
        signed_url=sent.url.replace(urlsplit(sent.url).netloc, "calls.example.net"),
        headers={"X-Forwarded-Host": "calls.example.net", "Forwarded": "host=calls.example.net"},
    ),
    "oversized": lambda sent: replace(sent, body=b"To=" + b"9" * 3_000_000),
    "no form at all": lambda sent: replace(sent, body=b"\xff\xfe\x00%zz&&&=&%"),
    "a method that nobody uses": lambda sent: replace(sent, method="PUT"),
}


def requests_to(desk: Desk) -> list[Sent]:
    """What Twilio would send to each of the three webhooks, for calls that are dialled."""
    network, token = desk.parameters.network, desk.account.credentials.auth_token

    def url(path: str) -> str:
        return webhook_url(network, "stage", path) if network.self_hosted else desk.url("stage", path)

    common = {"AccountSid": desk.account.sid, "CallSid": "CA" + "0" * 32, "CallStatus": "ringing"}
    outgoing = {"From": f"sip:workbench@{STAGE}", "To": f"sip:5035550199@{STAGE}", "SipUsername": "workbench"}
    return [
        Sent(url("/sip-outgoing"), {**outgoing, **common}, token),
        Sent(url("/sip-incoming"), {"From": "+12065550142", "To": WORKBENCH, **common}, token),
        Sent(url("/call-status"), {"DialCallStatus": "busy", **common}, token),
    ]


def assert_all_refused(desk: Desk, base: str) -> None:
    """Assert that genuine requests are answered, forgeries rejected, and rejections say nothing of the dial plan."""
    told = []
    for sent in requests_to(desk):
        assert sent.at(base).status_code == 200
        for name, forge in FORGERIES.items():
            answer = forge(sent).at(base)
            if not 400 <= answer.status_code < 500 or "<Response" in answer.text or "<Dial" in answer.text:
                told.append(f"{urlsplit(sent.url).path}, {name}: HTTP {answer.status_code} {answer.text[:80]!r}")
    assert told == []


def test_functions_refuse_every_forgery(desk: Desk, rehearsal: Rehearsal) -> None:
    """The functions on Node, behind Twilio's signature check of protected functions."""
    desk.after(stage_deployed)
    assert_all_refused(desk, rehearsal.url)


def test_our_own_server_refuses_every_forgery(desk: Desk, rehearsal: Rehearsal) -> None:
    """The server behind a proxy, which the rehearsal stands in for."""
    desk.host("self_hosted")
    with serving(desk):
        desk.do(desk.deploy())
        assert_all_refused(desk, rehearsal.url)


@pytest.mark.parametrize("hosting", ["functions", "self_hosted"])
def test_a_spoofed_from_changes_nothing(desk: Desk, rehearsal: Rehearsal, hosting: str) -> None:
    """The phone is identified by its credential, not by From or other headers."""

    def answers() -> None:
        genuine, *_ = requests_to(desk)
        expected = genuine.at(rehearsal.url).text
        assert "<Number>+15035550199</Number>" in expected
        for spoofed in (f"sip:van@{STAGE}", "sip:lobby@anywhere.example", "+15035550103", "", "sip:911@x"):
            sent = replace(genuine, parameters={**genuine.parameters, "From": spoofed, "SipHeader_X-Client": "van"})
            assert sent.at(rehearsal.url).text == expected

    if hosting == "functions":
        desk.after(stage_deployed)
        answers()
        return
    desk.host("self_hosted")
    with serving(desk):
        desk.do(desk.deploy())
        answers()
