"""Grandstream HT701, HT801 and HT802: the FXS PORT screen and the XML file of P-values.

P-values and their meaning: Grandstream's own configuration templates for HT70x and HT80x (firmware 1.0.10.6), as
FusionPBX carries them (fusionpbx/fusionpbx: resources/templates/provision/grandstream/ht701, ht801, ht802). Which
values work with Twilio: Futel's client notes (futel/twilio-sip-server: client.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from dialtone_nb.devices.model import DeviceModel, DeviceSettings, ScreenField, ScreenFields, Steps, Transport, steps
from dialtone_nb.devices.syslog import grandstream_syslog
from dialtone_nb.devices.xml import Element, SubElement, write_xml

TRANSPORT_VALUES: dict[Transport, str] = {"UDP": "0", "TCP": "1", "TLS": "2"}
VOCODERS = {"PCMU": "0", "PCMA": "8"}


def fxs_screens(settings: DeviceSettings) -> ScreenFields:
    """The screens of an adapter's first port, filled in; an adapter with several numbers them."""
    port_screen = "FXS Port" if settings.model.ports == 1 else "FXS Port 1"
    advanced, port = partial(ScreenField, "Advanced Settings"), partial(ScreenField, port_screen)
    vocoder = partial(ScreenField, f"{port_screen}: Preferred Vocoder")
    codecs = settings.model.codecs
    first, second = (VOCODERS[codec] for codec in codecs)
    minutes, half = str(settings.expiry_s // 60), str(settings.expiry_s // 2)
    return (
        advanced("Keep-alive Interval", f"{settings.keep_alive_s} seconds", "P84", str(settings.keep_alive_s)),
        advanced("Config Server Path", "", "P237", why="or another server’s settings come back"),
        advanced("Automatic Upgrade", "No", "P194", "0"),
        port("Account Active", "Yes", "P271", "1"),
        port("Primary SIP Server", settings.host, "P47"),
        port("Outbound Proxy", settings.outbound_address, "P48"),
        port("SIP Transport", settings.transport, "P130", TRANSPORT_VALUES[settings.transport]),
        # A sips: address of record is another one than the sip: one that calls are sent to.
        *((port("SIP URI Scheme When Using TLS", "sip", "P2329", "0"),) if settings.transport == "TLS" else ()),
        port("NAT Traversal", "Keep-Alive", "P52", "2"),
        port("SIP User ID", settings.user, "P35"),
        port("Authenticate ID", settings.auth_id, "P36", why="the same as SIP User ID"),
        port("Authenticate Password", settings.private_file, "P34", is_password=True),
        port("Name", settings.display_name, "P3"),
        port("DNS Mode", "A Record", "P103", "0"),
        port("Tel URI", "Disabled", "P63", "0"),
        port("SIP Registration", "Yes", "P31", "1"),
        port("Unregister On Reboot", "No", "P81", "0"),
        port("Outgoing Call without Registration", "Yes", "P109", "1", "calls go out even if registering fails"),
        port("Register Expiration", f"{minutes} minutes", "P32", minutes, "minutes here, not seconds"),
        # Half the expiry, so that one lost request does not make the phone unreachable.
        port("Reregister before Expiration", f"{half} seconds", "P2330", half, "seconds here"),
        port("Preferred DTMF method, Priority 1", "RFC2833", "P850", "101"),
        port("Enable Call Features", "No", "P191", "0", "or star codes forward calls from a public phone"),
        port("Offhook Auto-Dial", "", "P71"),
        port("Disable Call-Waiting", "Yes", "P91", "1"),
        port("Disable Call-Waiting Caller ID", "Yes", "P714", "1"),
        port("Disable Call-Waiting Tone", "Yes", "P186", "1"),
        port("No Key Entry Timeout", "4 seconds", "P85", "4"),
        port("Early Dial", "No", "P29", "0"),
        port("Dial Plan Prefix", "", "P66"),
        port("Use # as Dial Key", "No", "P72", "0", "# is a number of its own here"),
        port("Dial Plan", settings.dial_string, "P4200", why="with its braces"),
        vocoder("choice 1", codecs[0], "P57", first),
        vocoder("choice 2", codecs[1], "P58", second),
        *(vocoder(f"choice {choice}", codecs[0], f"P{56 + choice}", first) for choice in (3, 4, 5, 6)),
        *grandstream_syslog(settings),
    )


def p_value_file(settings: DeviceSettings, values: Mapping[str, str]) -> dict[str, str]:
    """The XML file of P-values, by its name."""
    root = Element("gs_provision", version="1")
    config = SubElement(root, "config", version="1")
    for name, value in values.items():
        SubElement(config, name).text = value
    return {f"{settings.model.key}.xml": write_xml(root)}


_adapter = partial(
    DeviceModel,
    grammar="grandstream",
    screens=fxs_screens,
    files=p_value_file,
    own_name=(r"cfg[0-9a-f]{12}\.xml", r"grandstream-.*\.xml"),
    steps=Steps(
        open_screens=steps(
            """
            - Plug a telephone into the phone port, and the network into the other.
            - Lift, press *** and then 02: the adapter speaks its address.
            - Open `http://that address` in a browser and sign in as admin. The password is on the label (on older
              ones: admin). Change it, and keep the new one with the network’s papers.
            """
        ),
        load_file=steps(
            """
            - Newer firmware: Advanced Settings, Upload Configuration; choose the file.
            - Otherwise: `python -m dialtone_nb hand-over {client}`, on the operator’s computer, hands it out once on
              your own network.
            - Advanced Settings: set Config Server Path to `{bare_address}`, with HTTP, and restart; set it back to
              empty afterwards.
            """
        ),
        see_registered="On the Status screen, the port’s Registration says Registered.",
        undo=steps(
            """
            - Set Account Active to No, and Apply: the phone is off the network, everything else stays.
            - To clear the adapter, hold its reset button for seven seconds: it forgets the password.
            """
        ),
    ),
    tried="these values work with Twilio, as Futel’s client notes have them",
    untried="the file, as the adapter loads it; what it does with digits that fit no rule of its dial plan",
)
GRANDSTREAM = (
    _adapter(key="grandstream-ht701", name="Grandstream HT701", transports=("TCP", "UDP")),
    _adapter(key="grandstream-ht801", name="Grandstream HT801", transports=("TLS", "TCP", "UDP")),
    _adapter(key="grandstream-ht802", name="Grandstream HT802", transports=("TLS", "TCP", "UDP"), ports=2),
)
