"""Client set-up: a phone's number, emergency address, credential, entry in the table, private file and sheet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.infrastructure.apply import Outcome
from dialtone_nb.infrastructure.desired import desired_environment
from dialtone_nb.infrastructure.existing import Existing
from dialtone_nb.infrastructure.plan import Action, Change, Plan, compare_states, describe
from dialtone_nb.infrastructure.resources.model import Id, Kind
from dialtone_nb.infrastructure.resources.prices import fetch_number_price, is_available
from dialtone_nb.parameters.yaml_files import suggest
from dialtone_nb.phones.private_files import private_folder
from dialtone_nb.runbooks.deploy import notes_on, owned_numbers, with_detail
from dialtone_nb.runbooks.opening import Runbook
from dialtone_nb.runbooks.phone_passwords import is_pending, keep_passwords, make_passwords
from dialtone_nb.runbooks.sheets import registrar_of, write_sheet
from dialtone_nb.runbooks.workspace import Proposal, Site, open_site
from dialtone_nb.service.bundle import TABLE
from dialtone_nb.values.phone_numbers import country_of

ACTIONS = ("set up", "rotate", "suspend")


def plan_client_setup(runbook: Runbook, client: str = "", buy_number: str = "") -> Proposal:
    """The plan that sets a phone up, gives it a new password, or takes its credential away.

    A page that sets up more than one phone names the others here; `client_setup` itself has them as parameters.
    """
    site = open_site(runbook)
    parameters = runbook.parameters
    return propose_client(
        site,
        client or str(parameters.client),
        str(parameters.action),
        buy=buy_number or ("" if client else str(parameters.buy_number)),
    )


def propose_client(site: Site, client: str, action: str = "set up", *, buy: str = "") -> Proposal:
    """The same, for a site; an `InputError` where the phone, the action or the number to buy is not as declared."""
    _check(site, client, action, buy)
    existing = site.look()

    def make(found: Existing) -> Plan:
        return _plan(site, found, client, action, buy)

    def again() -> Plan:
        # A password can't be compared: the check of a rotation is that nothing else is left to do.
        return _plan(site, site.look(), client, "set up" if action == "rotate" else action, buy)

    def make_secrets(made: Plan) -> Mapping[Id, str]:
        return make_passwords(site, client, made)

    def settle(outcomes: Sequence[Outcome]) -> None:
        keep_passwords(site, client, outcomes)

    def finish(outcomes: Sequence[Outcome]) -> Sequence[str]:
        return _write_sheet(site, client, outcomes)

    return Proposal(
        make(existing),
        site,
        existing,
        look=lambda: site.look(known=existing),
        make=make,
        again=again,
        make_secrets=make_secrets,
        settle=settle,
        finish=finish,
        bundle=site.bundle,
    )


def _check(site: Site, client: str, action: str, buy: str) -> None:
    declared = site.parameters.clients_in(site.environment)
    faults = []
    if action not in ACTIONS:
        faults.append(Fault("parameter action of client_setup", f"is {action!r}", suggest(action, ACTIONS)))
    if client not in declared:
        elsewhere = site.parameters.clients.get(client)
        repair = f"its environment is {elsewhere.environment}" if elsewhere else suggest(client, list(declared))
        faults.append(
            Fault(
                "parameter client of client_setup",
                f"{client!r} is no phone of {site.environment} in clients.yaml" if client else "is empty",
                repair,
            )
        )
    elif buy and buy != declared[client].caller_id:
        faults.append(
            Fault(
                "parameter buy_number of client_setup",
                f"{buy} is not the caller ID of {client}",
                f"clients.yaml says {declared[client].caller_id}; change it there, or buy that one",
            )
        )
    if faults:
        raise InputError(faults)


def _plan(site: Site, existing: Existing, client: str, action: str, buy: str) -> Plan:
    title = {"set up": "Set up", "rotate": "New password for", "suspend": "Suspend"}[action]
    if action == "suspend":
        found = existing.state.find(Kind.CREDENTIAL, client)
        changes = [] if found is None else [describe(Change(Action.DELETE, found.kind, client, {}, {}))]
        return site.plan(f"{title} {client}", changes, ["its number and its address stay"], existing)
    changes = _set_up_changes(site, existing, client, buy)
    has_credential = existing.state.find(Kind.CREDENTIAL, client) is not None
    if action == "rotate" and not has_credential:
        raise InputError(
            Fault(f"client {client}", "has no credential whose password could be changed", "set it up first")
        )
    if action == "rotate":
        changes.append(_new_password(client, "a new password was asked for"))
    elif has_credential and is_pending(site, client):
        changes.append(_new_password(client, "a run broke off while it set this password: Twilio may have it or not"))
    return site.plan(f"{title} {client}", changes, _notes(site, existing, client), existing)


def _new_password(client: str, why: str) -> Change:
    change = Change(Action.UPDATE, Kind.CREDENTIAL, client, {"password": "the old one"}, {"password": "a new one"})
    return describe(replace(change, why=why))


def _set_up_changes(site: Site, existing: Existing, client: str, buy: str) -> list[Change]:
    owned = owned_numbers(existing.state)
    number = site.parameters.clients[client].caller_id
    cost = ""
    if number not in owned:
        if buy != number:
            raise InputError(
                Fault(
                    f"number {number} of {client}",
                    "is not owned by this account",
                    f'set buy_number to "{number}" to buy it, or write a number that is owned into clients.yaml',
                )
            )
        if not is_available(site.account, number):
            raise InputError(
                Fault(
                    f"number {number} of {client}",
                    "can't be bought",
                    "find one that can, and write it into clients.yaml",
                )
            )
        cost = str(fetch_number_price(site.account, country_of(number) or "US") or "price unknown")
    files = site.files if site.parameters.network.self_hosted else site.bundle
    desired = desired_environment(
        site.parameters,
        site.environment,
        live=None if _is_in_live_table(site, existing, client) else files,
        trunk_password=bool(site.trunk_password),
        owned=owned,
        set_up={client},
    )
    return [
        replace(change, cost=cost)
        if change.kind is Kind.PHONE_NUMBER and change.action is Action.CREATE
        else with_detail(change, site.bundle, existing)
        for change in compare_states(existing.state, desired)
    ]


def _is_in_live_table(site: Site, existing: Existing, client: str) -> bool:
    """Whether the live table has this phone as the files have it; an `InputError` where it must be promoted first."""
    live = existing.code.get(site.environment, {}).get(TABLE)
    if live is None and not existing.live(site.environment):
        if site.is_protected:
            raise InputError(
                Fault(f"environment {site.environment}", "has nothing live", "promote a build to it first")
            )
        return False
    if live is not None and live.fields["sha256"] == site.bundle.modules[TABLE].sha256:
        return True
    source = existing.sources.get(live.sid, "") if live else ""
    wanted = site.bundle.modules[TABLE].content.decode()
    if _entry(source, site.environment, client) == _entry(wanted, site.environment, client):
        return True
    if site.is_protected:
        raise InputError(
            Fault(
                f"client {client}",
                f"is not in the table that is live in {site.environment} as clients.yaml has it",
                "deploy an environment that is not protected, promote it, then run this again",
            )
        )
    return False


def _entry(source: str, environment: str, client: str) -> object:
    """A phone's entry in a table, which is JSON or a module's source; None where there is none."""
    text = source.partition("module.exports = ")[2] or source
    try:
        table = json.loads(text.rstrip().removesuffix(";"))
        return table["environments"][environment]["clients"].get(client)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _notes(site: Site, existing: Existing, client: str) -> list[str]:
    notes = notes_on(site, existing, set_up=site.parameters.clients)
    has_credential = existing.state.find(Kind.CREDENTIAL, client) is not None
    if has_credential and not (private_folder(site.environment, client, root=site.private)).exists():
        notes.append(f"the password of {client} is in no private file here; if it is lost, run with action rotate")
    return notes


def _write_sheet(site: Site, client: str, outcomes: Sequence[Outcome]) -> Sequence[str]:
    if all(one.change.action is Action.DELETE for one in outcomes):
        return ()
    registrar = registrar_of(site, client)
    sheet = write_sheet(site, client, registrar)
    at_door = f", for a phone at this computer's SIP door, {registrar.host}:{registrar.port}" if registrar else ""
    said = [f"device sheet: {sheet.relative_to(site.project)}{at_door}"]
    if any(one.change.kind is Kind.CREDENTIAL and one.change.action is not Action.DELETE for one in outcomes):
        private = private_folder(site.environment, client, root=site.private).relative_to(site.private.parent)
        where = ", beside the rehearsal's state" if site.account.is_rehearsal else ""
        said.append(f"password and ready configuration, for nobody else's eyes: {private}{where}")
    return said
