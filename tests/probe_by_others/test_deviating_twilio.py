"""Twilios that deviate do so: what is seen of them by requests and calls of our own, and what of the rehearsal."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from twilio.base.exceptions import TwilioRestException

from dialtone_nb.values.assumptions import Assumed, load_assumptions
from tests.probe_by_others.at_the_api import camel_case, pascal_case
from tests.probe_by_others.bystanders import BYSTANDERS, LATE_S
from tests.probe_by_others.comparing import FALSE, FOUND, LISTED, MISSED, OTHERWISE, UNSETTLED, compare, main
from tests.probe_by_others.conftest import Stand
from tests.probe_by_others.deviating_twilio import TWILIOS
from tests.rehearsal.doors import PASSWORD, add_phone
from tests.rehearsal.network import DOMAIN, FRIEND, HELLO, NUMBER
from tests.rehearsal.sip.calls import lifted, refusal
from tests.rehearsal.sip.handset import Handset
from tests.rehearsal.sip.network import until
from tests.rehearsal.sip.sound import press

# By the name of a Twilio: what is to be seen of it, by assumption.
OBSERVED: dict[str, dict[str, Assumed]] = {
    twilio: {one["settles"]: one["observed"] for one in LISTED[twilio]} for twilio in TWILIOS
}
SIZES = (1 << 19, 1 << 20, 5 << 20)  # bytes that a function may have
NOT_THERE = "/nowhere"  # an action that is asked, and answers 404


def code_of(ask: Callable[[], object]) -> int | str:
    """The code that refuses what is asked, or that it was accepted."""
    try:
        ask()
    except TwilioRestException as refusal:
        return int(refusal.code)
    return "accepted"


def status_of(ask: Callable[[], object], code: int, accepted: int) -> int:
    """The HTTP status of its refusal, which has this code, or of its acceptance."""
    try:
        ask()
    except TwilioRestException as refusal:
        assert refusal.code in {code, 20001}
        return int(refusal.status)
    return accepted


# --- purchases, addresses ---


def takes_emergency_address_at_purchase(stand: Stand) -> Assumed:
    """Buy a number with an emergency address."""
    number = stand.client.incoming_phone_numbers.create(
        phone_number=stand.number(), emergency_address_sid=stand.address()
    )
    return number.emergency_address_sid is not None


def buying_what_is_owned(stand: Stand) -> Assumed:
    """Buy the account's number once more, under another name."""
    numbers = stand.client.incoming_phone_numbers
    try:
        again = numbers.create(phone_number=NUMBER, friendly_name=(name := stand.name()))
    except TwilioRestException as refusal:
        assert refusal.code == 21422
        return "refused"
    assert again.phone_number == NUMBER
    return "changed" if again.friendly_name == name else "unchanged"


def number_has_address_code(stand: Stand) -> Assumed:
    """Release a number that has an emergency address."""
    numbers = stand.client.incoming_phone_numbers
    number = numbers(numbers.create(phone_number=stand.number()).sid)
    number.update(emergency_address_sid=stand.address())
    return code_of(number.delete)


def address_in_use_code(stand: Stand) -> Assumed:
    """Delete the address of a number."""
    address = stand.address()
    stand.client.incoming_phone_numbers.create(phone_number=stand.number(), address_sid=address)
    return code_of(stand.client.addresses(address).delete)


# --- queues ---


def queue_max_size(stand: Stand) -> Assumed:
    """Create a queue without a size."""
    size = stand.client.queues.create(stand.name()).max_size
    return "nothing" if size is None else int(size)


def queue_name_taken_code(stand: Stand) -> Assumed:
    """Create a queue twice."""
    name = stand.name()
    stand.client.queues.create(name)
    return code_of(lambda: stand.client.queues.create(name))


def wait_in_queue(stand: Stand, action: str = "") -> tuple[str, str]:
    """The queue's name, and the SID of a call that waits in it."""
    queue = stand.name()
    stand.network.answers(f'<Enqueue action="{action}">{queue}</Enqueue>')
    stand.door.control("POST", f"/numbers/{FRIEND}", json={"answer_after": 0, "waits": 900})
    call = stand.client.calls.create(to=FRIEND, from_=NUMBER, url=stand.url("/voice"))
    stand.waits(10)
    return queue, str(call.sid)


def queue_not_empty_code(stand: Stand) -> Assumed:
    """Delete a queue while a call waits in it."""
    name, call = wait_in_queue(stand)
    queue = next(one for one in stand.client.queues.list() if one.friendly_name == name)
    code = code_of(stand.client.queues(queue.sid).delete)
    stand.client.calls(call).update(status="completed")
    return code


def dequeued_never_joined(stand: Stand) -> Assumed:
    """Dial a queue whose member hangs up when it is taken."""
    queue, _ = wait_in_queue(stand)
    stand.network.answers("", done="<Hangup/>")
    dial = f'<Dial action="{stand.url(NOT_THERE)}"><Queue url="{stand.url("/done")}">{queue}</Queue></Dial>'
    taker = stand.client.calls.create(to="+13605550142", from_=NUMBER, twiml=f"<Response>{dial}</Response>")
    stand.waits(60)
    (told,) = stand.told(taker.sid, NOT_THERE)
    return told.get("DequeueResult", "nothing")


# --- calls of the API, credentials, dialling permissions ---


def not_complete_status(stand: Stand) -> Assumed:
    """Delete a call that goes on."""
    call = stand.client.calls(stand.client.calls.create(to=FRIEND, from_=NUMBER, twiml=HELLO).sid)
    status = status_of(call.delete, 20009, 204)
    call.update(status="completed")
    return status


def twiml_too_long_code(stand: Stand) -> Assumed:
    """Place a call with too much to say."""
    twiml = HELLO.replace("Hello", "Hello " * 1000)
    return code_of(lambda: stand.client.calls.create(to=FRIEND, from_=NUMBER, twiml=twiml).update(status="completed"))


def ended_unanswered(stand: Stand) -> Assumed:
    """Place a call and end it at once."""
    call = stand.client.calls.create(to=FRIEND, from_=NUMBER, twiml=HELLO)
    return str(stand.client.calls(call.sid).update(status="completed").fetch().status)


def credential_taken_code(stand: Stand) -> Assumed:
    """Create a credential twice."""
    listed = stand.client.sip.credential_lists(stand.client.sip.credential_lists.create(stand.name()).sid)
    listed.credentials.create("taken", PASSWORD)
    return code_of(lambda: listed.credentials.create("taken", PASSWORD.swapcase()))


def weak_password_code(stand: Stand) -> Assumed:
    """Create a credential with a weak password."""
    listed = stand.client.sip.credential_lists(stand.client.sip.credential_lists.create(stand.name()).sid)
    return code_of(lambda: listed.credentials.create("weak", "short"))


def countries_at_first(stand: Stand) -> Assumed:
    """Look at countries whose permissions nobody changed."""
    countries = stand.client.voice.v1.dialing_permissions.countries
    allowed = [one for one in ("US", "CA", "DE") if countries(one).fetch().low_risk_numbers_enabled]
    return {"US": "home", "US CA": "home and neighbours"}[" ".join(allowed)]


def bulk_update_keys(stand: Stand) -> Assumed:
    """Allow calls to a country in each spelling, and see which one is heeded."""
    permissions = stand.client.voice.v1.dialing_permissions
    spellings: dict[str, Callable[[str], str]] = {
        "snake_case": str,
        "PascalCase": pascal_case,
        "camelCase": camel_case,
    }
    heeded = []
    for country, (spelling, spell) in zip(("DK", "NO", "SE"), spellings.items(), strict=True):
        update = [{spell("iso_code"): country, spell("low_risk_numbers_enabled"): "true"}]
        try:
            permissions.bulk_country_updates.create(update_request=orjson.dumps(update).decode())
        except TwilioRestException as refusal:
            assert refusal.code == 20001
        if permissions.countries(country).fetch().low_risk_numbers_enabled:
            heeded.append(spelling)
    return " and ".join(heeded)


# --- serverless ---


def variable_taken_status(stand: Stand) -> Assumed:
    """Create a variable twice."""
    variables = stand.environment().variables
    variables.create("KEY", "value")
    return status_of(lambda: variables.create("KEY", "other"), 20409, 201)


def largest_function(stand: Stand) -> Assumed:
    """Upload functions of several sizes, and see which is the largest that is taken with none larger."""
    service = stand.network.live.service
    function = stand.client.serverless.v1.services(service).functions.create("large").sid

    def is_taken(size: int) -> bool:
        return stand.door.upload(service, function, "/large", "private", "/" * size).status_code == 201

    return next(size for size in SIZES if is_taken(size) and not is_taken(size + 1))


def nothing_deployed_again_status(stand: Stand) -> Assumed:
    """Deploy nothing where nothing is live."""
    environment = stand.environment()
    status = status_of(environment.deployments.create, 20409, 201)
    assert environment.fetch().build_sid is None
    assert len(environment.deployments.list()) == (status == 201)
    return status


def process_env(stand: Stand) -> Assumed:
    """Ask a function what is in process.env."""
    told = stand.door.ask("GET", stand.network.live.domain_name, "/tells").text
    return "nothing" if told == "nothing" else "all but the path"


# --- SIP ---


def not_registered_response(stand: Stand) -> Assumed:
    """Call a phone that is not registered."""
    told = stand.rings(f'<Dial action="{NOT_THERE}"><Sip>sip:lobby@{DOMAIN}</Sip></Dial>')
    (asked,) = stand.told(told["call_sid"], NOT_THERE)
    return int(asked["DialSipResponseCode"]) if "DialSipResponseCode" in asked else "nothing"


def legacy_unregistered_status(stand: Stand) -> Assumed:
    """Call the same phone by an old name of its domain."""
    domain = DOMAIN.replace(".sip.", ".sip.us1.")
    told = stand.rings(f'<Dial action="{NOT_THERE}"><Sip>sip:lobby@{domain}</Sip></Dial>')
    (asked,) = stand.told(told["call_sid"], NOT_THERE)
    assert asked["ErrorCode"] == "32221"
    return asked["DialCallStatus"]


def declined_status(stand: Stand) -> Assumed:
    """Call a registered phone, which declines."""
    phone = stand.handset()
    assert phone.register().status_code == 200
    dial = f'<Dial action="{NOT_THERE}"><Sip>sip:{phone.user}@{DOMAIN}</Sip></Dial>'
    with ThreadPoolExecutor(1) as pool:
        rung = pool.submit(stand.rings, dial)
        phone.respond(phone.asked("INVITE"), 603)
        (asked,) = stand.told(rung.result()["call_sid"], NOT_THERE)
    assert asked["DialSipResponseCode"] == "603"
    return asked["DialCallStatus"]


def insecure_response(stand: Stand) -> Assumed:
    """Call over UDP at a domain with Secure."""
    domain = f"{stand.name()}.sip.twilio.com"
    add_phone(stand.client, "hall", domain, stand.url("/voice"), secure=True)
    stand.network.answers("<Say>Hello</Say>")
    return refusal(stand.handset(domain, "hall"), "123")


def no_voice_url_response(stand: Stand) -> Assumed:
    """Call at a domain that has no voice URL."""
    domain = f"{stand.name()}.sip.twilio.com"
    add_phone(stand.client, "hall", domain)
    return refusal(stand.handset(domain, "hall"), "123")


def never_answered_response(stand: Stand) -> Assumed:
    """Call where the TwiML is empty; whoever is rejected is answered as ever."""
    stand.network.answers('<Reject reason="busy"/>')
    assert refusal(stand.handset(), "123") == 486
    stand.network.answers("")
    return refusal(stand.handset(), "123")


def too_many_bindings_response(stand: Stand) -> Assumed:
    """Register one user eleven times, each as soon as it is not too soon."""
    user = stand.handset().user

    def register(phone: Handset) -> int:
        return int(until(lambda: (status := phone.register().status_code) not in {429, 503} and status))

    *answers, last = [register(stand.handset(user=user)) for _ in range(11)]
    assert answers == [200] * 10
    return last


def too_fast_response(stand: Stand) -> Assumed:
    """Register a dozen times within a second."""
    phone = stand.handset()
    slowed = [one for one in (phone.register() for _ in range(12)) if one.status_code != 200]
    assert all(one.get_header("Retry-After") for one in slowed)
    return max((int(one.status_code) for one in slowed), default=200)


def twilio_error_header(stand: Stand) -> Assumed:
    """Register with a wrong password."""
    response = stand.handset(user="lobby", password="Wrongpassword1").register()
    assert response.status_code == 403
    header = response.get_header("X-Twilio-Error") or ""
    return "words" if " " in header else "code alone" if header else "no header"


# --- emergency calls ---


def takes_bare_911(stand: Stand) -> Assumed:
    """Dial 933, the test number, as it is."""
    domain = next(one for one in stand.client.sip.domains.list() if one.domain_name == DOMAIN)
    stand.client.sip.domains(domain.sid).update(emergency_calling_enabled=True)
    told = stand.rings(f'<Dial callerId="{NUMBER}"><Number>933</Number></Dial>')
    stand.client.sip.domains(domain.sid).update(emergency_calling_enabled=False)
    return [one["emergency"] for one in told["children"]] == ["933"]


def no_emergency_calling_code(stand: Stand) -> Assumed:
    """Dial the test number where there is no emergency calling."""
    told = stand.rings(f'<Dial callerId="{NUMBER}"><Number>+1933</Number></Dial>')
    assert told["children"] == []
    codes = [stand.client.monitor.v1.alerts(one["sid"]).fetch().error_code for one in told["alerts"]]
    return int(codes[0]) if codes else "nothing"


# --- TwiML ---


def dial_of(attributes: str = "", target: str = "") -> str:
    """TwiML that dials a number, and tells an action that is not there."""
    return (
        f'<Dial callerId="{NUMBER}" answerOnBridge="true" action="{NOT_THERE}">'
        f"<Number {attributes}>{target or FRIEND}</Number></Dial>"
    )


def asks_action_of_calls_given_up(stand: Stand) -> Assumed:
    """Give up while somebody is rung."""
    told = stand.rings(dial_of(target="+15035550199"), no_answer=True, cancel_after=5)
    assert told["status"] == "canceled"
    asked = stand.told(told["call_sid"], NOT_THERE)
    assert [one["DialCallStatus"] for one in asked] in ([], ["canceled"])
    return bool(asked)


def hung_up_before_joined(stand: Stand) -> Assumed:
    """Dial somebody whose own document hangs up."""
    told = stand.rings(dial_of('url="/done"', "+15035550199"), done="<Hangup/>")
    asked = stand.told(told["call_sid"], NOT_THERE)
    assert all(one["DialBridged"] == "false" for one in asked)
    return asked[0]["DialCallStatus"] if asked else "nothing"


def dial_ends_as(stand: Stand) -> Assumed:
    """Dial a busy number, and then one that does not answer."""
    first, second = "+15035550197", "+15035550198"
    told = stand.rings(
        f'<Dial callerId="{NUMBER}" sequential="true" action="{NOT_THERE}">'
        f"<Number>{first}</Number><Number>{second}</Number></Dial>",
        targets={first: {"busy": True}, second: {"no_answer": True}},
    )
    (asked,) = stand.told(told["call_sid"], NOT_THERE)
    return {"busy": "first", "no-answer": "last"}[asked["DialCallStatus"]]


def unfetched_whisper(stand: Stand) -> Assumed:
    """Dial somebody whose own document can't be fetched."""
    told = stand.rings(dial_of('url="/broken"', "+15035550199"))
    (asked,) = stand.told(told["call_sid"], NOT_THERE)
    return "joined" if asked["DialBridged"] == "true" else "leg ends"


# The second key is pressed before the second Gather begins.
TWICE = (
    '<Gather numDigits="1" timeout="2" action="/done"/>',
    f'<Pause length="1"/><Gather numDigits="1" timeout="2" action="{NOT_THERE}"/>',
)


def keys_after_gather(stand: Stand) -> Assumed:
    """Press two keys where one is gathered, and then one more."""
    told = stand.rings(*TWICE, presses=["12"])
    assert [one["Digits"] for one in stand.told(told["call_sid"], "/done")] == ["1"]
    return "kept" if [one["Digits"] for one in stand.told(told["call_sid"], NOT_THERE)] == ["2"] else "lost"


def keys_after_gather_of_a_real_phone(stand: Stand) -> Assumed:
    """The same, of a phone that calls by SIP."""
    stand.network.answers(TWICE[0].replace("/>", "><Say>Press a key</Say></Gather>"), TWICE[1])
    phone = stand.handset()
    door = lifted(phone, "123")
    phone.rtp.recv(2048)  # the Gather has begun: before it, keys are nobody's
    press(phone.rtp, door, "12")
    phone.asked("BYE")
    call = stand.client.calls.list(limit=1)[0]
    assert [one["Digits"] for one in stand.told(call.sid, "/done")] == ["1"]
    return "kept" if [one["Digits"] for one in stand.told(call.sid, NOT_THERE)] == ["2"] else "lost"


def refused_url_status(stand: Stand) -> Assumed:
    """Call where the voice URL answers 403; one that answers 500 ends as ever."""
    number = stand.client.incoming_phone_numbers.create(phone_number=stand.number(), voice_url=stand.url("/broken"))
    assert stand.door.call(from_=FRIEND, to=number.phone_number)["status"] == "completed"
    number.update(voice_url=stand.url("/refuses"))
    return str(stand.door.call(from_=FRIEND, to=number.phone_number)["status"])


# --- what webhooks are told ---


def sends_sip_username(stand: Stand) -> Assumed:
    """Look at what the voice URL of a phone's call is told."""
    (told,) = stand.told(stand.rings("<Hangup/>")["call_sid"], "/voice")
    assert told.get("SipUsername", "lobby") == "lobby"
    return "SipUsername" in told


def sequence_number_counts(stand: Stand) -> Assumed:
    """Place a call that tells when it is answered, and when it is over."""
    stand.network.answers("")
    call = stand.client.calls.create(
        to=FRIEND,
        from_=NUMBER,
        twiml=HELLO,
        status_callback=stand.url("/done"),
        status_callback_event=["answered", "completed"],
    )
    stand.waits(120)
    numbers = [one.get("SequenceNumber", "") for one in stand.network.received("done") if one["CallSid"] == call.sid]
    assert len(numbers) == 2
    return {"2 3": "every event", "0 1": "told events", "": "nothing"}[" ".join(sorted(numbers)).strip()]


OBSERVERS: dict[str, Callable[[Stand], Assumed]] = {
    one.__name__: one
    for one in (
        takes_emergency_address_at_purchase,
        buying_what_is_owned,
        number_has_address_code,
        address_in_use_code,
        queue_max_size,
        queue_name_taken_code,
        queue_not_empty_code,
        dequeued_never_joined,
        not_complete_status,
        twiml_too_long_code,
        ended_unanswered,
        credential_taken_code,
        weak_password_code,
        countries_at_first,
        bulk_update_keys,
        variable_taken_status,
        largest_function,
        nothing_deployed_again_status,
        process_env,
        not_registered_response,
        legacy_unregistered_status,
        declined_status,
        insecure_response,
        no_voice_url_response,
        never_answered_response,
        too_many_bindings_response,
        too_fast_response,
        twilio_error_header,
        takes_bare_911,
        no_emergency_calling_code,
        asks_action_of_calls_given_up,
        hung_up_before_joined,
        dial_ends_as,
        unfetched_whisper,
        keys_after_gather,
        keys_after_gather_of_a_real_phone,
        refused_url_status,
        sends_sip_username,
        sequence_number_counts,
    )
}


@pytest.mark.parametrize("name", OBSERVERS)
def test_what_is_seen(stand: Stand, name: str) -> None:
    """Of the rehearsal what the row says, and of a Twilio that deviates what deviations.yaml says, else the same."""
    row = name.removesuffix("_of_a_real_phone")
    assumed = load_assumptions()[row].value
    assert OBSERVERS[name](stand) == (OBSERVED[stand.twilio].get(row, assumed) if stand.twilio else assumed)


# --- the list ---


@pytest.mark.parametrize("twilio", TWILIOS)
def test_thirty_deviations_are_listed_and_carried_out(twilio: str) -> None:
    """Each is about another row, and is there in code, and seen by a test."""
    assert len(LISTED[twilio]) == len(OBSERVED[twilio]) >= 30
    assert OBSERVED[twilio].keys() == TWILIOS[twilio].keys()
    assert OBSERVED[twilio].keys() <= OBSERVERS.keys()


@pytest.mark.parametrize(("twilio", "one"), [(twilio, one) for twilio in TWILIOS for one in LISTED[twilio]])
def test_a_deviation_is_another_value_than_is_assumed(twilio: str, one: dict[str, Any]) -> None:
    """The list says of each whether the row's alternatives have it."""
    row = load_assumptions()[one["settles"]]
    assert one["observed"] != row.value
    assert one["guessed"] == (one["observed"] in row.alternatives)
    assert twilio == "lenient" or type(one["observed"]) is type(row.value)


@pytest.mark.parametrize("twilio", TWILIOS)
def test_many_deviations_nobody_has_thought_of(twilio: str) -> None:
    """More than ten are no row's alternative."""
    assert sum(not one["guessed"] for one in LISTED[twilio]) > 10


def test_what_was_found_is_told_from_what_was_missed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A value that is there, another one, the assumed one, one where nothing deviates; others are not settled."""
    said = {"queue_max_size": 5000, "not_complete_status": 400, "weak_password_code": 21243, "insecure_response": 403}
    facts = tmp_path / "facts.yaml"
    facts.write_text(yaml.safe_dump({"facts": [{"settles": row, "observed": value} for row, value in said.items()]}))
    assert main(["deviating", str(facts)]) == 1
    became = compare("deviating", said)
    assert became[FOUND] == ["queue_max_size"]
    assert became[OTHERWISE] == ["not_complete_status"]
    assert became[MISSED] == ["weak_password_code"]
    assert became[FALSE] == ["insecure_response"]
    assert len(became[UNSETTLED]) == 27
    assert " 1 false: insecure_response" in capsys.readouterr().out.splitlines()


# --- bystanders ---


def test_bystanders_are_listed() -> None:
    """Each is there in code."""
    assert LISTED["bystanders"].keys() == BYSTANDERS.keys()


def test_bystanders_differ_in_what_nothing_depends_on(stand: Stand) -> None:
    """Headers, dates, fields, time, order, SIP's Server, a category: each is as usual, or each is not."""
    answer = stand.door.classic("GET", "/SIP/Domains.json")
    domain = answer.json()["domains"][0]
    newest = stand.client.sip.domains.create(f"{stand.name()}.sip.twilio.com")
    phone = stand.handset(user="lobby")
    answered = phone.ask(phone.request("OPTIONS", f"sip:{DOMAIN}"))
    differs = {
        "extra_header": "via" in answer.headers,
        "other_dates": domain["date_created"].endswith("GMT"),
        "extra_fields": "data_residency" in domain,
        "slower_answers": answer.elapsed.total_seconds() > LATE_S if stand.twilio else False,
        "other_order": stand.client.sip.domains.list()[0].sid != newest.sid,
        "other_sip_server": "rehearsal" not in str(answered.get_header("Server")),
        "another_usage_category": "calls-recordings" in {one.category for one in stand.client.usage.records.list()},
    }
    assert differs == dict.fromkeys(BYSTANDERS, bool(stand.twilio))
