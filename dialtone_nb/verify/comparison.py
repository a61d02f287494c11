"""The input of an environment's checks: what the files say, what was found, and the plan of their difference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from dialtone_nb.infrastructure.existing import Existing
from dialtone_nb.infrastructure.plan import Change, Plan
from dialtone_nb.infrastructure.resources.addresses import ADDRESS
from dialtone_nb.infrastructure.resources.environments import ENVIRONMENT
from dialtone_nb.infrastructure.resources.model import Action, Group, Resource, ResourceType, readable, references
from dialtone_nb.parameters import Parameters
from dialtone_nb.service.bundle import MANIFEST, Bundle


@dataclass(frozen=True)
class Comparison:
    """One environment as the files have it and as Twilio has it."""

    parameters: Parameters
    environment: str
    bundle: Bundle
    existing: Existing
    # What a deploy would do: each change of it belongs to one check.
    plan: Plan
    # Whether code and addresses could not be read, as no restricted key may: what refers to them is not compared.
    is_part: bool = False

    def find(self, kind: ResourceType, key: str) -> Resource | None:
        """The thing at Twilio, or None."""
        return self.existing.state.find(kind, key)

    def change(self, kind: ResourceType, key: str) -> Change | None:
        """What a deploy would do about a thing, or None where it is as it should be."""
        return next((change for change in self.plan.changes if change.id == kind.id(key)), None)

    @property
    def domain_name(self) -> str:
        """The host of the environment's functions; empty where there is no such environment."""
        item = self.find(ENVIRONMENT, self.environment)
        return str(item.given["domain_name"]) if item else ""

    @property
    def base_url(self) -> str:
        """What the URLs of this environment start with; empty where there is nothing to ask."""
        if own := self.parameters.network.self_hosted:
            return own.base_urls[self.environment]
        return f"https://{self.domain_name}" if self.domain_name else ""

    @property
    def has_live_build(self) -> bool:
        """Whether any build is live here."""
        return self.existing.live(self.environment) is not None

    @property
    def differing_modules(self) -> tuple[str, ...]:
        """The modules that are live and differ from the files, are live alone, or are in the files alone."""
        live = self.existing.code.get(self.environment, {})
        files = self.bundle.modules
        words = []
        for path in sorted((set(live) | set(files)) - {MANIFEST}):
            if path not in live:
                words.append(f"{path} (not live)")
            elif path not in files:
                words.append(f"{path} (not in the files)")
            elif (live[path].fields["visibility"], live[path].fields["sha256"]) != (
                files[path].visibility,
                files[path].sha256,
            ):
                words.append(path)
        return tuple(words)

    @property
    def deploy_words(self) -> str:
        """The runbook that makes the environment whole: straight, or where it takes new code, by way of another."""
        takes_code = self.change(self.existing.live_kind, self.environment) is not None
        if not (self.plan.is_protected and takes_code):
            return f"deploy {self.environment}"
        open_ones = [name for name, one in self.parameters.network.environments.items() if not one.protected]
        first = f"deploy {open_ones[0]}, then " if open_ones else ""
        return f"{first}promote it to {self.environment}" if open_ones else f"deploy {self.environment}, with force"


def known_changes(changes: Iterable[Change]) -> list[Change]:
    """The changes without what a restricted key can't read: code, addresses, and whatever refers to one of them."""
    found = []
    for change in changes:
        known = {name: value for name, value in change.after.items() if not references(value)}
        if change.kind.group is not Group.CODE and change.kind is not ADDRESS and (known or not change.after):
            found.append(replace(change, after=known))
    return found


def difference(change: Change) -> str:
    """What is there and what should be, field by field: "off, not on"."""
    if change.action is Action.CREATE:
        return "not there"
    return "; ".join(
        f"{name.replace('_', ' ')} is {readable(change.before.get(name))}, not {readable(value)}"
        for name, value in change.after.items()
    )
