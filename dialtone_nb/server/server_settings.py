"""What a server is told: which environment it answers for, from which folder, where the world sees it, its secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from dialtone_nb.errors import CredentialsError, Fault, InputError
from dialtone_nb.server.folder import EVENTS

Proxy: TypeAlias = IPv4Network | IPv6Network
AUTH_TOKEN: Final = "TWILIO_AUTH_TOKEN"  # noqa: S105 - a variable's name
SECONDARY_TOKEN: Final = "TWILIO_AUTH_TOKEN_SECONDARY"  # noqa: S105 - a variable's name
TRUNK_PASSWORD: Final = "TRUNK_PASSWORD"  # noqa: S105 - a variable's name
WEBHOOK: Final = "EVENTS_WEBHOOK_URL"
SNS_TOPIC: Final = "EVENTS_SNS_TOPIC_ARN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One server's settings; `base_url` is empty where each request tells it, and secrets are never shown."""

    environment: str
    folder: Path
    base_url: str = ""
    proxies: tuple[Proxy, ...] = ()
    auth_token: str = field(repr=False)
    # The one that is to be promoted: Twilio signs with it from one moment to the next.
    secondary_token: str = field(default="", repr=False)
    trunk_password: str = field(default="", repr=False)
    # An address that takes events often has a key in it.
    webhook_url: str = field(default="", repr=False)
    sns_topic_arn: str = ""

    @property
    def events_folder(self) -> Path:
        """Where the environment's events are, a file a day."""
        return self.folder / EVENTS / self.environment


def read_settings(
    variables: Mapping[str, str], *, environment: str, folder: Path, base_url: str, proxies: tuple[str, ...]
) -> Settings:
    """The settings of these options, with the secrets of these variables; every fault at once."""
    token = variables.get(AUTH_TOKEN, "").strip()
    if not token:
        repair = "set it in the environment or in .env: Twilio signs each request with it, and nothing else is answered"
        raise CredentialsError(Fault(AUTH_TOKEN, "is not set", repair))
    faults: list[Fault] = []
    settings = Settings(
        environment=environment,
        folder=folder,
        base_url=_read_url("--base-url", base_url, faults),
        proxies=tuple(proxy for text in proxies if (proxy := _read_proxy(text, faults))),
        auth_token=token,
        secondary_token=variables.get(SECONDARY_TOKEN, "").strip(),
        trunk_password=variables.get(TRUNK_PASSWORD, ""),
        webhook_url=_read_url(WEBHOOK, variables.get(WEBHOOK, "").strip(), faults),
        sns_topic_arn=variables.get(SNS_TOPIC, "").strip(),
    )
    if settings.sns_topic_arn and not settings.sns_topic_arn.startswith("arn:"):
        faults.append(
            Fault(SNS_TOPIC, "is not an ARN", "copy the topic's from AWS: arn:aws:sns:<region>:<account>:<name>")
        )
    if faults:
        raise InputError(faults)
    return settings


def _read_url(place: str, text: str, faults: list[Fault]) -> str:
    """The URL without a slash at its end; a fault without the URL, which may hold a key, where it is none."""
    try:
        parts = urlsplit(text)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_good = False
    if text and not is_good:
        faults.append(Fault(place, "is not a URL", "write it whole, such as https://calls.example.org"))
    elif place != WEBHOOK and (parts.query or parts.fragment):
        faults.append(Fault(place, "has a query or a fragment", "leave off what begins with ? or #"))
    return text if place == WEBHOOK else text.rstrip("/")


def _read_proxy(text: str, faults: list[Fault]) -> Proxy | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        faults.append(Fault(f"--proxy {text}", "is not an address", "write one, or a network, such as 10.0.0.0/8"))
        return None
