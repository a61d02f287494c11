"""The HTTP transport: which requests are retried, how Twilio's errors become ours, and that none shows a secret."""

from __future__ import annotations

import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests
from tenacity import wait_none
from twilio.rest import Client as TwilioClient

from dialtone_nb.account import transport
from dialtone_nb.account.transport import ATTEMPTS, IN_FLIGHT, Transport, bodies_read_by
from dialtone_nb.errors import AbsentError, CredentialsError, InputError, TwilioError, UnknownOutcomeError
from tests.infrastructure.desk import SERVICE, Desk

Answer = Callable[[requests.PreparedRequest], requests.Response]
URL = "https://api.twilio.com/2010-04-01/Accounts/AC0.json"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make retries follow without a pause."""
    monkeypatch.setattr(transport, "wait_random_exponential", lambda **_: wait_none())


class Canned(requests.adapters.BaseAdapter):
    """An adapter that gives prepared answers in place of the network, and keeps the requests."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Return the prepared answer."""
        self.asked.append(request)
        return self.answer(request)

    def close(self) -> None:
        """Do nothing: there is no connection to close."""


@pytest.fixture
def strict_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A proxy that requires a user name and password, set in the environment, and the tunnels requested of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            asked.append(self.path)
            self.send_error(407)

        def log_message(self, *_: object) -> None:
            """Write no log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://somebody:hidden@127.0.0.1:{server.server_port}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield asked
        server.shutdown()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_proxy_that_refuses_is_asked_once_and_named_with_the_repair(strict_proxy: list[str], method: str) -> None:
    """The error is bad input, in one line, without the proxy's password."""
    with pytest.raises(InputError) as caught:
        Transport().request(method, URL)
    (line,) = caught.value.lines()
    assert line.startswith("HTTPS_PROXY: the proxy lets nobody through to api.twilio.com (HTTP 407); write its name")
    assert "hidden" not in line
    assert strict_proxy == ["api.twilio.com:443"]


def test_where_no_answer_comes_no_status_is_made_up_and_the_repair_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """For example if the proxy is not running: the error has no HTTP status, and says how to repair it."""
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(TwilioError) as caught:
        Transport().request("GET", URL)
    (line,) = caught.value.lines()
    assert "HTTP 0" not in line
    assert line.endswith("no answer from api.twilio.com (ProxyError); check HTTPS_PROXY, and that the proxy is there")


def answered(status: int, body: str = "{}", reason: str = "", **headers: str) -> Answer:
    """A handler that always gives this answer."""

    def answer(request: requests.PreparedRequest) -> requests.Response:
        response = requests.Response()
        response.status_code, response.reason, response.raw = status, reason, io.BytesIO(body.encode())
        response.url = cast(str, request.url)
        response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
        return response

    return answer


def raising(error: Exception) -> Answer:
    """A handler that always raises this error."""

    def answer(_: requests.PreparedRequest) -> requests.Response:
        raise error

    return answer


def canned(answer: Answer) -> tuple[Transport, Canned]:
    """A transport that gets its answers from this handler."""
    made, adapter = Transport(), Canned(answer)
    made.session.mount("https://", adapter)
    return made, adapter


@pytest.mark.parametrize("fault", ["429", "500", "503", "reset", "timeout-before"])
def test_reading_is_repeated(desk: Desk, fault: str) -> None:
    """A GET is retried if its answer was lost or was a temporary error."""
    desk.account.transport.timeouts = (1, 0.2)
    desk.client.sip.credential_lists.create("phones")
    desk.fault(fault, "GET", times=2)
    assert [one.friendly_name for one in desk.client.sip.credential_lists.list()] == ["phones"]


def test_refusal_for_want_of_room_is_repeated_for_writes_too(desk: Desk) -> None:
    """A 429 means that the request was not carried out, so a POST is retried too, and takes effect once."""
    desk.fault("429", "POST", times=3)
    desk.client.sip.credential_lists.create("phones")
    assert len(desk.client.sip.credential_lists.list()) == 1


@pytest.mark.parametrize("fault", ["500", "503", "reset", "reset-after", "timeout-before", "timeout-after"])
def test_writing_is_never_repeated_blindly(desk: Desk, fault: str) -> None:
    """A POST of unknown outcome is sent once; the error names the request without its parameters."""
    desk.account.transport.timeouts = (1, 0.2)
    desk.fault(fault, "POST")
    desk.requests()
    with pytest.raises(UnknownOutcomeError, match="it may have been carried out or not") as unknown:
        desk.client.sip.credential_lists.create("a name that is nobody's business")
    assert (unknown.value.method, unknown.value.path.rpartition("/")[2]) == ("POST", "CredentialLists.json")
    assert "nobody" not in str(unknown.value)
    assert desk.requests() == {"POST": 1}


def test_room_that_never_comes_is_a_refusal(desk: Desk) -> None:
    """After six answers 429 the error has Twilio's code."""
    desk.fault("429", "POST", times=ATTEMPTS)
    with pytest.raises(TwilioError) as refused:
        desk.client.sip.credential_lists.create("phones")
    assert (refused.value.status, refused.value.code) == (429, 20429)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_was_never_sent_is_sent_again(method: str) -> None:
    """If the connection is refused, any method is tried six times, and then reported as unanswered."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        made = Transport(f"http://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(TwilioError, match=r"no answer from api\.twilio\.com \(ConnectionError\)") as refused:
            made.send(method, URL)
    made.session.close()
    assert refused.value.status == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_name_that_does_not_resolve_was_never_asked(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """If the host's name does not resolve, the request was not sent, and its outcome is not unknown."""
    asked = []

    def unresolved(*name: object, **_: object) -> None:
        asked.append(name)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    made = Transport()
    made.session.trust_env = False
    with pytest.raises(TwilioError, match=r"no answer from api\.twilio\.com"):
        made.send(method, URL)
    made.session.close()
    assert len(asked) == ATTEMPTS


@pytest.mark.parametrize(
    ("error", "unknown"),
    [
        (requests.ConnectTimeout("late"), False),
        (requests.ReadTimeout("late"), True),
        (requests.ConnectionError("Connection aborted."), True),
        (requests.exceptions.ChunkedEncodingError("broken off"), True),
    ],
    ids=repr,
)
def test_silence_is_unknown_only_after_something_was_sent(error: Exception, unknown: bool) -> None:
    """If no connection was made the outcome is known; if one broke, that of a write is not, and a read is retried."""
    made, network = canned(raising(error))
    with pytest.raises(UnknownOutcomeError if unknown else TwilioError):
        made.send("POST", URL)
    assert len(network.asked) == (1 if unknown else ATTEMPTS)
    network.asked.clear()
    with pytest.raises(TwilioError):
        made.send("GET", URL)
    assert len(network.asked) == ATTEMPTS


def test_wrong_credentials_are_told_with_their_repair(desk: Desk) -> None:
    """A 401 names the variables to check, and is bad input."""
    client = TwilioClient(desk.account.sid, "0" * 32, http_client=desk.account.transport)
    with pytest.raises(CredentialsError, match=r"Twilio refused them.*TWILIO_AUTH_TOKEN") as refused:
        client.sip.domains.list()
    assert refused.value.exit_code == 5
    assert "0" * 32 not in str(refused.value)


def test_failing_list_is_our_error_with_twilios_code(desk: Desk) -> None:
    """The client's errors from lists, which have no status and code, become our error with Twilio's code."""
    desk.fault("500", "GET", times=ATTEMPTS)
    with pytest.raises(TwilioError) as refused:
        desk.client.sip.domains.list()
    assert (refused.value.status, refused.value.code, refused.value.method) == (500, 20500, "GET")
    assert refused.value.path.endswith("/SIP/Domains.json")


def test_what_is_not_there_is_absent(desk: Desk) -> None:
    """A 404 is an error class of its own, with Twilio's code and request id in its message."""
    with pytest.raises(AbsentError, match=r"error 20404: .* \(HTTP 404, request RQ[0-9a-f]+\)") as absent:
        desk.client.serverless.v1.services(SERVICE).fetch()
    assert (absent.value.status, absent.value.code, absent.value.request_id[:2]) == (404, 20404, "RQ")


def test_secrets_are_taken_out_of_twilios_words(desk: Desk) -> None:
    """Registered secrets are removed from Twilio's error messages, longer ones first."""
    desk.account.transport.keep_secret("", "+1404155", "+14041550199")
    with pytest.raises(TwilioError, match=r"\[secret\] is not available") as refused:
        desk.client.incoming_phone_numbers.create(phone_number="+14041550199")
    assert "0199" not in str(refused.value)


@pytest.mark.parametrize(
    ("body", "reason", "said", "code"),
    [
        (
            json.dumps({"code": 21232, "message": "Domain name is\n taken", "status": 400}),
            "",
            "Domain name is taken",
            21232,
        ),
        (
            json.dumps({"title": "Bad Request", "detail": "Name is missing", "code": 70051}),
            "",
            "Name is missing",
            70051,
        ),
        (json.dumps({"title": "Bad Request"}), "", "Bad Request", None),
        (json.dumps({"message": "odd", "code": "x"}), "", "odd", None),
        ("<html>Bad gateway</html>", "Bad Request", "Bad Request", None),
        ("[1, 2]", "", "no reason given", None),
        ("", "", "no reason given", None),
    ],
)
def test_every_shape_of_refusal_is_told(body: str, reason: str, said: str, code: int | None) -> None:
    """Classic errors, problem documents (RFC 9457) and a gateway's HTML are one line, with the code if there is one."""
    made, _ = canned(answered(400, body, reason, Twilio_Request_Id="RQ1"))
    with pytest.raises(TwilioError) as refused:
        made.request("POST", URL)
    assert (refused.value.message, refused.value.code, refused.value.status) == (said, code, 400)
    assert "\n" not in str(refused.value)


def test_what_is_not_implemented_is_not_asked_again() -> None:
    """A 501, the rehearsal's answer for what it does not model, is not retried."""
    made, network = canned(answered(501, json.dumps({"code": 20501, "message": "not modelled"})))
    with pytest.raises(TwilioError, match="not modelled"):
        made.request("GET", URL)
    assert len(network.asked) == 1


@pytest.mark.parametrize("body", ['{"sid": "CL0", "friendly_na', "<html>Welcome</html>"])
def test_answer_that_is_not_whole_is_no_answer(body: str) -> None:
    """A 200 whose body is cut off: a GET is retried, and any other request has an unknown outcome."""
    cut, network = canned(answered(200, body))
    with pytest.raises(TwilioError, match="not whole, or no JSON"):
        cut.request("GET", URL)
    assert len(network.asked) == ATTEMPTS
    cut, network = canned(answered(201, body))
    with pytest.raises(UnknownOutcomeError, match="HTTP 201: it may have been carried out or not"):
        cut.request("POST", URL)
    assert len(network.asked) == 1


@pytest.mark.parametrize(("method", "error"), [("GET", TwilioError), ("POST", UnknownOutcomeError)])
def test_half_an_answer_that_says_it_is_json_is_none_for_whoever_asks(method: str, error: type[Exception]) -> None:
    """A cut-off JSON body is an error for all callers, such as those of our own server or the rehearsal's API."""
    cut, _ = canned(answered(200, '{"now": "2026-', Content_Type="application/json; charset=utf-8"))
    with pytest.raises(error):
        cut.send(method, URL)
    page, _ = canned(answered(200, "<html>", Content_Type="text/html"))
    assert page.send(method, URL).text == "<html>"


def test_whoever_reads_bodies_in_another_way_says_what_is_whole() -> None:
    """A caller may set its own check for a complete body, for a block and a thread; it sees empty bodies too."""

    def read(content: bytes) -> str:
        if not content.endswith(b"."):
            raise ValueError("cut off")
        return content.decode()

    made, network = canned(answered(200, "All."))
    with bodies_read_by(read):
        assert made.request("GET", URL).parsed == "All."
        with pytest.raises(TwilioError, match="not whole"):
            canned(answered(200, ""))[0].request("GET", URL)
        with ThreadPoolExecutor(1) as pool, pytest.raises(TwilioError, match="no JSON"):
            pool.submit(made.request, "GET", URL).result()
    assert len(network.asked) == 1 + ATTEMPTS
    assert canned(answered(200, "{}"))[0].request("GET", URL).parsed == {}


def test_no_answer_to_a_delete_is_whole() -> None:
    """A 204 has no body, and is complete."""
    made, _ = canned(answered(204, ""))
    assert made.request("DELETE", URL).status_code == 204


def test_requests_in_flight_are_few() -> None:
    """At most sixteen requests are in flight, however many threads send them."""
    under_way, most, lock = [0], [0], threading.Lock()
    answer = answered(200)

    def slow(request: requests.PreparedRequest) -> requests.Response:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        time.sleep(0.01)
        with lock:
            under_way[0] -= 1
        return answer(request)

    made, _ = canned(slow)
    with ThreadPoolExecutor(24) as pool:
        list(pool.map(lambda _: made.send("GET", URL), range(48)))
    assert 1 < most[0] <= IN_FLIGHT


def test_exchange_of_each_thread_is_its_own() -> None:
    """The last exchange, for the journal, is kept per thread."""

    def answer(request: requests.PreparedRequest) -> requests.Response:
        return answered(200, Twilio_Request_Id=cast(str, request.url).rpartition("/")[2])(request)

    made, _ = canned(answer)

    def ask(name: str) -> str:
        made.send("GET", f"https://api.twilio.com/{name}?secret=1")
        time.sleep(0.005)
        sent = made.last.sent
        assert sent is not None
        assert sent.path == f"/{name}"
        return sent.request_id

    names = [f"RQ{number}" for number in range(20)]
    with ThreadPoolExecutor(6) as pool:
        assert [one.partition("?")[0] for one in pool.map(ask, names)] == names


def test_rehearsal_is_asked_past_any_proxy() -> None:
    """Requests to loopback ignore the environment's proxies; requests to Twilio use them."""
    assert Transport("http://127.0.0.1:1").session.trust_env is False
    assert Transport().session.trust_env is True


def test_after_too_many_at_once_all_requests_hold_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a 429 the next request waits as well, once, even if it got none itself."""
    clock: list[float] = [100.0]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        if seconds:
            slept.append(seconds)
            clock[0] += seconds

    monkeypatch.setattr(transport, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=sleep))
    monkeypatch.setattr(transport, "ATTEMPTS", 1)
    answers = [answered(429), answered(200), answered(200)]

    def answer(request: requests.PreparedRequest) -> requests.Response:
        return answers.pop(0)(request)

    canned = Canned(answer)
    with requests.Session() as session:
        session.mount("https://", canned)
        sender = Transport()
        sender.session = session
        assert [sender.send("GET", URL).status_code for _ in range(3)] == [429, 200, 200]
    assert slept == [pytest.approx(transport.HOLD_BACK_S)]
