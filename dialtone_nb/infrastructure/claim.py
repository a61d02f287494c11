"""One apply at a time: a claim on the environment, kept as a variable on it, or in the folder of our own server."""

from __future__ import annotations

import json
import secrets
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
from dialtone_nb.values.holder import LONGEST_HOLDER, holder_name
from dialtone_nb.values.printable import printable

CLAIM = "DIALTONE_CLAIM"
LASTS = timedelta(minutes=15)
# With less time left a claim is renewed. One request, with all its tries, takes less than half of this.
ENOUGH = timedelta(minutes=10)
TRIES = 3
# Between a refusal and the look that follows, others may each have had the claim and given it back.
REFUSALS = 10
# The holder of a claim that can't be read. Its writer may be at work, so it does not expire, and is broken by hand.
SOMEBODY: Final = "somebody"


@dataclass(frozen=True, slots=True)
class Claim:
    """Who is applying to an environment, and until when the claim holds (UTC); None if the end is not known."""

    holder: str
    until: datetime | None
    nonce: str

    def __str__(self) -> str:
        until = self.until and self.until.astimezone(UTC).isoformat(timespec="seconds")
        return json.dumps({"holder": self.holder, "until": until, "nonce": self.nonce}, ensure_ascii=False)

    def counts_at(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.until is None or self.until > now


def parse_claim(value: str) -> Claim:
    """The claim in a variable's value; any other value counts as somebody's claim, without an end."""
    try:
        told = json.loads(value)
        holder, until, nonce = told["holder"], datetime.fromisoformat(told["until"]), told["nonce"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Claim(SOMEBODY, None, "")
    if not (isinstance(holder, str) and holder.strip() and isinstance(nonce, str)) or until.tzinfo is None:
        return Claim(SOMEBODY, None, "")
    return Claim(printable(holder)[:LONGEST_HOLDER], until, nonce)


class KeptValue(Protocol):
    """A named value that everybody can see, and that others may change or delete at any time (`AbsentError`)."""

    key: str
    value: str

    def fetch(self) -> Any:
        """Look at it once more."""

    def update(self, *, value: str) -> Any:
        """Give it another value."""

    def delete(self) -> Any:
        """Delete this very value, and no later one of the same name."""


class Keeper(Protocol):
    """Where claims are kept: if two create a value of the same name, only one succeeds."""

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
        # The other values when the claim was made.
        self._found: Sequence[KeptValue] = ()

    def keep(self) -> None:
        """Renew the claim when little time is left; a `HeldError` if somebody took it over.

        It is called before every change and during long ones, so that an apply may last for hours.
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
        """Look for other claims after making ours: were a key ever accepted twice, each would see the other here."""
        self._found = self._keeper.list()
        for one in self._found:
            if one.key == CLAIM and one.value != self._written.value and _is_there(one):
                raise _held(parse_claim(one.value))

    def sign(self, fingerprint: str, *, after: str | None = None) -> None:
        """Write the fingerprint of the plan that is being applied, in place of the one applied before.

        The next plan is bound to it, as a commit is to its parent. So this plan's consent fits no later state, even if
        all else is as before: a number was released and bought again, a build rolled back and promoted.
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
                # The answer was lost, or the list lags: for some seconds it shows what is gone and lacks what is new.
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
    """Hold the claim while the block runs; a `HeldError` that names the holder if it is somebody else's.

    `break_of` names a holder whose claim is taken over because its machine is known to be dead.
    """
    now = account.now()
    mine = Claim(holder_name(), now + LASTS, secrets.token_hex(16))
    for one in _listed(keeper):
        other = parse_claim(one.value)
        if other.counts_at(now) and other.holder != break_of and _is_there(one):
            raise _held(other)
        # Delete it instead of overwriting it: of two who find it expired, only one can then create the new one.
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
    """Whether a listed value still exists: for some seconds Twilio's lists show what was deleted."""
    try:
        kept.fetch()
    except AbsentError:
        return False
    return True


def _write(keeper: Keeper, mine: Claim) -> KeptValue:
    """The value with this claim; a `HeldError` if somebody else's was there first."""
    lost = refused = 0
    while True:
        try:
            made: KeptValue = keeper.create(key=CLAIM, value=str(mine))
            return made
        except UnknownOutcomeError:
            found = [one for one in _listed(keeper) if one.value == str(mine)]
            if found:
                return found[0]
            lost += 1
            if lost == TRIES:
                raise
        except (TwilioError, InputError):
            # Twilio documents no code for a key that exists, so look instead of trusting the code.
            others = [parse_claim(one.value) for one in _listed(keeper) if _is_there(one)]
            if others:
                raise _held(others[0]) from None
            # No claim is there: it was released just now and the name is free, or the refusal has another cause.
            refused += 1
            if refused == REFUSALS:
                raise


def _release(kept: KeptValue) -> None:
    """Give the claim up if Twilio can be reached; if not, it expires, and what was done is reported all the same."""
    for _ in range(TRIES):
        try:
            kept.delete()
        except UnknownOutcomeError:
            continue
        except DialtoneError:  # gone already, perhaps with its environment; or it stays until it expires
            return
        return


def _refuse_taken_over(keeper: Keeper) -> None:
    """Return if the environment itself is gone, which this apply was to delete; else raise a `HeldError`.

    Raise it even if no claim is there now: whoever took it may have finished, and changed what this apply relies on.
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
    end = f"until {until} at the latest" if until else "and its claim can't be read in full"
    return HeldError(
        f"{claim.holder} is applying to this environment, {end}; nothing was done here: wait, "
        f"or if that run is known to be dead, set break_claim to {claim.holder!r}",
        holder=claim.holder,
        until=until,
    )
