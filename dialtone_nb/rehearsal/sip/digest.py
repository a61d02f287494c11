"""Digest authentication (RFC 7616, with MD5 as at Twilio): challenges to phones, and responses to other servers'.

A nonce is a time, a random number and an HMAC over both, so it proves by itself that we made it, and when. So a
challenge takes no memory, however many strangers ask for one. Only after a correct response is something stored: the
nonce with its count (nc), against replays of an overheard request.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum

from aiosipua.auth import SipDigestAuth, build_credentials
from aiosipua.headers import AuthChallenge, parse_auth, stringify_auth
from aiosipua.message import SipRequest, SipResponse

from dialtone_nb.rehearsal.state.domain_access import REALM

LIFETIME_S = 300.0
MOST_NONCES = 100_000
# The headers of a challenge and of the answer to it (RFC 3261, 22.2 and 22.3), by the status of the challenge.
CHALLENGES: Mapping[int, tuple[str, str]] = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


class DigestStatus(Enum):
    """The result of checking a digest response."""

    GOOD = "good"
    ABSENT = "absent"
    STALE = "stale"  # correct, but with a nonce that is too old or was used before: challenge again
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class DigestResponse:
    """A phone's answer to a challenge; the fields are those of RFC 7616, 3.4."""

    username: str
    nonce: str
    uri: str
    response: str
    qop: str = ""
    nc: str = ""
    cnonce: str = ""


class Digest:
    """Makes challenges and checks the answers to them. `now` is in seconds and never goes back."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._secret = secrets.token_bytes(32)
        self._used: OrderedDict[str, int] = OrderedDict()

    def challenge(self, *, stale: bool = False) -> str:
        """A new challenge, as the value of a Proxy-Authenticate header."""
        params = {"realm": REALM, "nonce": self._nonce(), "qop": "auth", "algorithm": "MD5"}
        if stale:
            params["stale"] = "true"
        return stringify_auth(AuthChallenge("Digest", params))

    def check(self, digest: DigestResponse | None, method: str, ha1s: Iterable[str]) -> DigestStatus:
        """Check a digest response to this method against the HA1s of all credentials of the user."""
        if digest is None:
            return DigestStatus.ABSENT
        made = self._made(digest.nonce)
        if made is None:
            # The nonce is from another run, such as before a restart: with a new challenge the phone tries again.
            return DigestStatus.STALE
        # Check the password before the age. stale=true tells a phone to retry without asking its user for the password,
        # so it is only correct if the password is right (RFC 2617, 3.2.1). A wrong password has to count as a guess.
        if not any(hmac.compare_digest(expected(digest, method, ha1), digest.response.lower()) for ha1 in ha1s):
            return DigestStatus.WRONG
        if not 0 <= self._now() - made <= LIFETIME_S or not self._is_first_use(digest):
            return DigestStatus.STALE
        return DigestStatus.GOOD

    def _nonce(self) -> str:
        stamp = f"{int(self._now() * 1000):x}-{secrets.token_hex(8)}"
        return f"{stamp}-{self._seal(stamp)}"

    def _made(self, nonce: str) -> float | None:
        stamp, _, seal = nonce.rpartition("-")
        if not stamp.isascii() or not hmac.compare_digest(self._seal(stamp).encode(), seal.encode()):
            return None
        return int(stamp.partition("-")[0], 16) / 1000

    def _seal(self, stamp: str) -> str:
        return hmac.digest(self._secret, stamp.encode(), "sha256").hex()[:32]

    def _is_first_use(self, digest: DigestResponse) -> bool:
        """Whether the nonce has not been used with this count or a higher one; without qop it can be used once."""
        try:
            count = int(digest.nc, 16) if digest.qop else 1
        except ValueError:
            return False
        if count <= self._used.get(digest.nonce, 0):
            return False
        self._used[digest.nonce] = count
        self._used.move_to_end(digest.nonce)
        while len(self._used) > MOST_NONCES:
            self._used.popitem(last=False)
        return True


def expected(digest: DigestResponse, method: str, ha1: str) -> str:
    """The correct response for a password's HA1 (RFC 7616, 3.4.1; without qop as in RFC 2069)."""
    ha2 = _md5(f"{method}:{digest.uri}")
    if digest.qop:
        return _md5(f"{ha1}:{digest.nonce}:{digest.nc}:{digest.cnonce}:{digest.qop}:{ha2}")
    return _md5(f"{ha1}:{digest.nonce}:{ha2}")


def read_digest_response(request: SipRequest) -> DigestResponse | None:
    """The first of a request's credentials for our realm, or None."""
    for value in request.headers.get("Proxy-Authorization") + request.headers.get("Authorization"):
        credentials = parse_auth(value, credentials=True)
        words = {name.lower(): value for name, value in credentials.params.items()}
        if (
            credentials.scheme.lower() == "digest"
            and words.get("realm") == REALM
            and words.get("algorithm", "MD5").upper() == "MD5"
            and words.get("qop", "auth") == "auth"
        ):
            return DigestResponse(*(words.get(one.name, "") for one in fields(DigestResponse)))
    return None


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class DigestCredentials:
    """A user name and password at another server, as given in a <Sip>."""

    username: str
    password: str = field(repr=False)

    def answer(self, challenged: SipResponse, request: SipRequest) -> tuple[str, str] | None:
        """The header and its value that answer a challenge to a request; None if it can't be answered."""
        if not self.username or challenged.status_code not in CHALLENGES:
            return None
        asked, answered = CHALLENGES[challenged.status_code]
        auth = SipDigestAuth(self.username, self.password)
        for value in challenged.headers.get(asked):
            made = build_credentials(auth, parse_auth(value), request.method, request.uri)
            if made:
                return answered, stringify_auth(made)
        return None


NO_CREDENTIALS = DigestCredentials("", "")
