"""Who the rehearsed account is, and how everything in it gets its SID: derived from a seed, so that it repeats."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

# A facade looks like a house from the street and has nothing behind it. No account of Twilio's is likely to begin so.
ACCOUNT_PREFIX = "ACfacade"


@dataclass(frozen=True, slots=True)
class Identity:
    """The rehearsed account's own SID and secrets, all of them derived from the seed."""

    seed: int

    def digest(self, *parts: object) -> str:
        """64 hexadecimal digits that follow from the seed and these parts alone."""
        text = "\0".join(map(str, (self.seed, *parts)))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def account_sid(self) -> str:
        """The account's SID, which begins with ACfacade and is nobody's."""
        return ACCOUNT_PREFIX + self.digest("account")[:26]

    @property
    def auth_token(self) -> str:
        """The account's primary auth token; signs webhooks."""
        return self.digest("auth token")[:32]

    @property
    def api_key_sid(self) -> str:
        """The SID of the account's one API key."""
        return "SKfacade" + self.digest("api key")[:26]

    @property
    def api_key_secret(self) -> str:
        """The secret of the account's one API key."""
        return self.digest("api key secret")[:32]

    def sid(self, prefix: str, kind: str, parent: str, name: str, nth: int) -> str:
        """The SID of the nth thing of this kind, parent and natural key; other requests have no part in it."""
        return prefix + self.digest(kind, parent, name, nth)[:32]
