"""Optional eventual consistency: lists that lag behind changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from dialtone_nb.rehearsal import start_rehearsal
from tests.rehearsal.doors import Door, client_of


@pytest.fixture
def late(door: Door) -> None:
    """Lists lag for two reads."""
    assert door.control("POST", "/lag", json={"reads": 2}) == {"reads": 2}


@pytest.mark.usefixtures("late")
def test_a_new_thing_is_there_before_it_is_listed(client: Client) -> None:
    """A created resource can be fetched at once, and is listed from the third read."""
    made = client.sip.credential_lists.create("phones").sid
    assert client.sip.credential_lists(made).fetch().friendly_name == "phones"
    assert [len(client.sip.credential_lists.list()) for _ in range(4)] == [0, 0, 1, 1]


@pytest.mark.usefixtures("late")
def test_a_deleted_thing_is_gone_before_its_list_knows(client: Client, door: Door) -> None:
    """A deleted resource gives 404 at once, and is listed for two more reads."""
    door.control("POST", "/lag", json={"reads": 0})
    made = client.sip.credential_lists.create("phones").sid
    door.control("POST", "/lag", json={"reads": 2})
    assert client.sip.credential_lists(made).delete()
    with pytest.raises(TwilioRestException, match="was not found"):
        client.sip.credential_lists(made).fetch()
    assert [[one.sid for one in client.sip.credential_lists.list()] for _ in range(3)] == [[made], [made], []]


@pytest.mark.usefixtures("late")
def test_time_that_passes_settles_everything(client: Client, door: Door) -> None:
    """After a wait lists are up to date."""
    client.sip.credential_lists.create("phones")
    door.control("POST", "/clock", json={"advance_s": 10})
    assert len(client.sip.credential_lists.list()) == 1


@pytest.mark.usefixtures("late")
def test_an_environments_name_stays_taken_for_a_while(client: Client) -> None:
    """Creating an environment again right after its deletion is a conflict until the lag ends."""
    service = client.serverless.v1.services(client.serverless.v1.services.create("phones", "Phones").sid)
    stage = service.environments.create("stage", domain_suffix="stage").sid
    variables = service.environments(stage).variables
    variables(variables.create("GREETING", "hello").sid).delete()
    service.environments(stage).delete()
    for _ in range(2):
        with pytest.raises(TwilioRestException) as raised:
            service.environments.create("stage", domain_suffix="stage")
        assert (raised.value.status, raised.value.code) == (409, 20409)
    assert service.environments.create("stage", domain_suffix="stage").sid != stage


@pytest.mark.usefixtures("late")
def test_only_the_list_in_question_lags(client: Client) -> None:
    """A lagging mapping of one domain does not appear in another, and other lists are up to date."""
    domains = [client.sip.domains.create(f"{name}.sip.twilio.com").sid for name in "ab"]
    phones = client.sip.credential_lists.create("phones").sid
    for domain in domains:
        client.sip.domains(domain).auth.calls.credential_list_mappings.create(phones)
    first = client.sip.domains(domains[0]).auth.calls.credential_list_mappings
    second = client.sip.domains(domains[1]).auth.calls.credential_list_mappings
    assert [len(first.list()) for _ in range(3)] == [0, 0, 1]
    assert [len(second.list()) for _ in range(3)] == [0, 0, 1]
    assert client.sip.domains(domains[0]).fetch().auth_type == "CREDENTIAL_LIST"


def test_nothing_lags_unless_it_is_told_to(client: Client, door: Door, tmp_path: Path) -> None:
    """By default lists are up to date; the lag, a number of reads, is set at the start or later."""
    client.sip.credential_lists.create("phones")
    assert len(client.sip.credential_lists.list()) == 1
    for wrong in (-1, "two", None, True):
        assert door.control("POST", "/lag", json={"reads": wrong})["code"] == 20001
    with start_rehearsal(tmp_path / "late.db", lag=1) as rehearsal:
        lists = client_of(rehearsal).sip.credential_lists
        lists.create("phones")
        assert [len(lists.list()) for _ in range(2)] == [0, 1]
