"""Sheets and configuration files enable a phone's syslog if network.yaml names a listening machine."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from dialtone_nb.devices.model import DeviceSettings, ScreenFields
from dialtone_nb.parameters import Parameters
from dialtone_nb.phones.configurations import configuration_files
from dialtone_nb.phones.settings import device_settings
from dialtone_nb.phones.sheets import render_sheet
from tests.phones.test_configurations import vendor_names

LISTENING = "192.0.2.20"


def syslog_fields(settings: DeviceSettings) -> ScreenFields:
    """The fields that depend on a listening machine."""
    without = {(field.screen, field.label) for field in replace(settings, syslog="").fields}
    return tuple(field for field in settings.fields if (field.screen, field.label) not in without)


LOGGING = ("pap2t", "spa2102", "ht701", "ht801", "ht802", "soundpoint", "anything")


@pytest.fixture
def listened(parameters: Parameters) -> Parameters:
    """The network with a listening machine."""
    return replace(parameters, network=parameters.network.model_copy(update={"syslog": LISTENING}))


@pytest.mark.parametrize("client", LOGGING)
def test_the_sheet_says_where_to_log_to_and_what_that_gives_away(listened: Parameters, client: str) -> None:
    """With every field, and a warning about the network; without the key there is none of it."""
    settings = device_settings(listened, client)
    page = render_sheet(listened, client)
    assert page.count("only on your own network: the log tells whom the phone calls") == 1
    for field in syslog_fields(settings):
        assert field.label in page
    assert LISTENING in page
    assert not [field for field in replace(settings, syslog="").fields if "yslog" in field.label + field.name]


def test_a_softphone_is_left_alone(listened: Parameters) -> None:
    """Linphone logs to a file."""
    assert syslog_fields(device_settings(listened, "softphone")) == ()


@pytest.mark.parametrize(
    ("client", "names"),
    [
        ("ht701", "grandstream-ht701.txt"),
        ("ht801", "grandstream-ht801.txt"),
        ("ht802", "grandstream-ht802.txt"),
        ("pap2t", "linksys.txt"),
        ("spa2102", "linksys.txt"),
    ],
)
def test_the_names_are_the_makers_own(listened: Parameters, client: str, names: str) -> None:
    """Each is in the maker's template."""
    fields = syslog_fields(device_settings(listened, client))
    assert fields
    assert {field.name for field in fields} <= vendor_names(names)


def test_the_ready_files_switch_it_on(listened: Parameters) -> None:
    """With the address, and the settings for logging SIP messages."""
    files = {client: configuration_files(device_settings(listened, client), "secret") for client in LOGGING}
    grandstream = ET.fromstring(files["ht801"]["grandstream-ht801.xml"])
    assert [grandstream.findtext(f".//{name}") for name in ("P207", "P208", "P1387")] == [LISTENING, "1", "1"]
    linksys = ET.fromstring(files["pap2t"]["linksys-pap2t.xml"])
    assert [linksys.findtext(name) for name in ("Syslog_Server", "Debug_Server", "Debug_Level")] == [LISTENING] * 2 + [
        "3"
    ]
    assert linksys.findtext("SIP_Debug_Option_1_") == "full excl. NTFY"
    polycom = ET.fromstring(files["soundpoint"]["soundpoint.cfg"])
    values = {name: value for part in polycom for name, value in part.attrib.items()}
    assert values["device.syslog.serverName"] == LISTENING
    assert (
        values["device.set"] == values["device.syslog.serverName.set"] == values["device.syslog.transport.set"] == "1"
    )
    assert values["log.level.change.sip"] == "0"


def test_a_name_may_stand_for_the_address(parameters: Parameters) -> None:
    """If phones can resolve it."""
    data = parameters.network.model_dump(mode="json") | {"syslog": "logs.example.org"}
    assert type(parameters.network).model_validate(data, strict=False).syslog == "logs.example.org"
