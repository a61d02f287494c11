"""The fields by which a phone logs its registrations to the operator's machine; none where network.yaml names no such.

SIP messages are logged whole, because a make's own words of a registration are hardly known: see
phones/registrations/lines.py. None of it was tried on a device of ours. Grandstream: the templates that grandstream.py
names, and the log of an HT801 with P1387 on (tcz/rotary-gpt, issue 2). Linksys and Cisco: administration guides, System
tab and Line page; SIP is logged from debug level 2 on, to the debug server. Polycom: administrator guide of SIP 3.0.2,
Syslog menu, and Technical Bulletin 17124; `.set` as FusionPBX's templates write it.
"""

from __future__ import annotations

from collections.abc import Callable

from dialtone_nb.phones.devices.screens import Field, Fields
from dialtone_nb.phones.settings import DeviceSettings

# What is logged is no secret on the wire, and calls are in it.
WHY = "only on your own network: the log tells whom the phone calls"


def syslog_fields(settings: DeviceSettings) -> Fields:
    """The make's fields, in the order of its screens."""
    make = settings.device.partition("-")[0]
    return _FIELDS[make](settings.syslog) if settings.syslog and make in _FIELDS else ()


def _grandstream(address: str) -> Fields:
    screen = "Advanced Settings"
    return (
        Field(screen, "Syslog Server", address, "P207", address, WHY),
        Field(screen, "Syslog Level", "DEBUG", "P208", "1", "SIP messages are of this level"),
        Field(screen, "Send SIP Log", "Yes", "P1387", "1"),
    )


def _linksys(address: str) -> Fields:
    screen = "System: Optional Network Configuration"
    return (
        Field(screen, "Syslog Server", address, "Syslog_Server", address, WHY),
        Field(screen, "Debug Server", address, "Debug_Server", address),
        Field(screen, "Debug Level", "3", "Debug_Level", "3", "SIP messages from 2 on"),
        # NOTIFY is the keep-alive, every 20 seconds.
        Field("Line 1: SIP Settings", "SIP Debug Option", "full excl. NTFY", "SIP_Debug_Option_1_", "full excl. NTFY"),
    )


def _polycom(address: str) -> Fields:
    screen, file_only = "Syslog Menu (on the phone)", "In the configuration file only"
    values = (
        ("Server Address", address, "device.syslog.serverName", address),
        # The guide of SIP 3.0.2 counts them (UDP=1); templates for UC software write the word.
        ("Server Type", "UDP", "device.syslog.transport", "UDP"),
        ("Render Level", "0", "device.syslog.renderLevel", "0"),
    )
    return (
        Field(file_only, "Device parameters are taken", "1", "device.set", "1"),
        *(
            field
            for label, shown, name, value in values
            for field in (
                Field(screen, label, shown, name, value, WHY if label == "Server Address" else ""),
                Field(file_only, f"{label} is set", "1", f"{name}.set", "1"),
            )
        ),
        Field(file_only, "Log level of SIP", "0", "log.level.change.sip", "0"),
        Field(file_only, "Log level rendered", "0", "log.render.level", "0"),
    )


def _any_phone(address: str) -> Fields:
    return (Field("Where the phone has them", "Syslog server, UDP, with SIP messages", address, why=WHY),)


_FIELDS: dict[str, Callable[[str], Fields]] = {
    "grandstream": _grandstream,
    "linksys": _linksys,
    "polycom": _polycom,
    "any": _any_phone,
}
