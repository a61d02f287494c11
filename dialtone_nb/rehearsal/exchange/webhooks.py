"""Webhooks: asking an application's URL as Twilio does, signed, and never further than this machine."""

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

from dialtone_nb.values.loopback import LOOPBACK

if TYPE_CHECKING:
    import requests

BUDGET_S = 15.0
LARGEST_DOCUMENT = 64 * 1024
FUNCTIONS_SUFFIX = ".twil.io"
FUNCTION_TIME = re.compile(r"\bfunction;dur=(\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Webhook:
    """What is asked: parameters go into the query of a GET and the form of a POST."""

    method: str
    url: str
    parameters: Mapping[str, str]
    token: str

    @property
    def full_url(self) -> str:
        """The URL as it is requested and signed: without the fragment, which is for Twilio itself."""
        url = urldefrag(self.url).url
        if self.method != "GET" or not self.parameters:
            return url
        return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(self.parameters)}"


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back; status 0 and a reason where nothing did.

    `took_s` are the seconds of the whole round trip, `function_s` of those the application's own, where it tells them.
    """

    status: int
    content_type: str = ""
    body: str = ""
    code: int = 0
    reason: str = ""
    took_s: float = field(default=0.0, compare=False)
    function_s: float = field(default=0.0, compare=False)

    @property
    def is_good(self) -> bool:
        """Whether the application answered, and agreed."""
        return 200 <= self.status < 300


class Asker:
    """Asks webhooks: *.twil.io and our own server at the rehearsal itself, loopback addresses where they are.

    Nothing else: `is_own` says which names our own server has.
    """

    def __init__(self, base: str, auth_token: str, is_own: Callable[[str], bool]) -> None:
        self._base = base
        self._is_own = is_own
        self._validator = RequestValidator(auth_token)
        self._opening = threading.Lock()
        self._session: requests.Session | None = None

    def _open_session(self) -> requests.Session:
        import requests  # a large library, for the first call that asks anything

        with self._opening:
            if self._session is None:
                self._session = requests.Session()
                self._session.trust_env = False
            return self._session

    def ask(self, webhook: Webhook) -> Answered:
        """The application's answer, and how long it took."""
        began = time.perf_counter()
        answered = self._ask(webhook)
        return replace(answered, took_s=time.perf_counter() - began)

    def _ask(self, webhook: Webhook) -> Answered:
        import requests

        parts = urlsplit(webhook.full_url)
        host = parts.hostname or ""
        if host.endswith(FUNCTIONS_SUFFIX) or (host not in LOOPBACK and self._is_own(host)):
            address = self._base + webhook.full_url.removeprefix(f"{parts.scheme}://{parts.netloc}")
        elif host in LOOPBACK:
            address = webhook.full_url
        else:
            return Answered(0, code=11205, reason=f"The rehearsal has no way out of this machine, so not to {host}")
        form = dict(webhook.parameters) if webhook.method == "POST" else {}
        headers = {
            "Host": parts.netloc,
            "User-Agent": "TwilioProxy/1.1 (rehearsal)",
            "X-Twilio-Signature": self._validator.compute_signature(webhook.full_url, form),
            "I-Twilio-Idempotency-Token": webhook.token,
        }
        if webhook.method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        try:
            response = self._open_session().request(
                webhook.method, address, data=form or None, headers=headers, timeout=BUDGET_S, allow_redirects=False
            )
        except requests.Timeout:
            return Answered(0, code=11205, reason="HTTP Connection Failure - Read timed out")
        except requests.RequestException:
            return Answered(0, code=11205, reason=f"No connection to {webhook.full_url}")
        answered = Answered(
            response.status_code,
            response.headers.get("content-type", ""),
            response.text,
            function_s=function_time(response.headers.get("server-timing", "")),
        )
        if not answered.is_good:
            reason = f"Got HTTP {answered.status} response to {webhook.full_url}"
            return Answered(answered.status, answered.content_type, answered.body, 11200, reason)
        return answered

    def close(self) -> None:
        """Let the connections go, if there are any."""
        if self._session:
            self._session.close()


def function_time(server_timing: str) -> float:
    """The seconds that a Server-Timing header says a function took; 0 where it says nothing of it."""
    found = FUNCTION_TIME.search(server_timing)
    return float(found[1]) / 1000 if found else 0.0


def resolve(base: str, url: str) -> str:
    """A document's URL, which may be relative to the document it stands in."""
    return urljoin(base, url)


def call_token(secret: str, call_sid: str) -> str:
    """A token that stands for a call, as carriers' calls bring one; opaque, and the same for the same call."""
    return base64.urlsafe_b64encode(hmac.digest(secret.encode(), call_sid.encode(), "sha256")).decode()


def is_absolute(url: str) -> bool:
    """Whether a URL needs no other one to be understood."""
    return bool(urlsplit(url).scheme)
