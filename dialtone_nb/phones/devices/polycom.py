"""Polycom SoundPoint IP: its web screens, and the XML files of its provisioning.

Parameter names: Polycom's administrator guides (SIP 2.2 to 3.2, UC 3.3) and the sample files that FusionPBX carries
(fusionpbx/fusionpbx: resources/templates/provision/polycom/650/phone1.cfg, sip.cfg, and 4.x).
"""

from __future__ import annotations

from dialtone_nb.phones.devices.screens import Field, Fields, named_values
from dialtone_nb.phones.devices.syslog import syslog_fields
from dialtone_nb.phones.devices.xml import Element, SubElement, write_xml
from dialtone_nb.phones.settings import DeviceSettings, Transport

TRANSPORT_VALUES: dict[Transport, str] = {"UDP": "UDPOnly", "TCP": "TCPOnly", "TLS": "TLS"}
LOCAL, LINE, FILE_ONLY = "SIP: Local Settings", "Lines: Line 1", "In the configuration file only"
DIGIT_MAP_TIMEOUT_S = 3
MASTER_FILE = "000000000000.cfg"


def polycom_files(settings: DeviceSettings, password: str) -> dict[str, str]:
    """The phone's configuration, and the master file that names it, by their names."""
    values = named_values(polycom_fields(settings), password)
    root = Element("PHONE")
    for part, beginnings in (
        ("REGISTRATION", ("reg.",)),
        ("DIALPLAN", ("dialplan.",)),
        ("GENERAL", ("nat.", "voice.", "call.", "divert.", "device.", "log.")),
    ):
        SubElement(root, part, {name: value for name, value in values.items() if name.startswith(beginnings)})
    master = Element("APPLICATION", APP_FILE_PATH="sip.ld", CONFIG_FILES=f"{settings.client}.cfg, sip.cfg")
    return {f"{settings.client}.cfg": write_xml(root), MASTER_FILE: write_xml(master)}


def polycom_fields(settings: DeviceSettings) -> Fields:
    """The screens of a SoundPoint IP (its first line), filled in."""
    timeouts = "|".join([str(DIGIT_MAP_TIMEOUT_S)] * (settings.dial_string.count("|") + 1))
    proxy = settings.outbound_proxy
    transport = TRANSPORT_VALUES[settings.transport]
    return (
        # The phone sends digits "up to and including the point where an impossible match occurred" unless told this.
        Field(LOCAL, "Digitmap Impossible Match", "1", "dialplan.impossibleMatchHandling", "1",
              "wrong numbers get a tone"),
        Field(LOCAL, "Digitmap", settings.dial_string, "dialplan.digitmap", settings.dial_string),
        Field(LOCAL, "Digitmap Timeout", timeouts, "dialplan.digitmap.timeOut", timeouts,
              "seconds, one for each part of the digitmap"),
        Field(LOCAL, "Remove End-of-Dial Marker", "No", "dialplan.removeEndOfDial", "0",
              "# is a number of its own here"),
        Field(LINE, "Display Name", settings.display_name, "reg.1.displayName", settings.display_name),
        Field(LINE, "Address", settings.user, "reg.1.address", settings.user),
        Field(LINE, "Auth User ID", settings.auth_id, "reg.1.auth.userId", settings.auth_id, "the same as Address"),
        Field(LINE, "Auth Password", settings.private_file, "reg.1.auth.password", is_password=True),
        Field(LINE, "Label", settings.client, "reg.1.label", settings.client),
        Field(LINE, "Type", "Private", "reg.1.type", "private"),
        *(
            (
                Field(f"{LINE}, Outbound Proxy", "Address", proxy, "reg.1.outboundProxy.address", proxy),
                Field(f"{LINE}, Outbound Proxy", "Port", str(settings.outbound_port), "reg.1.outboundProxy.port",
                      str(settings.outbound_port)),
                Field(f"{LINE}, Outbound Proxy", "Transport", transport, "reg.1.outboundProxy.transport", transport),
            )
            if proxy
            else ()
        ),
        Field(f"{LINE}, Server 1", "Address", settings.host, "reg.1.server.1.address", settings.host),
        Field(f"{LINE}, Server 1", "Port", str(settings.port), "reg.1.server.1.port", str(settings.port)),
        Field(f"{LINE}, Server 1", "Transport", transport, "reg.1.server.1.transport", transport),
        Field(f"{LINE}, Server 1", "Expires", str(settings.expiry_s), "reg.1.server.1.expires", str(settings.expiry_s),
              "seconds"),
        Field(f"{LINE}, Server 1", "Register", "1", "reg.1.server.1.register", "1"),
        Field(FILE_ONLY, "Keep-alive, seconds", str(settings.keep_alive_s), "nat.keepalive.interval",
              str(settings.keep_alive_s)),
        Field(FILE_ONLY, "Codec G.711 µ-law (PCMU), rank", "1", "voice.codecPref.G711Mu", "1"),
        Field(FILE_ONLY, "Codec G.711 A-law (PCMA), rank", "2", "voice.codecPref.G711A", "2"),
        Field(FILE_ONLY, "Codec G.729, rank", "(none)", "voice.codecPref.G729AB", ""),
        Field(FILE_ONLY, "Call waiting", "off", "call.callWaiting.enable", "0"),
        Field(FILE_ONLY, "Call forwarding", "off", "divert.fwd.1.enabled", "0", "not on a public phone"),
        *syslog_fields(settings),
    )  # fmt: skip
