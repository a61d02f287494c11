"""The SIP server as a command, `python -m dialtone_nb rehearsal --sip`, and its page of phones."""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dialtone_nb.cli.rehearsal import build_parser, main, open_sip
from dialtone_nb.errors import DialtoneError, InputError
from dialtone_nb.rehearsal import start_rehearsal
from dialtone_nb.rehearsal.sip.address import TrunkAddress, read_address, read_trunk, warning_of, warning_of_trunk
from tests.rehearsal.doors import Door, add_phone, client_of
from tests.rehearsal.sip.handset import Handset
from tests.rehearsal.sip.names import DOMAIN
from tests.rehearsal.sip.network import Network

Handsets = Callable[..., Handset]


def test_the_command_says_where_phones_find_it_and_stops_when_told(tmp_path: Path) -> None:
    """The process answers OPTIONS over UDP, and returns 0 on SIGTERM."""
    command = [
        sys.executable,
        "-m",
        "dialtone_nb",
        "rehearsal",
        "--sip",
        "127.0.0.1:0",
        "--state",
        str(tmp_path / "s.db"),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    ) as door:
        assert door.stdout
        said = "".join(iter(door.stdout.readline, "Stop it with Ctrl-C.\n"))
        found = re.search(r"^SIP +127\.0\.0\.1:(\d+), UDP and TCP\nPhones +http://127\.0\.0\.1:\d+/phones$", said, re.M)
        assert found, said
        assert "Warning" not in said
        with Handset(("127.0.0.1", int(found[1])), "anybody") as handset:
            assert handset.ask(handset.request("OPTIONS", "sip:127.0.0.1")).status_code == 200
        door.send_signal(signal.SIGTERM)
        assert door.wait(20) == 0


@pytest.mark.parametrize(
    ("text", "address"), [("127.0.0.1:5062", ("127.0.0.1", 5062)), ("192.168.1.20", ("192.168.1.20", 5060))]
)
def test_an_address_may_leave_the_port_out(text: str, address: tuple[str, int]) -> None:
    """The default is 5060."""
    assert read_address(text) == address


@pytest.mark.parametrize(
    "text", ["", "5060", "0.0.0.0:5060", "example.org", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:x"]
)
def test_an_address_that_no_phone_could_be_told_is_refused(text: str) -> None:
    """Phones need one address of this machine, not the wildcard."""
    with pytest.raises(argparse.ArgumentTypeError, match=r"address|port"):
        read_address(text)


def test_only_an_address_beyond_this_machine_is_warned_of() -> None:
    """A warning says what is sent unencrypted to the network."""
    assert warning_of("127.0.0.1") == ""
    assert "never the internet" in warning_of("192.168.1.20")


@pytest.mark.parametrize(
    ("text", "peer", "transport"),
    [("127.0.0.1:5080", 5080, "UDP"), ("tcp:127.0.0.1:5081", 5081, "TCP"), ("UDP:127.0.0.1", 5060, "UDP")],
)
def test_a_trunk_has_an_address_and_a_transport(text: str, peer: int, transport: Any) -> None:
    """UDP is the default."""
    assert read_trunk(text) == TrunkAddress(("127.0.0.1", peer), transport)


@pytest.mark.parametrize("text", ["pbx.example.org", "tls:127.0.0.1:5061", "tcp:", "sip:127.0.0.1"])
def test_a_trunk_that_is_none_is_refused(text: str) -> None:
    """Names are not resolved, and other transports are not supported."""
    with pytest.raises(argparse.ArgumentTypeError, match="address"):
        read_trunk(text)


def test_a_trunk_beyond_this_machine_is_warned_of() -> None:
    """Calls that leave this machine may cost money."""
    assert warning_of_trunk(TrunkAddress(("127.0.0.1", 5080))) == ""
    assert "cost money" in warning_of_trunk(TrunkAddress(("192.0.2.9", 5080)))


@pytest.mark.parametrize("option", [["--trunk", "127.0.0.1:5080"], ["--sip-tls"]])
def test_what_needs_a_door_is_refused_without_one(option: list[str]) -> None:
    """One line, and nothing is started."""
    with pytest.raises(InputError, match=f"{option[0]} needs --sip"):
        main(option)


def test_the_command_says_where_the_trunk_and_tls_are(tmp_path: Path) -> None:
    """Beside the SIP server's address."""
    with start_rehearsal(tmp_path / "state.db") as rehearsal:
        asked = [
            "--sip",
            "127.0.0.1:0",
            "--trunk",
            "tcp:127.0.0.1:5080",
            "--sip-tls",
            "0",
            "--state",
            str(tmp_path / "s.db"),
        ]
        said = open_sip(rehearsal, build_parser().parse_args(asked))
    assert re.search(rf"^SIP, TLS +127\.0\.0\.1:\d+; phones are to trust {tmp_path}/sip-authority.pem$", said, re.M)
    assert (tmp_path / "sip-authority.pem").read_text(encoding="utf-8").startswith("-----BEGIN CERTIFICATE")
    assert "\nTrunk        127.0.0.1:5080, TCP\n" in said


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    """One line; the rehearsal continues without a SIP server."""
    with socket.socket() as taken, start_rehearsal(tmp_path / "state.db") as rehearsal:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DialtoneError) as caught:
            rehearsal.open_sip_door(port=port)
        assert caught.value.lines() == [
            (
                f"The SIP server can't use port {port} of 127.0.0.1: Address already in use; "
                "stop what uses it, or name another port, such as 5070"
            )
        ]
        assert rehearsal.open_sip_door().port


def test_a_rehearsal_has_one_door(network: Network) -> None:
    """A second one would take half of the calls."""
    with pytest.raises(DialtoneError, match="running already"):
        network.rehearsal.open_sip_door()


def test_phones_of_an_earlier_door_are_not_registered_at_the_next(tmp_path: Path) -> None:
    """A killed server could not unregister them."""
    state = tmp_path / "state.db"
    with start_rehearsal(state) as rehearsal:
        client = client_of(rehearsal)
        add_phone(client, "lobby", DOMAIN)
        with rehearsal.served.store.transaction() as tables:
            domain = tables.list("sip_domain", "")[0]
            tables.add("RG", "registration", domain.sid, "lobby", {"door": True})
        rehearsal.open_sip_door()
        with rehearsal.served.store.transaction() as tables:
            assert tables.list("registration") == []
        client.http_client.session.close()


def test_the_page_shows_what_a_phone_has_done_and_what_comes_next(network: Network, handset: Handsets) -> None:
    """Its settings with this machine's address, its steps, and hints if the next one fails."""
    phone = handset("van")
    phone.register()
    page = network.http.ask("GET", "127.0.0.1", "/phones")
    assert page.headers["content-type"].startswith("text/html")
    article = next(one for one in page.text.split("<article>") if "<h2>van</h2>" in one)
    assert f"{network.door.host}:{network.door.port}, UDP or TCP" in article
    assert "It registers ✓" in article
    assert "<strong>It calls out: next.</strong>" in article
    assert f"UDP from 127.0.0.1:{phone.port}" in article
    assert "<dt>503 555 0191</dt><dd>answers after 1 s with an echo</dd>" in page.text


def test_what_a_phone_calls_itself_is_no_html(network: Network, handset: Handsets) -> None:
    """Its User-Agent is untrusted text."""
    handset("van").register(User_Agent="<script>alert(1)</script>")
    page = network.http.ask("GET", "127.0.0.1", "/phones").text
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_without_a_door_nobody_is_registered_through_one(tmp_path: Path) -> None:
    """An empty list, and no page."""
    with start_rehearsal(tmp_path / "state.db") as rehearsal:
        http = Door(rehearsal)
        assert http.control("GET", "/registrations") == {"registrations": []}
        assert http.ask("GET", "rehearsal.localhost", "/phones").status_code == 501
        http.session.close()
