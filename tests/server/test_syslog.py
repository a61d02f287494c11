"""`serve --syslog`: phones' logs are saved beside the events, and counted in the metrics."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import requests

from tests.phones.registrations.imitations import exchange, linksys
from tests.server.running_server import server_process, wait_until
from tests.server.test_command import refused


def test_a_server_keeps_what_phones_log_and_tells_prometheus(folder: Path) -> None:
    """In every worker's metrics; a phone of unknown state has no value."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with server_process(folder, "--syslog", f"127.0.0.1:{port}", "--workers", "2") as server:

        def metrics() -> list[str]:
            text = requests.get(f"{server.caller.url}/metrics", timeout=10).text
            return [line for line in text.splitlines() if line.startswith("dialtone_phone_")]

        assert metrics() == []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
            for message in [*exchange("lobby"), *exchange("stranger")]:
                for datagram in linksys(message):
                    device.sendto(datagram, ("127.0.0.1", port))
        wait_until(metrics)
        assert metrics() == [
            'dialtone_phone_registered{phone="lobby"} 1.0',
            'dialtone_phone_changes{phone="lobby"} 0.0',
        ]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
            for message in exchange("lobby", 403):
                device.sendto(message.encode(), ("127.0.0.1", port))
        off = ['dialtone_phone_registered{phone="lobby"} 0.0', 'dialtone_phone_changes{phone="lobby"} 1.0']
        wait_until(lambda: metrics() == off)
        code, _ = server.stop()
    assert code == 0
    assert [path.parent.name for path in folder.glob("registrations/*.jsonl")] == ["registrations"]


def test_a_port_for_the_log_that_can_not_be_had_is_bad_input(folder: Path) -> None:
    """The error comes before the server starts."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        options = ("--environment", "prod", "--port", "0", "--syslog", address)
        code, lines = refused(folder, *options, TWILIO_AUTH_TOKEN="x" * 32)
    assert code == 5
    assert lines[-1].startswith(f"{address}: is taken, by another syslog server perhaps")


@pytest.mark.parametrize("address", ["", ":514", "192.0.2.20:70000", "192.0.2.20:" + "9" * 5000, "192.0.2.20:udp"])
def test_an_address_for_the_log_that_is_none_is_bad_input(folder: Path, address: str) -> None:
    """One line."""
    options = ("--environment", "prod", "--port", "0", "--syslog", address)
    code, lines = refused(folder, *options, TWILIO_AUTH_TOKEN="x" * 32)
    assert (code, len(lines)) == (5, 1)
    assert lines[0].endswith("is not an address and port; write such as 192.0.2.20, or 192.0.2.20:514")
