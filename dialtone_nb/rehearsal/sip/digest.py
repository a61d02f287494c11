"""Digest authentication, as a server asks it of phones (RFC 7616 with MD5, which is what Twilio asks for).

Nothing is kept of a challenge until it was answered well: a nonce proves by itself that we made it, and when. What is
kept then is how often a nonce was used, so that what was overheard can't be sent again.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from aiosipua.headers import AuthChallenge, AuthCredentials, parse_auth, stringify_auth

from dialtone_nb.rehearsal.state.domain_access import REALM

LIFETIME_S = 300.0
MOST_NONCES = 100_000


class DigestStatus(Enum):
    """What credentials are worth."""

    GOOD = "good"
    ABSENT = "absent"
    STALE = "stale"  # right, but with a nonce that is too old or was used before: ask again
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class DigestResponse:
    """A phone's answer to a challenge."""

    username: str
    nonce: str
    uri: str
    response: str
    qop: str = ""
    nc: str = ""
    cnonce: str = ""


class Digest:
    """Challenges, and the check of what answers them. `now` is in seconds and never goes back."""

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

    def judge(self, answer: DigestResponse | None, method: str, ha1s: Iterable[str]) -> DigestStatus:
        """What an answer is worth, against the HA1 of every credential that it may be."""
        if answer is None:
            return DigestStatus.ABSENT
        made = self._made(answer.nonce)
        if made is None:
            # A nonce of another door, such as this one before it was started anew: a phone asks again with the next.
            return DigestStatus.STALE
        if not any(hmac.compare_digest(expected(answer, method, ha1), answer.response.lower()) for ha1 in ha1s):
            return DigestStatus.WRONG
        if not 0 <= self._now() - made <= LIFETIME_S or not self._is_first_use(answer):
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

    def _is_first_use(self, answer: DigestResponse) -> bool:
        """Whether this nonce was never used with this count or a later one; without a count it is good for once."""
        try:
            count = int(answer.nc, 16) if answer.qop else 1
        except ValueError:
            return False
        if count <= self._used.get(answer.nonce, 0):
            return False
        self._used[answer.nonce] = count
        self._used.move_to_end(answer.nonce)
        while len(self._used) > MOST_NONCES:
            self._used.popitem(last=False)
        return True


def expected(answer: DigestResponse, method: str, ha1: str) -> str:
    """The response that whoever knows the password gives."""
    ha2 = _md5(f"{method}:{answer.uri}")
    if answer.qop:
        return _md5(f"{ha1}:{answer.nonce}:{answer.nc}:{answer.cnonce}:{answer.qop}:{ha2}")
    return _md5(f"{ha1}:{answer.nonce}:{ha2}")


def read_digest_response(values: Iterable[str]) -> DigestResponse | None:
    """The first of these headers' values that answers our realm; None where none does."""
    for value in values:
        credentials = parse_auth(value, credentials=True)
        if answer := _answer(credentials):
            return answer
    return None


def _answer(credentials: AuthCredentials) -> DigestResponse | None:
    words = {name.lower(): value for name, value in credentials.params.items()}
    if credentials.scheme.lower() != "digest" or words.get("realm") != REALM:
        return None
    if words.get("algorithm", "MD5").upper() != "MD5" or words.get("qop", "auth") != "auth":
        return None
    return DigestResponse(
        *(words.get(name, "") for name in ("username", "nonce", "uri", "response", "qop", "nc", "cnonce"))
    )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
