"""Configuration files are well-formed, use the vendors' parameter names, and have the sheet's values."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from dialtone_nb.devices.model import DeviceSettings
from dialtone_nb.parameters import Parameters
from dialtone_nb.phones.configurations import configuration_files, loadable_names, scanned_address
from dialtone_nb.phones.private_files import load_private_files, private_folder, save_private_files
from dialtone_nb.phones.settings import device_settings
from tests.phones.conftest import handed_out_at, through

PASSWORD = "Ab3<&\"'>]]>ü9"  # worse than any that we make
LPCONFIG = "{http://www.linphone.org/xsds/lpconfig.xsd}"
CLIENTS = ("pap2t", "spa2102", "ht701", "ht801", "ht802", "soundpoint", "softphone", "anything")
every_client = pytest.mark.parametrize("client", CLIENTS)


def vendor_names(file: str) -> set[str]:
    """The names in one of the lists of names/, whose first lines name their source."""
    lines = (Path(__file__).parent / "names" / file).read_text(encoding="utf-8").splitlines()
    return set(" ".join(line for line in lines if not line.startswith("#")).split())


def settings_of(parameters: Parameters, client: str, **others: Any) -> DeviceSettings:
    """The settings of a phone with an edge, so that no field is empty."""
    return dataclasses.replace(device_settings(through(parameters, "umatilla"), client), **others)


def parsed(parameters: Parameters, client: str, name: str) -> ET.Element:
    """One file of a phone's configuration, read back."""
    return ET.fromstring(configuration_files(settings_of(parameters, client), PASSWORD)[name])


@every_client
def test_every_loadable_file_is_well_formed(parameters: Parameters, client: str) -> None:
    """Files for devices are valid XML, whatever the password."""
    settings = settings_of(parameters, client)
    files = configuration_files(settings, PASSWORD)
    assert set(files) == {"phone.txt", *loadable_names(settings)}
    for name in loadable_names(settings):
        assert files[name].startswith('<?xml version="1.0" encoding="UTF-8"?>\n')
        ET.fromstring(files[name])


@every_client
def test_password_file_has_password_and_every_field(parameters: Parameters, client: str) -> None:
    """phone.txt has the password once, and every field of the device's screens."""
    settings = settings_of(parameters, client)
    text = configuration_files(settings, PASSWORD)["phone.txt"]
    assert text.count(PASSWORD) == 1
    for field in settings.fields:
        shown = PASSWORD if field.is_password else field.shown
        assert re.search(f"{re.escape(field.label)} +{re.escape(shown)}\n", text)


@pytest.mark.parametrize("client", ["ht701", "ht801", "ht802"])
def test_grandstream_file_has_known_p_values(parameters: Parameters, client: str) -> None:
    """Every P-value is in Grandstream's template for that model."""
    root = parsed(parameters, client, f"grandstream-{client}.xml")
    assert (root.tag, root.attrib) == ("gs_provision", {"version": "1"})
    values = {element.tag: element.text or "" for element in root.iter() if element.tag.startswith("P")}
    assert set(values) <= vendor_names(f"grandstream-{client}.txt")
    assert (values["P47"], values["P35"], values["P36"]) == ("example-nonemergency-prod.sip.twilio.com", client, client)
    assert values["P34"] == PASSWORD
    assert values["P130"] == {"ht701": "1", "ht801": "2", "ht802": "2"}[client]
    assert values["P48"] == "sip.umatilla.twilio.com"
    assert values["P72"] == "0"  # or # would send what was dialled
    assert values["P4200"].startswith("{ [29]11 |")


def test_grandstream_counts_the_expiry_in_minutes(parameters: Parameters) -> None:
    """P32 is in minutes: 600 s are 10."""
    files = configuration_files(settings_of(parameters, "ht801", expiry_s=3600), PASSWORD)
    assert "<P32>60</P32>" in files["grandstream-ht801.xml"]
    assert "<P32>10</P32>" in configuration_files(settings_of(parameters, "ht801"), "")["grandstream-ht801.xml"]


@pytest.mark.parametrize("client", ["pap2t", "spa2102"])
def test_linksys_profile_has_known_parameters(parameters: Parameters, client: str) -> None:
    """Every element of the flat profile is a parameter of a Linksys adapter."""
    root = parsed(parameters, client, f"linksys-{client}.xml")
    values = {element.tag: element.text or "" for element in root}
    assert root.tag == "flat-profile"
    assert set(values) <= vendor_names("linksys.txt")
    assert values["Proxy_1_"] == settings_of(parameters, client).host
    assert (values["User_ID_1_"], values["Auth_ID_1_"], values["Password_1_"]) == (client, client, PASSWORD)
    assert (values["Use_Outbound_Proxy_1_"], values["Outbound_Proxy_1_"]) == ("Yes", "sip.umatilla.twilio.com")
    assert values["Register_Expires_1_"] == "600"
    assert values["Cfwd_All_Serv_1_"] == "No"
    assert ("SIP_Transport_1_" in values) == (client == "spa2102")  # the PAP2T knows UDP only


def test_linksys_without_an_edge_uses_no_outbound_proxy(parameters: Parameters) -> None:
    """Without an edge the outbound proxy is disabled."""
    profile = configuration_files(device_settings(parameters, "pap2t"), PASSWORD)["linksys-pap2t.xml"]
    assert "<Use_Outbound_Proxy_1_>No</Use_Outbound_Proxy_1_>" in profile
    assert "<Outbound_Proxy_1_></Outbound_Proxy_1_>" in profile


def test_polycom_files_have_known_parameters(parameters: Parameters) -> None:
    """Every attribute is in Polycom's own sample files, and the master file names the other one."""
    root = parsed(parameters, "soundpoint", "soundpoint.cfg")
    values = {name: value for element in root for name, value in element.attrib.items()}
    assert set(values) <= vendor_names("polycom.txt")
    assert set(values) == {field.name for field in settings_of(parameters, "soundpoint").fields}
    assert (values["reg.1.address"], values["reg.1.auth.password"]) == ("soundpoint", PASSWORD)
    assert values["dialplan.impossibleMatchHandling"] == "1"  # or wrong numbers are sent as far as they went
    assert values["dialplan.removeEndOfDial"] == "0"  # or # is never sent
    assert values["dialplan.digitmap.timeOut"].count("|") == values["dialplan.digitmap"].count("|")
    master = parsed(parameters, "soundpoint", "000000000000.cfg")
    assert master.attrib["CONFIG_FILES"].split(", ")[0] == "soundpoint.cfg"


def test_linphone_file_has_known_keys(parameters: Parameters) -> None:
    """Every entry of the remote provisioning file is a key of its section, and is set to overwrite."""
    root = parsed(parameters, "softphone", "linphone.xml")
    assert root.tag == f"{LPCONFIG}config"
    entries = {
        (section.attrib["name"], entry.attrib["name"]): entry.text or "" for section in root for entry in section
    }
    assert {f"{section.rstrip('0123456789').rstrip('_')}/{key}" for section, key in entries} <= vendor_names(
        "linphone.txt"
    )
    assert {entry.attrib["overwrite"] for entry in root.iter(f"{LPCONFIG}entry")} == {"true"}
    host = "example-nonemergency-stage.sip.twilio.com"
    # It registers at its server alone, so that is the edge; the domain is in its identity.
    assert (
        entries["proxy_0", "reg_proxy"]
        == entries["proxy_0", "reg_route"]
        == "<sip:sip.umatilla.twilio.com;transport=tls>"
    )
    assert entries["proxy_0", "reg_identity"] == f'"softphone" <sip:softphone@{host}>'
    assert (entries["auth_info_0", "realm"], entries["auth_info_0", "passwd"]) == ("sip.twilio.com", PASSWORD)
    enabled = [key[0] for key, value in entries.items() if key[1] == "enabled" and value == "1"]
    assert [entries[section, "mime"] for section in enabled] == ["PCMU", "PCMA"]


@every_client
def test_no_parameter_is_named_twice(parameters: Parameters, client: str) -> None:
    """A device would use the last of two."""
    names = [field.name for field in settings_of(parameters, client).fields if field.name]
    assert len(names) == len(set(names))


@every_client
def test_every_device_asks_for_the_password_once(parameters: Parameters, client: str) -> None:
    """One field of the screens is the password; its value is the path of the private file."""
    settings = settings_of(parameters, client)
    assert [field.shown for field in settings.fields if field.is_password] == [settings.private_file]


@every_client
def test_files_go_to_the_private_folder(parameters: Parameters, client: str, tmp_path: Path) -> None:
    """Their names are valid there."""
    settings = settings_of(parameters, client)
    folder = private_folder(settings.environment, client, root=tmp_path)
    files = configuration_files(settings, PASSWORD)
    save_private_files(folder, files)
    assert load_private_files(folder) == files


def test_a_softphones_folder_has_its_address_as_a_picture(parameters: Parameters) -> None:
    """The QR code is the configuration's address, without the password; without an address there is none."""
    at = handed_out_at(parameters, "http://192.0.2.20:8023")
    settings = device_settings(at, "softphone")
    files = configuration_files(settings, PASSWORD)
    assert scanned_address(settings) == "http://192.0.2.20:8023/stage/softphone/linphone.xml"
    assert set(files) == {"phone.txt", "linphone.xml", "qr.svg"}
    assert PASSWORD not in files["qr.svg"]
    ET.fromstring(files["qr.svg"])
    assert scanned_address(device_settings(parameters, "softphone")) == ""
    assert scanned_address(device_settings(at, "ht801")) == ""
