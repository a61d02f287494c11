"""Emergency calls: whether each phone uses the domain that puts them through, and when its last drill was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from dialtone_nb.account.account import Account
from dialtone_nb.dialplan.twiml import EMERGENCY_IN_E164
from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.parameters import Parameters
from dialtone_nb.values.emergency import TEST_LINE
from dialtone_nb.values.sip import parse_sip_uri
from dialtone_nb.verify.checks import Check, good, unknown, wrong
from dialtone_nb.verify.comparison import Comparison
from dialtone_nb.verify.phone_activity import PLACED, Sign
from dialtone_nb.verify.phones import subject_of

SUBJECT: Final = "Emergency drills"
# A drill is good for a year; Twilio keeps records of calls for longer.
GOOD_FOR: Final = timedelta(days=365)


def fetch_drills(account: Account, parameters: Parameters, now: datetime) -> dict[str, datetime]:
    """When each phone was last put through to the test line, which reads its address back, by the account's calls.

    Of phones that share a number, the call that dialled tells which it was.
    """
    number = EMERGENCY_IN_E164[TEST_LINE]
    calls = account.client.calls.list(to=number, start_time_after=now - GOOD_FOR, page_size=1000)
    last: dict[str, datetime] = {}
    for call in calls:
        at, caller = call.start_time or call.date_created, str(call._from or "")
        sharing = parameters.sharing(caller)
        if at is None or call.status != "completed" or not sharing:
            continue
        if all(last.get(name, at - GOOD_FOR) >= at for name in sharing):
            continue
        name = sharing[0] if len(sharing) == 1 else _dialling(account, str(call.parent_call_sid or ""))
        if name in sharing:
            last[name] = max(at, last.get(name, at))
    return last


def _dialling(account: Account, sid: str) -> str:
    """The phone whose call this is; empty where no call is named."""
    return parse_sip_uri(str(account.client.calls(sid).fetch()._from or ""))[0] if sid else ""


def drill_checks(compared: Comparison, drills: Mapping[str, datetime]) -> Iterator[Check]:
    """The last drill of each phone that makes emergency calls, where its country has a test line."""
    for name, client in compared.parameters.clients_in(compared.environment).items():
        if client.has_test_line and compared.find(CREDENTIAL, name) is not None:
            yield _drill(name, drills.get(name))


def _drill(name: str, at: datetime | None) -> Check:
    title = f"drill of {name}"
    if at is None:
        meaning = "nobody has heard which address its emergency calls bring, in a year"
        repair = f"dial {TEST_LINE} from it, and hear its address read back, before it is opened to the public"
        return unknown(subject_of(name), title, "none in the last year", meaning, repair)
    found = f"{TEST_LINE} answered on {at:%Y-%m-%d at %H:%M} UTC"
    return good(subject_of(name), title, found, "its emergency calls go through; do it again within a year")


def domain_checks(
    compared: Comparison, registered: Mapping[str, Iterable[str]], signs: Iterable[Sign]
) -> Iterator[Check]:
    """Each phone that makes emergency calls and is at the other domain, where they don't go through.

    By its registration where that is known (the domains, by phone), else by the domain that it last called through.
    """
    called = {one.client: one.domain for one in sorted(signs, key=lambda sign: sign.at) if one.what == PLACED}
    network, environment = compared.parameters.network, compared.environment
    other = network.sip_domain(environment, emergency=False)
    for name, client in compared.parameters.clients_in(environment).items():
        at = list(registered.get(name, ())) or [called.get(name, "")]
        if not client.calls_emergency or other not in at:
            continue
        right = compared.parameters.sip_domain_of(name)
        how = "registered at" if name in registered else "calls through"
        yield wrong(
            subject_of(name),
            f"SIP domain of {name}",
            f"{how} {other}, which has no emergency calling",
            "its emergency calls fail, and whoever dials hears that",
            f"enter {right} as its domain, as its sheet says, and register it again",
        )
