"""Answering a challenge: what a <Sip> gives as user name and password proves to its server who calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiosipua.auth import SipDigestAuth, build_credentials
from aiosipua.headers import parse_auth, stringify_auth
from aiosipua.message import SipRequest, SipResponse

# What a challenge stands in, and what it is answered in (RFC 3261, 22.2 and 22.3), by the response's status.
HEADERS: Mapping[int, tuple[str, str]] = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and its password at somebody else's server."""

    username: str
    password: str = field(repr=False)

    def answer(self, challenged: SipResponse, request: SipRequest) -> tuple[str, str] | None:
        """The header, and its value, that answers a challenge to a request; None where it has none we could answer."""
        if not self.username or challenged.status_code not in HEADERS:
            return None
        asked, answered = HEADERS[challenged.status_code]
        auth = SipDigestAuth(self.username, self.password)
        for value in challenged.headers.get(asked):
            made = build_credentials(auth, parse_auth(value), request.method, request.uri)
            if made:
                return answered, stringify_auth(made)
        return None


NOBODY = Credentials("", "")
