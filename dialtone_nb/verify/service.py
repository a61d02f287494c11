"""The service, its environment, what is live in it, and its variables."""

from __future__ import annotations

from collections.abc import Iterator

from dialtone_nb.infrastructure.desired import TRUNK_PASSWORD
from dialtone_nb.infrastructure.plan import Change
from dialtone_nb.infrastructure.resources.addresses import ADDRESS
from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.infrastructure.resources.deployments import DEPLOYMENT
from dialtone_nb.infrastructure.resources.environments import ENVIRONMENT
from dialtone_nb.infrastructure.resources.model import Group, shortened
from dialtone_nb.infrastructure.resources.served_tables import SERVED_TABLE
from dialtone_nb.infrastructure.resources.services import SERVICE
from dialtone_nb.infrastructure.resources.variables import VARIABLE, variable_key
from dialtone_nb.verify.checks import Check, good, unknown, wrong
from dialtone_nb.verify.comparison import Comparison, difference

SUBJECT = "Service"


def service_checks(compared: Comparison, *, trunk_password: bool) -> Iterator[Check]:
    """The checks of the service; `trunk_password` says whether the trunk's password is known here."""
    yield _service(compared)
    yield _environment(compared)
    yield _live_build(compared)
    yield from _trunk_password(compared, trunk_password)


def _service(compared: Comparison) -> Check:
    name = compared.parameters.network.service.name
    title = f"service {name}"
    change = compared.change(SERVICE, name)
    if change is None:
        return good(SUBJECT, title, "there, with its settings", "the functions have a place to run")
    harm = "no function answers calls" if not change.before else "the service is set up in another way"
    return wrong(SUBJECT, title, difference(change), harm, compared.deploy_words)


def _environment(compared: Comparison) -> Check:
    title = f"environment {compared.environment}"
    change = compared.change(ENVIRONMENT, compared.environment)
    if change is None:
        return good(SUBJECT, title, compared.domain_name, "the functions' URLs start with this name")
    return wrong(SUBJECT, title, difference(change), "no function answers calls here", compared.deploy_words)


def _live_build(compared: Comparison) -> Check:
    title = f"live build of {compared.environment}"
    if not compared.has_live_build:
        return wrong(SUBJECT, title, "nothing is live", "every call fails", compared.deploy_words)
    if compared.change(DEPLOYMENT, compared.environment) is None:
        return good(SUBJECT, title, "equals the files", "calls are decided as the files say")
    modules = ", ".join(compared.differing_modules)
    found = f"differs from the files in {modules or 'runtime or dependencies'}"
    return wrong(SUBJECT, title, found, "calls are decided in another way than the files say", compared.deploy_words)


def _trunk_password(compared: Comparison, is_known: bool) -> Iterator[Check]:
    if not compared.parameters.network.trunk.username:
        return
    title = f"trunk's password of {compared.environment}"
    key = variable_key(compared.environment, TRUNK_PASSWORD)
    there = compared.find(VARIABLE, key) is not None
    if not is_known:
        found = f"{'there is one' if there else 'there is none'} at Twilio, and {TRUNK_PASSWORD} is not set here"
        repair = f"set {TRUNK_PASSWORD}, then verify once more"
        yield unknown(SUBJECT, title, found, "with a wrong one our SIP server refuses calls", repair)
    elif compared.change(VARIABLE, key):
        found = "another one than here" if there else "not there"
        yield wrong(SUBJECT, title, found, "our SIP server refuses calls", compared.deploy_words)
    else:
        yield good(SUBJECT, title, "the one that is set here", "our SIP server takes calls")


def rest_of_the_plan(compared: Comparison) -> Check:
    """Whether a deploy would change anything that no other check speaks of."""
    title = f"rest of the plan for {compared.environment}"
    rest = [change for change in compared.plan.changes if not _has_a_check(compared, change)]
    if not rest:
        found = "nothing" if compared.plan.is_empty else "nothing beside what the other checks name"
        return good(SUBJECT, title, found, "a deploy would change nothing else")
    found = ", ".join(f"{change.action} {change.kind} {shortened(change.key)}" for change in rest)
    return wrong(SUBJECT, title, found, "a deploy would change this", compared.deploy_words)


def _has_a_check(compared: Comparison, change: Change) -> bool:
    own = compared.parameters.network.self_hosted
    if change.kind is SERVED_TABLE:
        return own is not None
    if own and change.kind.group is Group.CODE:
        # Functions that stand by have no check here; what they are built of goes with their deployment.
        return not change.kind.is_listed
    if change.kind is VARIABLE:
        return change.key == variable_key(compared.environment, TRUNK_PASSWORD)
    # Every other type has a check of its own: here, with the domains, or with the phones.
    return change.kind not in {ADDRESS, CREDENTIAL}
