"""Geographic permissions: Twilio's own switches for the countries that may be called."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from dialtone_nb.infrastructure.resources.fences import CountryPermission, countries_wanted
from dialtone_nb.verify.checks import Check, good, wrong

SUBJECT = "Geographic permissions"
CONSOLE = "with the protect runbook, or in the Console: Voice, Settings, Geo permissions"
SHOWN = 12


def permission_checks(countries: Iterable[CountryPermission], allowed: Collection[str]) -> Iterator[Check]:
    """Whether the countries of the dial plan are on, all others off, and the high-risk numbers off everywhere."""
    by_code = {country.code: country for country in countries}
    wanted = countries_wanted(by_code, allowed)
    on = {code for code, country in by_code.items() if country.low_risk}
    missing, extra = sorted(wanted - on), sorted(on - wanted)
    risky = sorted(code for code, country in by_code.items() if country.high_risk)
    yield _check(
        "countries that the dial plan allows",
        (f"on: {_listed(sorted(wanted))}", "Twilio lets these calls through"),
        (missing, "off", "calls there fail (13227)"),
        f"switch them on {CONSOLE}; or take them out of allowed_countries in dialplan.yaml and deploy",
    )
    yield _check(
        "countries that it does not allow",
        ("off", "a mistake in the dial plan can't be used to call there"),
        (extra, "on", "the dial plan refuses them; if it ever fails to, Twilio won't"),
        f"switch them off {CONSOLE}",
    )
    yield _check(
        "high-risk numbers",
        ("off everywhere", "premium numbers and those known for fraud can't be called"),
        (risky, "on", "premium numbers and those known for fraud can be called at our cost"),
        f"switch them off {CONSOLE}",
    )


def _check(name: str, fine: tuple[str, str], fault: tuple[Sequence[str], str, str], repair: str) -> Check:
    """A check of countries that are switched wrong; `fault` is which they are, how they are switched, and the harm."""
    codes, switched, harm = fault
    if not codes:
        return good(SUBJECT, name, *fine)
    return wrong(SUBJECT, name, f"{switched}: {_listed(codes)}", harm, repair)


def _listed(codes: Sequence[str]) -> str:
    if len(codes) <= SHOWN:
        return ", ".join(codes)
    return f"{', '.join(codes[:SHOWN])} and {len(codes) - SHOWN} more"
