"""Webhooks: requests to an application's URL as Twilio sends them, signed, but never to another machine."""

from __future__ import annotations

import base64
import hmac
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urlencode, urljoin, urlsplit

from twilio.request_validator import RequestValidator

from dialtone_nb.rehearsal.assumptions import Behaviour
from dialtone_nb.rehearsal.state.call_records import CallRecord
from dialtone_nb.rehearsal.state.identity import Identity
from dialtone_nb.rehearsal.state.rate_centers import RATE_CENTERS
from dialtone_nb.rehearsal.state.store import Thing
from dialtone_nb.values.loopback import LOOPBACK

if TYPE_CHECKING:
    import requests

API_VERSION = "2010-04-01"
BUDGET_S = 15.0
# Twilio follows up to ten HTTP redirects (error dictionary, 11215). As browsers do, it continues with a GET without a
# form after all redirects but 307 and 308; its own sample call-forwarding-flask relies on that.
MOST_REDIRECTS = 10
REDIRECTS = frozenset({301, 302, 303, 307, 308})
AS_IT_WAS = frozenset({307, 308})
FUNCTIONS_SUFFIX = ".twil.io"
FUNCTION_TIME = re.compile(r"\bfunction;dur=(\d+(?:\.\d+)?)")
# A simulated phone's address as Twilio sees it, from a range that is reserved for documentation (RFC 5737).
PHONE_ADDRESS = "192.0.2.10"


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A webhook request; its parameters are in the query of a GET or the form of a POST."""

    method: str
    url: str
    parameters: Mapping[str, str]
    token: str

    @property
    def full_url(self) -> str:
        """The URL as requested and signed, without the fragment, which is meant for Twilio itself."""
        url = urldefrag(self.url).url
        if self.method != "GET" or not self.parameters:
            return url
        return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(self.parameters)}"


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """The response to a webhook request; without one, status 0 and a reason.

    `took_s` is the whole round trip in seconds, `function_s` the application's own time, if its response has it.
    """

    request: WebhookRequest
    status: int = 0
    content_type: str = ""
    body: str = ""
    code: int = 0
    reason: str = ""
    final_url: str = ""  # the URL after HTTP redirects, if there were any
    location: str = ""  # the Location of a redirect
    took_s: float = field(default=0.0, compare=False)
    function_s: float = field(default=0.0, compare=False)

    @property
    def url(self) -> str:
        """The URL that the body is from."""
        return self.final_url or self.request.url

    @property
    def is_good(self) -> bool:
        """Whether the application answered with a 2xx status."""
        return 200 <= self.status < 300


class WebhookClient:
    """Sends webhook requests: for *.twil.io and our own server to the rehearsal itself, to loopback addresses directly.

    Requests to other hosts fail; `is_own` tells whether a host name is our own server's.
    """

    def __init__(self, base: str, auth_token: Callable[[], str], is_own: Callable[[str], bool]) -> None:
        self._base = base
        self._is_own = is_own
        self._auth_token = auth_token
        self._opening = threading.Lock()
        self._session: requests.Session | None = None

    def _open_session(self) -> requests.Session:
        import requests  # a large library, imported with the first request

        with self._opening:
            if self._session is None:
                self._session = requests.Session()
                self._session.trust_env = False
            return self._session

    def ask(self, webhook: WebhookRequest) -> WebhookResponse:
        """Send a webhook request; gives back the response, after redirects, with the time it took."""
        began = time.perf_counter()
        response, asked = self._ask(webhook), webhook
        for _ in range(MOST_REDIRECTS):
            url = _led_to(asked, response)
            if not url:
                break
            asked = replace(asked, url=url)
            if response.status not in AS_IT_WAS:
                asked = replace(asked, method="GET", parameters={})
            response = replace(self._ask(asked), request=webhook, final_url=url)
        if _led_to(asked, response):
            response = replace(response, code=11215, reason=f"Too many HTTP redirects from {webhook.full_url}")
        return replace(response, took_s=time.perf_counter() - began)

    def _ask(self, webhook: WebhookRequest) -> WebhookResponse:
        import requests

        parts = urlsplit(webhook.full_url)
        host = parts.hostname or ""
        if host.endswith(FUNCTIONS_SUFFIX) or (host not in LOOPBACK and self._is_own(host)):
            address = self._base + webhook.full_url.removeprefix(f"{parts.scheme}://{parts.netloc}")
        elif host in LOOPBACK:
            address = webhook.full_url
        else:
            reason = f"The rehearsal has no way out of this machine, so not to {host}"
            return WebhookResponse(webhook, code=11205, reason=reason)
        form = dict(webhook.parameters) if webhook.method == "POST" else {}
        headers = {
            "Host": parts.netloc,
            "User-Agent": "TwilioProxy/1.1 (rehearsal)",
            "X-Twilio-Signature": RequestValidator(self._auth_token()).compute_signature(webhook.full_url, form),
            "I-Twilio-Idempotency-Token": webhook.token,
        }
        if webhook.method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        try:
            answer = self._open_session().request(
                webhook.method, address, data=form or None, headers=headers, timeout=BUDGET_S, allow_redirects=False
            )
        except requests.Timeout:
            return WebhookResponse(webhook, code=11205, reason="HTTP Connection Failure - Read timed out")
        except requests.RequestException:
            return WebhookResponse(webhook, code=11205, reason=f"No connection to {webhook.full_url}")
        response = WebhookResponse(
            webhook,
            answer.status_code,
            answer.headers.get("content-type", ""),
            answer.text,
            function_s=function_time(answer.headers.get("server-timing", "")),
            location=answer.headers.get("location", "") if answer.status_code in REDIRECTS else "",
        )
        if response.is_good:
            return response
        reason = f"Got HTTP {response.status} response to {webhook.full_url}"
        return replace(response, code=11200, reason=reason, function_s=0.0)

    def close(self) -> None:
        """Close the connections, if there are any."""
        if self._session:
            self._session.close()


def _led_to(asked: WebhookRequest, response: WebhookResponse) -> str:
    """The absolute URL that a response redirects to; empty if there is none."""
    try:
        url = urljoin(asked.full_url, response.location) if response.location else ""
        return url if urlsplit(url).hostname else ""
    except ValueError:  # not a URL
        return ""


def function_time(server_timing: str) -> float:
    """The function's time in seconds from a Server-Timing header; 0 if it is not there."""
    found = FUNCTION_TIME.search(server_timing)
    return float(found[1]) / 1000 if found else 0.0


# --- parameters of webhook requests ---


@dataclass(frozen=True, slots=True)
class CallingPhone:
    """A phone that calls through a SIP domain: its user name, its address, and Call-ID and headers of its INVITE."""

    domain: Thing
    username: str
    source_ip: str = PHONE_ADDRESS
    sip_call_id: str = ""
    sip_headers: dict[str, str] = field(default_factory=dict)


def call_parameters(
    identity: Identity,
    behaviour: Behaviour,
    call: CallRecord,
    status: str,
    phone: CallingPhone | None = None,
    *,
    is_first: bool = False,
) -> dict[str, str]:
    """The parameters of every webhook request of a call, by a phone if one is given, otherwise by a number.

    CallToken and StirVerstat of a carrier's call are only in its first request (recorded: in no Dial's action).
    """
    ends = {"From": call.from_, "To": call.to, "Caller": call.from_, "Called": call.to}
    common = {
        "AccountSid": identity.account_sid,
        "ApiVersion": API_VERSION,
        "CallSid": call.sid,
        "CallStatus": status,
        "Direction": call.direction,
        **ends,
    }
    if call.parent_call_sid:
        common["ParentCallSid"] = call.parent_call_sid
    if phone:
        return common | _phone_parameters(identity, behaviour, call, phone)
    for end, address in list(ends.items()):
        common |= _place_of(end, address)
    if is_first and call.direction == "inbound":
        # An opaque token, which is the same for the same call.
        token = hmac.digest(identity.digest("call tokens").encode(), call.sid.encode(), "sha256")
        common |= {"CallToken": base64.urlsafe_b64encode(token).decode(), "StirVerstat": "TN-Validation-Passed-A"}
    return common


def _phone_parameters(
    identity: Identity, behaviour: Behaviour, call: CallRecord, phone: CallingPhone
) -> dict[str, str]:
    return {
        "SipDomain": phone.domain.name,
        "SipDomainSid": phone.domain.sid,
        **({"SipUsername": phone.username} if behaviour.sends_sip_username else {}),
        "SipCallId": phone.sip_call_id or sip_call_id(identity, call.sid, phone.source_ip),
        "SipSourceIp": phone.source_ip,
        **{f"SipHeader_{name}": value for name, value in phone.sip_headers.items()},
    }


def sip_call_id(identity: Identity, call_sid: str, host: str) -> str:
    """A Call-ID for a simulated leg, derived from its SID."""
    return f"{identity.digest('sip call id', call_sid)[:32]}@{host}"


def _place_of(end: str, number: str) -> dict[str, str]:
    """The place of a number: city, state, zip and country, blank if unknown."""
    center = RATE_CENTERS.get(number[2:5]) if number.startswith("+1") else None
    return {
        f"{end}City": center.locality.upper() if center else "",
        f"{end}State": center.region if center else "",
        f"{end}Zip": center.postal_code if center else "",
        f"{end}Country": center.country if center else "",
    }
