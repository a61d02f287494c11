"""A phone downloads its configuration over HTTP: once, under its own path, while the operator waits."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from dialtone_nb.cli.hand_over import main, make_handout
from dialtone_nb.errors import InputError
from dialtone_nb.parameters import Parameters
from dialtone_nb.phones.configurations import configuration_files
from dialtone_nb.phones.hand_over import Handout, hand_over
from dialtone_nb.phones.private_files import private_folder, save_private_files
from dialtone_nb.phones.settings import device_settings
from tests.phones.conftest import handed_out_at

PASSWORD = "Ab3defghijkmnpqrstuvwxyz"


@pytest.fixture
def address() -> str:
    """This machine with a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def private(parameters: Parameters, tmp_path: Path) -> Path:
    """The private files of every phone."""
    for client, declared in parameters.clients.items():
        files = configuration_files(device_settings(parameters, client), PASSWORD)
        save_private_files(private_folder(declared.environment, client, root=tmp_path / "private"), files)
    return tmp_path / "private"


class Running:
    """A running hand-out, and its messages."""

    def __init__(self, handout: Handout) -> None:
        self.said: list[str] = []
        self.names = tuple(handout.files)
        self.all_taken: list[bool] = []
        self.thread = threading.Thread(
            target=lambda: self.all_taken.append(hand_over(handout, within_s=20, say=self.said.append))
        )
        self.thread.start()


def fetch(url: str) -> tuple[int, str]:
    """Status and body, once the server listens."""
    for _ in range(200):
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except urllib.error.URLError:
            threading.Event().wait(0.02)
    raise AssertionError("nobody listens")


@pytest.fixture
def running(parameters: Parameters, private: Path, address: str) -> Iterator[Running]:
    """A running hand-out of the soundpoint's two files."""
    started = Running(make_handout(parameters, "soundpoint", private, address))
    yield started
    started.thread.join(30)


@pytest.mark.parametrize("read", [0, 20])
def test_a_download_that_was_broken_off_is_not_used_up(running: Running, address: str, read: int) -> None:
    """An interrupted download may be repeated, and does not count."""
    while not running.said:
        with socket.socket() as phone:
            phone.settimeout(10)
            try:
                phone.connect(("127.0.0.1", int(address.rpartition(":")[2])))
            except ConnectionRefusedError:
                continue
            phone.sendall(b"GET /prod/soundpoint/soundpoint.cfg HTTP/1.0\r\n\r\n")
            phone.recv(1, socket.MSG_PEEK)
            if read:
                phone.recv(read)
            # Hung up at once, as a phone that is unplugged and comes back.
            phone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for _ in range(100):
            threading.Event().wait(0.02)
            if running.said:
                break
    assert all("was not taken whole" in line for line in running.said)
    for name in running.names:
        assert fetch(f"{address}/prod/soundpoint/{name}")[0] == 200
    running.thread.join(30)
    assert running.all_taken == [True]


def test_each_file_is_given_once_and_then_it_ends(running: Running, address: str) -> None:
    """Other paths, phone.txt and a second request get a 404; the client of each download is printed."""
    assert fetch(f"{address}/prod/soundpoint/phone.txt") == (404, "")
    assert fetch(f"{address}/prod/soundpoint/../soundpoint/soundpoint.cfg") == (404, "")
    assert fetch(f"{address}/soundpoint.cfg") == (404, "")
    status, body = fetch(f"{address}/prod/soundpoint/soundpoint.cfg")
    assert status == 200
    assert PASSWORD in body
    assert fetch(f"{address}/prod/soundpoint/soundpoint.cfg") == (404, "")
    # A Polycom phone asks for a master file of its own name first.
    assert fetch(f"{address}/prod/soundpoint/0004f2aabbcc.cfg")[0] == 200
    running.thread.join(10)
    assert running.all_taken == [True]
    assert running.said == ["soundpoint.cfg was taken by 127.0.0.1", "000000000000.cfg was taken by 127.0.0.1"]


def test_a_grandstream_finds_its_file_under_its_own_name() -> None:
    """It requests cfg<MAC address>.xml."""
    files = {"grandstream-ht801.xml": "<gs_provision/>"}
    handout = Handout(files, "grandstream-ht801", "http://192.0.2.20:8023/prod/lobby")
    assert handout.find("/prod/lobby/cfg000b82aabbcc.xml") == "grandstream-ht801.xml"
    assert handout.find("/prod/lobby/cfg.xml") == ""


def test_when_the_time_is_up_nothing_is_handed_out_any_more(address: str) -> None:
    """The result says which files were not downloaded."""
    handout = Handout({"linphone.xml": "<config/>"}, "linphone", f"{address}/stage/softphone")
    assert not hand_over(handout, within_s=0.05, say=lambda _: None)
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{address}/stage/softphone/linphone.xml", timeout=5)


def test_an_address_of_another_machine_is_one_line(parameters: Parameters, private: Path) -> None:
    """The declared address may be another operator's machine."""
    handout = make_handout(parameters, "softphone", private, "http://192.0.2.20:8023")
    with pytest.raises(InputError, match=r"can't be listened at here .*; name an address of this computer"):
        hand_over(handout, within_s=1, say=lambda _: None)


def test_a_phone_without_a_ready_configuration_is_one_line(parameters: Parameters, private: Path) -> None:
    """A phone set up by hand, one not set up yet, and an unknown one."""
    for client, told in (("anything", "has no ready configuration"), ("softfone", "did you mean 'softphone'")):
        with pytest.raises(InputError, match=told):
            make_handout(parameters, client, private, "http://127.0.0.1:8023")


def told_by(command: Path, *options: str) -> tuple[int, str]:
    """The exit code and output of the command, with a phone that downloads once it is ready."""
    asked = [sys.executable, "-m", "dialtone_nb", "hand-over", "softphone", *options]
    with subprocess.Popen(asked, cwd=command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.strip().endswith("/stage/softphone/linphone.xml"):
                assert fetch(line.strip())[0] == 200
        return process.wait(), "".join(lines)


def test_the_command_hands_out_and_says_who_came(
    parameters: Parameters, private: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its address and QR code come first, then who downloaded the file; the password is never printed."""
    project = private.parent
    (project / "notebooks").mkdir()
    shutil.copytree(parameters.folder, project / "parameters")
    monkeypatch.delenv("DIALTONE_PARAMETERS")
    code, told = told_by(project, "--address", address)
    assert code == 0, told
    assert "▄▄▄▄▄" in told
    assert "linphone.xml was taken by 127.0.0.1" in told
    assert PASSWORD not in told


@pytest.mark.parametrize("declared", ["http://192.0.2.20:8023", "https://127.0.0.1:8023"])
def test_an_address_at_which_somebody_else_hands_out_gives_way_to_ones_own(
    declared: str,
    parameters: Parameters,
    private: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """network.yaml may declare another operator's machine, or a server with TLS, which ours has not."""
    at = handed_out_at(parameters, declared)
    monkeypatch.setattr("dialtone_nb.cli.hand_over.load_parameters", lambda _: at)
    monkeypatch.setattr("dialtone_nb.cli.hand_over.own_address", lambda _: "http://127.0.0.1:0")
    arguments = SimpleNamespace(client="softphone", address=None, minutes=0.001, rehearsal=False)
    assert main(arguments, private.parent) == 1  # type: ignore[arg-type]
    told = capsys.readouterr().out
    assert told.startswith(f"Not at {declared}, which network.yaml names")
    assert "  http://127.0.0.1:0/" in told
    assert told.rstrip().endswith("is no longer handed out")


@pytest.mark.parametrize(
    ("address", "minutes", "told"),
    [
        ("127.0.0.1:8765", 5, "--address 127.0.0.1:8765: is not an address of a web server"),
        ("localhost", 5, "--address localhost: is not an address of a web server"),
        ("http://:8765", 5, "--address http://:8765: is not an address of a web server"),
        ("", 5, "--address : is not http"),
        ("https://127.0.0.1:8765", 5, "--address https://127.0.0.1:8765: is not http"),
        ("http://127.0.0.1:99999", 5, "--address http://127.0.0.1:99999: has a port that is none"),
        (None, 0, "--minutes: 0 is no time to wait"),
        (None, -1, "--minutes: -1 is no time to wait"),
        (None, float("nan"), "--minutes: nan is no time to wait"),
        (None, float("inf"), "--minutes: inf is no time to wait"),
    ],
)
def test_what_is_no_address_of_ours_or_no_time_hands_nothing_out(
    parameters: Parameters,
    private: Path,
    monkeypatch: pytest.MonkeyPatch,
    address: str | None,
    minutes: float,
    told: str,
) -> None:
    """Without a scheme it would name no host, and the password would be there at all addresses of this computer."""
    monkeypatch.setattr("dialtone_nb.cli.hand_over.load_parameters", lambda _: parameters)
    arguments = SimpleNamespace(client="softphone", address=address, minutes=minutes, rehearsal=False)
    with pytest.raises(InputError) as caught:
        main(arguments, private.parent)  # type: ignore[arg-type]
    assert str(caught.value).startswith(told)
