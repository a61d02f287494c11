"""SIP URIs and Twilio's SIP domains."""

from __future__ import annotations

import re
from urllib.parse import unquote

# What stands between the digits of a number and means nothing: RFC 3966's visual separators, and blanks, also the one
# that does not break a line.
SEPARATORS = "-.() \t\u00a0"
SIP_DOMAIN_SUFFIX = ".sip.twilio.com"
# Twilio, SIP registration: what a phone asks for is moved in between; the shortest finds it again soonest.
SHORTEST_EXPIRY_S, LONGEST_EXPIRY_S = 600, 3600
# The name of a SIP domain at one of Twilio's edges or regions, such as name.sip.ashburn.twilio.com. Whatever stands
# there is Twilio's, so a list of edges would only turn phones away once Twilio opens another one.
LOCALISED = re.compile(r"([a-z0-9-]+\.sip)(?:\.[a-z0-9-]+)?(\.twilio\.com)\.?")
# A From that names a user of one of Twilio's SIP domains (RFC 3261, 20.20 and 25.1): user and the domain's first label.
# Both languages read it without flags. Each part leaves out the signs that delimit the next, so what stands in a
# display name, a second address or a second @ never passes for the host.
SIP_DOMAIN_USER = (
    r'^(?:(?:"(?:[^"\\]|\\[\s\S])*"[ \t]*|[^<>"@]*)<)?[Ss][Ii][Pp][Ss]?:([^@:;<>]+)(?:[:;][^@<>]*)?'
    r"@([A-Za-z0-9-]+)\.[Ss][Ii][Pp](?:\.[A-Za-z0-9-]+)?\.[Tt][Ww][Ii][Ll][Ii][Oo]\.[Cc][Oo][Mm]\.?"
    r"(?::[0-9]{1,5})?(?:[;?][^@<>]*)?(?:>(?:[ \t]*;[^@<>]*)?)?$"
)
# RFC 3261, 19.1.1, as far as phones use it: scheme, user (without its parameters and password), host, port, parameters;
# `<…>` and a display name around it.
SIP_URI = re.compile(
    r"^(?:[^<]*<)?sips?:(?:(?P<user>(?:(?:sips?|tel):)?[^@:;>]*)(?:[:;][^@>]*)?@)?"
    r"(?P<host>[^:;?>@]+)(?::\d+)?(?:[;?][^>]*)?>?$",
    re.I,
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


def environment_of(domain: str) -> str | None:
    """The environment of one of our SIP domains: the last part of its name, for no environment's name has a dash."""
    domain = global_domain(domain)
    if not domain.endswith(SIP_DOMAIN_SUFFIX):
        return None
    return domain.removesuffix(SIP_DOMAIN_SUFFIX).rpartition("-")[2] or None


def without_separators(dialled: str) -> str:
    """What was dialled without what only makes it easier to read."""
    return dialled.translate(dict.fromkeys(map(ord, SEPARATORS)))


def parse_sip_uri(uri: str) -> tuple[str, str]:
    """The user part with percent escapes undone, and the host in lower case; both empty if it is not a SIP URI."""
    found = SIP_URI.match(uri)
    if not found:
        return "", ""
    return unquote(found["user"] or ""), found["host"].lower()
