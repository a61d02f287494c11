"""What our own server serves: one compiled table for each environment, in its folder and behind its URL."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from dialtone_nb.account.account import Account
from dialtone_nb.errors import ApplyError, DialtoneError, FailedError, TwilioError
from dialtone_nb.infrastructure.own_server import OwnServer
from dialtone_nb.infrastructure.resources.model import (
    Action,
    ApplyContext,
    Group,
    Resource,
    ResourceType,
    readable,
)
from dialtone_nb.server.folder import (
    close_environment,
    list_environments,
    noted_serving,
    push_table,
    switch_table,
    table_version,
)
from dialtone_nb.server.proof import SERVING_PATH, is_serving_proof

# A running server looks at its folder twice a second; this is how long it may take until its URL says so.
NOTICED_S: Final = 15.0
LOOK_S: Final = 0.2
UNREACHED: Final = "not reached"


def fetch_served_table(account: Account, server: OwnServer, environment: str) -> Resource | None:
    """What an environment serves: by the server's own word where there is a token to ask it with, else by its folder's.

    None where nothing was ever switched on. A server that can't be reached serves nothing, whatever its folder says.
    """
    serving = noted_serving(server.folder, environment)
    if not serving.version:
        return None
    url = server.base_urls[environment]
    version = served_version(account, url, environment) if account.credentials.auth_token else serving.version
    # Where the folder was switched and the server did not follow, neither is what the files say.
    code = version if version in (serving.version, UNREACHED) else f"{version}, not {serving.version}"
    return Resource(SERVED_TABLE, environment, {"code": code}, serving.version, {"previous": serving.previous})


def list_served_tables(server: OwnServer | None) -> list[Resource]:
    """What every environment serves by the folder's word, of those that the files know."""
    if server is None:
        return []
    serving = [(one, noted_serving(server.folder, one)) for one in list_environments(server.folder)]
    return [
        Resource(SERVED_TABLE, name, {"code": one.version}, one.version, {"previous": one.previous})
        for name, one in serving
        if name in server.base_urls
    ]


def fetch_tables_left(account: Account, server: OwnServer | None, environment: str) -> list[Resource]:
    """The same; of this environment by the server's own word, for a server that stands idle may be gone."""
    tables = list_served_tables(server)
    urls = server.base_urls if server else {}
    return [
        replace(one, fields={"code": _seen(account, urls[one.key], one.key, one.sid)})
        if one.key == environment
        else one
        for one in tables
    ]


def served_version(account: Account, base_url: str, environment: str, token: str = "") -> str:
    """The version that the server behind this URL proves to serve, or why it does not: never an error.

    It proves it with this auth token, or the account's: a server may hold two while one is rotated.
    """
    from twilio.request_validator import RequestValidator

    token, challenge = token or account.credentials.auth_token, secrets.token_hex(16)
    url = f"{base_url}{SERVING_PATH}?{urlencode({'challenge': challenge})}"
    signature = RequestValidator(token).compute_signature(url, {})
    try:
        response = account.transport.send("GET", url, headers={"X-Twilio-Signature": signature})
        said = response.json()
        version, here = str(said["version"]), str(said["environment"])
        proofs = [str(one) for one in said.get("proofs") or [said["proof"]]]
    except DialtoneError:
        return UNREACHED
    except (ValueError, KeyError, TypeError):
        if response.status_code >= 500:  # a proxy's word for a server that is not there
            return UNREACHED
        return "not ours" if response.status_code == 200 else f"refused (HTTP {response.status_code})"
    if not any(is_serving_proof(proof, token, challenge, here, version) for proof in proofs):
        return "not ours"
    return (version or "nothing") if here == environment else f"environment {here}"


def switch_served_table(context: ApplyContext, resource: Resource) -> Resource:
    """Serve the table: push it to the server's folder, switch it on, see it behind its URL before a call goes there.

    A `FailedError` where the server does not follow; domains and numbers then still lead where they did.
    """
    server, version = _server(context), str(resource.fields["code"])
    if version == table_version(server.table):
        push_table(server.folder, server.table)
    serving = switch_table(server.folder, resource.key, version)
    _wait_until_served(context.account, server.base_urls[resource.key], resource.key, version)
    return Resource(resource.kind, resource.key, resource.fields, version, {"previous": serving.previous})


def find_served_table(context: ApplyContext, resource: Resource) -> Resource | None:
    """Look up what is served."""
    return fetch_served_table(context.account, _server(context), resource.key)


def close_served_table(context: ApplyContext, resource: Resource) -> None:
    """Stop the server from answering this environment's calls."""
    close_environment(_server(context).folder, resource.key)


def _wait_until_served(account: Account, base_url: str, environment: str, version: str) -> None:
    until = time.monotonic() + NOTICED_S
    while True:
        found = _seen(account, base_url, environment, version)
        if found == version:
            return
        if time.monotonic() > until:
            raise FailedError(
                f"{base_url} does not serve it ({found}): no call was sent there; start the server with "
                f"python -m dialtone_nb serve --environment {environment}, see that its URL leads to it, and run again"
            )
        time.sleep(LOOK_S)


def _seen(account: Account, base_url: str, environment: str, version: str) -> str:
    """The version that the server proves; with an API key alone only that it is healthy can be seen."""
    if account.credentials.auth_token:
        return served_version(account, base_url, environment)
    try:
        healthy = account.transport.send("GET", f"{base_url}/healthz").status_code == 200
    except TwilioError:
        healthy = False
    return version if healthy else UNREACHED


def _server(context: ApplyContext) -> OwnServer:
    if context.server is None:
        raise ApplyError("There is no server of our own in network.yaml.")
    return context.server


SERVED_TABLE = ResourceType(
    "served table",
    Group.CODE,
    switch_served_table,
    find_served_table,
    switch_served_table,
    close_served_table,
    warnings={Action.DELETE: "our own server stops answering for this environment"},
    undo={Action.UPDATE: "promote with build previous: the table that was served before"},
    why_updated="the table differs from what is served",
    remark=lambda served: f"table {readable(served.fields['code'])}",
)
