"""The command `listen`: what it keeps, prints and returns."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dialtone_nb.cli import listen
from dialtone_nb.cli.arguments import build_parser
from dialtone_nb.errors import InputError
from dialtone_nb.phones.registrations.store import Registration, load_registrations
from dialtone_nb.server import event_log
from tests.phones.registrations.imitations import exchange, linksys

ROOT = Path(__file__).parents[2]
SHORT = "0.02"  # minutes


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with the sample as its network."""
    shutil.copytree(ROOT / "parameters" / "sample", tmp_path / "parameters")
    monkeypatch.delenv("DIALTONE_PARAMETERS", raising=False)
    yield tmp_path


def run(project: Path, messages: list[str], *arguments: str) -> int:
    """The exit code after a device sent these datagrams."""
    options = build_parser().parse_args(["listen", "--port", "0", "--minutes", SHORT, *arguments])

    def send(address: str) -> None:
        host, _, port = address.rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
            for message in messages:
                for datagram in linksys(message):
                    device.sendto(datagram, (host, int(port)))

    return listen.main(options, project, send)


def kept(project: Path) -> list[Registration]:
    """The files in the folder."""
    now = datetime.now(UTC)
    return load_registrations(project / "registrations", now - timedelta(days=1), now + timedelta(days=1))


def test_what_a_phone_tells_is_kept_and_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each change, and a summary at the end."""
    assert run(project, [*exchange("lobby"), *exchange("lobby", 403)]) == 0
    assert [(one.client, one.state.value, one.source) for one in kept(project)] == [
        ("lobby", "registered", "127.0.0.1"),
        ("lobby", "failed", "127.0.0.1"),
    ]
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("listening on 127.0.0.1:")
    assert said[1].startswith("Only this computer can be heard there")
    assert [line[8:] for line in said[2:4]] == [
        " UTC  lobby  registered",
        " UTC  lobby  failed: 403 user name or password refused",
    ]
    assert said[4] == "4 lines, 2 kept"


def test_nothing_in_time_is_told_from_lines(project: Path) -> None:
    """Silence is reported within a minute, so that a device's setup can be corrected."""
    assert run(project, []) == 1
    assert kept(project) == []


def test_lines_of_unknown_devices_alone_are_bad_input(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, with the address and the repair."""
    with pytest.raises(InputError) as caught:
        run(project, exchange("nobody"))
    assert caught.value.lines() == [
        "127.0.0.1: a device that registers under no name of clients.yaml; correct its user name, or declare the phone"
    ]
    assert capsys.readouterr().err.splitlines() == caught.value.lines()
    assert kept(project) == []


def test_the_rehearsals_phones_are_kept_beside_its_state(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are kept separate from real ones."""
    monkeypatch.setenv("DIALTONE_REHEARSAL_STATE", str(project / ".rehearsal" / "state.db"))
    assert run(project, exchange("lobby"), "--rehearsal") == 0
    assert kept(project) == []
    assert list((project / ".rehearsal" / "registrations").glob("*.jsonl"))


def test_a_server_listens_aside(tmp_path: Path) -> None:
    """In a thread, until the server ends."""
    before = threading.active_count()
    with listen.listening_aside("127.0.0.1", 0, lambda: ("lobby",), tmp_path / "registrations") as address:
        host, _, port = address.rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
            for message in exchange("lobby"):
                device.sendto(message.encode(), (host, int(port)))
        end = datetime.now(UTC) + timedelta(seconds=10)
        while not kept(tmp_path):
            assert datetime.now(UTC) < end
    assert [one.client for one in kept(tmp_path)] == ["lobby"]
    assert threading.active_count() == before


def test_what_a_full_disk_lost_is_said(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It goes on, and reports the number of lost lines at the end."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(event_log, "append_lines", full)
    monkeypatch.setattr(event_log, "_CLOSING_S", 0.1)
    assert run(project, exchange("lobby")) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 lines, 1 kept, 1 lost, the disk took none"
    assert kept(project) == []
