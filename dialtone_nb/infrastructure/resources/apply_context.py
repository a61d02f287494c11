"""What the makers of things need: the account, what is known so far, and what must not be in a plan."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dialtone_nb.account.account import Account
from dialtone_nb.infrastructure.resources.model import Id, Item, Kind, State, resolve_fields
from dialtone_nb.infrastructure.resources.own_server import OwnServer
from dialtone_nb.service.bundle import Bundle


@dataclass
class Work:
    """One apply under way; `state` grows as things come to be, from several threads."""

    account: Account
    service: str
    credential_list: str
    state: State
    bundle: Bundle | None = None
    # Our own server, where that answers Twilio.
    server: OwnServer | None = None
    # Passwords and variables' values by what they belong to: never part of an item, so never of a plan.
    secrets: Mapping[Id, str] = field(default_factory=dict, repr=False)
    # Keeps the claim on the environment from running out; an error where it is no longer ours.
    keep_claim: Callable[[], None] = lambda: None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, item: Item) -> None:
        """Remember a thing that exists now."""
        with self.lock:
            self.state = self.state.with_item(item)

    def remove(self, key: Id) -> None:
        """Remember that a thing is gone."""
        with self.lock:
            self.state = self.state.without(key)

    def wait(self, seconds: float) -> None:
        """Let this much of the account's time pass, holding on to the claim."""
        self.account.wait(seconds)
        self.keep_claim()

    def sid(self, kind: Kind, key: str) -> str:
        """The SID of a thing that exists."""
        return self.state.sid(kind, key)

    def resolve(self, item: Item) -> Item:
        """The thing with its references replaced by what exists now."""
        return resolve_fields(item, self.state)

    @property
    def service_sid(self) -> str:
        """The service's SID."""
        return self.sid(Kind.SERVICE, self.service)

    @property
    def credential_list_sid(self) -> str:
        """The credential list's SID."""
        return self.sid(Kind.CREDENTIAL_LIST, self.credential_list)
