"""The rehearsal as a server: identity, access, unsupported requests, and persistence."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from dialtone_nb.errors import DialtoneError, InputError
from dialtone_nb.rehearsal import Rehearsal, start_rehearsal
from dialtone_nb.rehearsal.state.store import ELSEWHERE
from tests.rehearsal.doors import Door, client_of


def test_answers_at_once_on_loopback_alone(rehearsal: Rehearsal) -> None:
    """A started rehearsal answers on 127.0.0.1 and no other address of this machine."""
    port = int(rehearsal.url.rpartition(":")[2])
    socket.create_connection(("127.0.0.1", port), timeout=5).close()
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), timeout=1):
        pass


def test_cannot_be_taken_for_twilio(rehearsal: Rehearsal, door: Door) -> None:
    """Its account SID begins with ACfacade, its Server header names it, and its front page says what it is."""
    assert rehearsal.account_sid.startswith("ACfacade")
    assert len(rehearsal.account_sid) == 34
    assert "not Twilio" in door.classic("GET", "/Calls.json").headers["server"]
    assert "not Twilio" in door.control("GET", "/")["rehearsal"]
    assert rehearsal.auth_token not in repr(rehearsal)


def test_importing_it_is_cheap() -> None:
    """Importing the package loads no server, no database and no phone-number library."""
    code = (
        "import sys; import dialtone_nb.rehearsal; "
        "print([m for m in ('uvicorn', 'starlette', 'sqlite3', 'phonenumbers', 'twilio') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root).stdout
    assert printed.strip() == "[]"


def test_a_wiped_account_begins_anew(tmp_path: Path) -> None:
    """It is empty, its clock is reset, and the first resource with a name gets the same SID again."""
    with start_rehearsal(tmp_path / "state.db") as rehearsal:
        lists = client_of(rehearsal).sip.credential_lists
        first = lists.create("phones")
        rehearsal.wipe()
        assert lists.list() == []
        again = lists.create("phones")
        assert (again.sid, again.date_created) == (first.sid, first.date_created)


def test_sids_follow_from_the_seed_and_secrets_do_not(tmp_path: Path) -> None:
    """Two rehearsals with one seed have equal SIDs and different secrets; another seed is another account."""
    with start_rehearsal(tmp_path / "a.db") as a, start_rehearsal(tmp_path / "b.db") as b:
        assert (a.account_sid, a.identity.api_key_sid) == (b.account_sid, b.identity.api_key_sid)
        made = [client_of(one).sip.credential_lists.create("phones").sid for one in (a, b)]
        assert made[0] == made[1]
        secrets = [text for one in (a, b) for text in (one.auth_token, one.identity.api_key_secret)]
        assert len(set(secrets)) == 4
    with start_rehearsal(tmp_path / "c.db", seed=8) as c:
        assert c.account_sid != a.account_sid


def test_secrets_outlive_a_restart_and_are_every_process_s(state: Path) -> None:
    """All processes that open the state file get its secrets, at the same time and later."""
    with start_rehearsal(state) as first, start_rehearsal(state) as second:
        known = first.auth_token, first.identity.api_key_secret
        assert known == (second.auth_token, second.identity.api_key_secret)
    code = (
        "import sys; from pathlib import Path; from dialtone_nb.rehearsal import start_rehearsal\n"
        "with start_rehearsal(Path(sys.argv[1])) as third: print(third.auth_token, third.identity.api_key_secret)"
    )
    ran = subprocess.run([sys.executable, "-c", code, state], capture_output=True, text=True, check=True)
    assert tuple(ran.stdout.split()) == known
    assert known[0] not in repr(first.identity)


def test_a_request_s_id_gives_no_password_away(tmp_path: Path) -> None:
    """A request's ID depends on the account's secret, so that passwords can't be guessed from a report."""
    ids = set()
    for name in ("a.db", "b.db"):
        with start_rehearsal(tmp_path / name) as rehearsal:
            door = Door(rehearsal)
            ids.add(door.classic("GET", "/Calls.json").headers["Twilio-Request-Id"])
            door.session.close()
    assert len(ids) == 2


MEND = "delete the file, or name another"


def made_by_another_version(state: Path, change: str) -> None:
    """A state file with another version in its `meta`."""
    start_rehearsal(state).close()
    with contextlib.closing(sqlite3.connect(state)) as connection, connection:
        connection.execute(change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DELETE FROM meta WHERE key = 'secret'", f"is from a version whose auth token anybody can work out; {MEND}"),
        (
            "UPDATE meta SET value = '' WHERE key = 'secret'",
            f"is from a version whose auth token anybody can work out; {MEND}",
        ),
        ("UPDATE meta SET value = '0' WHERE key = 'format'", f"is a rehearsal's state of another version; {MEND}"),
        ("DROP TABLE meta", f"is no rehearsal's state; {ELSEWHERE}"),
    ],
)
def test_a_state_file_without_secrets_is_refused(state: Path, change: str, said: str) -> None:
    """One line has the file and the repair; file and mode stay as they are."""
    made_by_another_version(state, change)
    state.chmod(0o644)
    before = state.read_bytes()
    with pytest.raises(InputError) as raised:
        start_rehearsal(state)
    assert raised.value.lines() == [f"{state}: {said}"]
    assert (state.read_bytes(), mode(state)) == (before, 0o644)


@pytest.mark.parametrize("content", [b"no database at all, though long enough to be taken for one" * 40, b"x"])
def test_a_file_that_holds_something_else_is_refused(state: Path, content: bytes) -> None:
    """A file that is no database is named in the error, and left as it is; nobody is told to delete it."""
    state.write_bytes(content)
    with pytest.raises(InputError, match="is no rehearsal's state; name another file"):
        start_rehearsal(state)
    assert state.read_bytes() == content


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE notes (text)",
        "CREATE TABLE meta (key, value)",
        "PRAGMA application_id = 7",
        "PRAGMA user_version = 3",
    ],
)
def test_somebodys_database_is_left_alone(state: Path, statement: str) -> None:
    """None of our tables is created in it, even if it is empty."""
    with contextlib.closing(sqlite3.connect(state)) as connection, connection:
        connection.execute(statement)
    before = state.read_bytes()
    with pytest.raises(InputError, match=r"is (no rehearsal's state|a rehearsal's state of another version)"):
        start_rehearsal(state)
    assert state.read_bytes() == before


def test_a_damaged_state_file_is_told_in_a_line(state: Path) -> None:
    """Damaged in the middle, with a valid beginning; it stays as it is."""
    start_rehearsal(state).close()
    content = bytearray(state.read_bytes())
    content[3 * 4096 :: 3] = b"A" * len(content[3 * 4096 :: 3])
    state.write_bytes(content)
    with pytest.raises(InputError, match=r"is damaged: .*; delete the file, or name another") as raised:
        start_rehearsal(state)
    assert len(raised.value.lines()) == 1
    assert state.read_bytes() == content


def test_a_folder_is_no_state_file(state: Path) -> None:
    """The error names it."""
    state.mkdir()
    with pytest.raises(InputError, match="can't be opened"):
        start_rehearsal(state)


def mode(path: Path) -> int:
    """The permission bits of a path."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277, 0o777])
def test_the_state_is_its_owner_s_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    """New folders are 0700, and the state file and SQLite's files beside it 0600."""
    state = tmp_path / "above" / "folder" / "state.db"
    before = os.umask(umask)
    try:
        with start_rehearsal(state) as rehearsal:
            client_of(rehearsal).sip.credential_lists.create("phones")
            files = {path.name: mode(path) for path in state.parent.iterdir()}
    finally:
        os.umask(before)
    assert files == dict.fromkeys(("state.db", "state.db-wal", "state.db-shm"), 0o600)
    assert (mode(state.parent), mode(state.parent.parent)) == (0o700, 0o700)


@pytest.mark.parametrize("folder", [".rehearsal", "chosen"])
def test_what_was_open_to_others_is_closed(tmp_path: Path, folder: str) -> None:
    """A state file, the files beside it, and a folder with nothing else lose the permissions of others."""
    state = tmp_path / folder / "state.db"
    with start_rehearsal(state):  # the files beside it are there while it is open
        for path in (*state.parent.iterdir(), state.parent):
            path.chmod(0o777)
        with start_rehearsal(state):
            assert {mode(path) for path in state.parent.iterdir()} == {0o600}
            assert mode(state.parent) == 0o700


def test_a_folder_that_holds_other_things_stays_open(tmp_path: Path) -> None:
    """In a project's folder only the rehearsal's files change their permissions."""
    tmp_path.chmod(0o755)
    (tmp_path / "README.md").touch(0o644)
    with start_rehearsal(tmp_path / "state.db"):
        assert (mode(tmp_path), mode(tmp_path / "state.db"), mode(tmp_path / "README.md")) == (0o755, 0o600, 0o644)


def test_state_of_another_seed_is_refused(state: Path) -> None:
    """The error for a state file with another seed has the file and its seed."""
    start_rehearsal(state, seed=3).close()
    with pytest.raises(InputError, match="made with seed 3, not 4") as raised:
        start_rehearsal(state, seed=4)
    assert str(state) in str(raised.value)


def test_state_of_another_twilio_is_refused(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The set of assumptions is kept in the state file, and the error says how to start it; the file is unchanged."""
    start_rehearsal(state, twilio="documented").close()
    with pytest.raises(InputError, match="rehearses Twilio as documented, not as recorded") as raised:
        start_rehearsal(state)
    assert "start it with --twilio documented or DIALTONE_REHEARSAL_TWILIO=documented" in str(raised.value)
    monkeypatch.setenv("DIALTONE_REHEARSAL_TWILIO", "documented")
    start_rehearsal(state).close()
    with pytest.raises(InputError, match="start it with --twilio documented"):
        start_rehearsal(state, twilio="recorded")


def test_a_twilio_that_nobody_knows_is_refused(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By parameter or variable: the error has the place and the valid values, and no state file is created."""
    with pytest.raises(InputError, match="--twilio: is 'recordet'; use one of recorded, documented"):
        start_rehearsal(state, twilio="recordet")
    monkeypatch.setenv("DIALTONE_REHEARSAL_TWILIO", "Documented")
    with pytest.raises(InputError, match="DIALTONE_REHEARSAL_TWILIO: is 'Documented'"):
        start_rehearsal(state)
    assert not state.exists()


def test_taken_port_is_one_clear_line(rehearsal: Rehearsal, tmp_path: Path) -> None:
    """The error for a port in use names it."""
    port = int(rehearsal.url.rpartition(":")[2])
    with pytest.raises(DialtoneError, match=f"port {port}"):
        start_rehearsal(tmp_path / "other.db", port=port)


def test_closing_twice_does_no_harm(state: Path) -> None:
    """A rehearsal can be closed again, and its port is free afterwards."""
    first = start_rehearsal(state)
    first.close()
    first.close()
    with start_rehearsal(state, port=int(first.url.rpartition(":")[2])) as second:
        assert second.url == first.url


@pytest.mark.parametrize("credentials", [("", ""), ("someone", "else"), ("{account}", "wrong"), ("{key}", "wrong")])
def test_wrong_credentials_are_a_401(rehearsal: Rehearsal, door: Door, credentials: tuple[str, str]) -> None:
    """Other credentials than the account's token or API key give 401 with code 20003."""
    user = credentials[0].format(account=rehearsal.account_sid, key=rehearsal.identity.api_key_sid)
    response = door.classic("GET", "/Calls.json", auth=(user, credentials[1]))
    assert (response.status_code, response.json()["code"]) == (401, 20003)
    assert "Basic" in response.headers["www-authenticate"]


def test_no_credentials_at_all_are_a_401(rehearsal: Rehearsal) -> None:
    """A request without an Authorization header gives 401."""
    response = requests.get(
        f"{rehearsal.url}/v1/Services",
        headers={"Host": "serverless.twilio.com"},
        timeout=5,
        auth=lambda request: request,
    )
    assert (response.status_code, response.headers["x-twilio-error-code"]) == (401, "20003")
    assert response.json()["message"] == "Authentication Error - No credentials provided"


def test_api_key_may_ask_all_but_the_account(rehearsal: Rehearsal, door: Door) -> None:
    """The API key can list numbers, but not fetch the account, as with Twilio's standard keys."""
    key = (rehearsal.identity.api_key_sid, rehearsal.identity.api_key_secret)
    assert door.classic("GET", "/IncomingPhoneNumbers.json", auth=key).status_code == 200
    refused = door.classic("GET", ".json", auth=key)
    assert (refused.status_code, refused.json()["code"]) == (401, 20003)


def test_account_is_fetched_and_listed_without_its_token(client: Client, rehearsal: Rehearsal, door: Door) -> None:
    """The auth token can fetch the account, whose auth_token is left out; an API key can't list accounts."""
    account = client.api.v2010.accounts(rehearsal.account_sid).fetch()
    assert account.status == "active"
    assert len(account.subresource_uris) == 20
    assert rehearsal.auth_token not in str(vars(account))
    assert [one.sid for one in client.api.v2010.accounts.list()] == [rehearsal.account_sid]
    assert client.api.v2010.accounts.list(status="suspended") == []
    key = (rehearsal.identity.api_key_sid, rehearsal.identity.api_key_secret)
    assert door.ask("GET", "api.twilio.com", "/2010-04-01/Accounts.json", auth=key).status_code == 401


def test_no_caller_ids_of_others_are_verified(client: Client) -> None:
    """The list is empty."""
    assert client.outgoing_caller_ids.list() == []


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("api.twilio.com", "/2010-04-01/Accounts/{account}/Notifications.json"),
        ("api.twilio.com", "/2010-04-01/Accounts/{account}/Calls"),
        ("serverless.twilio.com", "/v1/Services/ZS0/Plugins"),
        ("video.twilio.com", "/v1/Rooms"),
        ("example.com", "/"),
        ("rehearsal.localhost", "/nothing"),
    ],
)
def test_what_is_not_modelled_says_so(rehearsal: Rehearsal, door: Door, host: str, path: str) -> None:
    """An unknown host or operation gives 501 in Twilio's format with its name."""
    path = path.format(account=rehearsal.account_sid)
    response = door.ask("GET", host, path)
    assert response.status_code == 501
    body = response.json()
    assert set(body) == {"code", "message", "more_info", "status"}
    assert "does not model" in body["message"]
    assert host in body["message"]


def test_a_request_has_an_id_that_repeats(door: Door) -> None:
    """Equal requests get equal Twilio-Request-Ids, others different ones."""
    ids = [door.classic("GET", f"/Calls.json?PageSize={size}").headers["Twilio-Request-Id"] for size in (5, 5, 6)]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].startswith("RQ")


def test_state_outlives_a_restart(state: Path) -> None:
    """The next rehearsal with the same file has the resources of the last."""
    with start_rehearsal(state) as rehearsal:
        sid = client_of(rehearsal).sip.credential_lists.create("phones").sid
    with start_rehearsal(state) as rehearsal:
        assert [one.sid for one in client_of(rehearsal).sip.credential_lists.list()] == [sid]


def test_two_rehearsals_may_share_a_file(state: Path) -> None:
    """Two servers on one state file show the same account, also with concurrent writes."""
    with start_rehearsal(state) as one, start_rehearsal(state) as other:
        clients = [client_of(one), client_of(other)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n: clients[n % 2].sip.credential_lists.create(f"list {n}"), range(20)))
        names = [{made.friendly_name for made in client.sip.credential_lists.list()} for client in clients]
        assert names[0] == names[1] == {f"list {n}" for n in range(20)}


def test_sids_do_not_depend_on_the_order_of_requests(tmp_path: Path) -> None:
    """Resources created in another order, and concurrently, have the same SIDs, dates and order in lists."""

    def made(path: Path, order: list[int]) -> list[dict[str, object]]:
        with start_rehearsal(path) as rehearsal:
            client, door = client_of(rehearsal), Door(rehearsal)
            service = client.serverless.v1.services.create(unique_name="phones", friendly_name="Phones").sid
            functions = client.serverless.v1.services(service).functions
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda n: functions.create(friendly_name=f"/f{n}"), order))
            listed = door.serverless("GET", f"/Services/{service}/Functions").json()["functions"]
            door.session.close()
            return list(listed)

    assert made(tmp_path / "a.db", list(range(12))) == made(tmp_path / "b.db", list(reversed(range(12))))


def test_made_again_it_has_another_sid(client: Client) -> None:
    """A resource that is deleted and created again gets another SID."""
    first = client.sip.credential_lists.create("phones").sid
    client.sip.credential_lists(first).delete()
    assert client.sip.credential_lists.create("phones").sid != first


def test_refusals_reach_twilios_client(client: Client) -> None:
    """Twilio's client raises an error with its status, code, and more_info page."""
    with pytest.raises(TwilioRestException) as raised:
        client.sip.credential_lists("CL" + "0" * 32).fetch()
    assert (raised.value.status, raised.value.code) == (404, 20404)


def test_a_folder_of_packages_that_is_not_there_is_one_clear_line(state: Path) -> None:
    """The error names the folder, and no file is written."""
    with pytest.raises(InputError, match="nowhere"):
        start_rehearsal(state, node_modules=[state.with_name("nowhere")])
    assert not state.exists()


HALVES = {
    "a form": (
        "/2010-04-01/Accounts/{account}/SIP/CredentialLists.json",
        "api.twilio.com",
        "application/x-www-form-urlencoded",
        b"FriendlyName=pho",
        30,
    ),
    "a form in chunks": (
        "/v1/Services",
        "serverless.twilio.com",
        "application/x-www-form-urlencoded",
        b"23\r\nUniqueName=half&FriendlyName=half-a-\r\n",
        None,
    ),
    "a body of its own host": ("/faults", "rehearsal.localhost", "application/json", b'{"fault": "429"}', 40),
}


@pytest.mark.parametrize("what", HALVES)
def test_half_a_request_changes_nothing(rehearsal: Rehearsal, client: Client, what: str) -> None:
    """A connection that ends within the body has no effect, even if the first half is a valid form."""
    path, host, kind, body, length = HALVES[what]
    credentials = base64.b64encode(f"{rehearsal.account_sid}:{rehearsal.auth_token}".encode()).decode()
    framing = f"Content-Length: {length}" if length else "Transfer-Encoding: chunked"
    head = (
        f"POST {path.format(account=rehearsal.account_sid)} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\n"
        f"Authorization: Basic {credentials}\r\n{framing}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", int(rehearsal.url.rpartition(":")[2]))) as connection:
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(5)
        assert b"HTTP/1.1 2" not in connection.recv(1000)
    assert client.sip.credential_lists.list() == []
    assert client.serverless.v1.services.list() == []


def test_half_an_upload_makes_no_version(client: Client, door: Door) -> None:
    """A multipart body without its end is rejected, and no version is created."""
    service = client.serverless.v1.services.create("half", "Half")
    function = client.serverless.v1.services(service.sid).functions.create("hello")
    parts = (
        b'--x\r\nContent-Disposition: form-data; name="Path"\r\n\r\n/hello\r\n'
        b'--x\r\nContent-Disposition: form-data; name="Visibility"\r\n\r\npublic\r\n'
        b'--x\r\nContent-Disposition: form-data; name="Content"; filename="f.js"\r\n\r\nexports.handler = (con'
    )
    path = f"/v1/Services/{service.sid}/Functions/{function.sid}/Versions"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    response = door.ask("POST", "serverless-upload.twilio.com", path, data=parts, headers=kind)
    assert response.status_code == 400
    assert client.serverless.v1.services(service.sid).functions(function.sid).function_versions.list() == []
