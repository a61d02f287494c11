"""SIP URIs and Twilio's SIP domains."""

from __future__ import annotations

import re
from urllib.parse import unquote

SIP_DOMAIN_SUFFIX = ".sip.twilio.com"
# The name of a SIP domain at one of Twilio's edges or regions, such as name.sip.ashburn.twilio.com. Whatever stands
# there is Twilio's, so a list of edges would only turn phones away once Twilio opens another one.
LOCALISED = re.compile(r"([a-z0-9-]+\.sip)\.[a-z0-9-]+(\.twilio\.com)")
# RFC 3261, 19.1.1, as far as phones use it: scheme, user, host, port, parameters; `<…>` and a display name around it.
SIP_URI = re.compile(
    r"^(?:[^<]*<)?sips?:(?:(?P<user>[^@;>]*)(?:;[^@>]*)?@)?(?P<host>[^:;?>@]+)(?::\d+)?(?:[;?][^>]*)?>?$", re.I
)


def sip_domain_name(prefix: str, environment: str, *, emergency: bool) -> str:
    """The name of an environment's SIP domain, with emergency calling or without."""
    middle = "" if emergency else "nonemergency-"
    return f"{prefix}-{middle}{environment}{SIP_DOMAIN_SUFFIX}"


def global_domain(host: str) -> str:
    """The name that Twilio's API has for a SIP domain, where the host names it at an edge or a region; else the host.

    The host is in lower case.
    """
    found = LOCALISED.fullmatch(host)
    return "".join(found.groups()) if found else host


def parse_sip_uri(uri: str) -> tuple[str, str]:
    """The user part, percent escapes undone, and the host in lower case; two empty strings where it is no SIP URI."""
    found = SIP_URI.match(uri)
    if not found:
        return "", ""
    return unquote(found["user"] or ""), found["host"].lower()
