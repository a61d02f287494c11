"""Grandstream HT701, HT801 and HT802: the FXS PORT screen and the XML file of P-values.

P-values and their meaning: Grandstream's own configuration templates for HT70x and HT80x (firmware 1.0.10.6), as
FusionPBX carries them (fusionpbx/fusionpbx: resources/templates/provision/grandstream/ht701, ht801, ht802). Which
values work with Twilio: Futel's client notes (futel/twilio-sip-server: client.md).
"""

from __future__ import annotations

from dialtone_nb.phones.devices.screens import Field, Fields, named_values
from dialtone_nb.phones.devices.syslog import syslog_fields
from dialtone_nb.phones.devices.xml import Element, SubElement, write_xml
from dialtone_nb.phones.settings import DeviceSettings, Transport

TRANSPORT_VALUES: dict[Transport, str] = {"UDP": "0", "TCP": "1", "TLS": "2"}
VOCODERS = {"PCMU": "0", "PCMA": "8"}
ADVANCED, PORT = "Advanced Settings", "FXS Port"


def grandstream_fields(settings: DeviceSettings) -> Fields:
    """The screens of an HT701, HT801 or HT802 (its first port), filled in."""
    port = f"{PORT} 1" if settings.device == "grandstream-ht802" else PORT
    return (*_advanced_fields(settings), *_port_fields(settings, port), *syslog_fields(settings))


def grandstream_files(settings: DeviceSettings, password: str) -> dict[str, str]:
    """The XML file of P-values, by its name."""
    root = Element("gs_provision", version="1")
    config = SubElement(root, "config", version="1")
    for name, value in named_values(grandstream_fields(settings), password).items():
        SubElement(config, name).text = value
    return {f"{settings.device}.xml": write_xml(root)}


def _advanced_fields(settings: DeviceSettings) -> Fields:
    return (
        Field(ADVANCED, "Keep-alive Interval", f"{settings.keep_alive_s} seconds", "P84", str(settings.keep_alive_s)),
        Field(ADVANCED, "Config Server Path", "(empty)", "P237", "", "or another server’s settings come back"),
        Field(ADVANCED, "Automatic Upgrade", "No", "P194", "0"),
    )


def _port_fields(settings: DeviceSettings, port: str) -> Fields:
    first, second = (VOCODERS[codec] for codec in settings.codecs)
    minutes = str(settings.expiry_s // 60)
    tls = settings.transport == "TLS"
    return (
        Field(port, "Account Active", "Yes", "P271", "1"),
        Field(port, "Primary SIP Server", settings.host, "P47", settings.host),
        Field(port, "Outbound Proxy", settings.outbound_address or "(empty)", "P48", settings.outbound_address),
        Field(port, "SIP Transport", settings.transport, "P130", TRANSPORT_VALUES[settings.transport]),
        # A sips: address of record is another one than the sip: one that calls are sent to.
        *((Field(port, "SIP URI Scheme When Using TLS", "sip", "P2329", "0"),) if tls else ()),
        Field(port, "NAT Traversal", "Keep-Alive", "P52", "2"),
        Field(port, "SIP User ID", settings.user, "P35", settings.user),
        Field(port, "Authenticate ID", settings.auth_id, "P36", settings.auth_id, "the same as SIP User ID"),
        Field(port, "Authenticate Password", settings.private_file, "P34", is_password=True),
        Field(port, "Name", settings.display_name, "P3", settings.display_name),
        Field(port, "DNS Mode", "A Record", "P103", "0"),
        Field(port, "Tel URI", "Disabled", "P63", "0"),
        Field(port, "SIP Registration", "Yes", "P31", "1"),
        Field(port, "Unregister On Reboot", "No", "P81", "0"),
        Field(port, "Outgoing Call without Registration", "Yes", "P109", "1", "calls go out even if registering fails"),
        Field(port, "Register Expiration", f"{minutes} minutes", "P32", minutes, "minutes here, not seconds"),
        # Half the expiry, so that one lost request does not make the phone unreachable.
        Field(port, "Reregister before Expiration", f"{settings.expiry_s // 2} seconds", "P2330",
              str(settings.expiry_s // 2), "seconds here"),
        Field(port, "Preferred DTMF method, Priority 1", "RFC2833", "P850", "101"),
        Field(port, "Enable Call Features", "No", "P191", "0", "or star codes forward calls from a public phone"),
        Field(port, "Offhook Auto-Dial", "(empty)", "P71", ""),
        Field(port, "Disable Call-Waiting", "Yes", "P91", "1"),
        Field(port, "Disable Call-Waiting Caller ID", "Yes", "P714", "1"),
        Field(port, "Disable Call-Waiting Tone", "Yes", "P186", "1"),
        Field(port, "No Key Entry Timeout", "4 seconds", "P85", "4"),
        Field(port, "Early Dial", "No", "P29", "0"),
        Field(port, "Dial Plan Prefix", "(empty)", "P66", ""),
        Field(port, "Use # as Dial Key", "No", "P72", "0", "# is a number of its own here"),
        Field(port, "Dial Plan", settings.dial_string, "P4200", settings.dial_string, "with its braces"),
        Field(f"{port}: Preferred Vocoder", "choice 1", settings.codecs[0], "P57", first),
        Field(f"{port}: Preferred Vocoder", "choice 2", settings.codecs[1], "P58", second),
        *(
            Field(f"{port}: Preferred Vocoder", f"choice {choice}", settings.codecs[0], name, first)
            for choice, name in enumerate(("P59", "P60", "P61", "P62"), start=3)
        ),
    )  # fmt: skip
