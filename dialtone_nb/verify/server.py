"""Our own server: whether its URL is ours, and whether it serves what the files say."""

from __future__ import annotations

from collections.abc import Iterator

from dialtone_nb.infrastructure.resources.deployments import DEPLOYMENT
from dialtone_nb.infrastructure.resources.model import readable
from dialtone_nb.infrastructure.resources.served_tables import SERVED_TABLE, UNREACHED
from dialtone_nb.verify.checks import Check, good, unknown, wrong
from dialtone_nb.verify.comparison import Comparison

SUBJECT = "Server"


def server_checks(compared: Comparison, *, has_token: bool) -> Iterator[Check]:
    """The checks of our own server; proving who answers takes the auth token."""
    there = compared.existing.live(compared.environment)
    found = str(there.fields["code"]) if there else ""
    yield _ours(compared, found, has_token=has_token)
    yield _table(compared, found)


def _ours(compared: Comparison, found: str, *, has_token: bool) -> Check:
    title = f"server of {compared.environment}"
    url = compared.base_url
    if not found:
        repair = f"deploy {compared.environment}"
        return wrong(SUBJECT, title, f"no table was ever switched on for {url}", "every call fails", repair)
    if not has_token:
        repair = "set TWILIO_AUTH_TOKEN as well, and verify once more"
        return unknown(SUBJECT, title, "only an API key is given, and the proof takes the auth token", url, repair)
    if found == UNREACHED:
        repair = (
            f"start it: python -m dialtone_nb serve --environment {compared.environment}, and look at what leads there"
        )
        stands_by = compared.find(DEPLOYMENT, compared.environment)
        harm = "every call takes the fallback" if stands_by else "every call fails"
        return wrong(SUBJECT, title, f"{url} can't be reached", harm, repair)
    if found.startswith(("refused", "not ours", "environment ")):
        repair = "check its auth token, its environment, and that the proxy before it hands on the host"
        return wrong(SUBJECT, title, f"{url}: {found.partition(', not ')[0]}", "calls are not answered by us", repair)
    return good(SUBJECT, title, f"{url} proves that it is ours", "calls are answered there")


def _table(compared: Comparison, found: str) -> Check:
    title = f"table of {compared.environment}"
    change = compared.change(SERVED_TABLE, compared.environment)
    if change is None:
        return good(SUBJECT, title, f"equals the files ({readable(found)})", "calls are decided as the files say")
    files = readable(change.after["code"])
    words = f"{readable(found.partition(', not ')[0])}, not {files}" if found else f"none, not {files}"
    return wrong(SUBJECT, title, words, "calls are decided in another way than the files say", compared.deploy_words)
