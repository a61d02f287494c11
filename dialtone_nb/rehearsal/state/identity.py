"""Who the rehearsed account is: SIDs follow from a seed, so that they repeat; secrets are each state file's own."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field

from dialtone_nb.values.sids import FACADE, PREFIXES


@dataclass(frozen=True, slots=True)
class Identity:
    """The rehearsed account's own SID, from the seed, and its secrets, from a random text in its state file."""

    seed: int
    secret: str = field(repr=False)

    def digest(self, *parts: object) -> str:
        """64 hexadecimal digits that follow from the seed and these parts alone."""
        text = "\0".join(map(str, (self.seed, *parts)))
        return hashlib.sha256(text.encode()).hexdigest()

    def sealed(self, *parts: str) -> str:
        """64 hexadecimal digits that nobody can know who does not know the secret."""
        return hmac.digest(self.secret.encode(), "\0".join(parts).encode(), "sha256").hex()

    @property
    def account_sid(self) -> str:
        """The account's SID, which begins with ACfacade and is nobody's."""
        return PREFIXES["account"] + FACADE + self.digest("account")[:26]

    @property
    def auth_token(self) -> str:
        """The account's primary auth token; signs webhooks."""
        return self.sealed("auth token")[:32]

    @property
    def api_key_sid(self) -> str:
        """The SID of the account's one API key."""
        return PREFIXES["api_key"] + FACADE + self.digest("api key")[:26]

    @property
    def api_key_secret(self) -> str:
        """The secret of the account's one API key."""
        return self.sealed("api key secret")[:32]

    def user_of(self, authorization: str) -> str:
        """The account's or the API key's SID where the header (HTTP Basic) brings its secret too; empty otherwise."""
        scheme, _, encoded = authorization.partition(" ")
        try:
            user, _, password = base64.b64decode(encoded).decode().partition(":")
        except ValueError:  # no Base64, or no text in it
            return ""
        secret = {self.account_sid: self.auth_token, self.api_key_sid: self.api_key_secret}.get(user, "")
        is_right = (
            scheme.lower() == "basic" and bool(secret) and hmac.compare_digest(password.encode(), secret.encode())
        )
        return user if is_right else ""

    def sid(self, prefix: str, kind: str, parent: str, name: str, nth: int) -> str:
        """The SID of the nth thing of this kind, parent and natural key; other requests have no part in it."""
        return prefix + self.digest(kind, parent, name, nth)[:32]

    def request_id(self, asked: bytes) -> str:
        """An API request's id: it repeats, and a password in the request's body can't be worked out from it."""
        return "RQ" + hmac.digest(self.secret.encode(), asked, "sha256").hex()[:32]
