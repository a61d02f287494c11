"""Linphone, unmodified: it registers, is rejected, calls, is called, and loads our configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dialtone_nb.parameters import load_parameters
from dialtone_nb.phones.settings import RegistrarAddress, device_settings
from tests.rehearsal.sip.baresip import Baresip
from tests.rehearsal.sip.linphone import Linphone
from tests.rehearsal.sip.names import DOMAIN, PASSWORD
from tests.rehearsal.sip.network import Network, until
from tests.rehearsal.sip.sound import ends_with_tone, has_heard

Linphones = Callable[..., Linphone]
ROOT = Path(__file__).parents[3]


def provisioning_of(network: Network, user: str, folder: Path, transport: str = "UDP") -> Path:
    """Linphone's file from client set-up, for this SIP server."""
    host, port = network.address
    parameters = load_parameters(ROOT / "tests/phones/network")
    settings = device_settings(parameters, "softphone", registrar=RegistrarAddress(host, port, transport))  # type: ignore[arg-type]
    settings = replace(settings, host=DOMAIN, user=user, auth_id=user)
    file = folder / "linphone.xml"
    file.write_text(settings.files(PASSWORD)["linphone.xml"])
    return file


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_linphone_registers_until_it_is_switched_off(network: Network, linphone: Linphones, transport: str) -> None:
    """Over UDP and TCP, with the expiry that it requests."""
    user = network.add_user()
    phone = linphone(user, transport=transport)
    seen = until(lambda: next((one for one in network.registrations() if one["client"] == user), None))
    assert (seen["transport"], seen["user_agent"].startswith("Linphone")) == (transport.upper(), True)
    assert seen["expires_in_s"] > 590
    phone.close()
    until(lambda: network.steps(user)[-1] == "unregistered")


def test_linphone_with_a_wrong_password_is_refused(network: Network, linphone: Linphones) -> None:
    """32212, and the phone is not registered."""
    user = network.add_user()
    linphone(user, password="Wrongpassword1")
    until(lambda: "refused" in network.steps(user))
    assert any(user in text for text in network.alerts(32212))
    assert user not in [one["client"] for one in network.registrations()]


def test_linphone_calls_and_hears_who_answers(network: Network, linphone: Linphones) -> None:
    """A milliwatt of 1,004 Hz from the built-in network, which also receives its sound."""
    user = network.add_user()
    phone = linphone(user)
    until(lambda: "registered" in network.steps(user))
    phone.do("call 5035550190")
    phone.wait_for("established")
    until(lambda: ends_with_tone(phone.heard(), 1004))
    until(lambda: "spoke" in network.steps(user))
    phone.do("terminate")
    until(lambda: network.steps(user)[-1] == "ended")


def test_linphone_is_called_by_another_phone(
    network: Network, linphone: Linphones, phone: Callable[..., Baresip]
) -> None:
    """baresip dials it by name: it rings, it answers, and each receives the other's tone."""
    user = network.add_user()
    called = linphone(user, says_hz=800.0)
    until(lambda: "registered" in network.steps(user))
    van = phone("van", says_hz=440.0)
    van.dial(user)
    until(lambda: "rang" in network.steps(user))
    called.do("answer")
    van.wait_for("CALL_ESTABLISHED")
    until(lambda: has_heard(van.folder, 800), "Linphone heard at van")
    until(lambda: ends_with_tone(called.heard(), 440), "van heard at Linphone")
    van.do("hangup")
    until(lambda: "ended" in network.steps("van"))


@pytest.mark.parametrize(("has_our_file", "arrives"), [(False, "+1911"), (True, "911")])
def test_linphone_with_a_country_sends_its_prefix_unless_our_file_clears_it(
    network: Network, linphone: Linphones, tmp_path: Path, has_our_file: bool, arrives: str
) -> None:
    """With a country in its settings, it sends 911 as +1911; with client set-up's file it does not."""
    user = network.add_user()
    file = provisioning_of(network, user, tmp_path) if has_our_file else None
    phone = linphone(user, provisioning=file, is_in_the_us=True)
    until(lambda: "registered" in network.steps(user))
    phone.do("call 911")
    until(lambda: any(to.startswith(f"sip:{arrives}@") for _, _, to, _ in network.calls()))


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_linphone_takes_the_configuration_that_client_set_up_writes(
    network: Network, linphone: Linphones, tmp_path: Path, transport: str
) -> None:
    """With its remote provisioning file for this server it registers and calls."""
    user = network.add_user()
    phone = linphone(user, provisioning=provisioning_of(network, user, tmp_path, transport))
    seen = until(lambda: next((one for one in network.registrations() if one["client"] == user), None))
    assert seen["transport"] == transport
    phone.do("call 5035550190")
    phone.wait_for("established")
    until(lambda: ends_with_tone(phone.heard(), 1004))
