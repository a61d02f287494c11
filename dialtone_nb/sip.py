"""SIP URIs and Twilio's SIP domains."""

from __future__ import annotations

import re
from urllib.parse import unquote

# What stands between the digits of a number and means nothing: RFC 3966's visual separators, and blanks, also the one
# that does not break a line.
SEPARATORS = "-.() \t\u00a0"
SIP_DOMAIN_SUFFIX = ".sip.twilio.com"
# RFC 3261, 19.1.1, as far as phones use it: scheme, user, host, port, parameters; `<…>` and a display name around it.
SIP_URI = re.compile(
    r"^(?:[^<]*<)?sips?:(?:(?P<user>[^@;>]*)(?:;[^@>]*)?@)?(?P<host>[^:;?>@]+)(?::\d+)?(?:[;?][^>]*)?>?$", re.I
)


def sip_domain_name(prefix: str, environment: str, *, emergency: bool) -> str:
    """The name of an environment's SIP domain, with emergency calling or without."""
    middle = "" if emergency else "nonemergency-"
    return f"{prefix}-{middle}{environment}{SIP_DOMAIN_SUFFIX}"


def without_separators(dialled: str) -> str:
    """What was dialled without what only makes it easier to read."""
    return dialled.translate(dict.fromkeys(map(ord, SEPARATORS)))


def parse_sip_uri(uri: str) -> tuple[str, str]:
    """The user part, percent escapes undone, and the host in lower case; two empty strings where it is no SIP URI."""
    found = SIP_URI.match(uri)
    if not found:
        return "", ""
    return unquote(found["user"] or ""), found["host"].lower()
