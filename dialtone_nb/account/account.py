"""The one door to Twilio: an account, real or rehearsed, with its client."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dialtone_nb.account.transport import Transport
from dialtone_nb.errors import CredentialsError, DialtoneError, Fault, InputError
from dialtone_nb.parameters.yaml_files import suggest
from dialtone_nb.values.sids import FACADE, is_sid, short_sid

if TYPE_CHECKING:
    from twilio.rest import Client

KINDS = ("rehearsal", "twilio")
CONTROL = "http://rehearsal.localhost"
# Our own server's folder beside a rehearsal's state.
SERVER = "server"
# A clock that the network sets is never this far off; a page with another clock's times would mislead.
_CLOCK_IS_OFF: Final = timedelta(minutes=1)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AccountCredentials:
    """What Twilio's HTTP Basic authentication takes, and the auth token where there is one (signatures need it)."""

    account_sid: str
    username: str
    password: str = field(repr=False)
    auth_token: str = field(default="", repr=False)

    @property
    def basic(self) -> tuple[str, str]:
        """User and password of HTTP Basic authentication."""
        return self.username, self.password


@dataclass(frozen=True, eq=False)
class Account:
    """An account that is open: its client, clock and transport."""

    kind: str
    credentials: AccountCredentials = field(repr=False)
    transport: Transport = field(repr=False)
    client: Client = field(repr=False)
    # Sources of function versions by their SIDs, once they were read.
    sources: dict[str, str] = field(default_factory=dict, repr=False)
    # Warnings that were given once and are not repeated.
    said: set[str] = field(default_factory=set, repr=False)

    @property
    def sid(self) -> str:
        """The account's SID."""
        return self.credentials.account_sid

    @property
    def is_rehearsal(self) -> bool:
        """Whether this is the stand-in on this machine."""
        return self.kind == "rehearsal"

    @property
    def label(self) -> str:
        """How a page names this account."""
        return "the rehearsal" if self.is_rehearsal else f"Twilio account {short_sid(self.sid)}"

    @property
    def owner(self) -> Client:
        """The client that uses the auth token if there is one: a standard API key can make neither keys nor tokens."""
        token = self.credentials.auth_token
        if not token or token == self.credentials.password:
            return self.client
        return _client(replace(self.credentials, username=self.sid, password=token), self.transport, self.kind)

    def renew(self, auth_token: str) -> None:
        """Continue with another auth token: the one used so far is no longer valid."""
        before = self.credentials
        self.transport.keep_secret(auth_token)
        password = auth_token if before.password == before.auth_token else before.password
        renewed = replace(before, password=password, auth_token=auth_token)
        object.__setattr__(self, "credentials", renewed)
        self.client.password, self.client.auth = password, renewed.basic
        for state, (known, url) in _rehearsals.items():
            if known == before:
                _rehearsals[state] = renewed, url

    def now(self) -> datetime:
        """The account's time, UTC: Twilio's, as its last answer told it, or the rehearsal's simulated clock.

        Operators' clocks differ, and one may be a year ahead; what is claimed and noted by this time agrees all the
        same. Before Twilio's first answer it is this computer's.
        """
        if self.is_rehearsal:
            return datetime.fromisoformat(self.transport.send("GET", f"{CONTROL}/clock").json()["now"]).astimezone(UTC)
        here = datetime.now(UTC)
        there = self.transport.server_time() or here
        if abs(there - here) > _CLOCK_IS_OFF and not self.said:
            self.said.add("clock")
            ahead = "ahead of" if here > there else "behind"
            _log.warning(
                "This computer's clock is %s %s Twilio's, which is used here instead", abs(there - here), ahead
            )
        return there

    def wait(self, seconds: float) -> None:
        """Let this much of the account's time pass: sleep, or move the rehearsal's clock."""
        if self.is_rehearsal:
            self.transport.send("POST", f"{CONTROL}/clock", json={"advance_s": seconds})
        else:
            time.sleep(seconds)


def open_account(kind: str, project: Path, *, timeout_s: float = 30) -> Account:
    """The account of this kind, "rehearsal" or "twilio"; a `CredentialsError` where credentials are missing."""
    if kind not in KINDS:
        raise InputError(
            Fault("parameter account", f"is {kind!r}", suggest(kind, KINDS) or f"known are {', '.join(KINDS)}")
        )
    base_url = ""
    if kind == "rehearsal":
        credentials, base_url = _open_rehearsal(rehearsal_state(project))
    else:
        credentials = read_credentials(read_environment(project))
    transport = Transport(base_url, timeout_s=timeout_s)
    transport.keep_secret(credentials.password, credentials.auth_token)
    return Account(kind, credentials, transport, _client(credentials, transport, kind))


def _client(credentials: AccountCredentials, transport: Transport, kind: str) -> Client:
    from twilio.rest import Client

    # An edge or a region is for Twilio: with it the names of hosts are others, which the rehearsal does not serve. An
    # empty mapping would be taken for none.
    elsewhere = {"TWILIO_EDGE": "", "TWILIO_REGION": ""} if kind == "rehearsal" else None
    return Client(
        credentials.username,
        credentials.password,
        credentials.account_sid,
        http_client=transport,
        environment=elsewhere,
    )


def tell_holder(account: Account) -> str:
    """Name an account, with its balance, as far as its credentials may read both: an API key reads no name.

    An account that can't be asked is named by its SID; whatever comes next says why.
    """
    name, told = account.label, list[str]()
    with suppress(DialtoneError):
        balance = account.client.balance.fetch()
        told.append(f"balance {balance.balance} {balance.currency}")
        if account.credentials.username == account.sid:
            name = f"{account.client.api.accounts(account.sid).fetch().friendly_name} ({short_sid(account.sid)})"
    return ", ".join([name, *told])


def rehearsal_state(project: Path) -> Path:
    """The state file that runbooks share: DIALTONE_REHEARSAL_STATE, else .rehearsal/state.db in the project."""
    return Path(os.environ.get("DIALTONE_REHEARSAL_STATE") or project / ".rehearsal" / "state.db")


def beside_rehearsal(project: Path, name: str) -> Path:
    """A folder of the rehearsal that runbooks share, beside its state: what it holds is apart from what is real."""
    return rehearsal_state(project).parent / name


def read_credentials(environment: Mapping[str, str]) -> AccountCredentials:
    """The credentials that these variables hold; a `CredentialsError` that names every missing one."""
    account_sid = environment.get("TWILIO_ACCOUNT_SID", "").strip()
    key, secret = (environment.get(name, "").strip() for name in ("TWILIO_API_KEY", "TWILIO_API_SECRET"))
    token = environment.get("TWILIO_AUTH_TOKEN", "").strip()
    faults = []
    if not account_sid:
        faults.append(Fault("TWILIO_ACCOUNT_SID", "is not set", "set it in the environment or in .env"))
    elif not is_sid(account_sid, "account"):
        faults.append(Fault("TWILIO_ACCOUNT_SID", "is no account SID", "copy it from the Console: AC and 32 digits"))
    elif account_sid[2:].startswith(FACADE):
        repair = "set your own from the Console, or choose account: rehearsal"
        faults.append(Fault("TWILIO_ACCOUNT_SID", "is a rehearsal's account SID, not one of Twilio's", repair))
    if key and not is_sid(key, "api_key"):
        faults.append(Fault("TWILIO_API_KEY", "is not an API key SID", "copy it from the Console: SK and 32 digits"))
    elif key[2:].startswith(FACADE):
        faults.append(Fault("TWILIO_API_KEY", "is a rehearsal's, not one of Twilio's", "set your own from the Console"))
    if bool(key) != bool(secret):
        missing = "TWILIO_API_SECRET" if key else "TWILIO_API_KEY"
        faults.append(Fault(missing, "is not set", "a key and its secret go together"))
    if not (key or secret or token):
        faults.append(
            Fault("TWILIO_API_KEY and TWILIO_API_SECRET", "are not set", "set them, or TWILIO_AUTH_TOKEN, in .env")
        )
    if faults:
        raise CredentialsError(faults)
    return AccountCredentials(account_sid, key or account_sid, secret or token, token)


def read_environment(project: Path) -> Mapping[str, str]:
    """The environment's variables, over those of the project's .env."""
    from dotenv import dotenv_values

    from_file = {name: value or "" for name, value in dotenv_values(project / ".env").items()}
    return {**from_file, **os.environ}


_rehearsals: dict[Path, tuple[AccountCredentials, str]] = {}


def _open_rehearsal(state: Path) -> tuple[AccountCredentials, str]:
    """Credentials and address of the rehearsal on this state file, started in this process once."""
    state = state.resolve()
    if state not in _rehearsals:
        from dialtone_nb.rehearsal import start_rehearsal

        rehearsal = start_rehearsal(state)
        credentials = AccountCredentials(
            rehearsal.account_sid, rehearsal.account_sid, rehearsal.auth_token, rehearsal.auth_token
        )
        _rehearsals[state] = credentials, rehearsal.url
    return _rehearsals[state]
