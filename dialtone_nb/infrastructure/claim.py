"""One apply at a time: a claim on the environment, kept as a variable on it, or in the folder of our own server."""

from __future__ import annotations

import getpass
import json
import os
import secrets
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from dialtone_nb.account.account import Account
from dialtone_nb.errors import (
    AbsentError,
    DialtoneError,
    HeldError,
    InputError,
    StalePlanError,
    TwilioError,
    UnknownOutcomeError,
)
from dialtone_nb.infrastructure.resources.variables import APPLIED
from dialtone_nb.values.printable import printable

CLAIM = "DIALTONE_CLAIM"
LASTS = timedelta(minutes=15)
# With less left it is renewed. One request, with all its tries, takes less than half of this.
ENOUGH = timedelta(minutes=10)
TRIES = 3
# Who holds what can't be read as a claim: its writer may be at work, so it does not run out, and is broken by hand.
SOMEBODY: Final = "somebody"
_LONGEST_HOLDER: Final = 64  # characters: a variable's value has 450 bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """Who is applying to an environment, and until when that counts (UTC); None where nobody knows the end."""

    holder: str
    until: datetime | None
    nonce: str

    def __str__(self) -> str:
        until = self.until and self.until.astimezone(UTC).isoformat(timespec="seconds")
        return json.dumps({"holder": self.holder, "until": until, "nonce": self.nonce}, ensure_ascii=False)

    def counts_at(self, now: datetime) -> bool:
        """Whether it has not run out."""
        return self.until is None or self.until > now


def holder_name() -> str:
    """Who is asking: user and machine; DIALTONE_OPERATOR where it is set (a CI job's name)."""
    name = os.environ.get("DIALTONE_OPERATOR") or f"{getpass.getuser()}@{socket.gethostname()}"
    return printable(name).strip()[:_LONGEST_HOLDER] or "no name"


def parse_claim(value: str) -> Claim:
    """The claim that a variable's value holds; what is none counts as one of somebody, without an end."""
    try:
        told = json.loads(value)
        holder, until, nonce = told["holder"], datetime.fromisoformat(told["until"]), told["nonce"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Claim(SOMEBODY, None, "")
    if not (isinstance(holder, str) and holder.strip() and isinstance(nonce, str)) or until.tzinfo is None:
        return Claim(SOMEBODY, None, "")
    return Claim(printable(holder)[:_LONGEST_HOLDER], until, nonce)


class KeptValue(Protocol):
    """A value under a name, where everybody sees it; gone or changed by others at any time (`AbsentError`)."""

    key: str
    value: str

    def fetch(self) -> Any:
        """Look at it once more."""

    def update(self, *, value: str) -> Any:
        """Give it another value."""

    def delete(self) -> Any:
        """Take out this very value, and no later one of the same name."""


class Keeper(Protocol):
    """Where claims are kept: of two who make a value of one name, one alone succeeds."""

    def list(self) -> Sequence[Any]:
        """Every `KeptValue` that is there."""

    def create(self, *, key: str, value: str) -> Any:
        """The new `KeptValue`; refused where the name is taken."""


class HeldClaim:
    """A claim that is ours, as it is kept; `keep` may be called from any thread."""

    def __init__(self, account: Account, keeper: Keeper, written: KeptValue, claim: Claim) -> None:
        self._account = account
        self._keeper = keeper
        self._written = written
        self._lock = threading.Lock()
        self.claim = claim
        # What stood beside the claim when it was made.
        self._found: Sequence[KeptValue] = ()

    def keep(self) -> None:
        """Renew the claim when little time is left. A `HeldError` where somebody took it over.

        Called before every change and at every look at one that takes long, so that an apply may last for hours.
        """
        with self._lock:
            now = self._account.now()
            if self.claim.until and ENOUGH < self.claim.until - now <= LASTS:
                return
            renewed = replace(self.claim, until=now + LASTS)
            try:
                self._written.update(value=str(renewed))
            except UnknownOutcomeError:
                return  # some time is left: the next call finds out
            except AbsentError:
                _refuse_taken_over(self._keeper)
            self.claim = renewed

    def refuse_others(self) -> None:
        """Look around once the claim is made: were a key ever accepted twice, the two would see each other here."""
        self._found = self._keeper.list()
        for one in self._found:
            if one.key == CLAIM and one.value != self._written.value and _is_there(one):
                raise _held(parse_claim(one.value))

    def sign(self, fingerprint: str, *, after: str | None = None) -> None:
        """Leave the fingerprint of the plan that is applied from now on, in the place of the one applied before.

        The next plan is bound to it, as a commit is to its parent. So no later state is one that this plan's consent
        fits, though all else be as it was: a number released and bought again, a build rolled back and promoted.
        `after` is the fingerprint that this plan is bound to; a `StalePlanError` where another one is there.
        """
        for attempt in range(1, TRIES + 1):
            kept = self._found if attempt == 1 else self._keeper.list()
            signed = next((one for one in kept if one.key == APPLIED), None)
            found = signed.value if signed else ""
            if after is not None and found not in (after, fingerprint):
                raise StalePlanError(
                    "consent: somebody else applied a plan here meanwhile, and nothing was done: plan again"
                )
            try:
                if signed is None:
                    self._keeper.create(key=APPLIED, value=fingerprint)
                else:
                    signed.update(value=fingerprint)
                return
            except (UnknownOutcomeError, TwilioError):
                # Lost, or a list that lags: it shows for some seconds what is gone, and does not show what is new.
                if attempt == TRIES:
                    raise

    def release(self) -> None:
        """Give the claim up, if its keeper can be reached."""
        _release(self._written)


def variables_of(account: Account, service_sid: str, environment_sid: str) -> Keeper:
    """An environment's variables, as the keeper of its claim."""
    keeper: Keeper = account.client.serverless.v1.services(service_sid).environments(environment_sid).variables
    return keeper


@contextmanager
def held(account: Account, keeper: Keeper, *, break_of: str = "") -> Iterator[HeldClaim]:
    """The claim, for as long as the block runs; a `HeldError` that says who holds it where somebody else does.

    `break_of` names a holder whose claim is taken over: one whose machine is known to be dead.
    """
    now = account.now()
    mine = Claim(holder_name(), now + LASTS, secrets.token_hex(16))
    for one in _listed(keeper):
        other = parse_claim(one.value)
        if other.counts_at(now) and other.holder != break_of and _is_there(one):
            raise _held(other)
        # Taken out, not written over: of two who find it expired, one alone can then make the new one.
        _release(one)
    claim = HeldClaim(account, keeper, _write(keeper, mine), mine)
    try:
        claim.refuse_others()
        yield claim
    finally:
        claim.release()


def _listed(keeper: Keeper) -> list[KeptValue]:
    return [one for one in keeper.list() if one.key == CLAIM]


def _is_there(kept: KeptValue) -> bool:
    """Whether a value that is listed still exists: Twilio's lists show for some seconds what was deleted."""
    try:
        kept.fetch()
    except AbsentError:
        return False
    return True


def _write(keeper: Keeper, mine: Claim) -> KeptValue:
    """The value with this claim; where somebody else's was there first, a `HeldError`."""
    for attempt in range(1, TRIES + 1):
        try:
            made: KeptValue = keeper.create(key=CLAIM, value=str(mine))
            return made
        except UnknownOutcomeError:
            found = [one for one in _listed(keeper) if one.value == str(mine)]
            if found:
                return found[0]
            if attempt == TRIES:
                raise
        except (TwilioError, InputError):
            # That an existing key is refused is documented nowhere, so it is told by looking, not by the code.
            others = [parse_claim(one.value) for one in _listed(keeper) if _is_there(one)]
            if others:
                raise _held(others[0]) from None
            # Nobody is there: who was has just released it, and the name is free again; or it is another refusal.
            if attempt == TRIES:
                raise
    raise AssertionError("unreachable")


def _release(kept: KeptValue) -> None:
    """Give the claim up, if Twilio can be reached: what was done must be told in any case, and a claim runs out."""
    for _ in range(TRIES):
        try:
            kept.delete()
        except UnknownOutcomeError:
            continue
        except DialtoneError:  # gone already, with its environment perhaps; or it stays until it has run out
            return
        return


def _refuse_taken_over(keeper: Keeper) -> None:
    """Pass where the environment itself is gone, as this apply was to do; else raise a `HeldError`.

    Not even where nobody's claim is there now: whoever took it may be done, and have changed what this apply counts on.
    """
    try:
        others = [parse_claim(one.value) for one in _listed(keeper) if _is_there(one)]
    except AbsentError:
        return
    holder = others[0].holder if others else SOMEBODY
    raise HeldError(
        f"{holder} took this environment over while this run went on, so it stops here; plan again to see what is left",
        holder=holder,
        until=_readable(others[0].until) if others else "",
    )


def _readable(time: datetime | None) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if time else ""


def _held(claim: Claim) -> HeldError:
    until = _readable(claim.until)
    end = f"until {until} at the latest" if until else "and what was written of it can't be read"
    return HeldError(
        f"{claim.holder} is applying to this environment, {end}; nothing was done here: wait, "
        f"or where that run is known to be dead, set break_claim to {claim.holder!r}",
        holder=claim.holder,
        until=until,
    )
