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
    # Which of its auth tokens is the primary one, and which the secondary one where there is one (0: none).
    primary: int = 0
    secondary: int = 0
    # The account's, its key's and its first token's own, where they do not follow from the seed and the secret.
    own_sid: str = ""
    own_key: str = ""
    own_token: str = field(default="", repr=False)

    def digest(self, *parts: object) -> str:
        """64 hexadecimal digits that follow from the seed and these parts alone."""
        text = "\0".join(map(str, (self.seed, *parts)))
        return hashlib.sha256(text.encode()).hexdigest()

    def sealed(self, *parts: str) -> str:
        """64 hexadecimal digits that nobody can know who does not know the secret."""
        return hmac.digest(self.secret.encode(), "\0".join(parts).encode(), "sha256").hex()

    @property
    def account_sid(self) -> str:
        """The account's SID, which begins with ACfacade and is nobody's, unless it was given one."""
        return self.own_sid or PREFIXES["account"] + FACADE + self.digest("account")[:26]

    @property
    def auth_token(self) -> str:
        """The account's primary auth token; signs webhooks."""
        return self._token(self.primary)

    @property
    def secondary_token(self) -> str:
        """The token that is good beside the primary one while somebody rotates it; empty where there is none."""
        return self._token(self.secondary) if self.secondary else ""

    def _token(self, number: int) -> str:
        if self.own_token and not number:
            return self.own_token
        return self.sealed("auth token", *([str(number)] if number else []))[:32]

    @property
    def api_key_sid(self) -> str:
        """The SID of the account's one API key."""
        return self.own_key or PREFIXES["api_key"] + FACADE + self.digest("api key")[:26]

    @property
    def api_key_secret(self) -> str:
        """The secret of the account's one API key."""
        return self.sealed("api key secret")[:32]

    def key_secret(self, sid: str) -> str:
        """The secret of another API key, whether or not there is one of this SID."""
        return self.sealed("api key secret", sid)[:32]

    def user_of(self, authorization: str) -> str:
        """The account's or an API key's SID where the header (HTTP Basic) brings its secret too; empty otherwise."""
        scheme, _, encoded = authorization.partition(" ")
        try:
            user, _, password = base64.b64decode(encoded).decode().partition(":")
        except ValueError:  # no Base64, or no text in it
            return ""
        secrets = {
            self.account_sid: (self.auth_token, self.secondary_token),
            self.api_key_sid: (self.api_key_secret,),
        }.get(user, (self.key_secret(user),) if user.startswith(PREFIXES["api_key"]) else ())
        given = password.encode()
        is_right = any(bool(secret) and hmac.compare_digest(given, secret.encode()) for secret in secrets)
        return user if is_right and scheme.lower() == "basic" else ""

    def sid(self, prefix: str, kind: str, parent: str, name: str, nth: int) -> str:
        """The SID of the nth thing of this kind, parent and natural key; other requests have no part in it."""
        return prefix + self.digest(kind, parent, name, nth)[: 34 - len(prefix)]

    def request_id(self, asked: bytes) -> str:
        """An API request's id: it repeats, and a password in the request's body can't be worked out from it."""
        return "RQ" + hmac.digest(self.secret.encode(), asked, "sha256").hex()[:32]
