"""Switching a running rehearsal to another account at the same address."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import requests

from dialtone_nb.rehearsal import start_rehearsal
from dialtone_nb.rehearsal.state.identity import Identity
from tests.rehearsal.doors import client_of


def test_the_next_account_is_empty_and_its_owners(tmp_path: Path) -> None:
    """SID, token and key stay; resources are gone, and new ones get other SIDs; switched back, all are there."""
    owner = Identity(7, "5" * 64)
    with start_rehearsal(tmp_path / "1.db", owner=owner) as rehearsal:
        client = client_of(rehearsal)
        first = client.sip.credential_lists.create("phones").sid
        rehearsal.change_state(tmp_path / "2.db", seed=8)
        assert client.sip.credential_lists.list() == []
        assert client.sip.credential_lists.create("phones").sid != first
        mine = rehearsal.identity
        assert (mine.account_sid, mine.auth_token) == (owner.account_sid, owner.auth_token)
        assert (mine.api_key_sid, mine.api_key_secret) == (owner.api_key_sid, owner.api_key_secret)
        rehearsal.change_state(tmp_path / "1.db", seed=7)
        assert [one.sid for one in client.sip.credential_lists.list()] == [first]
        client.http_client.session.close()


def test_whoever_asks_meanwhile_is_answered_or_cut_off(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each gets a complete answer or none, and the terminal stays empty."""
    seen: set[int] = set()
    with start_rehearsal(tmp_path / "0.db", lasting=False) as rehearsal:
        over, auth = threading.Event(), (rehearsal.account_sid, rehearsal.auth_token)

        def ask() -> None:
            with requests.Session() as session:
                session.trust_env = False
                while not over.is_set():
                    try:
                        url = f"{rehearsal.url}/2010-04-01/Accounts/{auth[0]}/Calls.json"
                        seen.add(session.get(url, auth=auth, headers={"Host": "api.twilio.com"}).status_code)
                    except requests.ConnectionError:
                        pass

        asking = [threading.Thread(target=ask) for _ in range(3)]
        for one in asking:
            one.start()
        for number in range(1, 20):
            rehearsal.change_state(tmp_path / f"{number}.db", seed=number)
        over.set()
        for one in asking:
            one.join()
    assert seen <= {200, 401, 404}
    assert capfd.readouterr() == ("", "")
