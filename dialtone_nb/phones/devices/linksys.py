"""Linksys PAP2T and SPA2102: the Line 1 screen and the <flat-profile> file.

Labels: Linksys ATA administration guide, Voice tab, Line page. Parameter names: the same with underscores and the
line's number, as in the profiles that FusionPBX carries (fusionpbx/fusionpbx: resources/templates/provision/
linksys/spa2102, cisco/spa122). Which values work with Twilio: Futel's client notes
(futel/twilio-sip-server: client.md).
"""

from __future__ import annotations

from dialtone_nb.phones.devices.screens import Field, Fields, named_values
from dialtone_nb.phones.devices.syslog import syslog_fields
from dialtone_nb.phones.devices.xml import Element, SubElement, write_xml
from dialtone_nb.phones.settings import DeviceSettings

CODECS = {"PCMU": "G711u", "PCMA": "G711a"}
LINE = "Line 1"
# Star codes that a public phone must not have: anybody could forward its calls with *72.
FORBIDDEN_SERVICES = (
    "Call Waiting Serv",
    "Block CID Serv",
    "Cfwd All Serv",
    "Cfwd Busy Serv",
    "Cfwd No Ans Serv",
    "Cfwd Sel Serv",
    "Cfwd Last Serv",
    "DND Serv",
    "Call Return Serv",
    "Call Back Serv",
)


def linksys_files(settings: DeviceSettings, password: str) -> dict[str, str]:
    """The <flat-profile> file, by its name."""
    root = Element("flat-profile")
    for name, value in named_values(linksys_fields(settings), password).items():
        SubElement(root, name).text = value
    return {f"{settings.device}.xml": write_xml(root)}


def linksys_fields(settings: DeviceSettings) -> Fields:
    """The screens of a PAP2T or SPA2102 (its first line), filled in."""
    sip, proxy, subscriber = (
        f"{LINE}: SIP Settings",
        f"{LINE}: Proxy and Registration",
        f"{LINE}: Subscriber Information",
    )
    services, audio = f"{LINE}: Supplementary Service Subscription", f"{LINE}: Audio Configuration"
    nat, dial_plan = f"{LINE}: NAT Settings", f"{LINE}: Dial Plan"
    has_proxy = "yes" if settings.outbound_proxy else "no"
    has_transports = settings.device == "linksys-spa2102"
    return (
        Field("SIP: NAT Support Parameters", "NAT Keep Alive Intvl", f"{settings.keep_alive_s} (seconds)",
              "NAT_Keep_Alive_Intvl", str(settings.keep_alive_s)),
        _field(LINE, "Line Enable", "yes"),
        _field(nat, "NAT Mapping Enable", "no"),
        _field(nat, "NAT Keep Alive Enable", "yes"),
        _field(nat, "NAT Keep Alive Msg", "$NOTIFY"),
        _field(nat, "NAT Keep Alive Dest", "$PROXY"),
        *((_field(sip, "SIP Transport", settings.transport),) if has_transports else ()),
        _field(sip, "SIP Port", str(settings.port)),
        _field(proxy, "Proxy", settings.host),
        _field(proxy, "Use Outbound Proxy", has_proxy),
        _field(proxy, "Outbound Proxy", settings.outbound_address),
        _field(proxy, "Use OB Proxy In Dialog", has_proxy),
        _field(proxy, "Register", "yes"),
        _field(proxy, "Make Call Without Reg", "yes", why="calls go out even if registering fails"),
        _field(proxy, "Register Expires", str(settings.expiry_s), why="seconds"),
        _field(proxy, "Ans Call Without Reg", "yes"),
        _field(proxy, "Use DNS SRV", "no"),
        _field(subscriber, "Display Name", settings.display_name),
        _field(subscriber, "User ID", settings.user),
        Field(subscriber, "Password", settings.private_file, "Password_1_", is_password=True),
        _field(subscriber, "Use Auth ID", "yes"),
        _field(subscriber, "Auth ID", settings.auth_id, why="the same as User ID"),
        *(
            _field(services, label, "no", why="" if index else "no star codes on a public phone")
            for index, label in enumerate(FORBIDDEN_SERVICES)
        ),
        _field(audio, "Preferred Codec", CODECS[settings.codecs[0]]),
        _field(audio, "Use Pref Codec Only", "no"),
        _field(dial_plan, "Dial Plan", settings.dial_string, why="with its parentheses"),
        _field(dial_plan, "Enable IP Dialing", "no"),
        *syslog_fields(settings),
    )  # fmt: skip


def _field(screen: str, label: str, value: str, *, why: str = "") -> Field:
    """A field of line 1, whose parameter is its label with underscores and the number of the line."""
    in_file = value.capitalize() if value in ("yes", "no") else value
    return Field(screen, label, value or "(empty)", f"{label.replace(' ', '_')}_1_", in_file, why)
