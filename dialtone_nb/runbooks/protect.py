"""Protect: second fences around the account, and API keys that may do only what a runbook needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dialtone_nb.account.account import read_environment
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.infrastructure.existing import Existing
from dialtone_nb.infrastructure.plan import Plan, compare_states, delete_resources, of_the_account
from dialtone_nb.infrastructure.resources.account_secrets import (
    API_KEY,
    KEPT,
    kept_secret,
    list_api_keys,
    permissions_text,
)
from dialtone_nb.infrastructure.resources.fences import (
    DIALLING_PERMISSIONS,
    EVERYWHERE,
    SPEND_ALARM,
    desired_permissions,
    list_dialling_permissions,
    list_spend_alarms,
    spend_alarm,
)
from dialtone_nb.infrastructure.resources.model import Id, Resource, State
from dialtone_nb.infrastructure.site import Proposal, Site
from dialtone_nb.parameters.yaml_files import suggest
from dialtone_nb.report.report_table import ReportTable
from dialtone_nb.runbooks.steps.opening import Runbook
from dialtone_nb.runbooks.steps.workspace import open_site
from dialtone_nb.verify.account.api_key import NEEDS, needs_of

# Whom Twilio tells that so much is spent: an address that often has a key in it, so it is in no file.
ALARM_ADDRESS = "SPEND_ALARM_URL"


@dataclass(frozen=True)
class ProtectParameters:
    """What protecting an account takes of a runbook's parameters."""

    keys: str = ""


def plan_protect(runbook: Runbook) -> Proposal:
    """The plan that makes dialling permissions, spend alarms and restricted keys what the files and parameters say."""
    address = read_environment(runbook.project).get(ALARM_ADDRESS, "").strip()
    return propose_protect(open_site(runbook), runbook.parameters.read(ProtectParameters).keys, alarm_address=address)


def propose_protect(site: Site, keys: str = "", *, alarm_address: str = "") -> Proposal:
    """The same, for a site; an `InputError` where a key is asked for that no runbook could use."""
    names = tuple(keys.replace(",", " ").split())
    for name in names:
        if name not in NEEDS:
            repair = suggest(name, list(NEEDS))
            problem = f"{name!r} is not a runbook that can do with a restricted key"
            raise InputError(Fault("parameter keys of protect", problem, repair))
    site.account.transport.keep_secret(alarm_address)
    return ProtectProposal(site, _look(site, names, alarm_address), names, alarm_address)


@dataclass(frozen=True, eq=False)
class ProtectProposal(Proposal):
    """To put up the fences of the account, and to make restricted keys."""

    keys: tuple[str, ...]
    alarm_address: str

    def look(self, known: Existing | None = None) -> Existing:
        """What there is now, the account's fences among it."""
        return _look(self.site, self.keys, self.alarm_address, known)

    def make_plan(self) -> Plan:
        """The plan for what was found."""
        state, network = self.existing.state, self.site.parameters.network
        permissions = state.find(DIALLING_PERMISSIONS, EVERYWHERE)
        desired = [Resource(API_KEY, key_name(name), self._fields(name)) for name in self.keys]
        if permissions:
            desired.append(desired_permissions(permissions, self.site.parameters.dialplan.allowed_countries))
        alarms = network.spend_alarms if self.alarm_address else {}
        desired += [spend_alarm(period, usd) for period, usd in alarms.items()]
        left = [one for one in state.of(SPEND_ALARM) if self.alarm_address and one.key not in alarms]
        changes = [*compare_states(state, State(desired)), *delete_resources(left)]
        return of_the_account(self.site.plan("Protect the account", changes, self._notes(), self.existing))

    def passwords(self) -> Mapping[Id, str]:
        """The address that alarms tell, which may hold a key."""
        return {SPEND_ALARM.id(period): self.alarm_address for period in self.site.parameters.network.spend_alarms}

    def _fields(self, runbook: str) -> dict[str, str]:
        return {"permissions": permissions_text(needs_of(runbook, self.site.parameters)), "secret": KEPT}

    def _notes(self) -> list[str]:
        notes = ["deploy, promote, delete and client_setup need a standard key: no permission covers Serverless"]
        alarms = self.site.parameters.network.spend_alarms
        if alarms and not self.alarm_address:
            notes.append(f"{ALARM_ADDRESS} is not set here, so spend alarms are left as they are")
        if not alarms:
            notes.append("network.yaml has no spend_alarms: nobody is told when the account costs much")
        for name in self.keys:
            found = self.existing.state.find(API_KEY, key_name(name))
            if found and kept_secret(self.site.private, found.key, "TWILIO_API_KEY") != found.sid:
                lost = "its secret is in no private file here; if it is lost, rotate it"
                notes.append(f"{found.key} is there, and {lost}")
        return notes


def key_name(runbook: str) -> str:
    """The friendly name of the key that a runbook goes by."""
    return f"dialtone {runbook}"


def _look(site: Site, keys: tuple[str, ...], alarm_address: str, known: Existing | None = None) -> Existing:
    existing = site.look(known=known)
    found = [*list_dialling_permissions(site.account), *list_spend_alarms(site.account, alarm_address)]
    found += list_api_keys(site.account) if keys else []
    return replace(existing, state=State([*existing.state.values(), *found]))


def tabulate_permissions(runbook: Runbook) -> ReportTable:
    """One row a permission of Twilio's, with the runbooks that need it for this network."""
    needs = {name: needs_of(name, runbook.declared) for name in NEEDS}
    every = sorted(frozenset[str]().union(*needs.values()))
    rows = [(one, *("✓" if one in needs[name] else "" for name in needs)) for one in every]
    return ReportTable.of(("permission", *needs), rows)
