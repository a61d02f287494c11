"""The monitor shows SIP phones' registrations."""

from __future__ import annotations

import re
from collections.abc import Callable

from dialtone_nb.account.account import Account, AccountCredentials
from dialtone_nb.account.rehearsal_control import fetch_registrations
from dialtone_nb.account.transport import Transport
from tests.rehearsal.sip.handset import Handset
from tests.rehearsal.sip.network import Network


def test_a_phone_that_dialled_in_is_told_with_its_kind_and_time(
    network: Network, handset: Callable[..., Handset]
) -> None:
    """A registered phone with its User-Agent, transport and expiry, and an unregistered one."""
    away, there = network.add_user(), network.add_user()
    assert handset(there).register(600, **{"User-Agent": "Desk phone 2"}).status_code == 200
    rehearsal = network.rehearsal
    transport = Transport(rehearsal.url)
    credentials = AccountCredentials(rehearsal.account_sid, rehearsal.account_sid, rehearsal.auth_token)
    told = fetch_registrations(Account("rehearsal", credentials, transport, network.client), "demo")
    transport.session.close()
    assert told[away] == "not registered"
    assert re.fullmatch(r"registered: Desk phone 2, UDP, \d+ s left", told[there])
