"""How every request is sent: address, time-outs, retries, Twilio's errors as ours, without any secret."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential
from twilio.http import HttpClient
from twilio.http.response import Response
from urllib3.exceptions import NewConnectionError

from dialtone_nb.errors import (
    AbsentError,
    CredentialsError,
    DialtoneError,
    Fault,
    InputError,
    PermissionMissingError,
    TwilioError,
    UnknownOutcomeError,
)
from dialtone_nb.values.loopback import LOOPBACK

TOO_MANY_REQUESTS = 429
PROXY_AUTHENTICATION_REQUIRED = 407
ATTEMPTS = 6
# Twilio limits concurrent requests, not requests a minute (error 20429), most accounts to 100: these stay well below.
IN_FLIGHT = 16
# After a 429, hold all requests this long; the one that got it backs off further.
HOLD_BACK_S = 0.2
LACKS_PERMISSION = 70051
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class SentRequest:
    """One request and what came of it, as the journal keeps it: no parameters, so nothing secret."""

    method: str
    path: str
    status: int | None
    request_id: str


class _Last(threading.local):
    """What this thread sent last."""

    sent: SentRequest | None = None


class ParsedResponse(Response):
    """Twilio's answer as twilio-python takes it, with its JSON parsed for callers that read pages."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(response.status_code, response.content, response.headers)
        self._response = response
        self.parsed: Any = _parse(response)

    @property
    def text(self) -> str:
        """The body as text, decoded only if it is asked for: a page may have two megabytes."""
        return self._response.text


class Transport(HttpClient):
    """The transport under twilio-python's client: to Twilio, or to a base address that stands in for it."""

    def __init__(self, base_url: str = "", *, timeout_s: float = 30, connect_timeout_s: float = 10) -> None:
        super().__init__(None, False, timeout_s)
        self.base_url = base_url
        self.timeouts = (connect_timeout_s, timeout_s)
        self.session = requests.Session()
        self.session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=IN_FLIGHT))
        self.session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=IN_FLIGHT))
        # The rehearsal is on loopback: a proxy of the environment must not see what is sent there.
        self.session.trust_env = not base_url
        self.last = _Last()
        self._room = threading.BoundedSemaphore(IN_FLIGHT)
        self._quiet_until = 0.0
        self._dated: tuple[datetime, float] | None = None
        self._secrets: set[str] = set()

    def keep_secret(self, *values: str) -> None:
        """Never let these values appear in an error."""
        self._secrets.update(value for value in values if value)

    def server_time(self) -> datetime | None:
        """The time (UTC) by the clock of the last server that answered; None before any answer with a date.

        The time since that answer is measured with a monotonic clock.
        """
        if self._dated is None:
            return None
        date, at = self._dated
        return date + timedelta(seconds=time.monotonic() - at)

    def redact(self, text: str) -> str:
        """The text without any of the secrets that this transport knows."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "[secret]")
        return text

    def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
        files: Mapping[str, Any] | None = None,
    ) -> Response:
        """Twilio's answer where it agreed, else one of our errors."""
        response = self.send(
            method,
            url,
            params=params,
            data=data,
            headers=headers,
            auth=auth,
            allow_redirects=allow_redirects,
            files=files,
            expects_json=True,
        )
        if response.status_code >= 400:
            raise self._refusal(method, url, response)
        return ParsedResponse(response)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        expects_json: bool = False,
        **options: Any,
    ) -> requests.Response:
        """The answer, whatever its status; retried only where repeating is safe.

        An answer that is or should be JSON is complete: half of one counts as none.
        """
        parts = urlsplit(url)
        sent_headers = dict(headers or {})
        # A name of this very machine is asked where it is, also on the rehearsal: our own server may be there.
        if self.base_url and parts.hostname not in LOOPBACK:
            sent_headers["Host"] = parts.netloc
            url = self.base_url + url.removeprefix(f"{parts.scheme}://{parts.netloc}")

        def once() -> requests.Response:
            with self._room:
                if (quiet := self._quiet_until - time.monotonic()) > 0:
                    time.sleep(quiet)
                response = self.session.request(method, url, headers=sent_headers, timeout=self.timeouts, **options)
            self._dated = _date_of(response) or self._dated
            if response.status_code == TOO_MANY_REQUESTS:
                # The 429 counts all our requests together, so all of them wait, not only this one.
                self._quiet_until = time.monotonic() + HOLD_BACK_S
            if response.status_code == TOO_MANY_REQUESTS or (
                response.status_code >= 500 and response.status_code != 501
            ):
                raise _TryLaterError(response)
            if not is_whole(response):
                raise _TryLaterError(response)
            return response

        def is_whole(response: requests.Response) -> bool:
            is_json = expects_json or _JSON in response.headers.get("Content-Type", "")
            return not (is_json and response.ok) or _is_whole(response)

        self.last.sent = SentRequest(method, parts.path, None, "")
        try:
            response = Retrying(
                retry=retry_if_exception(_repeatable(method)),
                stop=stop_after_attempt(ATTEMPTS),
                wait=wait_random_exponential(multiplier=0.1, max=8),
                reraise=True,
            )(once)
        except _TryLaterError as later:
            response = later.response
            if response.status_code != TOO_MANY_REQUESTS and method != "GET":
                raise UnknownOutcomeError(
                    f"{parts.netloc} answered {method} {parts.path} with HTTP {response.status_code}: "
                    "it may have been carried out or not",
                    method=method,
                    path=parts.path,
                ) from None
            if not is_whole(response):
                raise TwilioError(
                    "an answer that is not whole, or no JSON",
                    status=response.status_code,
                    code=None,
                    method=method,
                    path=parts.path,
                    request_id=response.headers.get("Twilio-Request-Id", ""),
                ) from None
        except requests.RequestException as error:
            raise self._silence(method, parts.netloc, parts.path, error) from None
        self.last.sent = SentRequest(
            method, parts.path, response.status_code, response.headers.get("Twilio-Request-Id", "")
        )
        return response

    def _silence(self, method: str, host: str, path: str, error: requests.RequestException) -> DialtoneError:
        reason = type(error).__name__
        if refused := _refusal_of_proxy(error):
            repair = (
                "write its name and password into the variable, as http://NAME:PASSWORD@HOST:PORT"
                if refused == PROXY_AUTHENTICATION_REQUIRED
                else f"ask its operator to let {host} through, or except it with NO_PROXY"
            )
            return InputError(Fault("HTTPS_PROXY", f"the proxy lets nobody through to {host} (HTTP {refused})", repair))
        if method == "GET" or _was_never_sent(error):
            repair = next((told for kind, told in _REPAIRS if isinstance(error, kind)), "")
            return TwilioError(
                f"no answer from {host} ({reason}); {repair}", status=0, code=None, method=method, path=path
            )
        return UnknownOutcomeError(
            f"no answer from {host} to {method} {path} ({reason}): it may have been carried out or not",
            method=method,
            path=path,
        )

    def _refusal(self, method: str, url: str, response: requests.Response) -> DialtoneError:
        path = urlsplit(url).path
        try:
            body = response.json()
        except ValueError:
            body = {}
        if not isinstance(body, dict):
            body = {}
        # The classic errors have message, the newer problem documents title and detail.
        message = body.get("message") or body.get("detail") or body.get("title") or response.reason or "no reason given"
        code = body.get("code") if isinstance(body.get("code"), int) else None
        if response.status_code == 401 and code == LACKS_PERMISSION:
            # "Authorization Error: required permission twilio/voice/calls/list is missing" (recorded 2026-03).
            named = re.search(r"permission /?(twilio/\S+) is missing", str(message))
            return PermissionMissingError(f"/{named[1]}" if named else "", f"{method} {path}")
        if response.status_code == 401:
            return CredentialsError(
                Fault(
                    "credentials",
                    f"Twilio refused them (error {code or 20003})",
                    "check TWILIO_ACCOUNT_SID with TWILIO_API_KEY and TWILIO_API_SECRET, or TWILIO_AUTH_TOKEN",
                )
            )
        kind = AbsentError if response.status_code == 404 else TwilioError
        return kind(
            self.redact(" ".join(str(message).split())),
            status=response.status_code,
            code=code,
            method=method,
            path=path,
            request_id=response.headers.get("Twilio-Request-Id", ""),
        )


def _date_of(response: requests.Response) -> tuple[datetime, float] | None:
    """When it was made, by its own clock and by our monotonic one."""
    try:
        date = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC), time.monotonic()


def _is_whole(response: requests.Response) -> bool:
    """Whether the body is complete: a proxy may have cut it short without saying so."""
    try:
        _parse(response)
    except ValueError:
        return False
    return True


def _parse(response: requests.Response) -> Any:
    """What the body says; read once, for a page of a thousand records takes milliseconds."""
    known = vars(response)
    if "parsed" not in known:
        known["parsed"] = _READ.get()(response.content)
    return known["parsed"]


def _read_json(content: bytes) -> Any:
    """What JSON says; None for no body at all, as a delete has it."""
    said = orjson.loads(content) if content else None
    if content and said is None:
        raise ValueError("null")
    return said


_READ: ContextVar[Callable[[bytes], Any]] = ContextVar("read", default=_read_json)


@contextmanager
def bodies_read_by(read: Callable[[bytes], Any]) -> Iterator[None]:
    """Within the block, in this thread, let `read` parse response bodies; its ValueError means an incomplete body.

    By default bodies are read as JSON. A caller that asks for millions of records can read them faster.
    """
    token = _READ.set(read)
    try:
        yield
    finally:
        _READ.reset(token)


class _TryLaterError(Exception):
    def __init__(self, response: requests.Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def _repeatable(method: str) -> Callable[[BaseException], bool]:
    """Whether the request may be sent again: always if it was not processed, otherwise only a GET."""

    def repeatable(error: BaseException) -> bool:
        if isinstance(error, _TryLaterError):
            return method == "GET" or error.response.status_code == TOO_MANY_REQUESTS
        if _refusal_of_proxy(error):
            return False  # it says the same however often it is asked
        if isinstance(error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError):
            return method == "GET" or _was_never_sent(error)
        return False

    return repeatable


# What to do where no answer came; the first that fits.
_REPAIRS = (
    (requests.exceptions.ProxyError, "check HTTPS_PROXY, and that the proxy is there"),
    (requests.exceptions.SSLError, "if a proxy has a certificate of its own, name its authority in REQUESTS_CA_BUNDLE"),
    (requests.RequestException, "check the network, and HTTPS_PROXY where there is a proxy"),
)


def _refusal_of_proxy(error: BaseException) -> int:
    """The 4xx by which a proxy refused a tunnel; 0 where none did. http.client tells it in its words alone."""
    refused = re.search(r"Tunnel connection failed: (4\d\d)\b", str(error))
    return int(refused[1]) if refused and isinstance(error, requests.exceptions.ProxyError) else 0


def _was_never_sent(error: BaseException) -> bool:
    """Whether no connection was made: too slow, refused, a name that does not resolve, a proxy that is not there."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError)
