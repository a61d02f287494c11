"""One SIP server an account: opened by a command or over HTTP, found by all processes on the account."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dialtone_nb.errors import DialtoneError
from dialtone_nb.rehearsal import Rehearsal, start_rehearsal
from dialtone_nb.rehearsal.http.sip_control import KIND
from tests.rehearsal.doors import Door, add_phone, client_of
from tests.rehearsal.sip.handset import Handset
from tests.rehearsal.sip.names import CALLER_ID, DOMAIN
from tests.rehearsal.sip.network import Network

Handsets = Callable[..., Handset]


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[tuple[Rehearsal, Door]]:
    """A rehearsal with one phone and no SIP server."""
    with start_rehearsal(tmp_path / "state.db") as rehearsal:
        client, http = client_of(rehearsal), Door(rehearsal)
        add_phone(client, "lobby", DOMAIN)
        yield rehearsal, http
        client.http_client.session.close()
        http.session.close()


@pytest.fixture
def beside(network: Network) -> Iterator[tuple[Rehearsal, Door]]:
    """Another rehearsal on the account of one with a SIP server."""
    with start_rehearsal(network.rehearsal.served.store.path) as second:
        http = Door(second)
        yield second, http
        http.session.close()


def test_a_door_is_opened_and_closed_over_http(alone: tuple[Rehearsal, Door]) -> None:
    """Phones can register while it is open; afterwards nothing answers, and none is registered."""
    _, http = alone
    assert not http.control("GET", "/door")["is_open"]
    opened = http.control("POST", "/door", json={"address": "127.0.0.1:0"})
    assert http.control("GET", "/door") == opened
    assert opened["page"].endswith("/phones")
    with Handset((opened["host"], opened["port"]), "lobby") as lobby:
        assert lobby.register().status_code == 200
    assert [one["client"] for one in http.control("GET", "/registrations")["registrations"]] == ["lobby"]
    again = http.ask("POST", "rehearsal.localhost", "/door", json={"address": "127.0.0.1:0"})
    assert (again.status_code, "running already" in again.json()["message"]) == (409, True)
    assert http.control("DELETE", "/door") is None
    assert not http.control("GET", "/door")["is_open"]
    assert http.control("GET", "/registrations") == {"registrations": []}
    assert not http.control("GET", "/clients")["clients"][0]["registered"]
    with socket.socket() as tried:
        assert tried.connect_ex((opened["host"], opened["port"]))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"address": "example.org"}, "not an IPv4 address"),
        ({"address": "192.0.2.20:5060"}, "beyond_this_machine"),
        ({"address": "127.0.0.1:0", "trunk": "192.0.2.9:5060"}, "beyond_this_machine"),
        ({"address": "192.0.2.20:5060", "beyond_this_machine": True}, "can't use port 5060 of 192.0.2.20"),
    ],
)
def test_a_door_opens_to_a_network_only_for_who_says_so(
    alone: tuple[Rehearsal, Door], body: dict[str, Any], said: str
) -> None:
    """Another address than loopback must be confirmed; one of another machine is rejected."""
    answer = alone[1].ask("POST", "rehearsal.localhost", "/door", json=body, auth=alone[1].account)
    assert answer.status_code in {400, 409}
    assert said in answer.json()["message"]
    assert not alone[1].control("GET", "/door")["is_open"]


def test_a_process_that_was_killed_leaves_no_door_behind(alone: tuple[Rehearsal, Door]) -> None:
    """Its entry is removed when it does not answer."""
    rehearsal, http = alone
    with rehearsal.served.store.transaction() as tables:
        tables.add("XX", KIND, "", "", {"url": "http://127.0.0.1:9", "process": 1})
    assert not http.control("GET", "/door")["is_open"]
    assert http.control("POST", "/door", json={"address": "127.0.0.1:0"})["is_open"]


def test_another_process_on_the_account_finds_the_door(
    network: Network, handset: Handsets, beside: tuple[Rehearsal, Door]
) -> None:
    """A runbook beside `rehearsal --sip` sees its phones, and opens no second server."""
    second, http = beside
    lobby = handset("lobby")
    assert lobby.register().status_code == 200
    assert http.control("GET", "/door")["port"] == network.address[1]
    assert "lobby" in [one["client"] for one in http.control("GET", "/registrations")["registrations"]]
    life = next(one for one in http.control("GET", "/lives")["lives"] if one["client"] == "lobby")
    assert [goal["words"] for goal in life["goals"] if goal["at"]] == ["It registers"]
    assert "<h2>lobby</h2>" in http.ask("GET", "rehearsal.localhost", "/phones").text
    with pytest.raises(DialtoneError, match="running already, in another process"):
        second.open_sip_door()
    assert http.ask("POST", "rehearsal.localhost", "/door", json={}).status_code == 409


def test_a_call_from_another_process_rings_the_real_phone(
    network: Network, handset: Handsets, beside: tuple[Rehearsal, Door]
) -> None:
    """POST /calls of a runbook rings the registered phones."""
    lobby = handset("lobby")
    assert lobby.register().status_code == 200
    told: list[dict[str, Any]] = []
    order = {"from_": "+15035550142", "to": CALLER_ID, "talk": 0.5}
    calling = threading.Thread(target=lambda: told.append(beside[1].call(**order)))
    calling.start()
    invite = lobby.asked("INVITE")
    lobby.answer(invite)
    lobby.respond(lobby.asked("BYE"), 200)
    calling.join(20)
    assert [(one["to"], one["status"]) for one in told[0]["children"]] == [(f"sip:lobby@{DOMAIN}", "completed")]
