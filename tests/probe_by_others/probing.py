"""What the probes find at a Twilio that deviates, or behind obstacles."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from twilio.rest import Client

from dialtone_nb.account.account import Account, AccountCredentials
from dialtone_nb.account.transport import Transport
from dialtone_nb.probe.findings import Findings, Verdict, carry_out
from dialtone_nb.probe.probes import Allowed, choose_probes
from dialtone_nb.rehearsal import Rehearsal
from dialtone_nb.values.assumptions import Assumed
from tests.probe_by_others.deviating_twilio import deviating_twilio

ADDRESS = {
    "name": "Workshop",
    "street": "1 Main Street",
    "city": "Portland",
    "region": "OR",
    "postal_code": "97201",
    "country": "US",
}
ALL = choose_probes(Allowed(calls=True, number=True, cap_usd=5))


@contextmanager
def account_of(running: Rehearsal) -> Iterator[Account]:
    """The account on a rehearsal."""
    credentials = AccountCredentials(running.account_sid, running.account_sid, running.auth_token, running.auth_token)
    transport = Transport(running.url)
    client = Client(credentials.username, credentials.password, credentials.account_sid, http_client=transport)
    yield Account("rehearsal", credentials, transport, client)
    transport.session.close()


def probe_at(folder: Path, twilio: str = "deviating", names: Collection[str] | None = None) -> Findings:
    """What all probes find there."""
    with deviating_twilio(folder, twilio, names) as running, account_of(running) as account:
        return carry_out(account, ADDRESS, ALL)


def believed(findings: Findings) -> dict[str, Assumed]:
    """What is said to have been observed, by assumption."""
    told = [*findings.of(Verdict.HOLDS), *findings.of(Verdict.DIFFERS)]
    return {one.id: one.observed for one in told if one.observed is not None}
