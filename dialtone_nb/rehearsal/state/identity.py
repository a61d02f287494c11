"""The account's identity: SIDs are derived from a seed, so that they repeat; secrets are each state file's own."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from functools import cached_property

from dialtone_nb.values.sids import FACADE, PREFIXES


@dataclass(frozen=True)
class Identity:
    """The account's SID, derived from the seed, and its tokens and keys, derived from a random secret.

    What every request needs is derived once.
    """

    seed: int
    secret: str = field(repr=False)
    # The numbers of the primary and the secondary auth token (secondary 0: there is none).
    primary: int = 0
    secondary: int = 0
    # SID, key and first token of an account that was given them, instead of deriving them from seed and secret.
    own_sid: str = ""
    own_key: str = ""
    own_token: str = field(default="", repr=False)

    def digest(self, *parts: object) -> str:
        """64 hexadecimal digits derived from the seed and these parts alone."""
        text = "\0".join(map(str, (self.seed, *parts)))
        return hashlib.sha256(text.encode()).hexdigest()

    def sealed(self, *parts: str) -> str:
        """64 hexadecimal digits derived from the secret and these parts (HMAC-SHA256)."""
        return hmac.digest(self.secret.encode(), "\0".join(parts).encode(), "sha256").hex()

    @cached_property
    def account_sid(self) -> str:
        """The account's SID; unless it was given one, it begins with ACfacade, and no real account has it."""
        return self.own_sid or PREFIXES["account"] + FACADE + self.digest("account")[:26]

    @cached_property
    def auth_token(self) -> str:
        """The account's primary auth token, which also signs webhook requests."""
        return self._token(self.primary)

    @cached_property
    def secondary_token(self) -> str:
        """The secondary auth token; empty if there is none."""
        return self._token(self.secondary) if self.secondary else ""

    def _token(self, number: int) -> str:
        if self.own_token and not number:
            return self.own_token
        return self.sealed("auth token", *([str(number)] if number else []))[:32]

    @cached_property
    def api_key_sid(self) -> str:
        """The SID of the API key that the account has from the beginning."""
        return self.own_key or PREFIXES["api_key"] + FACADE + self.digest("api key")[:26]

    @cached_property
    def api_key_secret(self) -> str:
        """The secret of that key."""
        return self.sealed("api key secret")[:32]

    def key_secret(self, sid: str) -> str:
        """The secret that belongs to another API key's SID, whether or not there is such a key."""
        return self.sealed("api key secret", sid)[:32]

    def user_of(self, authorization: str) -> str:
        """The account's or API key's SID that an Authorization header (HTTP Basic) proves; empty if it does not."""
        scheme, _, encoded = authorization.partition(" ")
        try:
            user, _, password = base64.b64decode(encoded).decode().partition(":")
        except ValueError:  # not Base64, or not UTF-8
            return ""
        secrets = {
            self.account_sid: (self.auth_token, self.secondary_token),
            self.api_key_sid: (self.api_key_secret,),
        }.get(user, (self.key_secret(user),) if user.startswith(PREFIXES["api_key"]) else ())
        given = password.encode()
        is_right = any(bool(secret) and hmac.compare_digest(given, secret.encode()) for secret in secrets)
        return user if is_right and scheme.lower() == "basic" else ""

    def sid(self, prefix: str, kind: str, parent: str, name: str, nth: int) -> str:
        """The SID of the nth thing of this kind, parent and natural key; earlier requests have no influence on it."""
        return prefix + self.digest(kind, parent, name, nth)[: 34 - len(prefix)]

    def request_id(self, asked: bytes) -> str:
        """An API request's id; it repeats, and gives no clue to a password in the request's body (HMAC)."""
        return "RQ" + hmac.digest(self.secret.encode(), asked, "sha256").hex()[:32]
