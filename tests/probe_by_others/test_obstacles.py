"""Obstacles: each is in the way of something, and what is believed of the rows that it hides is unfounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialtone_nb.values.assumptions import Assumed, load_assumptions
from tests.probe_by_others.comparing import FALSE, FOUND, LISTED, UNFOUNDED, UNSETTLED, compare
from tests.probe_by_others.conftest import ADDRESS
from tests.probe_by_others.deviating_twilio import deviating_twilio
from tests.probe_by_others.obstacles import OBSTACLES
from tests.probe_by_others.test_deviating_twilio import code_of
from tests.rehearsal.doors import Door, add_phone, client_of, deploy
from tests.rehearsal.network import DOMAIN, HELLO, NUMBER
from tests.rehearsal.sip.calls import refusal
from tests.rehearsal.sip.handset import Handset


def test_what_is_believed_behind_an_obstacle_is_unfounded() -> None:
    """Of what it hides nothing is known, whatever was assumed; what else is said must be as it is."""
    said: dict[str, Assumed] = {"ended_unanswered": "canceled", "twiml_too_long_code": 21216, "queue_max_size": 100}
    became = compare("api_may_not_call", said)
    assert (became[FALSE], became[UNFOUNDED], became[UNSETTLED]) == (["twiml_too_long_code"], ["ended_unanswered"], [])


def test_an_obstacle_may_be_seen_itself() -> None:
    """A number that is released is what was asked for there, and nothing false; another row is."""
    said: dict[str, Assumed] = {"number_has_address_code": "accepted", "address_in_use_code": "accepted"}
    became = compare("numbers_with_addresses_are_released", said)
    assert (became[FOUND], became[FALSE]) == (["number_has_address_code"], ["address_in_use_code"])


def test_obstacles_are_listed() -> None:
    """Each is there in code, and hides rows that there are."""
    assert LISTED["obstacles"].keys() == OBSTACLES.keys()
    assert {row for one in LISTED["obstacles"].values() for row in one["hides"]} <= load_assumptions().keys()


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_an_obstacle_is_in_the_way_of_its_own_alone(tmp_path: Path, obstacle: str) -> None:
    """Phones call and register, functions answer, the API places calls and sells numbers, but for one of these."""
    with deviating_twilio(tmp_path, names=[obstacle]) as rehearsal:
        client, http = client_of(rehearsal), Door(rehearsal)
        numbers = client.incoming_phone_numbers
        live = deploy(client, http, {"/voice": ("public", "exports.handler = (c, e, done) => done(null, 'Hello')")})
        add_phone(client, "lobby", DOMAIN, f"https://{live.domain_name}/voice")
        door = rehearsal.open_sip_door()
        with Handset((door.host, door.port), "lobby", domain=DOMAIN) as phone:
            works = {
                "phones_may_not_register": phone.register().status_code == 200,
                "phones_may_not_call": refusal(phone, "100") == 200,
                "functions_fail": http.ask("GET", live.domain_name, "/voice").status_code == 200,
                "api_may_not_call": code_of(
                    lambda: client.calls.create(to=f"sip:lobby@{DOMAIN}", from_="probe", twiml=HELLO)
                )
                == "accepted",
                "no_number_is_sold": code_of(lambda: numbers.create(phone_number=NUMBER)) == "accepted",
            }
            if works["no_number_is_sold"]:
                address = client.addresses.create(**ADDRESS, emergency_enabled=True).sid
                number = numbers(numbers.list()[0].sid)
                number.update(emergency_address_sid=address)
                works["numbers_with_addresses_are_released"] = code_of(number.delete) != "accepted"
        client.http_client.session.close()
        http.session.close()
    assert works == {name: name != obstacle for name in OBSTACLES if name in works}
    assert obstacle in works
