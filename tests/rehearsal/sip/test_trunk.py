"""The SIP trunk: our own SIP server at a local address, played by SIPp and baresip, over UDP and TCP."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from dialtone_nb.rehearsal.sip.address import TrunkAddress
from dialtone_nb.rehearsal.sip.transport import Transport
from tests.rehearsal.sip.baresip import Baresip, free_ports
from tests.rehearsal.sip.calls import child_of, hang_up, lifted, refusal
from tests.rehearsal.sip.conftest import needs
from tests.rehearsal.sip.handset import Handset
from tests.rehearsal.sip.names import DOMAIN, TRUNK_PASSWORD, TRUNK_USER
from tests.rehearsal.sip.network import Network, open_network, until
from tests.rehearsal.sip.sound import has_heard
from tests.rehearsal.sip.test_sipp import SCENARIOS, TRANSPORTS

Phones = Callable[..., Baresip]
Handsets = Callable[..., Handset]
MENU = "sip:menu@pbx.example.org;transport=tls?X-Dialtone-Client=van"


@pytest.fixture(scope="module", params=["UDP", "TCP"])
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A network whose trunk is a free local port, where nothing listens unless a test starts it."""
    transport: Transport = request.param
    trunk = TrunkAddress(("127.0.0.1", free_ports()[0]), transport)
    with open_network(tmp_path_factory.mktemp("rehearsal") / "state.db", trunk) as opened:
        yield opened


def trunk_of(network: Network) -> TrunkAddress:
    """The trunk's address."""
    trunk = network.door.trunk
    assert trunk
    return trunk


@contextmanager
def played(network: Network, folder: Path, scenario: str, password: str = TRUNK_PASSWORD) -> Iterator[None]:
    """SIPp as our own SIP server for one call; raises AssertionError with its output if it fails."""
    needs("sipp", "sip-tester")
    trunk, errors = trunk_of(network), folder / "errors"
    written = (SCENARIOS / f"{scenario}.xml").read_text()
    filled = folder / f"{scenario}.xml"
    filled.write_text(written.replace("[user]", TRUNK_USER).replace("[password]", password))
    command = [
        *("sipp", "-sf", str(filled), "-i", "127.0.0.1", "-p", str(trunk.peer[1])),
        *("-t", TRANSPORTS[trunk.transport.lower()], "-m", "1", "-timeout", "30", "-timeout_error", "-nostdin"),
        *(
            "-trace_err",
            "-error_file",
            str(errors),
        ),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder) as server:
        until(lambda: is_listening(server.pid, trunk), "SIPp listens")
        yield
        returned = server.wait(40)
        assert returned == 0, errors.read_text()[-3000:] if errors.exists() else f"SIPp ended with {returned}"


def is_listening(process: int, trunk: TrunkAddress) -> bool:
    """Whether a process listens on the trunk's port; old connections to it do not count."""
    sockets = psutil.Process(process).net_connections("inet")
    return any(one.laddr == trunk.peer and one.status in {"LISTEN", "NONE"} for one in sockets)


def told(network: Network, handset: Handset) -> dict[str, str]:
    """The parameters of the Dial's action in a phone's last call."""
    call = next(one for one in network.client.calls.list() if one._from == f"sip:{handset.user}@{DOMAIN}")

    def found() -> dict[str, Any] | None:
        events = network.client.calls(call.sid).events.list()
        parameters: Iterator[dict[str, Any]] = (one.request["parameters"] for one in events)
        return next((one for one in parameters if "DialCallStatus" in one), None)

    return until(found)


@pytest.mark.parametrize("scenario", ["trunk_answers", "trunk_challenges", "trunk_challenges_as_a_proxy"])
def test_the_trunk_is_called_as_the_twiml_says(
    network: Network, handset: Handsets, tmp_path: Path, scenario: str
) -> None:
    """Its URI, X- headers and Twilio's own are sent; a challenge is answered; a hangup is sent."""
    caller = handset()
    with played(network, tmp_path, scenario):
        lifted(caller, "%23")
        hang_up(caller)
    assert child_of(network, caller) == (MENU, "completed")
    assert told(network, caller)["DialSipResponseCode"] == "200"
    assert "reached" in network.steps(caller.user)
    if scenario == "trunk_answers":
        assert told(network, caller)["DialSipHeader_X-Menu"] == "main"


def test_a_trunk_that_hangs_up_ends_the_call(network: Network, handset: Handsets, tmp_path: Path) -> None:
    """On its BYE the Dial's action is requested, whose Hangup ends the phone's leg."""
    caller = handset()
    with played(network, tmp_path, "trunk_hangs_up"):
        lifted(caller, "%23")
        caller.respond(caller.asked("BYE"), 200)
    assert child_of(network, caller) == (MENU, "completed")


def test_a_busy_trunk_is_busy(network: Network, handset: Handsets, tmp_path: Path) -> None:
    """486 and its header reach the Dial's action."""
    caller = handset()
    with played(network, tmp_path, "trunk_busy"):
        assert refusal(caller, "%23") >= 400
    assert child_of(network, caller)[1] == "busy"
    assert told(network, caller)["DialSipResponseCode"] == "486"
    assert told(network, caller)["DialSipHeader_X-Reason"] == "all lines"


def test_a_broken_trunk_is_a_warning(network: Network, handset: Handsets, tmp_path: Path) -> None:
    """503: failed, with its code, and 32011 as without an answer."""
    caller = handset()
    with played(network, tmp_path, "trunk_broken"):
        assert refusal(caller, "%23") >= 400
    assert child_of(network, caller)[1] == "failed"
    assert told(network, caller)["DialSipResponseCode"] == "503"
    assert told(network, caller)["ErrorCode"] == "32011"
    assert network.alerts(32011)


@pytest.mark.parametrize(
    ("scenario", "password", "status"), [("trunk_challenges", "Anotherpassword1", "403"), ("trunk_insists", "", "407")]
)
def test_a_trunk_that_does_not_believe_us_is_not_asked_for_ever(
    network: Network, handset: Handsets, tmp_path: Path, scenario: str, password: str, status: str
) -> None:
    """With a wrong password, or a server that always challenges, the Dial fails with the last response."""
    caller = handset()
    with played(network, tmp_path, scenario, password):
        assert refusal(caller, "%23") >= 400
    assert child_of(network, caller)[1] == "failed"
    assert told(network, caller)["DialSipResponseCode"] == status


def test_a_dead_trunk_is_a_warning(network: Network, handset: Handsets) -> None:
    """Without a listener: 32011 after the Dial's timeout, or at once if the connection is refused."""
    caller, before = handset(), len(network.alerts(32011))
    assert refusal(caller, "%23") >= 400
    assert child_of(network, caller)[1] == "failed"
    assert told(network, caller)["ErrorCode"] == "32011"
    assert len(network.alerts(32011)) == before + 1


def test_a_call_that_was_given_up_does_not_ring_who_comes_late(
    network: Network, handset: Handsets, tmp_path: Path
) -> None:
    """A trunk that starts later gets the next call, and no message of the one before."""
    caller = handset()
    assert refusal(caller, "%23") >= 400
    trunk = trunk_of(network)
    is_udp = trunk.transport == "UDP"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if is_udp else socket.SOCK_STREAM) as late:
        late.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        late.bind(trunk.peer)
        late.settimeout(4.5)  # over UDP the INVITE would be sent again 3.5 and 7.5 s after it was sent first
        if not is_udp:
            late.listen()
        with pytest.raises(TimeoutError):
            late.recv(65535) if is_udp else late.accept()


def test_a_trunk_that_asks_and_gets_no_password_ends_there(network: Network, handset: Handsets, tmp_path: Path) -> None:
    """The TwiML has no password for the operator, so the challenge is final."""
    caller = handset()
    with played(network, tmp_path, "trunk_asks_the_nameless"):
        assert refusal(caller, "0") >= 400
    assert told(network, caller)["DialSipResponseCode"] == "401"


def test_a_real_phone_and_the_trunk_hear_each_other(network: Network, phone: Phones, tmp_path: Path) -> None:
    """baresip is the operator: it receives 440 Hz and sends 800 Hz."""
    trunk = trunk_of(network)
    transport = trunk.transport.lower()
    with Baresip(
        tmp_path / "operator",
        "operator",
        network.address,
        by_outbound=False,
        regint=0,
        port=trunk.peer[1],
        transport=transport,
        answers="auto",
        says_hz=800.0,
    ) as operator:
        van = phone("van", says_hz=440.0)
        van.dial("0")
        assert "+15035550100" in operator.wait_for("CALL_ESTABLISHED")["peeruri"]
        until(lambda: has_heard(van.folder, 800), "the operator heard at van")
        until(lambda: has_heard(operator.folder, 440), "van heard at the operator")
        van.do("hangup")
        operator.wait_for("CALL_CLOSED")


def test_a_simulated_phone_reaches_the_real_trunk(network: Network, tmp_path: Path) -> None:
    """POST /calls: a simulated phone dials #, and SIPp answers."""
    network.http.control("POST", "/clients/library", json={"registered": True})
    with played(network, tmp_path, "trunk_hangs_up"):
        told = network.http.call(client="library", dial="#")
    assert [(one["to"], one["status"]) for one in told["children"]] == [(MENU, "completed")]


def test_a_call_of_the_api_proves_itself_to_the_trunk(network: Network, tmp_path: Path) -> None:
    """SipAuthUsername and SipAuthPassword of POST /Calls answer the challenge."""
    with played(network, tmp_path, "trunk_challenges"):
        call = network.client.calls.create(
            to=MENU,
            from_="+15035550100",
            twiml="<Response><Hangup/></Response>",
            sip_auth_username=TRUNK_USER,
            sip_auth_password=TRUNK_PASSWORD,
        )
    assert until(lambda: network.client.calls(call.sid).fetch().status == "completed")
