"""Any other SIP phone: the fields that nearly all have, under the names that most give them."""

from __future__ import annotations

from dialtone_nb.phones.devices.screens import Field, Fields
from dialtone_nb.phones.devices.syslog import syslog_fields
from dialtone_nb.phones.settings import DeviceSettings

ACCOUNT, MORE = "Account", "Where the phone has them"


def any_phone_fields(settings: DeviceSettings) -> Fields:
    """The usual fields of a SIP phone, filled in."""
    return (
        Field(ACCOUNT, "SIP server, registrar or domain", settings.host),
        Field(ACCOUNT, "Port", str(settings.port)),
        Field(ACCOUNT, "Transport", settings.transport, why="better TLS and port 5061, if the phone does TLS 1.2"),
        Field(ACCOUNT, "User name, user ID or extension", settings.user),
        Field(ACCOUNT, "Authentication ID", settings.auth_id, why="the same as the user name"),
        Field(ACCOUNT, "Password", settings.private_file, is_password=True),
        Field(ACCOUNT, "Display name", settings.display_name),
        Field(ACCOUNT, "Register", "yes"),
        Field(ACCOUNT, "Registration expiry", f"{settings.expiry_s} seconds", why="from 600 to 3600"),
        *((Field(ACCOUNT, "Outbound proxy", settings.outbound_address),) if settings.outbound_proxy else ()),
        Field(MORE, "Keep-alive", f"every {settings.keep_alive_s} seconds"),
        Field(MORE, "STUN, ICE", "off"),
        Field(MORE, "Codecs", " then ".join(settings.codecs), why="nothing else"),
        Field(MORE, "DTMF", "RFC 2833 (RTP events)"),
        Field(MORE, "Call forwarding, call waiting", "off"),
        Field(MORE, "Send a # that was dialled", "yes", why="# is a number of its own here"),
        *syslog_fields(settings),
    )
