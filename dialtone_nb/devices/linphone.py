"""Linphone on a telephone or computer: its account screen, and the remote provisioning file.

Sections and keys: liblinphone's "Provisioning configuration keys" (sections sip, proxy_N) and Linphone's wiki on remote
provisioning; auth_info_N and audio_codec_N as Linphone writes them into its own linphonerc. A country's prefix is
dial_prefix; use_dial_prefix_for_calls_and_chats, on by default, puts it before all that is dialled: +1911 for 911.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from dialtone_nb.devices.model import REALM, DeviceModel, DeviceSettings, ScreenField, ScreenFields, Steps, steps
from dialtone_nb.devices.xml import Element, SubElement, write_xml

NAMESPACE = "http://www.linphone.org/xsds/lpconfig.xsd"
# What Linphone offers otherwise, by MIME name, sampling rate and channels; Twilio speaks G.711.
OTHER_CODECS = (("opus", 48000, 2), ("speex", 16000, 1), ("speex", 8000, 1), ("G722", 8000, 1))


def account_screens(settings: DeviceSettings) -> ScreenFields:
    """The screens of Linphone, filled in; their names differ a little from one release to the next."""
    account = partial(ScreenField, "Assistant: Use a SIP account")
    advanced = partial(ScreenField, "Settings, Accounts, this account, Advanced")
    file_only = partial(ScreenField, "In the configuration file only")
    # Linphone registers at its server, whatever its outbound proxy; where there is a proxy, that is the server then.
    server = f"<sip:{settings.outbound_address or settings.host};transport={settings.transport.lower()}>"
    identity = f'"{settings.display_name}" <sip:{settings.user}@{settings.host}>'
    keep_alive_ms = str(settings.keep_alive_s * 1000)
    return (
        account("Username", settings.user, "auth_info_0/username"),
        account("Password", settings.private_file, "auth_info_0/passwd", is_password=True),
        account("Domain", settings.host, "auth_info_0/domain"),
        account("Display name", settings.display_name, "proxy_0/reg_identity", identity),
        account("Transport", settings.transport),
        advanced("SIP server address", server, "proxy_0/reg_proxy"),
        advanced("Authentication ID", settings.auth_id, "auth_info_0/userid", why="the same as Username, or empty"),
        *((advanced("Outbound proxy", server, "proxy_0/reg_route"),) if settings.outbound_proxy else ()),
        advanced("Prefix", "empty", "proxy_0/dial_prefix", "", "or 911 would leave as +1911"),
        advanced("Apply prefix to outgoing calls", "off", "proxy_0/use_dial_prefix_for_calls_and_chats", "0"),
        advanced("Expire", str(settings.expiry_s), "proxy_0/reg_expires", why="seconds"),
        file_only("Register", "yes", "proxy_0/reg_sendregister", "1"),
        file_only("Realm", REALM, "auth_info_0/realm"),
        file_only("Default account", "this one", "sip/default_proxy", "0"),
        file_only(
            "Keep-alive",
            f"{settings.keep_alive_s} seconds",
            "sip/keepalive_period",
            keep_alive_ms,
            "milliseconds in the file",
        ),
        ScreenField("Settings, Audio codecs", "PCMU and PCMA", "on; all others off"),
    )


def provisioning_file(settings: DeviceSettings, values: Mapping[str, str]) -> dict[str, str]:
    """The remote provisioning file, by its name."""
    sections: dict[str, dict[str, str]] = {"misc": {"transient_provisioning": "1"}}
    for name, value in values.items():
        section, _, key = name.partition("/")
        sections.setdefault(section, {})[key] = value
    ours = ((codec, 8000, 1) for codec in settings.model.codecs)
    for index, (mime, rate, channels) in enumerate((*ours, *OTHER_CODECS)):
        codec = {"mime": mime, "rate": str(rate), "channels": str(channels)}
        sections[f"audio_codec_{index}"] = {**codec, "enabled": "1" if mime in settings.model.codecs else "0"}
    root = Element("config", xmlns=NAMESPACE)
    for section, entries in sections.items():
        part = SubElement(root, "section", name=section)
        for key, value in entries.items():
            SubElement(part, "entry", name=key, overwrite="true").text = value
    return {"linphone.xml": write_xml(root)}


LINPHONE = DeviceModel(
    key="linphone",
    name="Linphone",
    transports=("TLS", "TCP", "UDP"),
    screens=account_screens,
    files=provisioning_file,
    has_camera=True,
    steps=Steps(
        open_screens=steps(
            """
            - Install Linphone from its own site or your telephone’s shop, and open it.
            - Choose to use a SIP account of your own (third-party SIP account).
            """
        ),
        load_file=steps(
            """
            - On the operator’s computer: `python -m dialtone_nb hand-over {client}`. It hands {file} out once, on
              your own network.
            - In Linphone’s assistant choose Fetch remote configuration, and scan the code (here, or the one that
              hand-over shows), or enter `{address}/{file}`.
            """
        ),
        see_registered="The account’s mark at the top is green: Connected.",
        undo=steps(
            """
            - Settings, Accounts, this account, Delete: Linphone forgets the password.
            """
        ),
    ),
    tried="its console takes the file, registers over UDP and TCP, calls and is called, at the rehearsal",
    untried="TLS; the screens and the camera of its apps",
)
