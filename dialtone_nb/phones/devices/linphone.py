"""Linphone on a telephone or computer: its account screen, and the remote provisioning file.

Sections and keys: liblinphone's "Provisioning configuration keys" (sections sip, proxy_N) and Linphone's wiki on remote
provisioning; auth_info_N and audio_codec_N as Linphone writes them into its own linphonerc. A country's prefix is
dial_prefix; use_dial_prefix_for_calls_and_chats, on by default, puts it before all that is dialled: +1911 for 911.
"""

from __future__ import annotations

from dialtone_nb.phones.devices.screens import Field, Fields, named_values
from dialtone_nb.phones.devices.xml import Element, SubElement, write_xml
from dialtone_nb.phones.settings import REALM, DeviceSettings

NAMESPACE = "http://www.linphone.org/xsds/lpconfig.xsd"
ACCOUNT, ADVANCED = "Assistant: Use a SIP account", "Settings, Accounts, this account, Advanced"
FILE_ONLY = "In the configuration file only"
# What Linphone offers otherwise, by MIME name, sampling rate and channels; Twilio speaks G.711.
OTHER_CODECS = (("opus", 48000, 2), ("speex", 16000, 1), ("speex", 8000, 1), ("G722", 8000, 1))


def linphone_files(settings: DeviceSettings, password: str) -> dict[str, str]:
    """The remote provisioning file, by its name."""
    sections: dict[str, dict[str, str]] = {"misc": {"transient_provisioning": "1"}}
    for name, value in named_values(linphone_fields(settings), password).items():
        section, _, key = name.partition("/")
        sections.setdefault(section, {})[key] = value
    codecs = [(codec, 8000, 1, "1") for codec in settings.codecs] + [(*codec, "0") for codec in OTHER_CODECS]
    for index, (mime, rate, channels, enabled) in enumerate(codecs):
        sections[f"audio_codec_{index}"] = {
            "mime": mime,
            "rate": str(rate),
            "channels": str(channels),
            "enabled": enabled,
        }
    return {"linphone.xml": write_xml(_document(sections))}


def _document(sections: dict[str, dict[str, str]]) -> Element:
    root = Element("config", xmlns=NAMESPACE)
    for section, entries in sections.items():
        part = SubElement(root, "section", name=section)
        for key, value in entries.items():
            SubElement(part, "entry", name=key, overwrite="true").text = value
    return root


def linphone_fields(settings: DeviceSettings) -> Fields:
    """The screens of Linphone, filled in; their names differ a little from one release to the next."""
    transport = settings.transport.lower()
    # Linphone registers at its server, whatever its outbound proxy; where there is a proxy, that is the server then.
    server = f"<sip:{settings.outbound_address or settings.host};transport={transport}>"
    identity = f'"{settings.display_name}" <sip:{settings.user}@{settings.host}>'
    return (
        Field(ACCOUNT, "Username", settings.user, "auth_info_0/username", settings.user),
        Field(ACCOUNT, "Password", settings.private_file, "auth_info_0/passwd", is_password=True),
        Field(ACCOUNT, "Domain", settings.host, "auth_info_0/domain", settings.host),
        Field(ACCOUNT, "Display name", settings.display_name, "proxy_0/reg_identity", identity),
        Field(ACCOUNT, "Transport", settings.transport),
        Field(ADVANCED, "SIP server address", server, "proxy_0/reg_proxy", server),
        Field(ADVANCED, "Authentication ID", settings.auth_id, "auth_info_0/userid", settings.auth_id,
              "the same as Username, or empty"),
        *((Field(ADVANCED, "Outbound proxy", server, "proxy_0/reg_route", server),) if settings.outbound_proxy else ()),
        Field(ADVANCED, "Prefix", "empty", "proxy_0/dial_prefix", "", "or 911 would leave as +1911"),
        Field(ADVANCED, "Apply prefix to outgoing calls", "off", "proxy_0/use_dial_prefix_for_calls_and_chats", "0"),
        Field(ADVANCED, "Expire", str(settings.expiry_s), "proxy_0/reg_expires", str(settings.expiry_s), "seconds"),
        Field(FILE_ONLY, "Register", "yes", "proxy_0/reg_sendregister", "1"),
        Field(FILE_ONLY, "Realm", REALM, "auth_info_0/realm", REALM),
        Field(FILE_ONLY, "Default account", "this one", "sip/default_proxy", "0"),
        Field(FILE_ONLY, "Keep-alive", f"{settings.keep_alive_s} seconds", "sip/keepalive_period",
              str(settings.keep_alive_s * 1000), "milliseconds in the file"),
        Field("Settings, Audio codecs", "PCMU and PCMA", "on; all others off"),
    )  # fmt: skip
