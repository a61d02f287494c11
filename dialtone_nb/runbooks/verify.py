"""Verify: look at everything that one environment needs, change nothing, and say what is wrong and what repairs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from dialtone_nb.account.rehearsal_control import fetch_domains
from dialtone_nb.calls.twilio_source.call_limit import fetch_profiles
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.errors import CredentialsError, PermissionMissingError, TwilioError
from dialtone_nb.infrastructure.desired import other_hosting
from dialtone_nb.infrastructure.resources.fences import fetch_countries
from dialtone_nb.infrastructure.site import Site
from dialtone_nb.runbooks.deploy import make_deploy_plan
from dialtone_nb.runbooks.steps.opening import Runbook
from dialtone_nb.runbooks.steps.workspace import open_site
from dialtone_nb.verify import emergency, phone_activity, probes
from dialtone_nb.verify.accepted import Acceptance, accept, load_acceptances
from dialtone_nb.verify.account import geographic_permissions, recent_alerts, twilio_side
from dialtone_nb.verify.account.api_key import fetch_permissions, key_check, missing_checks
from dialtone_nb.verify.checks import Check, Verification, good, unknown, wrong
from dialtone_nb.verify.comparison import Comparison, known_changes
from dialtone_nb.verify.phones import phone_checks
from dialtone_nb.verify.registrations import phones_known, registration_checks
from dialtone_nb.verify.server import server_checks
from dialtone_nb.verify.service import rest_of_the_plan, service_checks
from dialtone_nb.verify.sip_domains import credential_checks, domain_checks

T = TypeVar("T")
ACCOUNT = "Account"
WEBHOOKS = ("/sip-outgoing", "/sip-incoming", "/call-status")


def verify_environment(runbook: Runbook) -> Verification:
    """Every check of the runbook's environment, with what accepted.yaml mutes."""
    acceptances = load_acceptances(runbook.declared.folder)
    return verify_site(open_site(runbook), acceptances)


def verify_site(site: Site, acceptances: Mapping[str, Acceptance] | None = None) -> Verification:
    """The same, for a site."""
    now = site.account.now()
    accepted = accept(_grouped(_checks(site, now)), acceptances or {}, now.date())
    return Verification(site.environment, site.account.label, accepted.checks, accepted.notes)


def _checks(site: Site, now: datetime) -> Iterator[Check]:
    account, unread = site.account, list[PermissionMissingError]()
    with ThreadPoolExecutor(4) as pool:
        key = pool.submit(fetch_permissions, account)
        looking = pool.submit(site.look, unread=unread)
        # Before the functions are asked, so that an alert about that is not taken for one about calls.
        countries = pool.submit(fetch_countries, account)
        profiles = pool.submit(fetch_profiles, account)
        rules = pool.submit(twilio_side.fetch_webhook_rules, account)
        complaints = pool.submit(recent_alerts.fetch_alerts, account, now)
        calls = pool.submit(phone_activity.fetch_signs, account, now)
        drills = pool.submit(emergency.fetch_drills, account, site.parameters, now)
    try:
        existing = looking.result()
    except CredentialsError as error:
        repair = error.faults[0].repair
        yield wrong(ACCOUNT, "credentials", error.faults[0].problem, "nothing else can be looked at", repair)
        return
    yield good(ACCOUNT, "credentials", f"accepted by {account.label}", "the account can be read")
    yield from _with(key, ACCOUNT, lambda allowed: [key_check(account, allowed, site.parameters)])
    plan = make_deploy_plan(site, existing)
    if unread:
        plan = replace(plan, changes=tuple(known_changes(plan.changes)))
    compared = Comparison(site.parameters, site.environment, site.bundle, existing, plan, is_part=bool(unread))
    yield from missing_checks(unread)
    if site.parameters.network.self_hosted:
        yield from server_checks(compared, has_token=bool(account.credentials.auth_token))
    elif not unread:
        yield from service_checks(compared, trunk_password=bool(site.trunk_password))
    yield rest_of_the_plan(compared)
    if site.parameters.network.self_hosted or not unread:
        yield from _probe(site, compared)
    yield from domain_checks(compared)
    yield from credential_checks(compared)
    yield from phone_checks(compared)
    if not account.is_rehearsal:
        yield from registration_checks(compared, phones_known(site.project, site.parameters, now))
    yield from _with(
        calls,
        phone_activity.SUBJECT,
        lambda signs: _activity(compared, signs, now, fetch_domains(account, site.environment)),
    )
    yield from _with(drills, emergency.SUBJECT, lambda found: emergency.drill_checks(compared, found))
    allowed = site.parameters.dialplan.allowed_countries
    yield from _with(
        countries,
        geographic_permissions.SUBJECT,
        lambda found: geographic_permissions.permission_checks(found, allowed),
    )
    if not site.parameters.network.self_hosted:
        yield twilio_side.runtime_check(site.parameters.network.service.runtime, now.date())
    yield from _with(profiles, twilio_side.SUBJECT, lambda found: [twilio_side.profile_check(found, allowed)])
    urls = [f"{compared.base_url}{path}" for path in WEBHOOKS] if compared.base_url else []
    yield from _with(rules, twilio_side.SUBJECT, lambda found: twilio_side.webhook_checks(found, urls))
    yield from _with(complaints, recent_alerts.SUBJECT, recent_alerts.alert_checks)


def _activity(
    compared: Comparison, signs: Sequence[phone_activity.Sign], now: datetime, registered: Mapping[str, Sequence[str]]
) -> Iterator[Check]:
    yield from emergency.domain_checks(compared, registered, signs)
    yield from phone_activity.activity_checks(compared, signs, now)


def _grouped(checks: Iterable[Check]) -> list[Check]:
    """Checks of one subject side by side, in the order in which the subjects first come."""
    groups: dict[str, list[Check]] = {}
    for check in checks:
        groups.setdefault(check.subject, []).append(check)
    return [check for group in groups.values() for check in group]


def _probe(site: Site, compared: Comparison) -> Iterable[Check]:
    if not compared.has_live_build:
        found = "nothing is live that could be asked"
        meaning = "the functions decide every call"
        return [unknown(probes.SUBJECT, "answers of the functions", found, meaning, compared.deploy_words)]
    table = compile_table(site.parameters)
    network, password = site.parameters.network, site.trunk_password
    is_as_files = not compared.differing_modules
    log = "the server's log" if site.parameters.network.self_hosted else "the function's log in the Console"
    repair = f"read {log}, then deploy" if is_as_files else compared.deploy_words

    def asked(base: str, made: Sequence[probes.Probe], repair: str, where: str = "") -> Iterator[Check]:
        return probes.probe_functions(site.account, base, made, trunk_password=password, repair=repair, where=where)

    def whole(base: str) -> list[probes.Probe]:
        return probes.make_probes(table, site.environment, base, trunk_password=password)

    alone = list(probes.fallback_probes(table, site.environment))
    base, own = compared.base_url, network.self_hosted
    checks = list(asked(base, [*whole(base), *(() if own else alone)], repair))
    if other := other_hosting(network, compared.existing.state, site.environment):
        # Calls fall back on it, so it has to say the same.
        checks += asked(other, whole(other), compared.deploy_words, " at the fallback")
    elif own and own.fallback_function and compared.domain_name:
        checks += asked(f"https://{compared.domain_name}", alone, compared.deploy_words)
    return checks


def _with(future: Future[T], subject: str, check: Callable[[T], Iterable[Check]]) -> Iterable[Check]:
    """The checks of what was fetched; one that is unknown where Twilio refused it, as it does to a restricted key."""
    try:
        return check(future.result())
    except PermissionMissingError as error:
        if error.permission:
            meaning = "verify goes by what it can't look at now"
            return [wrong(ACCOUNT, f"{subject.lower()} by this key", str(error), meaning, error.faults[0].repair)]
        return missing_checks([error])
    except (TwilioError, CredentialsError) as error:
        meaning = "this can't be looked at with these credentials"
        return [unknown(subject, subject.lower(), str(error), meaning, "use a key that may read this")]
