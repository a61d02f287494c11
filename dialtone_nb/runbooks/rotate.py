"""Rotate: a new secret in the place of an old one, in steps that lose no call, each a plan of its own.

    secret       first run                                 in between                       second run
    -----------  ----------------------------------------  -------------------------------  --------------------------
    phone        a new password at Twilio, in a private    enter it, or hand it over: until
                 file and the phone's sheet                 then the phone can't call out
    trunk        the next password, in a private file      the SIP server takes both        each environment sends it
    api key      a second key with the same permissions    whoever uses it takes the new    the old key is deleted
    auth token   a secondary token, as good as the first   our own servers take both        it is promoted

Nothing is remembered but in private files: what is there, at Twilio and in them, tells which run is next. What is in
between is done by a person, and seen before the second run wherever it can be: our own server proves that it holds the
secondary token, the key in use here is another than the one that goes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.infrastructure.apply import ChangeOutcome
from dialtone_nb.infrastructure.desired import TRUNK_PASSWORD
from dialtone_nb.infrastructure.existing import Existing
from dialtone_nb.infrastructure.plan import Change, Plan, describe, of_the_account
from dialtone_nb.infrastructure.resources.account_secrets import (
    ACCOUNT_TOKEN,
    API_KEY,
    IN_USE,
    KEPT,
    NEXT,
    NEXT_TRUNK_PASSWORD,
    PRIMARY,
    PROMOTED,
    SECONDARY,
    kept_secret,
    kept_token,
    list_api_keys,
    list_auth_tokens,
    list_trunk_passwords,
    secret_folder,
    take_promoted,
    was_promoted,
)
from dialtone_nb.infrastructure.resources.model import Action, Resource, State
from dialtone_nb.infrastructure.resources.served_tables import SERVED_TABLE, UNREACHED, served_version
from dialtone_nb.infrastructure.resources.variables import AS_DECLARED, VARIABLE, variable_key
from dialtone_nb.infrastructure.site import Proposal, Site
from dialtone_nb.parameters.yaml_files import suggest
from dialtone_nb.runbooks.client_setup import propose_client
from dialtone_nb.runbooks.steps.opening import Runbook
from dialtone_nb.runbooks.steps.workspace import open_site

SECRETS = ("phone", "trunk", "api key", "auth token")


@dataclass(frozen=True)
class RotateParameters:
    """What a rotation takes of a runbook's parameters."""

    secret: str = "auth token"  # noqa: S105  a choice
    client: str = ""
    key: str = ""
    abandon: bool = False


def plan_rotate(runbook: Runbook) -> Proposal:
    """The plan of the next step of a rotation."""
    given = runbook.parameters.read(RotateParameters)
    return propose_rotate(open_site(runbook), given.secret, client=given.client, key=given.key, abandon=given.abandon)


def propose_rotate(site: Site, secret: str, *, client: str = "", key: str = "", abandon: bool = False) -> Proposal:
    """The same, for a site; an `InputError` where what must come between two steps was not done."""
    match secret:
        case "phone":
            return propose_client(site, client, "rotate")
        case "trunk":
            kept = kept_secret(site.private, "trunk password", TRUNK_PASSWORD)
            site.account.transport.keep_secret(kept)
            is_known = bool(kept) and kept == site.trunk_password
            # What an environment sends is compared with the next password, once there is one.
            moving = replace(site, trunk_password=kept or site.trunk_password)
            return TrunkRotation(moving, _look(moving), abandon, is_known)
        case "api key":
            return KeyRotation(site, _look(site, keys=True), abandon, key)
        case "auth token":
            _take_up(site)
            return TokenRotation(site, _look(site), abandon)
    raise InputError(Fault("parameter secret of rotate", f"is {secret!r}", suggest(secret, SECRETS)))


def _look(site: Site, known: Existing | None = None, *, keys: bool = False) -> Existing:
    """What there is of the environment, and of the account's secrets."""
    existing = site.look(known=known)
    found = [*list_trunk_passwords(site.private), *list_auth_tokens(site.account, site.private)]
    found += list_api_keys(site.account) if keys else []
    return replace(existing, state=State([*existing.state.values(), *found]))


@dataclass(frozen=True, eq=False)
class Rotation(Proposal):
    """A step of a rotation. The check plans the same step once more, and not the one after it."""

    abandon: bool
    # Whether API keys are looked at, too: only whoever holds the auth token may.
    sees_keys: ClassVar[bool] = False

    def look(self, known: Existing | None = None) -> Existing:
        """What there is now."""
        return _look(self.site, known, keys=self.sees_keys)

    def check(self) -> Plan:
        """What is left to do of this step."""
        state = self.look().state
        left = [
            change
            for change in self.plan.changes
            if (state.find(change.kind, change.key) is None) is not (change.action is Action.DELETE)
            or (change.action is Action.UPDATE and not self._is_done(change, state))
        ]
        return replace(self.plan, changes=tuple(left))

    def _is_done(self, change: Change, state: State) -> bool:
        found = state.find(change.kind, change.key)
        return found is not None and all(found.fields.get(name) == value for name, value in change.after.items())

    def where(self, name: str) -> str:
        """Where a secret lies, in words."""
        return self.site.seen(secret_folder(self.site.private, name))


@dataclass(frozen=True, eq=False)
class TrunkRotation(Rotation):
    """The next password of the trunk: made, then sent by each environment, then forgotten here."""

    # Whether it is TRUNK_PASSWORD already here.
    is_known: bool

    def make_plan(self) -> Plan:
        """The plan for what was found."""
        state, environment = self.existing.state, self.site.environment
        trunk = self.site.parameters.network.trunk
        if not trunk.username:
            problem, repair = "has no username, so no password", "give it one in network.yaml"
            raise InputError(Fault("the trunk of network.yaml", problem, repair))
        kept = state.find(NEXT_TRUNK_PASSWORD, NEXT)
        variable = state.find(VARIABLE, variable_key(environment, TRUNK_PASSWORD))
        if kept is None:
            changes = [] if self.abandon else [Change(Action.CREATE, NEXT_TRUNK_PASSWORD, NEXT, why="asked for")]
            notes = [f"it comes to {self.where('trunk password')}; calls go on with the old one"]
        elif self.abandon and variable and variable.fields["value"] == AS_DECLARED:
            place, repair = f"environment {environment}", "set TRUNK_PASSWORD to it here, and run this without abandon"
            raise InputError(Fault(place, "sends the next password already", repair))
        elif self.abandon:
            changes, notes = [Change(Action.DELETE, NEXT_TRUNK_PASSWORD, NEXT, why="abandoned")], []
        elif variable and variable.fields["value"] != AS_DECLARED:
            after = {"value": AS_DECLARED}
            before = {"value": variable.fields["value"]}
            why = "the trunk's next password"
            changes = [Change(Action.UPDATE, VARIABLE, variable.key, before, after, why=why)]
            notes = [
                "our SIP server must take the new password by now, beside the old one: this can't be seen from here"
            ]
        else:
            changes = [Change(Action.DELETE, NEXT_TRUNK_PASSWORD, NEXT, why="sent by now")] if self.is_known else []
            notes = [f"{environment} sends it; run this for each other environment, then set TRUNK_PASSWORD to it here"]
        if self.site.parameters.network.self_hosted:
            notes.append("our own server has it in an environment of its own: change it there, and restart it")
        plan = self.site.plan("Rotate the trunk's password", list(map(describe, changes)), notes, self.existing)
        # A password takes the fingerprint, wherever it is.
        return replace(plan, is_protected=True)

    def after_check(self, outcomes: Sequence[ChangeOutcome]) -> Sequence[str]:
        """What a person does next, in words."""
        return [
            f"next password: {self.where('trunk password')}",
            "enter it at the SIP server beside the old one, run this again for each environment, then take the old out",
        ]


@dataclass(frozen=True, eq=False)
class KeyRotation(Rotation):
    """A second API key of the same permissions, then the first one goes."""

    sees_keys = True
    key: str

    def make_plan(self) -> Plan:
        """The plan for what was found."""
        old, new = self._keys()
        found = self.existing.state.find(API_KEY, new)
        if found is None:
            fields = {"permissions": old.fields["permissions"], "secret": KEPT}
            changes = (
                [] if self.abandon else [Change(Action.CREATE, API_KEY, new, {}, fields, why=f"follows {old.key}")]
            )
        elif self.abandon:
            changes = [Change(Action.DELETE, API_KEY, new, dict(found.fields), {}, why="abandoned")]
        elif self.site.account.credentials.username == old.sid:
            repair = (
                f"set TWILIO_API_KEY and TWILIO_API_SECRET to those of {new}, here and wherever the old one is used"
            )
            raise InputError(Fault(f"API key {old.key}", "is the one in use here", repair))
        else:
            changes = [Change(Action.DELETE, API_KEY, old.key, dict(old.fields), {}, why=f"{new} is in its place")]
        title = f"Rotate the API key {old.key}"
        notes = ["Twilio does not tell who uses a key: whoever has the old one alone is refused once it is deleted"]
        return of_the_account(self.site.plan(title, list(map(describe, changes)), notes, self.existing))

    def _keys(self) -> tuple[Resource, str]:
        """The key that goes, and the name of the one that comes."""
        keys = {one.key: one for one in self.existing.state.of(API_KEY)}
        in_use = next((one.key for one in keys.values() if one.sid == self.site.account.credentials.username), "")
        name = self.key or in_use
        if name not in keys:
            problem = (
                f"{name!r} is not an API key of this account" if name else "is empty, and the auth token is in use here"
            )
            raise InputError(Fault("parameter key of rotate", problem, suggest(name, list(keys))))
        # Whoever has taken the new key into use rotates on by its name.
        stem, number = split_name(name)
        if not self.key and number > 1 and numbered(stem, number - 1) in keys:
            name, number = numbered(stem, number - 1), number - 1
        return keys[name], numbered(stem, number + 1)

    def after_check(self, outcomes: Sequence[ChangeOutcome]) -> Sequence[str]:
        """What a person does next, in words."""
        _, new = self._keys() if self.plan.changes[0].action is Action.CREATE else (None, "")
        if not new:
            return []
        return [f"key and secret: {self.where(new)}; set them wherever the old ones are, then run this again"]


def split_name(name: str) -> tuple[str, int]:
    """A key's name without the number that rotations give it, and the number."""
    found = re.fullmatch(r"(.*?)(?: #(\d{1,4}))?", name, re.S)
    return (found[1], int(found[2] or 1)) if found else (name, 1)


def numbered(stem: str, number: int) -> str:
    """A key's name with its number; the first has none."""
    return f"{stem} #{number}" if number > 1 else stem


@dataclass(frozen=True, eq=False)
class TokenRotation(Rotation):
    """A secondary auth token, then its promotion."""

    def make_plan(self) -> Plan:
        """The plan for what was found."""
        has_next = self.existing.state.find(ACCOUNT_TOKEN, SECONDARY) is not None
        if self.abandon:
            changes = [Change(Action.DELETE, ACCOUNT_TOKEN, SECONDARY, why="abandoned")] if has_next else []
        elif not has_next:
            changes = [Change(Action.CREATE, ACCOUNT_TOKEN, SECONDARY, why="asked for")]
        else:
            self._refuse_where_a_server_lacks_it()
            before, after = {"token": IN_USE}, {"token": PROMOTED}
            changes = [
                Change(Action.UPDATE, ACCOUNT_TOKEN, PRIMARY, before, after, why="the secondary one is promoted")
            ]
        notes = [
            "Twilio signs with the primary token: the functions follow by themselves, our own server takes both",
            "workflows and other computers that hold the old token are refused once the new one is promoted",
        ]
        plan = self.site.plan("Rotate the auth token", list(map(describe, changes)), notes, self.existing)
        return of_the_account(plan)

    def _refuse_where_a_server_lacks_it(self) -> None:
        """Raise an `InputError` where our own server does not prove that it holds the token: it would refuse calls."""
        site, state = self.site, self.existing.state
        server = site.server
        for environment, url in (server.base_urls if server else {}).items():
            if not state.find(SERVED_TABLE, environment):
                continue
            found = served_version(site.account, url, environment, kept_token(site.private))
            if found == UNREACHED and not site.parameters.network.self_hosted:
                continue  # it stands idle, and no call goes there
            if found == UNREACHED or found.startswith(("refused", "not ours")):
                problem = f"does not prove that it holds the secondary token ({found})"
                repair = "give it TWILIO_AUTH_TOKEN_SECONDARY, restart it, and run this again"
                raise InputError(Fault(f"our own server at {url}", problem, repair))

    def check(self) -> Plan:
        """What is left to do of this step; a token that was promoted is the one in use."""
        if self.plan.count(Action.UPDATE):
            is_left = not kept_secret(self.site.private, "auth token", "TWILIO_AUTH_TOKEN")
            return replace(self.plan, changes=self.plan.changes if is_left else ())
        return super().check()

    def after_check(self, outcomes: Sequence[ChangeOutcome]) -> Sequence[str]:
        """What a person does next, in words."""
        where = self.where("auth token")
        if self.plan.count(Action.UPDATE):
            return [f"TWILIO_AUTH_TOKEN: {where}; set it wherever the old one is, and restart our own server"]
        if self.plan.count(Action.CREATE):
            return [f"TWILIO_AUTH_TOKEN_SECONDARY: {where}; give it to our own server, restart it, then run again"]
        return []


def _take_up(site: Site) -> None:
    """Go on with a token that was promoted by a run which broke off before it could say so."""
    token, account = kept_token(site.private), site.account
    if not account.credentials.auth_token:
        repair = "set TWILIO_AUTH_TOKEN: a standard key makes no tokens"
        raise InputError(Fault("the auth token", "is not set here", repair))
    account.transport.keep_secret(token)
    if token and was_promoted(account, token):
        take_promoted(account, site.private, token)
