"""Overload, bad requests, full disks and killed processes: calls are answered, and no saved event is lost."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from dialtone_nb.server.day_files import day_file
from tests.server.receivers import receiver
from tests.server.running_server import (
    ENDED,
    LOBBY_CALLS,
    Caller,
    ServerProcess,
    events_in,
    outgoing,
    server_in_thread,
    server_process,
    settings_for,
    wait_until,
    workers_of,
)

# An answer takes a millisecond; this is for a machine that has much else to do.
PROMPTLY_S = 5


def is_answered(caller: Caller) -> bool:
    """Whether a call is answered, over a new connection."""
    with requests.Session() as session:
        fresh = Caller(caller.url, caller.public_url, session)
        return fresh.ask("/sip-outgoing", LOBBY_CALLS, timeout=PROMPTLY_S).status_code == 200


def address_of(caller: Caller) -> tuple[str, int]:
    """Host and port."""
    host, port = caller.url.removeprefix("http://").split(":")
    return host, int(port)


def is_hung_up(connection: socket.socket) -> bool:
    """Whether the server closes a connection in time."""
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


@pytest.fixture
def impatient(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    """A server with a request timeout of a fraction of a second instead of ten."""
    monkeypatch.setattr("dialtone_nb.server.running.REQUEST_WITHIN_S", 0.3)
    with server_in_thread(settings_for(folder)) as caller:
        yield caller


SIGNED = b"POST /sip-outgoing HTTP/1.1\r\nHost: x\r\nX-Twilio-Signature: x\r\n"
BEGINNINGS = (
    b"",
    b"POST /sip-outgoing HTT",
    SIGNED,
    SIGNED + b"Content-Length: 100\r\n\r\nTo=",
    SIGNED + b"Transfer-Encoding: chunked\r\n\r\n3\r\nTo=\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nPOST /sip-out",
)


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_request_that_never_ends_is_cut_off(impatient: Caller, beginning: bytes) -> None:
    """It may stop within the first line, the headers or the body, or follow a complete request."""
    with socket.create_connection(address_of(impatient)) as slow:
        slow.settimeout(PROMPTLY_S)
        slow.sendall(beginning)
        assert is_hung_up(slow)
    assert is_answered(impatient)


def test_a_request_that_trickles_in_is_cut_off(impatient: Caller) -> None:
    """A header now and then does not extend the timeout."""
    with socket.create_connection(address_of(impatient)) as slow:
        slow.settimeout(0.05)
        slow.sendall(b"POST /sip-outgoing HTTP/1.1\r\n")
        sent = 0
        while not is_hung_up(slow):
            slow.sendall(b"X-%d: y\r\n" % sent)
            sent += 1
            assert sent < 100, "it was never cut off"
    assert is_answered(impatient)


@pytest.mark.parametrize("filler", [b"X-Much: " + b"y" * 1000 + b"\r\n", b"y" * 1000])
def test_headers_without_end_are_cut_off(caller: Caller, filler: bytes) -> None:
    """At any speed."""
    with socket.create_connection(address_of(caller)) as greedy:
        greedy.settimeout(PROMPTLY_S)
        greedy.sendall(b"GET /healthz HTTP/1.1\r\nX-Long: ")
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            for _ in range(100_000):
                greedy.sendall(filler)
    assert is_answered(caller)


def test_requests_one_after_the_other_are_not_one_long_one(caller: Caller) -> None:
    """A connection used for hours, with far more data than one request may have."""
    for _ in range(100):
        assert caller.ask("/sip-outgoing", LOBBY_CALLS | {"SipHeader_X-Long": "y" * 2000}).status_code == 200


@contextmanager
def many_connections(caller: Caller, number: int, said: bytes) -> Iterator[None]:
    """Connections on which this was sent, and then nothing."""
    with ExitStack() as open_ones:
        for _ in range(number):
            open_ones.enter_context(socket.create_connection(address_of(caller))).sendall(said)
        yield


@pytest.mark.parametrize("said", BEGINNINGS[:4])
def test_many_half_open_connections_take_nothing_from_calls(folder: Path, said: bytes) -> None:
    """More of them than a usual limit of open files, with calls in between."""
    with server_process(folder) as server, many_connections(server.caller, 600, said):
        assert is_answered(server.caller)
        assert len({is_answered(server.caller) for _ in range(20)}) == 1


def test_a_flood_of_unsigned_requests_takes_nothing_from_calls(folder: Path) -> None:
    """Eight clients, some with large requests: each is rejected, and calls are answered meanwhile."""
    statuses: set[int] = set()
    is_over = threading.Event()

    def flood(body: bytes) -> None:
        with requests.Session() as session:
            while not is_over.is_set():
                statuses.add(session.post(f"{url}/sip-outgoing", data=body, timeout=30).status_code)

    with server_process(folder) as server:
        url = server.caller.url
        floods = [threading.Thread(target=flood, args=(b"a=" + b"b" * 10_000 * (i % 2),)) for i in range(8)]
        for one in floods:
            one.start()
        assert all(is_answered(server.caller) for _ in range(50))
        is_over.set()
        for one in floods:
            one.join()
        _, errors = server.stop()
    assert statuses == {403}
    # Nobody can fill the log either.
    assert len(errors.splitlines()) < 10


@pytest.mark.parametrize("nonsense", [b"\x16\x03\x01\x02\x00\x01\x00", b"\r\n\r\n", b"GET\r\n\r\n", b"\0" * 5000])
def test_what_is_no_http_is_hung_up_on(caller: Caller, nonsense: bytes) -> None:
    """A TLS handshake, empty lines, zero bytes."""
    with socket.create_connection(address_of(caller)) as strange:
        strange.settimeout(0.5)
        strange.sendall(nonsense)
        is_hung_up(strange)
    assert is_answered(caller)


def test_a_caller_who_hangs_up_in_the_middle_harms_nobody(caller: Caller) -> None:
    """Before or during the response."""
    signed = caller.ask("/sip-outgoing", LOBBY_CALLS).request
    body = str(signed.body).encode()
    head = "".join(f"{name}: {value}\r\n" for name, value in signed.headers.items())
    for cut in (len(body) // 2, len(body)):
        with socket.create_connection(address_of(caller)) as hasty:
            hasty.sendall(f"POST /sip-outgoing HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode() + body[:cut])
    assert is_answered(caller)


def test_a_full_disk_takes_nothing_from_calls(folder: Path) -> None:
    """Calls and their ends are answered, the problem is counted, and events are written once there is room."""
    events = folder / "events" / "prod"
    events.mkdir(parents=True)
    days = [day_file(events, datetime.now(UTC) + timedelta(days=ahead)) for ahead in (0, 1)]
    for day in days:
        day.symlink_to("/dev/full")
    with server_process(folder) as server:
        for number in range(30):
            assert server.caller.ask("/sip-outgoing", outgoing("5035550199", f"CA{number}")).status_code == 200
            ended = {"CallSid": f"CA{number}", "DialCallStatus": "completed"}
            assert server.caller.ask(ENDED, ended, timeout=PROMPTLY_S).status_code == 200
        for day in days:
            day.unlink()
        wait_until(lambda: len(events_in(folder)) == 60)
        _, errors = server.stop()
    assert "events can't be written: No space left on device; they wait, calls go on" in errors
    assert len({event["call_sid"] for event in events_in(folder)}) == 30


def ask_until_it_ends(url: str, path: str, name: str, answered: set[str], begun: threading.Event) -> None:
    """Send requests, a connection for every few, until the server is gone; note which were answered."""
    number = 0
    while True:
        caller = Caller(url)
        try:
            for _ in range(5):
                # Each call is asked about once: a worker may have noted one and be killed before it answers.
                sid, number = f"CA-{name}-{number}", number + 1
                if caller.ask(path, outgoing("5035550199", sid) | {"DialCallStatus": "busy"}).status_code == 200:
                    answered.add(sid)
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            # A worker that was killed hangs up on its own connections alone.
            try:
                requests.get(f"{url}/healthz", timeout=10)
            except requests.ConnectionError:
                return
        if len(answered) > 40:
            begun.set()


def is_listening(caller: Caller) -> bool:
    """Whether the port accepts connections."""
    with socket.socket() as trying:
        return trying.connect_ex(address_of(caller)) == 0


def kill_a_worker_then_stop(server: ServerProcess) -> None:
    """Kill one worker, then stop all, perhaps before it is replaced."""
    workers_of(server.child.pid)[0].kill()
    server.stop()


def kill_the_parent(server: ServerProcess) -> None:
    """Kill the parent; its workers notice and end."""
    server.child.kill()


ENDS: dict[str, tuple[int, Callable[[ServerProcess], object]]] = {
    "stopped": (1, ServerProcess.stop),
    "killed": (1, ServerProcess.kill),
    "workers stopped": (2, ServerProcess.stop),
    "workers killed": (2, ServerProcess.kill),
    "a worker killed, then stopped": (2, kill_a_worker_then_stop),
    "the parent killed": (2, kill_the_parent),
}


@pytest.mark.parametrize("end", ENDS)
def test_no_call_that_was_answered_goes_unrecorded(folder: Path, end: str) -> None:
    """Calls begin and end on several connections while the server ends: each answered one has one event."""
    workers, bring_about = ENDS[end]
    answered: dict[str, set[str]] = {"/sip-outgoing": set(), ENDED: set()}
    with server_process(folder, "--workers", str(workers)) as server:
        wait_until(lambda: workers == 1 or len(workers_of(server.child.pid)) == workers)
        begun = [threading.Event() for _ in answered]
        callers = [
            threading.Thread(target=ask_until_it_ends, args=(server.caller.url, path, f"{one}{number}", sids, event))
            for number, ((path, sids), event) in enumerate(zip(answered.items(), begun, strict=True))
            for one in "ab"
        ]
        for one in callers:
            one.start()
        assert all(event.wait(30) for event in begun)
        bring_about(server)
        for one in callers:
            one.join()
        wait_until(lambda: not is_listening(server.caller))
    with server_process(folder) as server:
        assert server.caller.ask(ENDED, {"CallSid": "CA-last", "DialCallStatus": "busy"}).status_code == 200
        server.stop()
    kept = Counter((event["event"], event["call_sid"]) for event in events_in(folder))
    for name, sids in (("outgoing-call", answered["/sip-outgoing"]), ("outgoing-dialstatus-busy", answered[ENDED])):
        assert {sid: kept[name, sid] for sid in sids if kept[name, sid] != 1} == {}


def test_what_was_not_handed_on_yet_is_after_a_kill(folder: Path) -> None:
    """The receiver fails, the server is killed, the next one delivers everything."""
    with receiver() as received:
        variables = {"EVENTS_WEBHOOK_URL": received.url}
        received.statuses = [503] * 1000
        sids = [f"CA{number}" for number in range(20)]
        with server_process(folder, variables=variables) as server:
            wait_until((folder / "events" / "prod" / ".webhook.json").exists)
            for sid in sids:
                assert server.caller.ask(ENDED, {"CallSid": sid, "DialCallStatus": "busy"}).status_code == 200
            wait_until(lambda: received.requests)
            server.kill()
        received.statuses.clear()
        with server_process(folder, variables=variables):
            wait_until(lambda: [event["call_sid"] for event in received.events] == sids)
