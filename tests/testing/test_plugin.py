"""The pytest plugin in a project that knows nothing of ours."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from dialtone_nb.rehearsal import start_rehearsal
from tests.rehearsal.doors import client_of

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
# Where a worker of ours would be asked for more of them.
ALONE = ("-p", "no:cacheprovider", "-p", "no:xdist", "-W", "error")
ANSWERING = """
from flask import Flask, request
from twilio.twiml.voice_response import VoiceResponse

app = Flask(__name__)

@app.post("/voice")
def voice():
    response = VoiceResponse()
    response.say("Hello")
    response.dial("+15035550177")
    return str(response), {"Content-Type": "text/xml"}

def call(account, **behaviour):
    url = account.serve(app)
    account.client.incoming_phone_numbers.create(phone_number="+15035550142", voice_url=f"{url}/voice")
    return account.far_side("+12125550155").calls("+15035550142", **behaviour)
"""


@pytest.fixture(scope="module", autouse=True)
def everything_is_imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import everything first, as modules imported in an inner session are forgotten and imported twice."""
    for name in (
        "aiohttp",
        "flask",
        "starlette.applications",
        "twilio.twiml.voice_response",
        "twilio.request_validator",
    ):
        import_module(name)
    import_module("twilio.http.async_http_client")
    import_module("dialtone_nb.testing.session")
    with start_rehearsal(tmp_path_factory.mktemp("imports") / "state.db") as rehearsal:
        client = client_of(rehearsal)
        client.incoming_phone_numbers.list()
        client.http_client.session.close()


def run(pytester: pytest.Pytester, *sources: str, options: tuple[str, ...] = ()) -> pytest.RunResult:
    """Run a project's tests in a separate session and return the result."""
    for number, source in enumerate(sources, 1):
        pytester.path.joinpath(f"test_theirs_{pytester.path.name}_{number}.py").write_text(source, encoding="utf-8")
    return pytester.runpytest_inprocess(*ALONE, *options)


def test_the_examples_of_the_page_are_tests_that_pass(pytester: pytest.Pytester) -> None:
    """Each is complete, and uses only our fixtures."""
    assert len(EXAMPLES) == 3
    run(pytester, *EXAMPLES).assert_outcomes(passed=3)


def test_the_plugin_brings_nothing_to_a_session_that_does_not_use_it() -> None:
    """pytest imports it everywhere, without the rehearsal's modules."""
    heavy = "{'requests', 'twilio', 'starlette', 'uvicorn', 'sqlite3', 'dialtone_nb.rehearsal', 'dialtone_nb.errors'}"
    asked = f"import sys, pytest; import dialtone_nb.testing.plugin; print({heavy} & sys.modules.keys())"
    printed = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "set()"


def test_an_account_is_empty_at_first_and_its_credentials_are_always_the_same(pytester: pytest.Pytester) -> None:
    """A client kept in a module works in every test."""
    source = """
from twilio.rest import Client

kept = []

def buy():
    kept.append(kept[0] if kept else Client())
    kept[0].incoming_phone_numbers.create(phone_number="+15035550142")

def test_one(twilio_client):
    buy()
    assert len(twilio_client.incoming_phone_numbers.list()) == 1

def test_another(twilio_rehearsal):
    buy()
    assert len(kept[0].incoming_phone_numbers.list()) == 1
    assert kept[0].username == twilio_rehearsal.sid
    assert twilio_rehearsal.now.isoformat() == "2026-03-02T09:00:00+00:00"
"""
    run(pytester, source).assert_outcomes(passed=2)


def test_a_failure_tells_the_whole_story(pytester: pytest.Pytester) -> None:
    """Webhooks with requests and responses, what was heard, who was rung, alerts."""
    source = f"""{ANSWERING}
def test_theirs(twilio_rehearsal):
    twilio_rehearsal.far_side("+15035550177", busy=True)
    twilio_rehearsal.far_side("+12125550155").calls("+15035550199")
    assert call(twilio_rehearsal).status == "busy"
"""
    result = run(pytester, source)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*rehearsal of Twilio*",
            "Call from +12125550155 to +15035550199: refused, 0 s",
            "  refused: * (SIP *)",
            "CA* from +12125550155 to +15035550142: completed, * s",
            "  09:00:*  POST http://127.0.0.1:*/voice  CallStatus=ringing",
            "            -> 200  text/xml*",
            "              *<Response><Say>Hello</Say><Dial>+15035550177</Dial></Response>",
            "  heard: Hello",
            "  rang +15035550177 as +12125550155: busy*",
        ]
    )


def test_clients_that_are_made_by_an_import_are_led_where_the_configuration_says_so(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By configuration every test has the rehearsal, whether or not it uses a fixture."""
    for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    source = """
from twilio.rest import Client

client = Client()
balance = client.balance.fetch()

def test_one():
    assert client.incoming_phone_numbers.create(phone_number="+15035550142").sid

def test_another():
    assert client.incoming_phone_numbers.list() == []
"""
    pytester.makeini("[pytest]\ntwilio_rehearsal = true\n")
    run(pytester, source).assert_outcomes(passed=2)


def test_code_with_credentials_of_its_own_is_the_accounts_owner(pytester: pytest.Pytester) -> None:
    """If the configuration gives its credentials to the account, client and validator work."""
    source = f"""{ANSWERING}
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

@app.before_request
def check():
    signature = request.headers["X-Twilio-Signature"]
    assert RequestValidator("their token").validate(request.url, request.form, signature)

def test_theirs(twilio_rehearsal):
    assert call(twilio_rehearsal).status == "completed"
    client = Client("ACtheirs", "their token")
    assert client.calls.list()[0].account_sid == client.username

def test_strangers(twilio_rehearsal):
    with pytest.raises(TwilioRestException, match="401"):
        Client("ACtheirs", "wrong").incoming_phone_numbers.create(phone_number="+15035550142")
"""
    pytester.makeini("[pytest]\ntwilio_account_sid = ACtheirs\ntwilio_auth_token = their token\n")
    run(pytester, source).assert_outcomes(passed=2)


def test_calls_that_go_on_end_with_their_test(pytester: pytest.Pytester) -> None:
    """They are not advanced by the next test's time, and send no webhooks then."""
    source = f"""{ANSWERING}
asked = []
app.before_request(lambda: asked.append(request.path))

def test_one(twilio_rehearsal, twilio_client):
    url = twilio_rehearsal.serve(app)
    twilio_client.incoming_phone_numbers.create(phone_number="+15035550142")
    twilio_client.calls.create(to="+12125550155", from_="+15035550142", url=f"{{url}}/voice")

def test_another(twilio_rehearsal, twilio_client):
    twilio_rehearsal.wait(600)
    assert (asked, twilio_rehearsal.calls, twilio_client.calls.list()) == ([], [], [])
"""
    run(pytester, source).assert_outcomes(passed=2)


def test_what_a_test_asks_of_another_tests_account_is_a_warning_of_one_line(pytester: pytest.Pytester) -> None:
    """The warning names the test that created it; Twilio's answer is a 404."""
    source = """
import pytest
from twilio.base.exceptions import TwilioRestException

kept = []

def test_one(twilio_client):
    kept.append(twilio_client.incoming_phone_numbers.create(phone_number="+15035550142").sid)

def test_another(twilio_client):
    with pytest.raises(TwilioRestException, match="not found"):
        twilio_client.incoming_phone_numbers(kept[0]).fetch()
"""
    result = run(pytester, source, options=("-W", "default"))
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(["*LeftOverWarning: asked for PN* of test_theirs_*::test_one: end what that test*"])


def test_a_test_that_is_run_again_has_its_own_sids_again(pytester: pytest.Pytester) -> None:
    """They are not reported as another test's."""
    source = """
def test_theirs(twilio_client):
    number = twilio_client.incoming_phone_numbers.create(phone_number="+15035550142")
    assert number.fetch().sid == number.sid
"""
    name = f"test_theirs_{pytester.path.name}_1.py"
    run(pytester, source, options=("--keep-duplicates", name, name)).assert_outcomes(passed=2)


def test_what_outlives_a_test_never_asks_the_real_twilio(pytester: pytest.Pytester) -> None:
    """A client with the rehearsed account's credentials is redirected between tests too; others are not."""
    source = """
import requests
from twilio.rest import Client

kept = []

def test_one(twilio_client):
    kept.append(Client())

def test_another():
    assert kept[0].balance.fetch().currency == "USD"
    sent = []
    requests.adapters.HTTPAdapter.get_connection_with_tls_context, before = (
        lambda self, request, *_, **__: sent.append(request.url) or 1 / 0,
        requests.adapters.HTTPAdapter.get_connection_with_tls_context,
    )
    try:
        requests.get("https://api.twilio.com/2010-04-01", auth=("AC" + "0" * 32, "theirs"))
    except ZeroDivisionError:
        pass
    finally:
        requests.adapters.HTTPAdapter.get_connection_with_tls_context = before
    assert sent == ["https://api.twilio.com/2010-04-01"]
"""
    run(pytester, source).assert_outcomes(passed=2)


def test_plain_requests_and_the_asynchronous_client_are_led_too(pytester: pytest.Pytester) -> None:
    """So are asyncio clients; the response has the requested URL."""
    source = """
import asyncio

import requests
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

def test_requests(twilio_rehearsal):
    auth = twilio_rehearsal.sid, twilio_rehearsal.auth_token
    response = requests.get(f"https://api.twilio.com/2010-04-01/Accounts/{auth[0]}.json", auth=auth)
    assert response.json()["sid"] == auth[0]
    assert response.url.startswith("https://api.twilio.com/")

def test_asyncio(twilio_client):
    async def buy():
        async with AsyncTwilioHttpClient() as http:
            return await Client(http_client=http).incoming_phone_numbers.create_async(phone_number="+15035550142")

    number = asyncio.run(buy())
    assert [one.sid for one in twilio_client.incoming_phone_numbers.list()] == [number.sid]
"""
    run(pytester, source, options=("-W", "ignore::DeprecationWarning")).assert_outcomes(passed=2)


def test_an_asgi_application_is_served_under_a_public_name(pytester: pytest.Pytester) -> None:
    """It is requested as behind a proxy that terminates TLS."""
    source = """
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

async def voice(request):
    say = f"<Say>{request.headers['x-forwarded-proto']} {request.headers['x-forwarded-host']}</Say>"
    return Response(f"<Response>{say}</Response>", media_type="text/xml")

def test_theirs(twilio_rehearsal):
    application = Starlette(routes=[Route("/voice", voice, methods=["POST"])])
    url = twilio_rehearsal.serve(application, host="phones.example.org")
    assert url == "https://phones.example.org"
    call = twilio_rehearsal.phone("lobby", voice_url=f"{url}/voice").dials("0")
    assert call.heard == ["https phones.example.org"]
"""
    run(pytester, source).assert_outcomes(passed=1)


def test_an_order_that_makes_no_sense_is_one_line(pytester: pytest.Pytester) -> None:
    """It has the fault and the repair."""
    source = """
def test_call(twilio_rehearsal):
    twilio_rehearsal.far_side("+12125550155").calls("+15035550142", press="1")

def test_number(twilio_rehearsal):
    twilio_rehearsal.far_side("2125550155", busy=True)

def test_phone(twilio_rehearsal):
    twilio_rehearsal.phone("lobby").behaves(answer_after="soon")
"""
    result = run(pytester, source)
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "E *InputError: POST /calls: A call has no 'press'; it may have *presses*",
            "E *InputError: far side '2125550155': is no telephone number; write +, the country code *",
            "E *InputError: POST /numbers/sip:lobby@*: answer_after of a call can't be 'soon'; it is seconds*",
        ]
    )


def test_without_the_extra_one_line_says_how_to_get_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a fixture is used: the base package has no server."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    result = run(pytester, "def test_theirs(twilio_client): pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ['E *UsageError: * lacks the package uvicorn: run pip install "dialtone-nb?rehearsal?"']
    )


def test_every_worker_has_a_rehearsal_of_its_own(pytester: pytest.Pytester) -> None:
    """Parallel tests do not see each other's resources."""
    source = """
import pytest

@pytest.mark.parametrize("number", range(4))
def test_theirs(twilio_client, number):
    twilio_client.incoming_phone_numbers.create(phone_number=f"+1503555014{number}")
    assert len(twilio_client.incoming_phone_numbers.list()) == 1
"""
    pytester.makepyfile(test_theirs=source)
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n", "2").assert_outcomes(passed=4)
