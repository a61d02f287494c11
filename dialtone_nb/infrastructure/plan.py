"""A plan: what to create, update and delete, in which order, why, at what cost; and the consent that it takes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import cached_property

from dialtone_nb.errors import ConsentError
from dialtone_nb.infrastructure.resources.model import (
    REFERENCE,
    Id,
    Item,
    Kind,
    State,
    Value,
    references,
    resolve_fields,
)
from dialtone_nb.service.bundle import MANIFEST


class Action(StrEnum):
    """What is done to a thing."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """One change: a thing, its fields before and after (only those that differ), and what a reader should know."""

    action: Action
    kind: Kind
    key: str
    before: Mapping[str, Value] = field(default_factory=dict)
    after: Mapping[str, Value] = field(default_factory=dict)
    why: str = ""
    cost: str = ""
    warning: str = ""
    undo: str = ""
    # Lines of a unified diff where a source changes.
    detail: tuple[str, ...] = ()

    @property
    def id(self) -> Id:
        """Kind and natural key."""
        return Id(self.kind, self.key)

    @property
    def item(self) -> Item:
        """The thing as it should be afterwards."""
        return Item(self.kind, self.key, self.after)


@dataclass(frozen=True)
class Plan:
    """Ordered changes, what was compared, and notes on what is there and left alone; never a secret."""

    title: str
    account: str
    environment: str
    is_protected: bool
    changes: tuple[Change, ...]
    compared: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    is_rehearsal: bool = False

    @cached_property
    def fingerprint(self) -> str:
        """`plan-` and the SHA-256 of every field of the plan and its changes: another plan has another.

        All 64 digits: whoever writes both of two plans finds a pair that shares n bits in 2^(n/2) tries.
        """
        return f"plan-{hashlib.sha256(json.dumps(_content(self)).encode()).hexdigest()}"

    @property
    def grave(self) -> tuple[str, ...]:
        """What the plan does that takes its fingerprint, wherever it does it: an environment's name is not enough."""
        return tuple(dict.fromkeys(what for change in self.changes if (what := _grave(change))))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.changes

    def count(self, action: Action) -> int:
        """How many changes of one action."""
        return sum(change.action is action for change in self.changes)

    @property
    def summary(self) -> str:
        """One line: how much of what."""
        if self.is_empty:
            return "nothing to do"
        words = {Action.CREATE: "to create", Action.UPDATE: "to update", Action.DELETE: "to delete"}
        return ", ".join(f"{self.count(action)} {word}" for action, word in words.items() if self.count(action))

    def json(self) -> str:
        """The plan as JSON: its summary, fingerprint, notes, and a list of changes with all their fields."""
        changes = [
            {
                "action": change.action,
                "kind": change.kind,
                "key": change.key,
                "before": dict(change.before),
                "after": dict(change.after),
                "why": change.why,
                "cost": change.cost,
                "warning": change.warning,
                "undo": change.undo,
                "detail": list(change.detail),
            }
            for change in self.changes
        ]
        return json.dumps(
            {
                "title": self.title,
                "account": self.account,
                "environment": self.environment,
                "protected": self.is_protected,
                "rehearsal": self.is_rehearsal,
                "fingerprint": self.fingerprint,
                "summary": self.summary,
                "compared": dict(self.compared),
                "notes": list(self.notes),
                "changes": changes,
            },
            indent=1,
        )


def _content(value: object) -> object:
    """A value as JSON that no other value has: fields by name, maps as sorted pairs, so that keys keep their types."""
    if isinstance(value, Plan | Change):
        return [[one.name, _content(getattr(value, one.name))] for one in fields(value)]
    if isinstance(value, Mapping):
        return [[name, _content(one)] for name, one in sorted(value.items())]
    if isinstance(value, tuple | list):
        return [_content(one) for one in value]
    return value


def _grave(change: Change) -> str:
    """What a change does that can't be taken back or costs money; empty for others."""
    match change.action, change.kind:
        case Action.DELETE, Kind.PHONE_NUMBER:
            return "releases a number"
        case Action.DELETE, _:
            return "deletes"
        case Action.CREATE, Kind.PHONE_NUMBER:
            return "buys a number"
        case Action.UPDATE, Kind.CREDENTIAL:
            return "changes a password"
        case Action.UPDATE, Kind.PHONE_NUMBER if change.after.get("voice_url") == "":
            return "leaves a number without an answer"
    return ""


def check_consent(plan: Plan, consent: str) -> bool:
    """Whether the plan may be applied; False where no consent was given, a `ConsentError` where it does not fit."""
    if not consent:
        return False
    if consent == plan.fingerprint:
        return True
    if consent == "rehearsal":
        if plan.is_rehearsal:
            return True
        raise ConsentError(f"consent: 'rehearsal' is good on the rehearsal alone; {_takes(plan)}")
    if consent == plan.environment:
        if plan.is_protected:
            raise ConsentError(f"consent: {plan.environment} is protected, so its name is not enough; {_takes(plan)}")
        if plan.grave:
            raise ConsentError(
                f"consent: this plan {' and '.join(plan.grave)}, so the name {plan.environment} is not enough; "
                f"{_takes(plan)}"
            )
        return True
    if consent.startswith("plan-"):
        raise ConsentError(
            f"consent: {consent!r} is another plan's; things have changed since it was read: "
            f"read this one; {_takes(plan)}"
        )
    raise ConsentError(f"consent: {consent!r} is no plan's fingerprint; {_takes(plan)}")


def _takes(plan: Plan) -> str:
    """What would do, for the end of a refusal."""
    return f"this plan's is {plan.fingerprint!r}"


def compare_states(existing: State, desired: State) -> list[Change]:
    """The changes that make what exists what is desired, in the order of kinds; what nobody declared is left alone."""
    changes = []
    for key, item in desired.items():
        wanted = resolve_fields(item, existing)
        found = existing.get(key)
        if found is None:
            changes.append(describe(Change(Action.CREATE, key.kind, key.key, {}, dict(wanted.fields))))
            continue
        differing = {name: value for name, value in wanted.fields.items() if found.fields.get(name) != value}
        if differing:
            before = {name: found.fields.get(name) for name in differing}
            changes.append(describe(Change(Action.UPDATE, key.kind, key.key, before, differing)))
    if any(change.kind is Kind.BUILD for change in changes):
        return changes
    # The wanted build exists already: nothing has to be uploaded for it.
    return [change for change in changes if change.kind not in {Kind.FUNCTION, Kind.FUNCTION_VERSION}]


def delete_items(items: Iterable[Item]) -> list[Change]:
    """The changes that take these things out, last made first."""
    ordered = sorted(items, key=lambda item: (-item.kind.rank, item.key))
    return [describe(Change(Action.DELETE, one.kind, one.key, dict(one.fields), {})) for one in ordered]


# What each kind needs before it can come to be. A domain and a number wait for code and variables, so that no call
# arrives before it can be answered; variables wait for the code, so that old code never runs with new ones.
_NEEDS: Mapping[Kind, frozenset[Kind]] = {
    Kind.ENVIRONMENT: frozenset({Kind.SERVICE}),
    Kind.FUNCTION: frozenset({Kind.SERVICE}),
    Kind.FUNCTION_VERSION: frozenset({Kind.FUNCTION}),
    Kind.BUILD: frozenset({Kind.FUNCTION_VERSION}),
    Kind.DEPLOYMENT: frozenset({Kind.BUILD, Kind.ENVIRONMENT}),
    Kind.VARIABLE: frozenset({Kind.DEPLOYMENT, Kind.ENVIRONMENT}),
    Kind.SIP_DOMAIN: frozenset({Kind.DEPLOYMENT, Kind.VARIABLE, Kind.SERVED_TABLE}),
    Kind.CALLS_MAPPING: frozenset({Kind.SIP_DOMAIN, Kind.CREDENTIAL_LIST}),
    Kind.REGISTRATIONS_MAPPING: frozenset({Kind.SIP_DOMAIN, Kind.CREDENTIAL_LIST}),
    Kind.PHONE_NUMBER: frozenset({Kind.ADDRESS, Kind.DEPLOYMENT, Kind.VARIABLE, Kind.SERVED_TABLE, Kind.SIP_DOMAIN}),
    Kind.CREDENTIAL: frozenset({Kind.CREDENTIAL_LIST, Kind.CALLS_MAPPING, Kind.REGISTRATIONS_MAPPING}),
}


def waits_for(change: Change, others: Iterable[Change]) -> set[Id]:
    """Which of the other changes have to be done before this one."""
    waiting = set()
    for other in others:
        if other.id == change.id:
            continue
        if change.action is Action.DELETE:
            # Taking out goes the other way: whatever stands on this thing goes, or lets go of it, first.
            comes_first = change.kind in _all_needs(other.kind)
        else:
            comes_first = other.action is not Action.DELETE and (
                other.kind in _all_needs(change.kind) or other.id in _refers(change)
            )
            if change.key == MANIFEST and change.kind is Kind.FUNCTION_VERSION:
                comes_first = comes_first or (other.kind is Kind.FUNCTION_VERSION and other.action is not Action.DELETE)
        if comes_first:
            waiting.add(other.id)
    return waiting


def _all_needs(kind: Kind) -> set[Kind]:
    """What a kind needs, directly or through others."""
    found: set[Kind] = set()
    todo = list(_NEEDS.get(kind, ()))
    while todo:
        need = todo.pop()
        if need not in found:
            found.add(need)
            todo.extend(_NEEDS.get(need, ()))
    return found


def _refers(change: Change) -> set[Id]:
    return {one for value in change.after.values() for one in references(value)}


_WARNINGS: Mapping[tuple[Action, Kind], str] = {
    (Action.DELETE, Kind.ENVIRONMENT): "its function URLs are gone for good",
    (Action.DELETE, Kind.SERVICE): "every function URL is gone for good: a new service gets others",
    (Action.DELETE, Kind.SIP_DOMAIN): "phones on it lose their dial tone",
    (Action.DELETE, Kind.CREDENTIAL): "the phone can neither register nor call",
    (Action.DELETE, Kind.PHONE_NUMBER): "callers no longer reach it; after ten days anybody may get the number",
    (Action.UPDATE, Kind.CREDENTIAL): "the phone stops working until it has the new password",
    (Action.UPDATE, Kind.VARIABLE): "acts at once, whatever build is live",
    (Action.CREATE, Kind.VARIABLE): "acts at once, whatever build is live",
    (Action.DELETE, Kind.VARIABLE): "acts at once, whatever build is live",
    (Action.DELETE, Kind.DEPLOYMENT): "the functions stop answering",
    (Action.DELETE, Kind.SERVED_TABLE): "our own server stops answering for this environment",
}
_UNDO: Mapping[tuple[Action, Kind], str] = {
    (Action.UPDATE, Kind.DEPLOYMENT): "promote the build that was live before",
    (Action.UPDATE, Kind.SERVED_TABLE): "promote with build previous: the table that was served before",
    (Action.CREATE, Kind.PHONE_NUMBER): "release it with the delete runbook; the month is paid",
    (Action.UPDATE, Kind.CREDENTIAL): "no: the old password can't be read back",
    (Action.DELETE, Kind.CREDENTIAL): "set the client up again, with a new password",
    (Action.DELETE, Kind.ADDRESS): "set the client up again: the address is registered anew",
    (Action.DELETE, Kind.PHONE_NUMBER): "in the Console, within ten days",
    (Action.DELETE, Kind.SERVICE): "deploy again: the code comes back, its URLs differ",
    (Action.DELETE, Kind.ENVIRONMENT): "deploy again",
}

# What else there is follows from the files.
_UNDO_BY_ACTION: Mapping[Action, str] = {
    Action.CREATE: "delete it",
    Action.UPDATE: "put the files back as they were, and run again",
    Action.DELETE: "deploy again",
}


def describe(change: Change) -> Change:
    """The change with its reason, its warning and how it is undone."""
    key = change.action, change.kind
    undo = _UNDO_BY_ACTION[change.action]
    return replace(
        change,
        why=change.why or _reason(change),
        warning=change.warning or _WARNINGS.get(key, ""),
        undo=change.undo or _UNDO.get(key, undo),
    )


def _reason(change: Change) -> str:
    if change.action is Action.CREATE:
        return "not there yet"
    if change.action is Action.DELETE:
        return "to be taken out"
    if change.kind is Kind.SERVED_TABLE:
        return "the table differs from what is served"
    if change.kind in {Kind.FUNCTION_VERSION, Kind.DEPLOYMENT}:
        return "the code differs from what is live"
    return f"differs in {', '.join(sorted(change.after))}"


def readable(value: Value) -> str:
    """A field's value for a reader: references by what they stand for, hashes cut short."""
    if value is True:
        return "on"
    if value is False:
        return "off"
    if value is None or value == "":
        return "none"
    return shortened(REFERENCE.sub(lambda found: f"‹{found['field'].replace('_', ' ')} of {found['key']}›", str(value)))


def shortened(text: str) -> str:
    """A text for a reader: a hash, such as a build's key, by its first digits."""
    return f"{text[:12]}…" if len(text) == 64 and text.isalnum() else text
