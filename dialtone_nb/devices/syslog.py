"""The fields by which a phone logs its registrations to the operator's machine; none where network.yaml names no such.

SIP messages are logged whole, because a make's own words of a registration are hardly known: see
phones/registrations/lines.py. None of it was tried on a device of ours. Grandstream: the templates that grandstream.py
names, and the log of an HT801 with P1387 on (tcz/rotary-gpt, issue 2). Linksys and Cisco: administration guides, System
tab and Line page; SIP is logged from debug level 2 on, to the debug server. Polycom: administrator guide of SIP 3.0.2,
Syslog menu, and Technical Bulletin 17124; `.set` as FusionPBX's templates write it.
"""

from __future__ import annotations

from dialtone_nb.devices.model import DeviceSettings, ScreenField, ScreenFields

# What is logged is no secret on the wire, and calls are in it.
WHY = "only on your own network: the log tells whom the phone calls"


def grandstream_syslog(settings: DeviceSettings) -> ScreenFields:
    """The fields of the make, in the order of its screens."""
    if not (address := settings.syslog):
        return ()
    screen = "Advanced Settings"
    return (
        ScreenField(screen, "Syslog Server", address, "P207", address, WHY),
        ScreenField(screen, "Syslog Level", "DEBUG", "P208", "1", "SIP messages are of this level"),
        ScreenField(screen, "Send SIP Log", "Yes", "P1387", "1"),
    )


def linksys_syslog(settings: DeviceSettings) -> ScreenFields:
    """The fields of the make, in the order of its screens."""
    if not (address := settings.syslog):
        return ()
    screen = "System: Optional Network Configuration"
    return (
        ScreenField(screen, "Syslog Server", address, "Syslog_Server", address, WHY),
        ScreenField(screen, "Debug Server", address, "Debug_Server", address),
        ScreenField(screen, "Debug Level", "3", "Debug_Level", "3", "SIP messages from 2 on"),
        # NOTIFY is the keep-alive, every 20 seconds.
        ScreenField(
            "Line 1: SIP Settings", "SIP Debug Option", "full excl. NTFY", "SIP_Debug_Option_1_", "full excl. NTFY"
        ),
    )


def polycom_syslog(settings: DeviceSettings) -> ScreenFields:
    """The fields of the make, in the order of its screens."""
    if not (address := settings.syslog):
        return ()
    screen, file_only = "Syslog Menu (on the phone)", "In the configuration file only"
    values = (
        ("Server Address", address, "device.syslog.serverName", address),
        # The guide of SIP 3.0.2 counts them (UDP=1); templates for UC software write the word.
        ("Server Type", "UDP", "device.syslog.transport", "UDP"),
        ("Render Level", "0", "device.syslog.renderLevel", "0"),
    )
    return (
        ScreenField(file_only, "Device parameters are taken", "1", "device.set", "1"),
        *(
            field
            for label, shown, name, value in values
            for field in (
                ScreenField(screen, label, shown, name, value, WHY if label == "Server Address" else ""),
                ScreenField(file_only, f"{label} is set", "1", f"{name}.set", "1"),
            )
        ),
        ScreenField(file_only, "Log level of SIP", "0", "log.level.change.sip", "0"),
        ScreenField(file_only, "Log level rendered", "0", "log.render.level", "0"),
    )


def any_phone_syslog(settings: DeviceSettings) -> ScreenFields:
    """The fields of the make, in the order of its screens."""
    if not (address := settings.syslog):
        return ()
    return (ScreenField("Where the phone has them", "Syslog server, UDP, with SIP messages", address, why=WHY),)
