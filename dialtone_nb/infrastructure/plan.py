"""A plan: what to create, update and delete, in which order, why, at what cost; and the consent that it takes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from dialtone_nb.errors import ConsentError
from dialtone_nb.infrastructure.resources import RESOURCE_TYPES, rank
from dialtone_nb.infrastructure.resources.builds import BUILD
from dialtone_nb.infrastructure.resources.functions import FUNCTION, FUNCTION_VERSION
from dialtone_nb.infrastructure.resources.model import (
    Action,
    Fields,
    Id,
    Resource,
    ResourceType,
    State,
    Value,
    references,
    resolve_fields,
)
from dialtone_nb.service.bundle import MANIFEST

# Webhook fields that operators and other tools set, and we do not.
OTHERS_SET = frozenset({"voice_fallback_url", "voice_status_callback_url", "status_callback"})
SCHEMA = Path(__file__).with_name("plan_schema.json")
# The endings of the URLs that we set, at functions or at our own server.
OUR_PATHS = ("/fallback", "/sip-outgoing", "/sip-incoming")


@dataclass(frozen=True, slots=True)
class Change:
    """One change: a resource, its fields before and after (only those that differ), and what a reader should know."""

    action: Action
    kind: ResourceType
    key: str
    before: Fields = field(default_factory=dict)
    after: Fields = field(default_factory=dict)
    why: str = ""
    cost: str = ""
    warning: str = ""
    undo: str = ""
    # Lines of a unified diff where a source changes.
    detail: tuple[str, ...] = ()

    @property
    def id(self) -> Id:
        """Type and natural key."""
        return self.kind.id(self.key)

    @property
    def resource(self) -> Resource:
        """The resource as it should be afterwards."""
        return Resource(self.kind, self.key, self.after)


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
        """What in the plan takes its fingerprint as consent in any environment: a name is not enough."""
        told = (change.kind.grave_words(change.action, change.after) for change in self.changes)
        return tuple(dict.fromkeys(filter(None, told)))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.changes

    def count(self, action: Action) -> int:
        """How many changes of one action."""
        return sum(change.action is action for change in self.changes)

    @property
    def summary(self) -> str:
        """One line: how many changes of each action."""
        if self.is_empty:
            return "nothing to do"
        words = {Action.CREATE: "to create", Action.UPDATE: "to update", Action.DELETE: "to delete"}
        return ", ".join(f"{self.count(action)} {word}" for action, word in words.items() if self.count(action))

    def json(self) -> str:
        """The plan as JSON: its summary, fingerprint, notes, and a list of changes with all their fields."""
        changes = [
            {
                "action": change.action,
                "kind": change.kind.name,
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


def of_the_account(plan: Plan) -> Plan:
    """The plan as one of the whole account: no environment's name is consent to it."""
    return replace(plan, environment="", is_protected=True)


def _content(value: object) -> object:
    """A value as JSON that no other value has: fields by name, maps as sorted pairs, so that keys keep their types."""
    if isinstance(value, Plan | Change):
        return [[one.name, _content(getattr(value, one.name))] for one in fields(value)]
    if isinstance(value, Mapping):
        return [[name, _content(one)] for name, one in sorted(value.items())]
    if isinstance(value, tuple | list):
        return [_content(one) for one in value]
    return value.name if isinstance(value, ResourceType) else value


def check_consent(plan: Plan, consent: str) -> bool:
    """Whether the plan may be applied: False without consent, a `ConsentError` if the consent does not fit."""
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
    raise ConsentError(f"consent: {consent!r} is not a plan's fingerprint; {_takes(plan)}")


def _takes(plan: Plan) -> str:
    """What would be accepted, for the end of a refusal."""
    by_name = [plan.environment] if plan.environment and not (plan.is_protected or plan.grave) else []
    words = [repr(word) for word in (*by_name, *(["rehearsal"] if plan.is_rehearsal else []))]
    return " or ".join([f"this plan's is {plan.fingerprint!r}", *words])


def compare_states(existing: State, desired: State) -> list[Change]:
    """The changes that turn what exists into what is desired, in the order of types; undeclared resources stay."""
    changes = []
    for resource in sorted(desired.values(), key=lambda one: (rank(one.kind), one.key)):
        wanted = resolve_fields(resource, existing)
        found = existing.get(resource.id)
        if found is None:
            changes.append(describe(Change(Action.CREATE, wanted.kind, wanted.key, {}, dict(wanted.fields))))
            continue
        differing = {name: value for name, value in wanted.fields.items() if found.fields.get(name) != value}
        if differing:
            before = {name: found.fields.get(name) for name in differing}
            warning = _theirs(before)
            changes.append(describe(Change(Action.UPDATE, wanted.kind, wanted.key, before, differing, warning=warning)))
    if any(change.kind is BUILD for change in changes):
        return changes
    # The wanted build exists already: nothing has to be uploaded for it.
    return [change for change in changes if change.kind not in {FUNCTION, FUNCTION_VERSION}]


def _theirs(before: Fields) -> str:
    """What an update removes that somebody else set: fallback URLs and status callbacks."""
    found = [
        f"{name.replace('_', ' ')} {value}"
        for name, value in before.items()
        if name in OTHERS_SET and _is_theirs(value)
    ]
    return f"replaces what somebody else set: {', '.join(found)}" if found else ""


def _is_theirs(value: Value) -> bool:
    return bool(value) and not str(value).endswith(OUR_PATHS)


def delete_resources(resources: Iterable[Resource]) -> list[Change]:
    """The changes that delete these resources, last made first."""
    ordered = sorted(resources, key=lambda one: (-rank(one.kind), one.key))
    return [describe(Change(Action.DELETE, one.kind, one.key, dict(one.fields), {})) for one in ordered]


def waits_for(change: Change, others: Iterable[Change]) -> set[Id]:
    """Which of the other changes have to be done before this one."""
    waiting = set()
    for other in others:
        if other.id == change.id:
            continue
        if change.action is Action.DELETE:
            # Deletion goes the other way: what depends on this one is deleted or detached first.
            comes_first = change.kind in other.kind.all_needs
        else:
            comes_first = other.action is not Action.DELETE and (
                other.kind in change.kind.all_needs or other.id in _refers(change)
            )
            if change.key == MANIFEST and change.kind is FUNCTION_VERSION:
                comes_first = comes_first or (other.kind is FUNCTION_VERSION and other.action is not Action.DELETE)
        if comes_first:
            waiting.add(other.id)
    return waiting


def _refers(change: Change) -> set[Id]:
    return {one for value in change.after.values() for one in references(value)}


# How a change is undone if the type of its resource says nothing else: the rest follows from the files.
_UNDO_BY_ACTION: Mapping[Action, str] = {
    Action.CREATE: "delete it",
    Action.UPDATE: "put the files back as they were, and run again",
    Action.DELETE: "deploy again",
}


def describe(change: Change) -> Change:
    """The change with its reason, its warning and how it is undone."""
    undo = _UNDO_BY_ACTION[change.action]
    return replace(
        change,
        why=change.why or _reason(change),
        warning=change.warning or change.kind.warnings.get(change.action, ""),
        undo=change.undo or change.kind.undo.get(change.action, undo),
    )


def _reason(change: Change) -> str:
    match change.action:
        case Action.CREATE:
            return "not there yet"
        case Action.DELETE:
            return "to be taken out"
        case Action.UPDATE:
            return change.kind.why_updated or f"differs in {', '.join(sorted(change.after))}"


def plan_schema() -> dict[str, Any]:
    """The JSON schema of a plan, with every type of resource that it may name."""
    schema: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    change = schema["properties"]["changes"]["items"]["properties"]
    change["kind"] = {**change["kind"], "enum": [kind.name for kind in RESOURCE_TYPES]}
    return schema
