"""For any TwiML, a call ends once, with consistent records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.twiml.voice_response import VoiceResponse

from dialtone_nb.rehearsal import start_rehearsal
from tests.rehearsal.doors import Door, client_of
from tests.rehearsal.network import FRIEND, NUMBER, Network, build_network

FINAL = {"completed", "busy", "failed", "no-answer", "canceled"}
ONE_DAY = 86_400
numbers = st.sampled_from(["+15035550197", "+15035550198", "+442079460123", "5035550199", "911"])
small = st.integers(1, 9)
prompts = st.sampled_from([("say", {"message": "hello"}), ("play", {"digits": "12w"}), ("pause", {"length": 3})])
actions = st.sampled_from([None, "https://{host}/done", "/relative", "https://{host}/missing"])
dials = st.fixed_dictionaries(
    {"caller_id": st.sampled_from([NUMBER, "+15035550104", "lobby"])},
    optional={
        "timeout": small,
        "time_limit": small,
        "answer_on_bridge": st.booleans(),
        "sequential": st.booleans(),
        "hangup_on_star": st.booleans(),
        "action": actions,
    },
)
targets = st.lists(st.tuples(st.sampled_from(["number", "sip", "queue", "conference"]), numbers), max_size=3)
gathers = st.fixed_dictionaries(
    {}, optional={"num_digits": small, "timeout": small, "action": actions, "finish_on_key": st.sampled_from("#*5")}
)
verbs = st.one_of(
    st.tuples(st.just("prompt"), prompts),
    st.tuples(st.just("dial"), st.tuples(dials, targets)),
    st.tuples(st.just("gather"), st.tuples(gathers, st.lists(prompts, max_size=2))),
    st.tuples(st.just("record"), st.fixed_dictionaries({}, optional={"max_length": small, "action": actions})),
    st.tuples(st.just("enqueue"), st.fixed_dictionaries({}, optional={"wait_url": actions, "action": actions})),
    st.tuples(st.sampled_from(["hangup", "reject", "leave", "redirect", "pay"]), st.none()),
)
behaviours = st.fixed_dictionaries(
    {"answer_after": small},
    optional={
        "busy": st.booleans(),
        "no_answer": st.booleans(),
        "unreachable": st.booleans(),
        "talk": small,
        "leaves_after": small,
        "star_after": small,
        "speaks": small,
        "waits": small,
        "presses": st.lists(st.text("0123456789*#wW", max_size=4), max_size=3),
    },
)


def add(response: VoiceResponse, name: str, what: Any) -> None:
    """Write one verb."""
    match name:
        case "prompt":
            getattr(response, what[0])(**what[1])
        case "dial":
            dial = response.dial(**what[0])
            for kind, number in what[1]:
                getattr(dial, kind)(f"sip:{number}@pbx.example.org" if kind == "sip" else number)
        case "gather":
            gather = response.gather(**what[0])
            for prompt, attributes in what[1]:
                getattr(gather, prompt)(**attributes)
        case "enqueue":
            response.enqueue("line", **what)
        case "redirect":
            response.redirect("https://{host}/done")
        case _:
            getattr(response, name)(**(what or {}))


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A network used for many calls."""
    with start_rehearsal(tmp_path_factory.mktemp("any") / "state.db") as rehearsal:
        client, door = client_of(rehearsal), Door(rehearsal)
        network = build_network(client, door)
        network.answers("", done="<Say>done</Say>")
        yield network
        client.http_client.session.close()
        door.session.close()


@settings(max_examples=40, deadline=None)
@given(st.lists(verbs, max_size=5), behaviours)
def test_call_ends_whatever_its_document_says(
    lasting: Network, document: list[tuple[str, Any]], behaviour: dict[str, Any]
) -> None:
    """Within a day the call and all its legs have ended, no leg after its parent, and none is queued."""
    response = VoiceResponse()
    for name, what in document:
        add(response, name, what)
    for number in (FRIEND, "+15035550197"):
        lasting.door.control("POST", f"/numbers/{number}", json=behaviour)
    twiml = str(response).replace("{host}", lasting.live.domain_name)
    sid = lasting.client.calls.create(to=FRIEND, from_=NUMBER, twiml=twiml).sid
    assert "now" in lasting.door.control("POST", "/clock", json={"advance_s": ONE_DAY})
    call = lasting.client.calls(sid).fetch()
    legs = lasting.client.calls.list(parent_call_sid=sid)
    assert {call.status, *(leg.status for leg in legs)} <= FINAL
    assert all(call.date_created <= leg.start_time <= leg.end_time <= call.end_time for leg in legs)
    assert all(queue.current_size == 0 for queue in lasting.client.queues.list())
