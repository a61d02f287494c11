"""Ringing several phones and the steps after an unanswered call; emergency calls by country."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.dialplan.decide import decide, next_step, spoken_reason
from dialtone_nb.dialplan.decisions import (
    DialEmergency,
    DialPstn,
    DialTrunk,
    IncomingCall,
    OutgoingCall,
    Refuse,
    RingClient,
)
from dialtone_nb.dialplan.table import Table
from dialtone_nb.dialplan.twiml import status_url, twiml_of
from dialtone_nb.errors import DialplanError, ParametersError
from dialtone_nb.parameters import load_parameters
from dialtone_nb.server.answers import ENDPOINTS, Responder, WebhookRequest
from dialtone_nb.values.emergency import emergency_number
from tests.dialplan.cases import decision_data
from tests.service.node import Functions

HALL, OFFICE, SHARED, CALLER = "+15035550111", "+15035550112", "+15035550113", "+12065550144"
NETWORK = """\
service: {name: ferngate}
environments: {lab: {protected: false}, live: {protected: true}}
sip_domain_prefix: ferngate
credential_list: ferngate
trunk: {uri: "sip:{context}@pbx.example.org", contexts: [desk]}
"""
ADDRESS = (
    "emergency_address: {customer_name: Hall, street: 1 Fern Street, city: Portland, region: OR, "
    'postal_code: "97205", country: US}'
)
DIALPLAN = """\
rules:
- {name: emergency, pattern: "911", emergency: true}
- {name: outside-line, pattern: "9911", emergency: "911"}
- {name: local, pattern: "NXXNXXXXXX", pstn: "+1{dialled}"}
- {name: abroad, pattern: "00.", pstn: "+{dialled:2}"}
allowed_countries: [US, GB, DE]
"""


def folder_of(folder: Path, clients: str, dialplan: str = DIALPLAN) -> Path:
    """A parameters folder of these phones."""
    for name, text in {"network": NETWORK, "clients": clients, "dialplan": dialplan}.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def table_of(folder: Path, clients: str, dialplan: str = DIALPLAN) -> Table:
    """The table of a network of these phones."""
    return compile_table(load_parameters(folder_of(folder, clients, dialplan)))


def phone(name: str, number: str, *more: str, environment: str = "live") -> str:
    """An entry of clients.yaml."""
    own = [f"environment: {environment}", f'caller_id: "{number}"', "trunk_context: desk", *more]
    return f"{name}:\n" + "".join(f"  {line}\n" for line in own)


def steps(table: Table, number: str, caller: str = CALLER) -> list[str]:
    """The steps that a caller goes through if nobody answers."""
    met, step = [], 0
    while True:
        decision = decide(table, IncomingCall("live", number, caller, step))
        match decision:
            case RingClient():
                met.append(" ".join(uri.removeprefix("sip:").partition("@")[0] for uri in decision.uris))
            case DialPstn():
                met.append(f"{decision.number} as {decision.caller_id}")
            case DialTrunk():
                met.append(f"{decision.uri} as {decision.caller_id}")
            case Refuse():
                met.append(decision.message)
        if not isinstance(decision, RingClient) or not decision.next_step:
            return met
        step = decision.next_step


@pytest.mark.parametrize(
    ("says", "met"),
    [
        ("", ["hall"]),
        ("rings: [office]", ["office"]),
        ("rings: [hall, office]", ["hall office"]),
        ("rings: [hall, office]\n  ring: in_turn", ["hall", "office"]),
        ("rings: [hall, office]\n  ring: in_turn\n  then: {say: Come by.}", ["hall", "office", "Come by."]),
        (f'then: {{number: "{CALLER}"}}', ["hall", f"{CALLER} as {CALLER}"]),
        ("then: {trunk: desk}", ["hall", f"sip:desk@pbx.example.org as {CALLER}"]),
        ("incoming: false\n  then: {say: Nobody is here.}", ["Nobody is here."]),
    ],
)
def test_whom_a_call_rings(tmp_path: Path, says: str, met: list[str]) -> None:
    """All phones of the list, together or in sequence; later steps keep the caller's number."""
    table = table_of(tmp_path, phone("hall", HALL, says) + phone("office", OFFICE))
    assert steps(table, HALL) == met
    assert steps(table, OFFICE) == ["office"]


def test_a_shared_number_belongs_to_the_phone_that_answers_it(tmp_path: Path) -> None:
    """Wherever that phone is in the file; an entry that only calls out may share its number."""
    silent = phone("porch", HALL, "incoming: false") + phone("yard", SHARED, "incoming: false")
    for phones in (silent + phone("hall", HALL), phone("hall", HALL) + silent):
        assert load_parameters(folder_of(tmp_path, phones)).numbers == {HALL: "hall", SHARED: "yard"}


def test_a_caller_without_a_number_goes_on_under_ours(tmp_path: Path) -> None:
    """Twilio accepts only a number of the account or the caller's as caller ID."""
    table = table_of(tmp_path, phone("hall", HALL, f'then: {{number: "{OFFICE}"}}'))
    assert steps(table, HALL, caller="anonymous") == ["hall", f"{OFFICE} as {HALL}"]


def test_deployed_functions_and_server_go_on_alike(tmp_path: Path) -> None:
    """Both languages make the same decision at each step."""
    says = "rings: [hall, office]\n  ring: in_turn\n  then: {trunk: desk}"
    table = table_of(tmp_path, phone("hall", HALL, says) + phone("office", OFFICE))
    with Functions(table, tmp_path) as functions:
        for step in range(4):
            call = IncomingCall("live", HALL, CALLER, step)
            assert functions.decide(call) == decision_data(decide(table, call))


BASE = "https://ferngate-1234-live.twil.io"


def noted(table: Table, functions: Functions, function: str, **sent: str) -> list[dict[str, object]]:
    """The events of a request, which are equal for deployed functions and our own server."""
    asked = {"To": HALL, "From": CALLER, "CallSid": "CA1", **sent}
    ours = ENDPOINTS[f"/{function}"](Responder(table, "live"), WebhookRequest(asked, BASE)).events
    theirs = functions.invoke(function, {"DOMAIN_NAME": BASE.removeprefix("https://")}, asked).events
    told = [{name: value for name, value in event.items() if name != "timestamp"} for event in theirs]
    # Only the server says of which environment it is, the functions' log says it of itself.
    assert told == [{name: value for name, value in event.items() if name != "environment"} for event in ours]
    return [{name: value for name, value in event.items() if name not in ("channel", "endpoint")} for event in told]


def test_a_call_that_goes_on_leaves_an_event_for_each_step(tmp_path: Path) -> None:
    """Each further ringing and the final message has an event, after the status that led to it."""
    says = "rings: [hall, office]\n  ring: in_turn\n  then: {say: Come by.}"
    table = table_of(tmp_path, phone("hall", HALL, says) + phone("office", OFFICE))
    ended = {"direction": "incoming", "client": "hall", "DialCallStatus": "no-answer"}
    status = {"event": "incoming-dialstatus-no-answer", "call_sid": "CA1"}
    with Functions(table, tmp_path) as functions:
        assert noted(table, functions, "call-status", **ended, step="1") == [
            status,
            {"event": "incoming-rang-on", "call_sid": "CA1", "rule": "incoming", "step": 1},
        ]
        assert noted(table, functions, "call-status", **ended, step="2", ErrorCode="32009") == [
            status | {"error_code": "32009"},
            {"event": "incoming-told", "call_sid": "CA1", "rule": "then", "step": 2},
        ]
        # The table may change while a call rings: nothing is left to go on to, and the caller hears that.
        assert noted(table, functions, "call-status", **ended, step="1", To=OFFICE)[1:] == [
            {"event": "incoming-told", "call_sid": "CA1", "rule": "incoming", "reason": "nobody-there", "step": 1}
        ]


def test_what_is_told_at_once_comes_by_the_fallback_or_is_an_emergency_has_its_own_event(tmp_path: Path) -> None:
    """Messages, fallbacks and emergency calls have equal events in both hostings."""
    clients = phone("hall", HALL, ADDRESS, "incoming: false", "then: {say: Nobody is here.}")
    table = table_of(tmp_path, clients)
    fallback = {"ErrorCode": "11200", "ErrorUrl": "https://calls.example.org/sip-incoming"}
    told = {"event": "incoming-told", "call_sid": "CA1", "rule": "then"}
    dials = {"SipUsername": "hall", "To": "sip:911@ferngate-live.sip.twilio.com"}
    with Functions(table, tmp_path) as functions:
        assert noted(table, functions, "sip-incoming") == [told]
        assert noted(table, functions, "sip-incoming", **fallback) == [
            {"event": "incoming-fallback", "call_sid": "CA1", "error_code": "11200"},
            told,
        ]
        (emergency,) = noted(table, functions, "sip-outgoing", **dials)
        assert emergency == {
            "event": "outgoing-emergency",
            "call_sid": "CA1",
            "rule": "emergency",
            "other_party": "911",
            "identified_by": "SipUsername",
        }


def test_phones_that_ring_together_are_one_dial(tmp_path: Path) -> None:
    """The first phone to answer gets the call; the action URL decides what is next."""
    table = table_of(
        tmp_path, phone("hall", HALL, "rings: [hall, office]", "then: {say: No.}") + phone("office", OFFICE)
    )
    decision = decide(table, IncomingCall("live", HALL, CALLER))
    url = status_url("https://x.example", "incoming", decision)
    assert url == "https://x.example/call-status?direction=incoming&client=hall&step=1"
    twiml = twiml_of(decision, url)
    assert twiml.count("<Dial ") == 1
    assert [part.partition("@")[0] for part in twiml.split("<Sip>sip:")[1:]] == ["hall", "office"]


@pytest.mark.parametrize(
    ("direction", "status", "step", "following"),
    [
        ("incoming", "no-answer", "1", 1),
        ("incoming", "busy", "2", 2),
        ("incoming", "failed", "1", 1),
        ("incoming", "completed", "1", 0),
        ("incoming", "canceled", "1", 0),
        ("incoming", "no-answer", "", 0),
        ("incoming", "no-answer", "-1", 0),
        ("incoming", "no-answer", "1e9", 0),
        ("outgoing", "no-answer", "1", 0),
    ],
)
def test_what_comes_after_a_dial(direction: str, status: str, step: str, following: int) -> None:
    """The next step, if nobody answered and the caller still waits."""
    assert next_step(direction, status, step) == following


def test_phones_that_only_call_out_share_a_number(tmp_path: Path) -> None:
    """A call to that number rings the phones of the entry with `rings`, or none."""
    out = "incoming: false"
    clients = phone("one", SHARED, out) + phone("two", SHARED, out, "rings: [hall]") + phone("hall", HALL)
    assert steps(table_of(tmp_path, clients), SHARED) == ["hall"]
    clients = phone("one", SHARED, out) + phone("two", SHARED, out)
    assert steps(table_of(tmp_path, clients), SHARED) == [""]


def test_a_phone_that_calls_its_own_number_hears_so(tmp_path: Path) -> None:
    """It would be busy with its own call; if the number rings other phones too, the call is placed."""
    own = table_of(tmp_path, phone("hall", HALL))
    decision = decide(own, OutgoingCall("live", "hall", "sip:5035550111@x"))
    assert isinstance(decision, Refuse)
    assert (decision.reason, decision.message) == ("own-number", own.messages.own_number)
    others = table_of(tmp_path, phone("hall", HALL, "rings: [hall, office]") + phone("office", OFFICE))
    assert isinstance(decide(others, OutgoingCall("live", "hall", "sip:5035550111@x")), DialPstn)


@pytest.mark.parametrize(
    ("clients", "told"),
    [
        (
            phone("hall", HALL, "rings: [ofice]") + phone("office", OFFICE),
            ".yaml:5 hall.rings.0: there is no phone 'ofice'; did you mean 'office'?",
        ),
        (
            phone("hall", HALL, "rings: [bench]") + phone("bench", OFFICE, environment="lab"),
            ".yaml:5 hall.rings.0: bench is in lab, and hall in live; name phones of the same environment",
        ),
        (
            phone("hall", HALL, f'then: {{number: "{OFFICE}"}}')
            + phone("office", OFFICE, f'then: {{number: "{HALL}"}}'),
            (
                ".yaml:5 hall.then.number: leads back to hall: hall -> office -> hall; "
                "let one of them end in words, the trunk, or a number that is none of ours"
            ),
        ),
        (
            phone("hall", HALL, f'then: {{number: "{HALL}"}}'),
            (
                ".yaml:5 hall.then.number: leads back to hall: hall -> hall; "
                "let one of them end in words, the trunk, or a number that is none of ours"
            ),
        ),
        (
            phone("hall", HALL, "then: {trunk: dask}"),
            ".yaml:5 hall.then.trunk: there is no context 'dask' on the trunk; did you mean 'desk'?",
        ),
        (
            phone("hall", HALL, "then: {trunk: desk, say: No.}"),
            ".yaml:5 hall.then: needs exactly one of number, trunk, say",
        ),
        (
            phone("hall", HALL, ADDRESS)
            + phone("office", HALL, "incoming: false", ADDRESS.replace("1 Fern", "2 Fern")),
            (
                ".yaml:11 office.emergency_address: is another than hall's, and both call with +15035550111: "
                "an ambulance would go to one of the two; give the phone a number of its own, or no emergency address"
            ),
        ),
        (
            phone("hall", HALL) + phone("office", HALL),
            (
                ".yaml:7 office.caller_id: +15035550111 is the caller ID of hall already; "
                "give each phone its own number, or say incoming: false of those that only call out with it"
            ),
        ),
    ],
)
def test_bad_input(tmp_path: Path, clients: str, told: str) -> None:
    """One line with the place and the repair."""
    with pytest.raises(ParametersError) as caught:
        table_of(tmp_path, clients)
    assert caught.value.lines()[0].endswith(f"clients{told}")


LONDON, BERLIN = "+442079460018", "+493023125000"


def decided(table: Table, client: str, dialled: str) -> str:
    """The decision about a call from a phone, in a word."""
    decision = decide(table, OutgoingCall("live", client, f"sip:{dialled}@x"))
    if isinstance(decision, DialEmergency):
        return f"emergency {decision.number} in {decision.country}"
    return decision.message if isinstance(decision, Refuse) else decision.kind


@pytest.mark.parametrize(
    ("country", "number"),
    [("US", "911"), ("GB", "999"), ("MX", "911"), ("ES", "112"), ("LT", "112"), ("BE", "112"), ("JP", "110")],
)
def test_what_a_person_hears_to_dial_is_the_number_for_everything(country: str, number: str) -> None:
    """Twilio's first, else 112 or 911 where the country has it: libphonenumber's example is any of its numbers."""
    assert emergency_number(country) == number


def test_emergency_numbers_go_by_the_phones_country(tmp_path: Path) -> None:
    """A phone in London has 999, one in Berlin 112, without an address; other emergency numbers get a message."""
    dialplan = DIALPLAN.replace(
        "rules:\n",
        "".join(
            [
                "rules:\n",
                *(
                    f'- {{name: emergency-{number}, pattern: "{number}", emergency: true}}\n'
                    for number in ("999", "112")
                ),
            ]
        ),
    )
    address = ADDRESS.replace("Portland, region: OR", "London, region: London").replace("country: US", "country: GB")
    clients = (
        phone("portland", HALL, ADDRESS)
        + phone("london", LONDON, address)
        + phone("berlin", BERLIN)
        + phone("van", OFFICE)
    )
    table = table_of(tmp_path, clients, dialplan)
    assert decided(table, "portland", "911") == "emergency 911 in US"
    assert decided(table, "portland", "9911") == "emergency 911 in US"
    assert decided(table, "portland", "999") == "For an emergency call, please hang up and dial 9 1 1."
    assert decided(table, "london", "999") == "emergency 999 in GB"
    assert decided(table, "london", "+44999") == "emergency 999 in GB"
    assert decided(table, "london", "112") == "emergency 112 in GB"
    assert decided(table, "london", "911") == "For an emergency call, please hang up and dial 9 9 9."
    assert decided(table, "london", "9999") == "For an emergency call, please hang up and dial 9 9 9."
    assert decided(table, "berlin", "112") == "emergency 112 in DE"
    assert (
        decided(table, "van", "911")
        == "Emergency calls cannot be made from this phone. Please use another phone to call 9 1 1."
    )
    assert table.environments["live"].clients["berlin"].domain == "ferngate-live.sip.twilio.com"


@pytest.mark.parametrize(
    ("to", "words"),
    [
        (
            "sip:911@ferngate-live.sip.twilio.com",
            "The emergency call could not be made. Please use another phone to call 9 1 1.",
        ),
        (
            "sip:911@ferngate-nonemergency-live.sip.twilio.com",
            (
                "This phone is set up without emergency calling. Please use another phone to call 9 1 1, "
                "and tell the people who look after this phone."
            ),
        ),
    ],
)
def test_an_emergency_call_that_failed_is_told_as_one(tmp_path: Path, to: str, words: str) -> None:
    """The message does not say to check the number, as the phone uses a domain without emergency calling."""
    table = table_of(tmp_path, phone("hall", HALL, ADDRESS))
    assert spoken_reason(table, "outgoing", "failed", "US", to) == words
    assert spoken_reason(table, "outgoing", "completed", "US", to) == ""


@pytest.mark.parametrize("number", ["+33123456789", "+19005550142"])
def test_a_call_goes_on_to_no_number_that_may_not_be_called(tmp_path: Path, number: str) -> None:
    """Allowed countries and refused prefixes apply to it; the fault has its place in clients.yaml."""
    refused = f"{DIALPLAN}refused_prefixes:\n- {{name: premium, say: Not from here., prefixes: ['+1900']}}\n"
    with pytest.raises(DialplanError) as raised:
        table_of(tmp_path, phone("hall", HALL, f'then: {{number: "{number}"}}'), refused)
    (fault,) = raised.value.faults
    assert fault.place.endswith("clients.yaml:5 hall.then.number")
    assert fault.problem == f"{number} is refused by refused_prefixes or allowed_countries"
