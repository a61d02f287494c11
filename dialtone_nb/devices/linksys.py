"""Linksys PAP2T and SPA2102: the Line 1 screen and the <flat-profile> file.

Labels: Linksys ATA administration guide, Voice tab, Line page. Parameter names: the same with underscores and the
line's number, as in the profiles that FusionPBX carries (fusionpbx/fusionpbx: resources/templates/provision/
linksys/spa2102, cisco/spa122). Which values work with Twilio: Futel's client notes
(futel/twilio-sip-server: client.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from dialtone_nb.devices.model import DeviceModel, DeviceSettings, ScreenField, ScreenFields, Steps, steps
from dialtone_nb.devices.syslog import linksys_syslog
from dialtone_nb.devices.xml import Element, SubElement, write_xml

CODECS = {"PCMU": "G711u", "PCMA": "G711a"}
# Star codes that a public phone must not have: anybody could forward its calls with *72.
FORBIDDEN_SERVICES = (
    *("Call Waiting Serv", "Block CID Serv", "Cfwd All Serv", "Cfwd Busy Serv", "Cfwd No Ans Serv", "Cfwd Sel Serv"),
    *("Cfwd Last Serv", "DND Serv", "Call Return Serv", "Call Back Serv"),
)


def line_screens(settings: DeviceSettings) -> ScreenFields:
    """The screens of an adapter's first line, filled in."""
    line, nat, sip = _screen("Line 1"), _screen("Line 1: NAT Settings"), _screen("Line 1: SIP Settings")
    proxy, subscriber = _screen("Line 1: Proxy and Registration"), _screen("Line 1: Subscriber Information")
    services, audio = _screen("Line 1: Supplementary Service Subscription"), _screen("Line 1: Audio Configuration")
    dial_plan = _screen("Line 1: Dial Plan")
    all_lines = partial(ScreenField, "SIP: NAT Support Parameters")
    interval, has_proxy = str(settings.keep_alive_s), "yes" if settings.outbound_proxy else "no"
    return (
        all_lines("NAT Keep Alive Intvl", f"{interval} (seconds)", "NAT_Keep_Alive_Intvl", interval),
        line("Line Enable", "yes"),
        nat("NAT Mapping Enable", "no"),
        nat("NAT Keep Alive Enable", "yes"),
        nat("NAT Keep Alive Msg", "$NOTIFY"),
        nat("NAT Keep Alive Dest", "$PROXY"),
        *((sip("SIP Transport", settings.transport),) if len(settings.model.transports) > 1 else ()),
        sip("SIP Port", str(settings.port)),
        proxy("Proxy", settings.host),
        proxy("Use Outbound Proxy", has_proxy),
        proxy("Outbound Proxy", settings.outbound_address),
        proxy("Use OB Proxy In Dialog", has_proxy),
        proxy("Register", "yes"),
        proxy("Make Call Without Reg", "yes", why="calls go out even if registering fails"),
        proxy("Register Expires", str(settings.expiry_s), why="seconds"),
        proxy("Ans Call Without Reg", "yes"),
        proxy("Use DNS SRV", "no"),
        subscriber("Display Name", settings.display_name),
        subscriber("User ID", settings.user),
        subscriber("Password", settings.private_file, is_password=True),
        subscriber("Use Auth ID", "yes"),
        subscriber("Auth ID", settings.auth_id, why="the same as User ID"),
        services(FORBIDDEN_SERVICES[0], "no", why="no star codes on a public phone"),
        *(services(label, "no") for label in FORBIDDEN_SERVICES[1:]),
        audio("Preferred Codec", CODECS[settings.model.codecs[0]]),
        audio("Use Pref Codec Only", "no"),
        dial_plan("Dial Plan", settings.dial_string, why="with its parentheses"),
        dial_plan("Enable IP Dialing", "no"),
        *linksys_syslog(settings),
    )


def _screen(screen: str) -> partial[ScreenField]:
    return partial(_field, screen)


def _field(screen: str, label: str, value: str, *, why: str = "", is_password: bool = False) -> ScreenField:
    """A field of line 1, whose parameter is its label with underscores and the number of the line."""
    in_file = value.capitalize() if value in ("yes", "no") else None
    return ScreenField(screen, label, value, f"{label.replace(' ', '_')}_1_", in_file, why, is_password)


def flat_profile(settings: DeviceSettings, values: Mapping[str, str]) -> dict[str, str]:
    """The <flat-profile> file, by its name."""
    root = Element("flat-profile")
    for name, value in values.items():
        SubElement(root, name).text = value
    return {f"{settings.model.key}.xml": write_xml(root)}


PAP2T = DeviceModel(
    key="linksys-pap2t",
    name="Linksys PAP2T",
    ports=2,
    transports=("UDP",),
    grammar="linksys",
    screens=line_screens,
    files=flat_profile,
    steps=Steps(
        open_screens=steps(
            """
            - Plug a telephone into PHONE 1, and the network into the network port.
            - Lift, press **** and then 110#: the adapter speaks its address.
            - Open `http://that address/admin/advanced` in a browser. Where it asks, the user is admin.
            """
        ),
        load_file=steps(
            """
            - On the operator’s computer: `python -m dialtone_nb hand-over {client}`. It hands the file out once, on
              your own network.
            - Open `http://the adapter’s address/admin/resync?{address}/{file}` in a browser.
            """
        ),
        see_registered="On the Info screen, under Line 1 Status, Registration State says Registered.",
        undo=steps(
            """
            - Line 1: set Line Enable to no, and Submit All Changes: the phone is off the network, everything else
              stays.
            - To clear the adapter, lift, press **** and then 73738# and 1: it forgets the password.
            """
        ),
    ),
    tried="these values work with Twilio, as Futel’s client notes have them",
    untried="the file, as the adapter loads it",
)
SPA2102 = replace(
    PAP2T,
    key="linksys-spa2102",
    name="Linksys SPA2102",
    transports=("UDP", "TCP"),
    steps=replace(
        PAP2T.steps,
        open_screens=steps(
            """
            - Plug a telephone into PHONE 1, and the network into INTERNET.
            - Lift, press **** and then 7932# 1# 1# to open its web page on that side, and **** 110# to hear its
              address.
            - Open `http://that address/admin/advanced` in a browser, and choose Voice. Where it asks, the user is
              admin.
            """
        ),
    ),
)
LINKSYS = (PAP2T, SPA2102)
