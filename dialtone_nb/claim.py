"""One apply at a time: a claim on the environment, kept as a variable on it."""

from __future__ import annotations

import getpass
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from dialtone_nb.account import Account
from dialtone_nb.errors import AbsentError, HeldError

CLAIM = "DIALTONE_CLAIM"
LASTS = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Claim:
    """Who is applying to an environment, and until when that counts (UTC)."""

    holder: str
    until: datetime
    nonce: str

    def __str__(self) -> str:
        return f"{self.holder}|{self.until.isoformat(timespec='seconds')}|{self.nonce}"


def holder_name() -> str:
    """Who is asking: user and machine; DIALTONE_OPERATOR where it is set (a CI job's name)."""
    return os.environ.get("DIALTONE_OPERATOR") or f"{getpass.getuser()}@{socket.gethostname()}"


def parse_claim(value: str) -> Claim | None:
    """The claim that a variable's value holds, or None where it is none."""
    try:
        holder, until, nonce = value.split("|")
        return Claim(holder, datetime.fromisoformat(until), nonce)
    except ValueError:
        return None


@contextmanager
def held(account: Account, service_sid: str, environment_sid: str, *, break_of: str = "") -> Iterator[Claim]:
    """The claim, for as long as the block runs; a `HeldError` that says who holds it where somebody else does.

    `break_of` names a holder whose claim is taken over: one whose machine is known to be dead.
    """
    variables = account.client.serverless.v1.services(service_sid).environments(environment_sid).variables
    now = account.now()
    mine = Claim(holder_name(), now + LASTS, secrets.token_hex(4) if not account.is_rehearsal else "rehearsed")
    found = next((one for one in variables.list() if one.key == CLAIM), None)
    other = parse_claim(found.value) if found else None
    if other and other.until > now and other.holder not in {break_of}:
        raise _held(other)
    if found:
        found.update(value=str(mine))
    else:
        variables.create(key=CLAIM, value=str(mine))
    # Two may have written at the same moment; the variable holds one of them.
    listed = [one for one in variables.list() if one.key == CLAIM]
    if [one.value for one in listed] != [str(mine)]:
        winner = next((parse_claim(one.value) for one in listed if one.value != str(mine)), None)
        raise _held(winner or mine)
    try:
        yield mine
    finally:
        with suppress(AbsentError):  # the environment was deleted, and the claim with it
            listed[0].delete()


def _held(claim: Claim) -> HeldError:
    until = claim.until.strftime("%Y-%m-%d %H:%M UTC")
    return HeldError(
        f"{claim.holder} is applying to this environment, until {until} at the latest; nothing was done here",
        holder=claim.holder,
        until=until,
    )
