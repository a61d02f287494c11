"""Client set-up: a phone's number, emergency address, credential, entry in the table, private file and sheet.

It also searches for numbers that can be bought, with their price.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.infrastructure.apply import ChangeOutcome
from dialtone_nb.infrastructure.plan import Change, Plan, describe
from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.infrastructure.resources.model import Action, Id
from dialtone_nb.infrastructure.resources.phone_numbers import (
    PHONE_NUMBER,
    fetch_number_price,
    find_numbers,
    is_available,
)
from dialtone_nb.infrastructure.site import Proposal, Site
from dialtone_nb.parameters.yaml_files import suggest
from dialtone_nb.phones.private_files import private_folder
from dialtone_nb.report.report_table import ReportTable
from dialtone_nb.runbooks.deploy import environment_changes, notes_on, owned_numbers, with_detail
from dialtone_nb.runbooks.steps.opening import Runbook
from dialtone_nb.runbooks.steps.phone_files import (
    is_pending,
    keep_passwords,
    make_passwords,
    registrar_of,
    renew_files,
    sets_a_password,
    write_sheet,
)
from dialtone_nb.runbooks.steps.workspace import open_site
from dialtone_nb.service.bundle import TABLE
from dialtone_nb.values.emergency import TEST_LINE
from dialtone_nb.values.phone_numbers import country_of, format_number

ACTIONS = ("set up", "rotate", "suspend")
# The characters of a pattern of numbers.
PATTERN = "0123456789*"


@dataclass(frozen=True)
class ClientSetupParameters:
    """What setting a phone up, or finding a number for it, takes of a runbook's parameters."""

    client: str = ""
    action: str = "set up"
    buy_number: str = ""
    find_numbers: str = ""


def plan_client_setup(runbook: Runbook, client: str = "", buy_number: str = "") -> Proposal:
    """The plan that sets a phone up, gives it a new password, or takes its credential away.

    A page that sets up more than one phone names the others here; `client_setup` itself has them as parameters.
    """
    given = runbook.parameters.read(ClientSetupParameters)
    buy = buy_number or ("" if client else given.buy_number)
    return propose_client(open_site(runbook), client or given.client, given.action, buy=buy)


def propose_client(site: Site, client: str, action: str = "set up", *, buy: str = "") -> Proposal:
    """The same, for a site; an `InputError` where the phone, the action or the number to buy is not as declared."""
    _check(site, client, action, buy)
    return ClientProposal(site, site.look(), client, action, buy)


@dataclass(frozen=True, eq=False)
class ClientProposal(Proposal):
    """To set a phone up, to give it a new password, or to suspend it."""

    client: str
    action: str
    buy: str

    def make_plan(self) -> Plan:
        """The plan for what was found."""
        found = self.existing.state.find(CREDENTIAL, self.client)
        title = {"set up": "Set up", "rotate": "New password for", "suspend": "Suspend"}[self.action]
        if self.action == "suspend":
            changes = [] if found is None else [describe(Change(Action.DELETE, found.kind, self.client, {}, {}))]
            notes = ["its number and its address stay"]
        else:
            changes, notes = (
                self._set_up_changes(),
                notes_on(self.site, self.existing, set_up=self.site.parameters.clients),
            )
            if self.action == "rotate" and not found:
                problem = "has no credential whose password could be changed"
                raise InputError(Fault(f"client {self.client}", problem, "set it up first"))
            if self.action == "rotate":
                changes.append(self._new_password("a new password was asked for"))
            elif found and is_pending(self.site, self.client):
                broken = "a run was interrupted while it set this password: Twilio may have it or not"
                changes.append(self._new_password(broken))
            if found and not private_folder(self.site.environment, self.client, root=self.site.private).exists():
                lost = "is in no private file here; if it is lost, run with action rotate"
                notes.append(f"the password of {self.client} {lost}")
        return self.site.plan(f"{title} {self.client}", changes, notes, self.existing)

    def check(self) -> Plan:
        """What is left to do. A password can't be compared, so a rotation must leave nothing else."""
        action = "set up" if self.action == "rotate" else self.action
        return replace(self, existing=self.look(), action=action).plan

    def passwords(self) -> Mapping[Id, str]:
        """Make the phone's password, or take the one that is still pending."""
        return make_passwords(self.site, self.client, self.plan)

    def after_apply(self, outcomes: Sequence[ChangeOutcome]) -> None:
        """Write a password that Twilio has now to the phone's private files."""
        keep_passwords(self.site, self.client, outcomes)

    def when_nothing_to_do(self) -> Sequence[str]:
        """Write the phone's sheet and ready configuration anew where it is now declared as another model, say."""
        if self.action != "set up":
            return ()
        site = self.site
        renewed = renew_files(site, self.client, registrar_of(site, self.client))
        return [f"written anew, as the phone is declared now: {site.seen(path)}" for path in renewed]

    def after_check(self, outcomes: Sequence[ChangeOutcome]) -> Sequence[str]:
        """Write the phone's sheet, unless it was suspended, and say where everything is."""
        site, client = self.site, self.client
        if all(one.change.action is Action.DELETE for one in outcomes):
            return ()
        registrar = registrar_of(site, client)
        sheet = write_sheet(site, client, registrar)
        at_door = f", for a phone at this computer's SIP server, {registrar.host}:{registrar.port}" if registrar else ""
        said = [f"device sheet: {site.seen(sheet)}{at_door}"]
        if any(map(sets_a_password, (one.change for one in outcomes))):
            private = private_folder(site.environment, client, root=site.private)
            said.append(f"password and ready configuration, for nobody else's eyes: {site.seen(private)}")
        declared = site.parameters.clients[client]
        if declared.has_test_line:
            said.append(f"before it is opened to the public: dial {TEST_LINE} from it, and hear its address read back")
        return said

    def _new_password(self, why: str) -> Change:
        before, after = {"password": "the old one"}, {"password": "a new one"}
        return describe(Change(Action.UPDATE, CREDENTIAL, self.client, before, after, why))

    def _set_up_changes(self) -> list[Change]:
        site, existing = self.site, self.existing
        cost = self._price()
        live = None if self._is_in_live_table() else site.live
        return [
            replace(change, cost=cost)
            if change.kind is PHONE_NUMBER and change.action is Action.CREATE
            else with_detail(change, site.bundle, existing)
            for change in environment_changes(site, existing, live, set_up={self.client})
        ]

    def _price(self) -> str:
        """What the phone's number costs; empty where it is owned, an `InputError` where it is not to be bought."""
        site, number = self.site, self.site.parameters.clients[self.client].caller_id
        if number in owned_numbers(self.existing.state):
            return ""
        place = f"number {number} of {self.client}"
        if self.buy != number:
            repair = f'set buy_number to "{number}" to buy it, or write a number that is owned into clients.yaml'
            raise InputError(Fault(place, "is not owned by this account", repair))
        if not is_available(site.account, number):
            raise InputError(Fault(place, "can't be bought", "find one that can, and write it into clients.yaml"))
        return str(fetch_number_price(site.account, country_of(number) or "US") or "price unknown")

    def _is_in_live_table(self) -> bool:
        """Whether the live table has this phone as the files do; an `InputError` where a promotion must come first."""
        site, existing, environment = self.site, self.existing, self.site.environment
        live = existing.code.get(environment, {}).get(TABLE)
        if live is None and not existing.live(environment):
            if site.is_protected:
                problem, repair = "has nothing live", "promote a build to it first"
                raise InputError(Fault(f"environment {environment}", problem, repair))
            return False
        if live is not None and live.fields["sha256"] == site.bundle.modules[TABLE].sha256:
            return True
        source = existing.sources.get(live.sid, "") if live else ""
        wanted = site.bundle.modules[TABLE].content.decode()
        if _entry(source, environment, self.client) == _entry(wanted, environment, self.client):
            return True
        if site.is_protected:
            problem = f"is not in the table that is live in {environment} as clients.yaml has it"
            repair = "deploy an environment that is not protected, promote it, then run this again"
            raise InputError(Fault(f"client {self.client}", problem, repair))
        return False


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
                f"{client!r} is not a phone of {site.environment} in clients.yaml" if client else "is empty",
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


def _entry(source: str, environment: str, client: str) -> object:
    """A phone's entry in a table, which is JSON or a module's source; None where there is none."""
    text = source.partition("module.exports = ")[2] or source
    try:
        table = json.loads(text.rstrip().removesuffix(";"))
        return table["environments"][environment]["clients"].get(client)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def tabulate_numbers(runbook: Runbook) -> ReportTable:
    """One row for each number of the phone's country that fits `find_numbers`, with its price."""
    given = runbook.parameters.read(ClientSetupParameters)
    wanted = given.find_numbers
    columns = ("number", "as people write it", "price")
    if not wanted:
        return ReportTable.of(columns, [], empty="find_numbers is empty: nothing was looked for.")
    # Twilio refuses one character, and wildcards in the middle are not dependable: 2 to 16 characters.
    if not 2 <= len(wanted) <= 16 or set(wanted) - set(PATTERN):
        raise InputError(
            Fault(
                "parameter find_numbers of client_setup",
                f"is {wanted!r}",
                'write an area code, such as "503", or a pattern of digits and *, such as "503555****"',
            )
        )
    phone = runbook.declared.clients.get(given.client)
    country = (country_of(phone.caller_id) if phone else "") or "US"
    numbers = find_numbers(runbook.account, wanted, country)
    price = fetch_number_price(runbook.account, country)
    rows = [(number, format_number(number), str(price or "unknown")) for number in numbers]
    note = "Write the one you choose into clients.yaml as the phone's caller_id, then name it in buy_number."
    return ReportTable.of(columns, rows, note, empty=f"No number fits {wanted}.").printed()
