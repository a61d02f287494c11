"""Delete: an environment, a whole service, or one client; counted first, and shown to be gone afterwards."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.infrastructure.apply import ChangeOutcome
from dialtone_nb.infrastructure.desired import TRUNK_PASSWORD, address_key, desired_standby, fallback_url
from dialtone_nb.infrastructure.plan import Change, Plan, compare_states, delete_resources, describe
from dialtone_nb.infrastructure.resources.addresses import ADDRESS
from dialtone_nb.infrastructure.resources.credential_lists import CREDENTIAL_LIST
from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.infrastructure.resources.deployments import DEPLOYMENT
from dialtone_nb.infrastructure.resources.environments import ENVIRONMENT
from dialtone_nb.infrastructure.resources.model import Action, Resource, ResourceType, State, Value, resolve
from dialtone_nb.infrastructure.resources.phone_numbers import PHONE_NUMBER
from dialtone_nb.infrastructure.resources.served_tables import SERVED_TABLE
from dialtone_nb.infrastructure.resources.services import SERVICE
from dialtone_nb.infrastructure.resources.sip_domains import MAPPINGS, SIP_DOMAIN
from dialtone_nb.infrastructure.resources.variables import VARIABLE, variable_key
from dialtone_nb.infrastructure.site import Proposal, Site
from dialtone_nb.parameters.yaml_files import suggest
from dialtone_nb.phones.private_files import delete_private_files, private_folder
from dialtone_nb.runbooks.steps.opening import Runbook
from dialtone_nb.runbooks.steps.workspace import open_site

WHAT = ("environment", "service", "client", "other_hosting")


@dataclass(frozen=True)
class DeleteParameters:
    """What a deletion takes of a runbook's parameters."""

    what: str = "environment"
    client: str = ""
    release_numbers: str = ""


def plan_delete(runbook: Runbook) -> Proposal:
    """The plan that removes what the parameters name; a number stays unless it is named."""
    given = runbook.parameters.read(DeleteParameters)
    return propose_delete(open_site(runbook), given.what, client=given.client, release=given.release_numbers.split())


def propose_delete(site: Site, what: str, *, client: str = "", release: Collection[str] = ()) -> Proposal:
    """The same, for a site."""
    declared = site.parameters.clients_in(site.environment)
    if what not in WHAT:
        raise InputError(Fault("parameter what of delete", f"is {what!r}", suggest(what, WHAT)))
    if what == "client" and client not in declared:
        raise InputError(
            Fault(
                "parameter client of delete",
                f"{client!r} is not a phone of {site.environment}" if client else "is empty",
                suggest(client, list(declared)),
            )
        )
    clients = {"client": [client], "other_hosting": []}.get(what, list(declared))
    ours = {declared[name].caller_id for name in clients}
    if strangers := sorted(set(release) - ours):
        raise InputError(
            Fault(
                "parameter release_numbers of delete",
                f"{', '.join(strangers)} is not the number of a phone that this deletes",
                f"such are {', '.join(sorted(ours)) or 'none'}",
            )
        )
    site = replace(site, keeps_functions=what != "other_hosting")
    return DeleteProposal(site, site.look(), what, clients, release)


@dataclass(frozen=True, eq=False)
class DeleteProposal(Proposal):
    """Removes an environment, a service, a phone, or what the other hosting left behind."""

    what: str
    clients: list[str]
    release: Collection[str]

    def make_plan(self) -> Plan:
        """The plan for what was found."""
        state, environment = self.existing.state, self.site.environment
        service = f"service {self.site.parameters.network.service.name}"
        others = {one.key for one in state.of(ENVIRONMENT, SERVED_TABLE)} - {environment}
        if self.what == "service" and others:
            still = f"still serves {', '.join(sorted(others))}"
            raise InputError(Fault(service, still, "delete those environments first"))
        self._refuse_shared()
        addresses = dict.fromkeys(key for number in self._declared_numbers for key in self._addresses(number))
        resources = [
            found
            for kind, keys in ((CREDENTIAL, self.clients), (ADDRESS, addresses))
            for found in (state.find(kind, key) for key in keys)
            if found
        ]
        if self.what == "other_hosting":
            resources += self._other_hosting()
        elif self.what != "client":
            resources += self._environment()
        # A list that holds users whom this plan does not delete stays.
        if not self._strangers and (self.what == "service" or (self.what == "environment" and not others)):
            resources += state.of(CREDENTIAL_LIST)
        if self.what == "service":
            resources += state.of(SERVICE)
        words = {
            "environment": environment,
            "service": service,
            "client": ", ".join(self.clients),
            "other_hosting": f"what {environment} no longer uses",
        }
        changes = [
            *self._numbers(),
            *self._other_fallbacks(),
            *self._fallback_alone(),
            *delete_resources(resources),
        ]
        release = " ".join(sorted(self.release))
        return self.site.plan(f"Delete {words[self.what]}", changes, self._notes(), self.existing, release=release)

    def after_check(self, outcomes: Sequence[ChangeOutcome]) -> list[str]:
        """Delete the private files of phones that can no longer register."""
        return [
            f"private file of {one.change.key}: deleted"
            for one in outcomes
            if one.change.kind is CREDENTIAL
            and delete_private_files(private_folder(self.site.environment, one.change.key, root=self.site.private))
        ]

    @property
    def _strangers(self) -> list[str]:
        """The users of the credential list whom this plan does not delete."""
        return [one.key for one in self.existing.state.of(CREDENTIAL) if one.key not in self.clients]

    @property
    def _declared_numbers(self) -> list[str]:
        """The numbers of the phones that this plan deletes, each once."""
        return list(dict.fromkeys(self.site.parameters.clients[name].caller_id for name in self.clients))

    def _staying(self, number: str) -> list[str]:
        """The phones that go on calling with a number: they share it, and stay set up."""
        sharing = self.site.parameters.sharing(number)
        return [one for one in sharing if one not in self.clients and self.existing.state.find(CREDENTIAL, one)]

    def _addresses(self, number: str) -> list[str]:
        """The keys of the emergency addresses that go with a number; none where a phone that stays has it, too."""
        clients = self.site.parameters.clients
        if any(clients[one].emergency_address for one in self._staying(number)):
            return []
        staying = self._staying(number)
        return [address_key(one) for one in self.site.parameters.sharing(number) if one not in staying]

    def _refuse_shared(self) -> None:
        """Raise an `InputError` if a number to be released is still the caller ID of another phone."""
        for number in sorted(self.release):
            if staying := self._staying(number):
                problem = f"{number} is the caller ID of {', '.join(staying)} as well"
                repair = "delete that first, or leave the number out"
                raise InputError(Fault("parameter release_numbers of delete", problem, repair))

    @property
    def _bases(self) -> tuple[str, str]:
        """Where the environment's functions and our own server answer, each empty where there is none."""
        environment = self.existing.state.find(ENVIRONMENT, self.site.environment)
        server = self.site.parameters.network.server
        functions = f"https://{environment.given['domain_name']}" if environment else ""
        return functions, server.base_urls.get(self.site.environment, "") if server else ""

    def _environment(self) -> list[Resource]:
        """The environment, whatever hosts it, with its domains and their mappings."""
        network, state = self.site.parameters.network, self.existing.state
        domains = {network.sip_domain(self.site.environment, emergency=flag) for flag in (True, False)}
        return [
            *(one for one in state.of(SIP_DOMAIN, *MAPPINGS) if one.key.split("/", 1)[0] in domains),
            *self._hosting(DEPLOYMENT, ENVIRONMENT, SERVED_TABLE),
        ]

    def _hosting(self, *kinds: ResourceType) -> list[Resource]:
        return [one for one in self.existing.state.of(*kinds) if one.key == self.site.environment]

    def _other_hosting(self) -> list[Resource]:
        """What the hosting that the files do not choose has here; an `InputError` where calls go there."""
        own, state, environment = self.site.parameters.network.self_hosted, self.existing.state, self.site.environment
        functions, server = self._bases
        unused = functions if own else server
        led = [one.key for one in state.of(SIP_DOMAIN, PHONE_NUMBER) if _leads(one, unused)]
        if led:
            problem = f"still leads there: {', '.join(led)}"
            raise InputError(Fault(f"environment {environment}", problem, "deploy it first"))
        if not own:
            return self._hosting(SERVED_TABLE)
        if own.fallback_function:
            # What is left of the functions, the fallback alone, calls no trunk.
            password = state.find(VARIABLE, variable_key(environment, TRUNK_PASSWORD))
            return [password] if password else []
        is_last = [one.key for one in state.of(ENVIRONMENT)] == [environment]
        return [*self._hosting(DEPLOYMENT, ENVIRONMENT), *(state.of(SERVICE) if is_last else ())]

    def _other_fallbacks(self) -> list[Change]:
        """Take the hosting that is removed out of all fallback URLs."""
        if self.what != "other_hosting":
            return []
        network, environment, state = self.site.parameters.network, self.site.environment, self.existing.state
        functions, server = self._bases
        unused = functions if network.self_hosted else server
        url = str(resolve(fallback_url(network, environment, "", ""), state))
        return [
            describe(
                Change(
                    Action.UPDATE,
                    one.kind,
                    one.key,
                    {"voice_fallback_url": one.fields["voice_fallback_url"]},
                    {"voice_fallback_url": url},
                )
            )
            for one in state.of(SIP_DOMAIN, PHONE_NUMBER)
            if unused and url != (found := str(one.fields["voice_fallback_url"])) and found.startswith(f"{unused}/")
        ]

    def _fallback_alone(self) -> list[Change]:
        """Leave of functions that answered calls the one that stands by for our own server, where that is wanted."""
        site, state = self.site, self.existing.state
        own = site.parameters.network.self_hosted
        is_left = self.what == "other_hosting" and own and own.fallback_function
        if not is_left or not state.find(DEPLOYMENT, site.environment):
            return []
        alone = site.functions(answer_calls=False)
        code = desired_standby(site.parameters, site.environment, alone, trunk_password=False)
        return compare_states(state, State(code))

    def _numbers(self) -> list[Change]:
        """Release the numbers that are named; the others stay, without a voice URL or an emergency address of ours."""
        changes, state = [], self.existing.state
        for number in self._declared_numbers:
            found = state.find(PHONE_NUMBER, number)
            if found is None:
                continue
            if number in self.release:
                changes.append(describe(Change(Action.DELETE, found.kind, number, dict(found.fields))))
                continue
            addresses = {one.sid for key in self._addresses(number) if (one := state.find(ADDRESS, key))}
            cleared: dict[str, Value] = {}
            if not self._staying(number) and any(_leads(found, base) for base in self._bases):
                # Twilio keeps no fallback URL without a URL (21405).
                cleared |= {"voice_url": "", "voice_fallback_url": ""}
            if found.given["emergency_address_sid"] in addresses:
                cleared["emergency_address_sid"] = ""
            if cleared:
                before = {field: found.fields[field] for field in cleared}
                kept = describe(Change(Action.UPDATE, found.kind, number, before, cleared))
                lost = "; callers reach nobody" if "voice_url" in cleared else ""
                changes.append(replace(kept, warning=f"kept, at its monthly price{lost}"))
        return changes

    def _notes(self) -> list[str]:
        owned = [one for one in self._declared_numbers if self.existing.state.find(PHONE_NUMBER, one)]
        shared = {one: staying for one in owned if (staying := self._staying(one))}
        kept = [one for one in owned if one not in self.release and one not in shared]
        notes = [f"kept, as they are not named in release_numbers: {', '.join(kept)}"] if kept else []
        notes += [f"{one} stays, for {', '.join(staying)} calls with it, too" for one, staying in shared.items()]
        if self.what in ("environment", "service") and self._strangers:
            notes.append(f"credentials of others stay, and the list with them: {', '.join(sorted(self._strangers))}")
        return notes


def _leads(resource: Resource, base: str) -> bool:
    """Whether calls of a domain or a number go to this base URL; none go to an empty one."""
    return base != "" and str(resource.fields["voice_url"]).startswith(f"{base}/")
