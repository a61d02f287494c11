"""The compiled dial plan that an environment answers calls with now: of its live build, or of our own server."""

from __future__ import annotations

from pathlib import Path

from dialtone_nb.account.account import Account
from dialtone_nb.dialplan.table import Table, load_table
from dialtone_nb.infrastructure.resources.builds import fetch_build
from dialtone_nb.infrastructure.resources.environments import list_environments
from dialtone_nb.infrastructure.resources.functions import fetch_content
from dialtone_nb.infrastructure.resources.services import fetch_service
from dialtone_nb.server.folder import read_serving, read_table
from dialtone_nb.service.bundle import TABLE


def fetch_live_table(account: Account, service_name: str, environment: str) -> Table | None:
    """The table that is live in an environment; None where nothing is live there, or no table that we can read."""
    service = fetch_service(account, service_name)
    if service is None:
        return None
    found = next((one for one in list_environments(account, service.sid) if one.key == environment), None)
    build_sid = str(found.given["build_sid"] or "") if found else ""
    if not build_sid:
        return None
    versions = fetch_build(account, service.sid, build_sid).function_versions or []
    version = next((one for one in versions if one["path"] == TABLE), None)
    if version is None:
        return None
    return read_table_module(fetch_content(account, service.sid, version["function_sid"], version["sid"]))


def read_serving_table(folder: Path, environment: str) -> Table | None:
    """The table that our own server serves an environment with, by its folder's word; None where it serves none."""
    serving = read_serving(folder, environment)
    return read_table(folder, serving.version) if serving.version else None


def read_table_module(source: str) -> Table | None:
    """The table in the source of a deployed table module; None where it is of another form than ours."""
    _, _, text = source.partition("module.exports = ")
    try:
        return load_table(text.rstrip().removesuffix(";"))
    except ValueError:
        return None
