"""Delete: an environment, the service, a client; in a valid order, and with a check afterwards."""

from __future__ import annotations

import pytest

from dialtone_nb.errors import ConsentError, InputError, StalePlanError
from dialtone_nb.infrastructure.resources.credential_lists import CREDENTIAL_LIST
from dialtone_nb.infrastructure.resources.model import Action
from dialtone_nb.infrastructure.resources.services import SERVICE as SERVICE_TYPE
from tests.infrastructure.desk import (
    LIST,
    SERVICE,
    STAGE,
    STAGE_NONEMERGENCY,
    VAN,
    WORKBENCH,
    Desk,
    lines,
    stage_deployed,
    van_set_up,
    workbench_set_up,
)


@pytest.fixture
def phones(desk: Desk) -> Desk:
    """An account with stage deployed and its two phones set up."""
    desk.after(stage_deployed, workbench_set_up, van_set_up)
    return desk


def test_deleting_an_environment_leaves_nothing_of_it_but_its_numbers(phones: Desk) -> None:
    """Credentials, addresses, mappings, domains, list and environment are deleted; numbers stay without a URL."""
    proposal = phones.delete("environment")
    assert lines(proposal.plan) == [
        f"update phone number {WORKBENCH}: emergency_address_sid, voice_fallback_url, voice_url",
        f"update phone number {VAN}: voice_fallback_url, voice_url",
        "delete credential van",
        "delete credential workbench",
        "delete address workbench emergency",
        f"delete registrations mapping {STAGE_NONEMERGENCY}/{LIST}",
        f"delete registrations mapping {STAGE}/{LIST}",
        f"delete calls mapping {STAGE_NONEMERGENCY}/{LIST}",
        f"delete calls mapping {STAGE}/{LIST}",
        f"delete SIP domain {STAGE_NONEMERGENCY}",
        f"delete SIP domain {STAGE}",
        f"delete credential list {LIST}",
        "delete deployment stage",
        "delete environment stage",
    ]
    assert f"kept, as they are not named in release_numbers: {WORKBENCH}, {VAN}" in proposal.plan.notes
    applied = phones.do(proposal)
    assert applied.check is not None
    assert applied.check.is_empty
    assert phones.client.sip.domains.list() == []
    assert phones.client.sip.credential_lists.list() == []
    assert phones.client.addresses.list() == []
    assert phones.client.serverless.v1.services(SERVICE).environments.list() == []
    for number in (WORKBENCH, VAN):
        kept = phones.number(number)
        assert (kept.voice_url, kept.emergency_address_status) == ("", "unregistered")


def test_numbers_that_are_named_are_released_their_emergency_address_first(phones: Desk) -> None:
    """A number with an emergency address is unregistered first and waited for, else Twilio refuses its release."""
    proposal = phones.delete("environment", release=[WORKBENCH])
    planned = lines(proposal.plan)
    assert f"delete phone number {WORKBENCH}" in planned
    assert f"update phone number {VAN}: voice_fallback_url, voice_url" in planned
    phones.do(proposal)
    assert phones.number(WORKBENCH) is None
    assert phones.number(VAN) is not None


def test_a_number_that_is_no_phones_is_not_released(phones: Desk) -> None:
    """The error for a number of no deleted phone comes before any request."""
    phones.client.incoming_phone_numbers.create(phone_number="+15035550111")
    phones.requests()
    with pytest.raises(InputError, match=r"\+15035550111 is not the number of a phone that this deletes"):
        phones.delete("environment", release=["+15035550111"])
    with pytest.raises(InputError, match=rf"\{VAN} is not the number of a phone that this deletes"):
        phones.delete("client", client="workbench", release=[VAN])
    assert phones.requests() == {}


def test_deleting_a_client_takes_out_its_own_things_alone(phones: Desk) -> None:
    """Credential and address of one phone are deleted, its number is kept; the other phone is unchanged."""
    proposal = phones.delete("client", client="workbench")
    assert lines(proposal.plan) == [
        f"update phone number {WORKBENCH}: emergency_address_sid, voice_fallback_url, voice_url",
        "delete credential workbench",
        "delete address workbench emergency",
    ]
    phones.do(proposal)
    listed = phones.client.sip.credential_lists.list()[0]
    assert [one.username for one in phones.client.sip.credential_lists(listed.sid).credentials.list()] == ["van"]
    assert phones.number(VAN).voice_url == phones.url("stage", "/sip-incoming")


def test_deleting_a_client_twice_finds_nothing(phones: Desk) -> None:
    """The second plan is empty."""
    phones.do(phones.delete("client", client="van", release=[VAN]))
    assert phones.delete("client", client="van", release=[VAN]).plan.is_empty


def test_number_that_leads_elsewhere_is_left_alone(phones: Desk) -> None:
    """A kept number with another URL keeps it."""
    phones.client.incoming_phone_numbers(phones.number(VAN).sid).update(voice_url="https://example.org/")
    assert lines(phones.delete("client", client="van").plan) == ["delete credential van"]


def test_a_service_that_serves_another_environment_is_refused(phones: Desk) -> None:
    """The service can be deleted only once prod is."""
    phones.do(phones.promote())
    with pytest.raises(InputError, match="service dialtone: still serves prod; delete those environments first"):
        phones.delete("service")
    phones.do(phones.delete("environment", "prod"))
    phones.do(phones.delete("service"))
    assert phones.client.serverless.v1.services.list() == []
    assert phones.delete("service").plan.is_empty


def test_an_environment_deleted_beside_another_leaves_what_they_share(phones: Desk) -> None:
    """The list and the service stay for the other environment."""
    phones.do(phones.promote())
    proposal = phones.delete("environment")
    assert not any(change.kind in {SERVICE_TYPE, CREDENTIAL_LIST} for change in proposal.plan.changes)
    phones.do(proposal)
    assert phones.promote(source="stage", build=phones.live("prod")).plan.is_empty


def test_list_with_other_users_stays(phones: Desk) -> None:
    """An undeclared credential keeps the list, as the plan says."""
    listed = phones.client.sip.credential_lists.list()[0]
    phones.client.sip.credential_lists(listed.sid).credentials.create("stranger", "Abcdefghijk1")
    proposal = phones.delete("environment")
    assert "credentials of others stay, and the list with them: stranger" in proposal.plan.notes
    phones.do(proposal)
    assert [one.friendly_name for one in phones.client.sip.credential_lists.list()] == [LIST]


def test_protected_environment_is_deleted_with_its_plans_fingerprint_alone(desk: Desk) -> None:
    """Prod's name is no consent to deleting prod."""
    desk.do(desk.deploy("prod"))
    proposal = desk.delete("environment", "prod")
    with pytest.raises(ConsentError, match="prod is protected"):
        desk.carry_out(proposal, "prod")
    assert desk.domain("dialtone-example-prod.sip.twilio.com") is not None
    assert desk.carry_out(proposal, proposal.plan.fingerprint).is_complete


def test_deleting_what_is_not_there_finds_nothing(desk: Desk) -> None:
    """On an empty account the plan is empty."""
    for what in ("environment", "service"):
        assert desk.delete(what).plan.is_empty


def test_delete_refuses_what_it_does_not_know(desk: Desk) -> None:
    """A misspelt kind and a phone of another environment get a suggestion, before any request."""
    desk.requests()
    with pytest.raises(InputError, match="parameter what of delete: is 'enviroment'; did you mean 'environment'"):
        desk.delete("enviroment")
    with pytest.raises(InputError, match="'lobby' is not a phone of stage"):
        desk.delete("client", client="lobby")
    with pytest.raises(InputError, match="parameter client of delete: is empty"):
        desk.delete("client")
    assert desk.requests() == {}


def test_things_gone_meanwhile_do_not_stop_a_delete(phones: Desk) -> None:
    """A resource deleted elsewhere during the apply counts as deleted; before it, the plan is stale."""
    proposal = phones.delete("environment")
    listed = phones.client.sip.credential_lists.list()[0]

    begun: list[object] = []

    def watch(event: object) -> None:
        if begun:
            return
        begun.append(event)
        for credential in phones.client.sip.credential_lists(listed.sid).credentials.list():
            phones.client.sip.credential_lists(listed.sid).credentials(credential.sid).delete()
        phones.client.sip.domains(phones.domain().sid).delete()

    assert phones.carry_out(proposal, observe=watch).is_complete
    with pytest.raises(StalePlanError):
        phones.carry_out(proposal)


def test_everything_that_was_made_can_be_made_again(phones: Desk) -> None:
    """After deleting the service, deploy and set-up restore everything under other URLs."""
    old = phones.url("stage", "/sip-incoming")
    phones.do(phones.delete("service"))
    phones.do(phones.deploy())
    for name in ("workbench", "van"):
        proposal = phones.set_up(name)
        assert Action.DELETE not in {change.action for change in proposal.plan.changes}
        phones.do(proposal)
    assert phones.number(VAN).voice_url == phones.url("stage", "/sip-incoming") != old
    assert phones.number(WORKBENCH).emergency_address_status == "registered"


def test_a_deleted_phone_leaves_no_password_on_this_machine(phones: Desk) -> None:
    """A phone's private file is deleted with its credential; another phone's stays."""
    private = phones.site("stage").private / "stage"
    assert {folder.name for folder in private.iterdir()} == {"workbench", "van"}
    applied = phones.do(phones.delete("client", client="van"))
    assert applied.said == ("private file of van: deleted",)
    assert [folder.name for folder in private.iterdir()] == ["workbench"]
