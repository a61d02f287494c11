"""The service, its environment, what is live in it, and its variables."""

from __future__ import annotations

from collections.abc import Iterator

from dialtone_nb.infrastructure.desired import TRUNK_PASSWORD
from dialtone_nb.infrastructure.plan import Change
from dialtone_nb.infrastructure.resources.addresses import ADDRESS
from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.infrastructure.resources.deployments import DEPLOYMENT
from dialtone_nb.infrastructure.resources.environments import ENVIRONMENT
from dialtone_nb.infrastructure.resources.model import shortened
from dialtone_nb.infrastructure.resources.services import SERVICE
from dialtone_nb.infrastructure.resources.variables import VARIABLE, variable_key
from dialtone_nb.verify.checks import Check, good, unknown, wrong
from dialtone_nb.verify.seen import Seen, difference

SUBJECT = "Service"


def service_checks(seen: Seen, *, trunk_password: bool) -> Iterator[Check]:
    """The checks of the service; `trunk_password` says whether the trunk's password is known here."""
    yield _service(seen)
    yield _environment(seen)
    yield _live_build(seen)
    yield from _trunk_password(seen, trunk_password)


def _service(seen: Seen) -> Check:
    name = seen.parameters.network.service.name
    title = f"service {name}"
    change = seen.change(SERVICE, name)
    if change is None:
        return good(SUBJECT, title, "there, with its settings", "the functions have a place to run")
    harm = "no function answers calls" if not change.before else "the service is set up in another way"
    return wrong(SUBJECT, title, difference(change), harm, seen.deploy_words)


def _environment(seen: Seen) -> Check:
    title = f"environment {seen.environment}"
    change = seen.change(ENVIRONMENT, seen.environment)
    if change is None:
        return good(SUBJECT, title, seen.domain_name, "the functions' URLs start with this name")
    return wrong(SUBJECT, title, difference(change), "no function answers calls here", seen.deploy_words)


def _live_build(seen: Seen) -> Check:
    title = f"live build of {seen.environment}"
    if not seen.has_live_build:
        return wrong(SUBJECT, title, "nothing is live", "every call fails", seen.deploy_words)
    if seen.change(DEPLOYMENT, seen.environment) is None:
        return good(SUBJECT, title, "equals the files", "calls are decided as the files say")
    modules = ", ".join(seen.differing_modules)
    found = f"differs from the files in {modules or 'runtime or dependencies'}"
    return wrong(SUBJECT, title, found, "calls are decided in another way than the files say", seen.deploy_words)


def _trunk_password(seen: Seen, is_known: bool) -> Iterator[Check]:
    if not seen.parameters.network.trunk.username:
        return
    title = f"trunk's password of {seen.environment}"
    key = variable_key(seen.environment, TRUNK_PASSWORD)
    there = seen.find(VARIABLE, key) is not None
    if not is_known:
        found = f"{'there is one' if there else 'there is none'} at Twilio, and {TRUNK_PASSWORD} is not set here"
        repair = f"set {TRUNK_PASSWORD}, then verify once more"
        yield unknown(SUBJECT, title, found, "with a wrong one our SIP server refuses calls", repair)
    elif seen.change(VARIABLE, key):
        found = "another one than here" if there else "not there"
        yield wrong(SUBJECT, title, found, "our SIP server refuses calls", seen.deploy_words)
    else:
        yield good(SUBJECT, title, "the one that is set here", "our SIP server takes calls")


def rest_of_the_plan(seen: Seen) -> Check:
    """Whether a deploy would change anything that no other check speaks of."""
    title = f"rest of the plan for {seen.environment}"
    rest = [change for change in seen.plan.changes if not _has_a_check(seen, change)]
    if not rest:
        found = "nothing" if seen.plan.is_empty else "nothing beside what the other checks name"
        return good(SUBJECT, title, found, "a deploy would change nothing else")
    found = ", ".join(f"{change.action} {change.kind} {shortened(change.key)}" for change in rest)
    return wrong(SUBJECT, title, found, "a deploy would change this", seen.deploy_words)


def _has_a_check(seen: Seen, change: Change) -> bool:
    if change.kind is VARIABLE:
        return change.key == variable_key(seen.environment, TRUNK_PASSWORD)
    # Every other type has a check of its own: here, with the domains, or with the phones.
    return change.kind not in {ADDRESS, CREDENTIAL}
