"""Rehearsed accounts in each state that an apply starts from, made once and then copied."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from dialtone_nb.account import account as accounts
from dialtone_nb.account.account import CONTROL, AccountCredentials, open_account
from dialtone_nb.rehearsal import start_rehearsal
from dialtone_nb.runbooks.rotate import propose_rotate
from dialtone_nb.server.server_settings import AUTH_TOKEN, read_settings
from tests.infrastructure.desk import LIST, LOBBY, ROOT, STAGE, VAN, WORKBENCH, Desk, sample
from tests.server.running_server import server_in_thread

OPERATOR = "ada@switchroom"
OWN = "stage"
TRUNK_PASSWORD = "a-Trunk-secret-1"
PROD = "dialtone-example-prod.sip.twilio.com"
EDITED = "/decide"
KEY = "ci"


def open_desk(folder: Path, *, operator: str = OPERATOR) -> Desk:
    """A desk for the account in this folder, with its own parameters; the rehearsal runs in this process."""
    os.environ["DIALTONE_REHEARSAL_STATE"] = str(folder / "state.db")
    os.environ["DIALTONE_OPERATOR"] = operator
    project = folder / "project"
    if not project.exists():
        shutil.copytree(ROOT / "parameters" / "sample", project / "parameters")
    return Desk(open_account("rehearsal", project), project, *sample(), TRUNK_PASSWORD)


@contextmanager
def closing_desk(folder: Path) -> Iterator[Desk]:
    """A desk whose rehearsal and threads end with the block, so that this process can fork afterwards."""
    state = (folder / "state.db").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with start_rehearsal(state) as rehearsal:
        token = rehearsal.auth_token
        credentials = AccountCredentials(rehearsal.account_sid, rehearsal.account_sid, token, token)
        accounts._rehearsals[state] = credentials, rehearsal.url
        desk = open_desk(folder)
        yield desk
        desk.account.transport.session.close()
        del accounts._rehearsals[state]


@contextmanager
def serving(desk: Desk, environment: str = OWN, **more: str) -> Iterator[None]:
    """Run our own server for stage in a thread of this process, where the rehearsal finds it by name.

    `more` are further variables of its environment.
    """
    url = desk.server.base_urls[environment]
    secrets = {AUTH_TOKEN: desk.account.credentials.auth_token, "TRUNK_PASSWORD": TRUNK_PASSWORD, **more}
    settings = read_settings(secrets, environment=environment, folder=desk.server.folder, base_url=url, proxies=())
    with server_in_thread(settings) as caller:
        names = {"host": urlsplit(url).hostname, "address": caller.url}
        basic = desk.account.credentials.basic
        desk.account.transport.send("POST", f"{CONTROL}/servers", json=names, auth=basic).raise_for_status()
        yield


def register(desk: Desk, client: str, domain: str) -> None:
    """Register the phone as a device with its password does."""
    desk.account.transport.send(
        "POST", f"{CONTROL}/clients/{client}", json={"registered": True, "domain": domain}
    ).raise_for_status()


def _stage(desk: Desk) -> None:
    desk.do(desk.deploy())


def _stage_with_a_phone(desk: Desk) -> None:
    desk.do(desk.set_up("workbench", buy=WORKBENCH))
    register(desk, "workbench", STAGE)


def _network(desk: Desk) -> None:
    desk.do(desk.promote())
    desk.do(desk.set_up("lobby", buy=LOBBY))
    register(desk, "lobby", PROD)


def _ahead(desk: Desk) -> None:
    desk.edit(EDITED)
    desk.do(desk.deploy())


def _promoted(desk: Desk) -> None:
    desk.edit(EDITED)
    desk.do(desk.promote())


def _drifted(desk: Desk) -> None:
    domain = desk.domain()
    desk.client.sip.domains(domain.sid).update(secure=True, voice_url="https://example.org/elsewhere")
    (listed,) = [one for one in desk.client.sip.credential_lists.list() if one.friendly_name == LIST]
    desk.client.sip.domains(domain.sid).auth.registrations.credential_list_mappings(listed.sid).delete()
    desk.client.incoming_phone_numbers(desk.number(WORKBENCH).sid).update(voice_url="https://example.org/elsewhere")
    environment = desk.client.serverless.v1.services("dialtone").environments(desk.environment_sid("stage"))
    environment.variables(environment.variables.list()[0].sid).update(value="another")


def _second_phone(desk: Desk) -> None:
    desk.do(desk.set_up("van", buy=VAN))
    register(desk, "van", STAGE)


def _with_a_key(desk: Desk) -> None:
    desk.account.owner.iam.v1.new_api_key.create(account_sid=desk.account.sid, friendly_name=KEY)


def _rotating(desk: Desk) -> None:
    for secret in ("auth token", "trunk", "api key"):
        desk.do(propose_rotate(desk.site(OWN), secret, key=KEY))


def _own_server(desk: Desk) -> None:
    with serving(desk):
        desk.host("self_hosted")
        desk.do(desk.deploy())


# Each stands on the one that it names: what is done to that one's copy.
MOMENTS: Mapping[str, tuple[str, Callable[[Desk], None]]] = {
    "empty": ("", lambda desk: None),
    "stage": ("empty", _stage),
    "stage and a phone": ("stage", _stage_with_a_phone),
    "stage and two phones": ("stage and a phone", _second_phone),
    "network": ("stage and a phone", _network),
    "stage ahead of prod": ("network", _ahead),
    "promoted twice": ("stage ahead of prod", _promoted),
    "drifted": ("network", _drifted),
    "network and a key": ("network", _with_a_key),
    "rotating": ("network and a key", _rotating),
    "own server": ("stage and a phone", _own_server),
}


def make_accounts(folder: Path, moments: Iterable[str] = MOMENTS) -> dict[str, Path]:
    """Make the accounts in these states, and those that they build on, each in a folder to be copied."""
    made, wanted = {}, set(moments)
    for moment, (before, _) in reversed([*MOMENTS.items()]):
        wanted |= {before} if moment in wanted else set()
    for moment, (before, happens) in MOMENTS.items():
        if moment not in wanted:
            continue
        made[moment] = folder / moment.replace(" ", "-")
        if before:
            shutil.copytree(made[before], made[moment])
        with closing_desk(made[moment]) as desk:
            happens(desk)
    return made


def make_account(folder: Path, moment: str) -> None:
    """Make the account in this state, in this folder."""
    before, happens = MOMENTS[moment]
    if before:
        make_account(folder, before)
    with closing_desk(folder) as desk:
        happens(desk)


@contextmanager
def copied(account: Path) -> Iterator[Path]:
    """A temporary copy of an account; temporary files of this process and its children go there too."""
    with tempfile.TemporaryDirectory(prefix="fault-", ignore_cleanup_errors=True) as name:
        folder = Path(name) / "account"
        shutil.copytree(account, folder)
        yield folder
