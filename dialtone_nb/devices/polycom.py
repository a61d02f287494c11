"""Polycom SoundPoint IP: its web screens, and the XML files of its provisioning.

Parameter names: Polycom's administrator guides (SIP 2.2 to 3.2, UC 3.3) and the sample files that FusionPBX carries
(fusionpbx/fusionpbx: resources/templates/provision/polycom/650/phone1.cfg, sip.cfg, and 4.x).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from dialtone_nb.devices.model import DeviceModel, DeviceSettings, ScreenField, ScreenFields, Steps, Transport, steps
from dialtone_nb.devices.syslog import polycom_syslog
from dialtone_nb.devices.xml import Element, SubElement, write_xml

TRANSPORT_VALUES: dict[Transport, str] = {"UDP": "UDPOnly", "TCP": "TCPOnly", "TLS": "TLS"}
DIGIT_MAP_TIMEOUT_S = 3
MASTER_FILE = "000000000000.cfg"


def line_screens(settings: DeviceSettings) -> ScreenFields:
    """The screens of a SoundPoint IP (its first line), filled in."""
    local, line = partial(ScreenField, "SIP: Local Settings"), partial(ScreenField, "Lines: Line 1")
    proxy = partial(ScreenField, "Lines: Line 1, Outbound Proxy")
    server = partial(ScreenField, "Lines: Line 1, Server 1")
    file_only = partial(ScreenField, "In the configuration file only")
    timeouts = "|".join([str(DIGIT_MAP_TIMEOUT_S)] * (settings.dial_string.count("|") + 1))
    transport = TRANSPORT_VALUES[settings.transport]
    proxy_fields = (
        proxy("Address", settings.outbound_proxy, "reg.1.outboundProxy.address"),
        proxy("Port", str(settings.outbound_port), "reg.1.outboundProxy.port"),
        proxy("Transport", transport, "reg.1.outboundProxy.transport"),
    )
    return (
        # The phone sends digits "up to and including the point where an impossible match occurred" unless told this.
        local("Digitmap Impossible Match", "1", "dialplan.impossibleMatchHandling", why="wrong numbers get a tone"),
        local("Digitmap", settings.dial_string, "dialplan.digitmap"),
        local(
            "Digitmap Timeout", timeouts, "dialplan.digitmap.timeOut", why="seconds, one for each part of the digitmap"
        ),
        local("Remove End-of-Dial Marker", "No", "dialplan.removeEndOfDial", "0", "# is a number of its own here"),
        line("Display Name", settings.display_name, "reg.1.displayName"),
        line("Address", settings.user, "reg.1.address"),
        line("Auth User ID", settings.auth_id, "reg.1.auth.userId", why="the same as Address"),
        line("Auth Password", settings.private_file, "reg.1.auth.password", is_password=True),
        line("Label", settings.client, "reg.1.label"),
        line("Type", "Private", "reg.1.type", "private"),
        *(proxy_fields if settings.outbound_proxy else ()),
        server("Address", settings.host, "reg.1.server.1.address"),
        server("Port", str(settings.port), "reg.1.server.1.port"),
        server("Transport", transport, "reg.1.server.1.transport"),
        server("Expires", str(settings.expiry_s), "reg.1.server.1.expires", why="seconds"),
        server("Register", "1", "reg.1.server.1.register"),
        file_only("Keep-alive, seconds", str(settings.keep_alive_s), "nat.keepalive.interval"),
        file_only("Codec G.711 µ-law (PCMU), rank", "1", "voice.codecPref.G711Mu"),
        file_only("Codec G.711 A-law (PCMA), rank", "2", "voice.codecPref.G711A"),
        file_only("Codec G.729, rank", "(none)", "voice.codecPref.G729AB", ""),
        file_only("Call waiting", "off", "call.callWaiting.enable", "0"),
        file_only("Call forwarding", "off", "divert.fwd.1.enabled", "0", "not on a public phone"),
        *polycom_syslog(settings),
    )


def provisioning_files(settings: DeviceSettings, values: Mapping[str, str]) -> dict[str, str]:
    """The phone's configuration, and the master file that names it, by their names."""
    root = Element("PHONE")
    for part, beginnings in (
        ("REGISTRATION", ("reg.",)),
        ("DIALPLAN", ("dialplan.",)),
        ("GENERAL", ("nat.", "voice.", "call.", "divert.", "device.", "log.")),
    ):
        SubElement(root, part, {name: value for name, value in values.items() if name.startswith(beginnings)})
    master = Element("APPLICATION", APP_FILE_PATH="sip.ld", CONFIG_FILES=f"{settings.client}.cfg, sip.cfg")
    return {f"{settings.client}.cfg": write_xml(root), MASTER_FILE: write_xml(master)}


POLYCOM = (
    DeviceModel(
        key="polycom-soundpoint",
        name="Polycom SoundPoint IP",
        transports=("UDP", "TCP"),
        grammar="polycom",
        screens=line_screens,
        files=provisioning_files,
        # It asks for 0004f2….cfg, before the file for all phones.
        own_name=(r"[0-9a-f]{12}\.cfg", r"0{12}\.cfg"),
        steps=Steps(
            open_screens=steps(
                """
                - On the phone: Menu, Status, Network, TCP/IP Parameters shows its address.
                - Some minutes after it started, open `http://that address` in a browser: user Polycom, password 456.
                  Change it, and keep the new one with the network’s papers.
                - Firmware 4 has the same fields under Settings.
                """
            ),
            load_file=steps(
                """
                - On the operator’s computer: `python -m dialtone_nb hand-over {client}`. It hands {file} out once, on
                  your own network.
                - On the phone: Settings, Advanced (456), Admin Settings, Network Configuration, Server Menu: Server
                  Type HTTP, Server Address `{bare_address}`; and restart.
                """
            ),
            see_registered="The telephone sign beside the line key is filled in, not an outline.",
            undo=steps(
                """
                - Lines, Line 1: empty Address and Auth Password, and Submit: the phone is off the network.
                - To clear the phone: Settings, Advanced, Admin Settings, Reset to Default: Reset Local Config, then
                  Reset Device Settings. It forgets the password.
                """
            ),
        ),
        tried="nothing yet",
        untried="all of it: screens, files and digit map are as Polycom’s guides and sample files have them",
    ),
)
