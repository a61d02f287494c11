"""Any other SIP phone: the fields that nearly all have, under the names that most give them."""

from __future__ import annotations

from functools import partial

from dialtone_nb.devices.model import DeviceModel, DeviceSettings, ScreenField, ScreenFields, Steps, steps
from dialtone_nb.devices.syslog import any_phone_syslog


def any_phone_screens(settings: DeviceSettings) -> ScreenFields:
    """The usual fields of a SIP phone, filled in."""
    account, more = partial(ScreenField, "Account"), partial(ScreenField, "Where the phone has them")
    return (
        account("SIP server, registrar or domain", settings.host),
        account("Port", str(settings.port)),
        account("Transport", settings.transport, why="better TLS and port 5061, if the phone does TLS 1.2"),
        account("User name, user ID or extension", settings.user),
        account("Authentication ID", settings.auth_id, why="the same as the user name"),
        account("Password", settings.private_file, is_password=True),
        account("Display name", settings.display_name),
        account("Register", "yes"),
        account("Registration expiry", f"{settings.expiry_s} seconds", why="from 600 to 3600"),
        *((account("Outbound proxy", settings.outbound_address),) if settings.outbound_proxy else ()),
        more("Keep-alive", f"every {settings.keep_alive_s} seconds"),
        more("STUN, ICE", "off"),
        more("Codecs", " then ".join(settings.model.codecs), why="nothing else"),
        more("DTMF", "RFC 2833 (RTP events)"),
        more("Call forwarding, call waiting", "off"),
        more("Send a # that was dialled", "yes", why="# is a number of its own here"),
        *any_phone_syslog(settings),
    )


ANY_PHONE = DeviceModel(
    key="any",
    name="SIP phone",
    transports=("UDP", "TCP", "TLS"),
    screens=any_phone_screens,
    steps=Steps(
        open_screens=steps(
            """
            - Find the phone’s address in its menu, open it in a browser, and look for SIP account, line or extension.
            """
        ),
        see_registered="The phone, or its page, says Registered.",
        undo=steps(
            """
            - Delete the account on the phone, or set the phone back to how it left the factory.
            """
        ),
    ),
    tried="baresip registers, calls and is called with these settings, at the rehearsal",
    untried="what the fields of another phone are called",
)
