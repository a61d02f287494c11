"""SIP over TLS, and SIP domains with Secure."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.rehearsal.sip.baresip import Baresip
from tests.rehearsal.sip.calls import hang_up, lifted, refusal
from tests.rehearsal.sip.conftest import needs
from tests.rehearsal.sip.handset import SDP, Handset
from tests.rehearsal.sip.names import DOMAIN
from tests.rehearsal.sip.network import Network, open_network, until
from tests.rehearsal.sip.sound import LOUD, has_heard, hear, loudness

Handsets = Callable[..., Handset]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A network whose SIP server supports TLS."""
    folder = tmp_path_factory.mktemp("rehearsal")
    with open_network(folder / "state.db", authority=folder / "authority.pem") as opened:
        yield opened


@pytest.fixture
def over_tls(network: Network) -> Iterator[Handset]:
    """A TLS phone that trusts the server's authority and checks the SIP domain's name."""
    door = network.door
    with Handset((door.host, door.tls_port), network.add_user(), transport="TLS", authority=door.authority) as handset:
        yield handset


@pytest.fixture
def secure(network: Network) -> Iterator[None]:
    """Set Secure on the domain during a test."""
    domain = network.client.sip.domains(network.domains[DOMAIN])
    domain.update(secure=True)
    yield
    domain.update(secure=False)


def test_a_telephone_calls_over_tls(network: Network, over_tls: Handset) -> None:
    """It registers, calls, hears an answer, and hangs up, on one connection with a verified certificate."""
    assert over_tls.register().status_code == 200
    seen = next(one for one in network.registrations() if one["client"] == over_tls.user)
    assert seen["transport"] == "TLS"
    lifted(over_tls, "704")
    assert f"{network.door.tls_port};transport=tls" in (over_tls.answered.get_header("Contact") or "")
    assert loudness(hear(over_tls.rtp, 10)) > LOUD
    hang_up(over_tls)


def test_a_telephone_is_rung_over_tls(over_tls: Handset, handset: Handsets) -> None:
    """Through its own connection, the only possible way."""
    assert over_tls.register().status_code == 200
    caller = handset()
    caller.invite(over_tls.user)
    invite = over_tls.asked("INVITE")
    assert (invite.get_header("Via") or "").startswith("SIP/2.0/TLS")
    over_tls.respond(invite, 486)


def test_baresip_talks_over_tls(network: Network, tmp_path: Path) -> None:
    """With the authority that the command prints."""
    needs("baresip", "baresip-core")
    door = network.door
    with Baresip(tmp_path / "van", "van", (door.host, door.tls_port), transport="tls", authority=door.authority) as van:
        van.wait_to_register()
        van.dial("5035550190")
        van.wait_for("CALL_ESTABLISHED")
        until(lambda: has_heard(van.folder, 1004))
        van.do("hangup")
        van.wait_for("CALL_CLOSED")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")  # that it is old is the point
def test_a_phone_with_an_old_tls_gets_no_connection(network: Network) -> None:
    """TLS 1.2 is the minimum, as at Twilio; other phones are still served."""
    context = ssl.create_default_context(cafile=network.door.authority)
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with socket.create_connection((network.door.host, network.door.tls_port)) as connection, pytest.raises(OSError):
        context.wrap_socket(connection, server_hostname=DOMAIN)


def test_a_secure_domain_takes_no_call_in_the_clear(network: Network, handset: Handsets, secure: None) -> None:
    """32209 over UDP, and the voice URL is not requested."""
    before = len(network.calls())
    assert refusal(handset(), "704") == 488
    assert network.alerts(32209)
    assert len(network.calls()) == before


def test_a_secure_domain_takes_no_sound_in_the_clear(network: Network, over_tls: Handset, secure: None) -> None:
    """32208: TLS without SRTP is not enough."""
    assert refusal(over_tls, "704") == 488
    assert network.alerts(32208)


def test_srtp_is_refused_where_it_is_not_carried(network: Network, over_tls: Handset, secure: None) -> None:
    """Twilio supports it, but the rehearsal does not model it, as the response says."""
    assert refusal(over_tls, "704", body=SDP.format(port=4000).replace("RTP/AVP", "RTP/SAVP")) == 488
    assert any("SRTP" in one.alert_text for one in network.client.monitor.v1.alerts.list() if one.error_code == "20501")


def test_a_domain_without_secure_takes_no_srtp(network: Network, handset: Handsets) -> None:
    """32207."""
    assert refusal(handset(), "704", body=SDP.format(port=4000).replace("RTP/AVP", "RTP/SAVP")) == 488
    assert network.alerts(32207)


def test_a_phone_that_registered_in_the_clear_is_not_rung_at_a_secure_domain(
    network: Network, handset: Handsets
) -> None:
    """A call from outside to it: 32209, and it does not ring."""
    callee = handset("lobby")
    assert callee.register().status_code == 200
    domain = network.client.sip.domains(network.domains[DOMAIN])
    domain.update(secure=True)
    told = network.http.call(from_="+15035550142", to="+15035550100", talk=1)
    domain.update(secure=False)
    assert [one["status"] for one in told["children"]] == ["failed"]
    assert [alert["code"] for alert in told["alerts"]] == [32209]
    assert callee.hears_nothing(0.5)
