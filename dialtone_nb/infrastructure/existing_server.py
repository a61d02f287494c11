"""What our own server serves, and what is left at Twilio of the functions that answered before it."""

from __future__ import annotations

from dialtone_nb.account.account import Account
from dialtone_nb.infrastructure.existing_code import PREVIOUS, Hosted
from dialtone_nb.infrastructure.resources.environments import list_environments
from dialtone_nb.infrastructure.resources.model import Item, Kind
from dialtone_nb.infrastructure.resources.own_server import OwnServer
from dialtone_nb.infrastructure.resources.served_tables import fetch_served_table, list_served_tables
from dialtone_nb.infrastructure.resources.services import fetch_service
from dialtone_nb.infrastructure.resources.variables import APPLIED
from dialtone_nb.parameters import Network
from dialtone_nb.server.folder import ClaimFolder
from dialtone_nb.service.bundle import TABLE

NOT_READ = "not read"


def fetch_served(account: Account, server: OwnServer, environments: tuple[str, ...], build: str) -> Hosted:
    """The tables that are served, each as the one module that our own server is given; and their sources.

    `build` names one more: a version, or "previous" for the one that the first environment served before.
    """
    asked = {one: fetch_served_table(account, server, one) for one in environments}
    items = [one for one in asked.values() if one]
    items += [one for one in list_served_tables(server) if one.key not in asked]
    versions = {one.key: one.sid for one in items if one.key in asked}
    here = asked[environments[0]]
    if build:
        versions[build] = str(here.given["previous"]) if build == PREVIOUS and here else build
    code = {name: {TABLE: _as_module(version)} for name, version in versions.items() if version not in ("", PREVIOUS)}
    sources = {version: server.source(version) for version in versions.values() if version}
    applied = [one.value for one in ClaimFolder(server.folder, environments[0]).list() if one.key == APPLIED]
    return Hosted(items, code, sources, *applied)


def _as_module(version: str) -> Item:
    return Item(Kind.FUNCTION_VERSION, TABLE, {"visibility": "private", "sha256": version}, version)


def fetch_functions_left(account: Account, network: Network) -> list[Item]:
    """The service and its environments, each with whether functions are live in it: what a change of hosting left."""
    service = fetch_service(account, network.service.name)
    if service is None:
        return []
    found = list_environments(account, service.sid)
    live = [
        Item(Kind.DEPLOYMENT, one.key, {"code": NOT_READ}, str(one.given["build_sid"]))
        for one in found
        if one.given["build_sid"]
    ]
    return [service, *found, *live]
