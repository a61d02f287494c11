"""Client set-up: add, change, rotate, suspend; only the number that was named is bought."""

from __future__ import annotations

import stat
from typing import Any

import pytest
from twilio.rest.api.v2010.account.incoming_phone_number import IncomingPhoneNumberContext, IncomingPhoneNumberList

from dialtone_nb.errors import InputError
from dialtone_nb.infrastructure.apply import Status
from dialtone_nb.infrastructure.resources.builds import BUILD
from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.infrastructure.resources.deployments import DEPLOYMENT
from dialtone_nb.infrastructure.resources.functions import FUNCTION_VERSION
from dialtone_nb.infrastructure.resources.model import Action
from dialtone_nb.infrastructure.resources.phone_numbers import PHONE_NUMBER
from dialtone_nb.phones.configurations import find_password
from dialtone_nb.phones.private_files import PASSWORD_FILE, load_private_files
from dialtone_nb.phones.settings import device_settings
from dialtone_nb.runbooks.steps.phone_files import sheet_file
from tests.infrastructure.desk import (
    LOBBY,
    SERVICE,
    STAGE,
    VAN,
    WORKBENCH,
    Desk,
    lines,
    prod_promoted,
    stage_deployed,
    statuses,
    van_set_up,
    workbench_set_up,
)


def credentials(desk: Desk) -> list[str]:
    """The user names in the credential list."""
    (listed,) = desk.client.sip.credential_lists.list()
    return sorted(one.username for one in desk.client.sip.credential_lists(listed.sid).credentials.list())


def private(desk: Desk, client: str, environment: str = "stage") -> dict[str, str]:
    """A phone's private files."""
    return load_private_files(desk.site(environment).private / environment / client)


def address(**changes: Any) -> dict[str, Any]:
    """An emergency address."""
    fields = {"customer_name": "Ada", "street": "9 Fern Street", "city": "Portland", "region": "OR"}
    return {**fields, "postal_code": "97211", "country": "US", **changes}


def test_phone_is_set_up_whole(desk: Desk) -> None:
    """Address, number with emergency address, credential, private file and sheet; then the plan is empty."""
    desk.after(stage_deployed)
    proposal = desk.set_up("workbench", buy=WORKBENCH)
    assert lines(proposal.plan) == [
        "create address workbench emergency",
        f"create phone number {WORKBENCH}",
        "create credential workbench",
    ]
    bought = proposal.plan.changes[1]
    assert bought.cost == "1.15 USD a month"
    applied = desk.do(proposal)
    number = desk.number(WORKBENCH)
    assert number.voice_url == desk.url("stage", "/sip-incoming")
    assert number.emergency_address_status == "registered"
    assert number.emergency_address_sid == desk.client.addresses.list()[0].sid
    assert credentials(desk) == ["workbench"]
    assert [line.partition(":")[0] for line in applied.said] == [
        "device sheet",
        "password and ready configuration, for nobody else's eyes",
        "before it is opened to the public",
    ]
    folder = desk.site("stage").private / "stage" / "workbench"
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert desk.set_up("workbench").plan.is_empty
    assert desk.deploy().plan.is_empty


def test_set_up_of_the_first_phone_deploys_what_it_needs(desk: Desk) -> None:
    """On an empty account, setting up a phone of stage also deploys stage."""
    desk.do(desk.set_up("van", buy=VAN))
    assert credentials(desk) == ["van"]
    assert desk.number(VAN).voice_url == desk.url("stage", "/sip-incoming")
    assert desk.deploy().plan.is_empty


def test_only_the_named_number_is_bought(desk: Desk) -> None:
    """A number is bought only if `buy` has exactly that number."""
    desk.after(stage_deployed)
    with pytest.raises(
        InputError, match=rf'number \{VAN} of van: is not owned by this account; set buy_number to "\{VAN}"'
    ):
        desk.set_up("van")
    with pytest.raises(InputError, match=r"\+15035550111 is not the caller ID of van"):
        desk.set_up("van", buy="+15035550111")
    assert desk.client.incoming_phone_numbers.list() == []
    desk.do(desk.set_up("van", buy=VAN))
    assert [one.phone_number for one in desk.client.incoming_phone_numbers.list()] == [VAN]
    assert desk.set_up("van", buy=VAN).plan.is_empty


def test_a_phone_that_is_declared_as_another_model_gets_its_sheet_and_configuration_anew(desk: Desk) -> None:
    """The plan is empty, as Twilio has no models; the password stays, and a second run writes no file."""
    desk.declare("workbench", device="any")
    desk.do(desk.deploy())
    desk.do(desk.set_up("workbench", buy=WORKBENCH))
    site = desk.site("stage")
    sheet = sheet_file(site.project, site.environment, "workbench", rehearsed=True)
    before = private(desk, "workbench")
    assert "HT802" not in sheet.read_text("utf-8")

    desk.declare("workbench", device="grandstream-ht802")
    proposal = desk.set_up("workbench")
    assert proposal.plan.is_empty
    said = desk.do(proposal).said
    assert [line.partition(": ")[0] for line in said] == ["written anew, as the phone is declared now"] * len(said)
    assert len(said) > 1
    assert "HT802" in sheet.read_text("utf-8")
    after = private(desk, "workbench")
    assert set(after) > set(before)
    settings = device_settings(desk.parameters, "workbench")
    assert find_password(settings, after) == find_password(settings, before) != ""
    assert desk.do(desk.set_up("workbench")).said == ()


def test_number_that_cannot_be_had_is_refused_in_the_plan(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that is not available is refused in the plan; on the rehearsal all are available."""
    desk.after(stage_deployed)
    monkeypatch.setattr("dialtone_nb.runbooks.client_setup.is_available", lambda *_: False)
    desk.declare("van", caller_id="+14045550199")
    with pytest.raises(InputError, match=r"number \+14045550199 of van: can't be bought"):
        desk.set_up("van", buy="+14045550199")


def test_number_that_is_owned_is_adopted(desk: Desk) -> None:
    """An owned number gets the service's URL and the emergency address, and none is bought."""
    owned = desk.client.incoming_phone_numbers.create(phone_number=WORKBENCH, voice_url="https://example.org/old")
    desk.do(desk.deploy())
    proposal = desk.set_up("workbench")
    assert lines(proposal.plan) == [
        "create address workbench emergency",
        f"update phone number {WORKBENCH}: emergency_address_sid",
        "create credential workbench",
    ]
    desk.do(proposal)
    number = desk.number(WORKBENCH)
    assert (number.sid, number.emergency_address_status) == (owned.sid, "registered")


def test_new_phone_goes_into_the_table_first(desk: Desk) -> None:
    """A phone that the live table lacks is deployed in its set-up, before its number gets the URL."""
    desk.after(stage_deployed)
    desk.declare("kiosk", environment="stage", caller_id="+15035550109", trunk_context="menu")
    proposal = desk.set_up("kiosk", buy="+15035550109")
    assert [(change.action, change.kind) for change in proposal.plan.changes] == [
        (Action.UPDATE, FUNCTION_VERSION),  # the manifest
        (Action.UPDATE, FUNCTION_VERSION),  # the table
        (Action.CREATE, BUILD),
        (Action.UPDATE, DEPLOYMENT),
        (Action.CREATE, PHONE_NUMBER),
        (Action.CREATE, CREDENTIAL),
    ]
    desk.do(proposal)
    assert desk.deploy().plan.is_empty


def test_new_phone_of_a_protected_environment_is_promoted_first(desk: Desk) -> None:
    """Prod's table changes by a promote, as set-up says; then set-up continues."""
    desk.after(stage_deployed, prod_promoted)
    desk.declare("kiosk", environment="prod", caller_id="+15035550109", trunk_context="menu")
    with pytest.raises(InputError, match="client kiosk: is not in the table that is live in prod as clients"):
        desk.set_up("kiosk", buy="+15035550109")
    desk.do(desk.deploy())
    desk.do(desk.promote())
    desk.do(desk.set_up("kiosk", buy="+15035550109"))


def test_phone_of_a_protected_environment_with_nothing_live_waits_for_a_promote(desk: Desk) -> None:
    """Setting a phone up in prod is refused before anything is live there."""
    with pytest.raises(InputError, match="environment prod: has nothing live; promote a build to it first"):
        desk.set_up("lobby", buy=LOBBY)


def test_new_emergency_address_is_registered_in_place_of_the_old(desk: Desk) -> None:
    """A changed address in clients.yaml is an update, and the number is registered with it."""
    desk.after(stage_deployed, workbench_set_up)
    desk.declare("workbench", emergency_address=address())
    proposal = desk.set_up("workbench")
    assert lines(proposal.plan) == ["update address workbench emergency: customer_name, postal_code, street"]
    desk.do(proposal)
    assert desk.client.addresses.list()[0].street == "9 Fern Street"
    assert desk.number(WORKBENCH).emergency_address_status == "registered"


def test_phone_that_loses_its_emergency_address_is_unregistered(desk: Desk) -> None:
    """If clients.yaml has no address any more, the number's is removed."""
    desk.after(stage_deployed, workbench_set_up)
    desk.declare("workbench", emergency_address=None)
    desk.do(desk.set_up("workbench"))
    number = desk.number(WORKBENCH)
    assert (number.emergency_address_sid, number.emergency_address_status) == (None, "unregistered")


def test_address_that_twilio_refuses_stops_before_money_is_spent(desk: Desk) -> None:
    """An address that fails validation stops the set-up with Twilio's message; no number is bought."""
    desk.after(stage_deployed)
    desk.declare("workbench", emergency_address=address(region="Nowhere"))
    applied = desk.carry_out(desk.set_up("workbench", buy=WORKBENCH))
    errors = [one.error for one in applied.outcomes if one.error]
    assert applied.exit_code == 4
    assert "error 21628" in errors[0]
    assert statuses(applied)[Status.FAILED] == 1
    assert desk.client.incoming_phone_numbers.list() == []


def test_rotating_gives_a_new_password_to_the_same_credential(desk: Desk) -> None:
    """The credential keeps its SID, and the private file has its new password."""
    desk.after(stage_deployed, van_set_up)
    before = private(desk, "van")
    proposal = desk.set_up("van", "rotate")
    assert lines(proposal.plan) == ["update credential van: password"]
    assert proposal.plan.changes[0].undo == "no: the old password can't be read back"
    desk.do(proposal)
    after = private(desk, "van")
    assert before.keys() == after.keys()
    assert before[PASSWORD_FILE] != after[PASSWORD_FILE]
    assert credentials(desk) == ["van"]


def test_rotating_what_is_not_set_up_is_refused(desk: Desk) -> None:
    """A phone without a credential has no password to rotate."""
    desk.after(stage_deployed)
    desk.client.incoming_phone_numbers.create(phone_number=VAN)
    with pytest.raises(
        InputError, match="client van: has no credential whose password could be changed; set it up first"
    ):
        desk.set_up("van", "rotate")


def test_suspended_phone_loses_its_credential_and_nothing_else(desk: Desk) -> None:
    """Suspending deletes the credential; deploys do not restore it; set-up does, with a new password."""
    desk.after(stage_deployed, van_set_up)
    before = private(desk, "van")[PASSWORD_FILE]
    proposal = desk.set_up("van", "suspend")
    assert lines(proposal.plan) == ["delete credential van"]
    applied = desk.do(proposal)
    assert applied.said == ()
    assert credentials(desk) == []
    assert desk.number(VAN).voice_url == desk.url("stage", "/sip-incoming")
    assert desk.deploy().plan.is_empty
    assert desk.set_up("van", "suspend").plan.is_empty
    desk.do(desk.set_up("van"))
    assert credentials(desk) == ["van"]
    assert private(desk, "van")[PASSWORD_FILE] != before


def test_set_up_repairs_what_it_stands_on(desk: Desk) -> None:
    """A missing mapping is created in the same plan, before the credential."""
    desk.after(stage_deployed)
    (listed,) = desk.client.sip.credential_lists.list()
    desk.client.sip.domains(desk.domain().sid).auth.registrations.credential_list_mappings(listed.sid).delete()
    proposal = desk.set_up("van", buy=VAN)
    assert f"create registrations mapping {STAGE}/dialtone-phones" in lines(proposal.plan)
    desk.do(proposal)


def test_client_set_up_refuses_what_it_does_not_know(desk: Desk) -> None:
    """All faults of the parameters are reported together, before any request."""
    desk.requests()
    with pytest.raises(InputError) as refused:
        desk.set_up("van", "rotated", buy="+15035550111")
    assert [fault.place for fault in refused.value.faults] == [
        "parameter action of client_setup",
        "parameter buy_number of client_setup",
    ]
    assert desk.requests() == {}
    assert desk.client.serverless.v1.services.list() == []
    assert SERVICE not in str(refused.value)


def test_an_address_goes_to_a_number_by_a_request_of_its_own(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twilio ignores an address in a purchase; set-up ends when Twilio reports that it is registered."""
    desk.after(stage_deployed)
    sent: list[dict[str, Any]] = []
    for owner, name in ((IncomingPhoneNumberList, "create"), (IncomingPhoneNumberContext, "update")):
        method = getattr(owner, name)

        def noted(*args: Any, method: Any = method, **fields: Any) -> Any:
            sent.append(fields)
            return method(*args, **fields)

        monkeypatch.setattr(owner, name, noted)
    desk.do(desk.set_up("workbench", buy=WORKBENCH))
    purchase, second = sent
    assert "emergency_address_sid" not in purchase
    assert second == {"emergency_address_sid": desk.client.addresses.list()[0].sid}
    assert desk.number(WORKBENCH).emergency_address_status == "registered"


class Killed(BaseException):
    """Raised in place of the end of the process."""


@pytest.mark.parametrize("nth", [1, 2])
def test_killed_around_the_second_request_there_is_one_number_with_its_address(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """Run again after the purchase or after the request to register, set-up continues from there."""
    desk.after(stage_deployed)
    update = IncomingPhoneNumberContext.update
    asked = 0

    def killed(*args: Any, **fields: Any) -> Any:
        nonlocal asked
        if nth == 2:
            update(*args, **fields)
        asked += 1
        raise Killed

    monkeypatch.setattr(IncomingPhoneNumberContext, "update", killed)
    with pytest.raises(Killed):
        desk.carry_out(desk.set_up("workbench", buy=WORKBENCH))
    assert asked == 1
    monkeypatch.setattr(IncomingPhoneNumberContext, "update", update)
    proposal = desk.set_up("workbench", buy=WORKBENCH)
    assert f"update phone number {WORKBENCH}: emergency_address_sid" in lines(proposal.plan)
    desk.do(proposal)
    (number,) = desk.client.incoming_phone_numbers.list()
    assert (number.phone_number, number.emergency_address_status) == (WORKBENCH, "registered")


@pytest.mark.parametrize("shown", ["pending-registration", "unregistered", "registration-failure"])
@pytest.mark.parametrize("is_owned", [False, True])
def test_an_address_that_is_not_registered_in_the_end_is_told_in_one_line(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, shown: str, is_owned: bool
) -> None:
    """For a new and an owned number, the error has the number, Twilio's status and the repair."""
    from dialtone_nb.rehearsal.api import incoming_phone_numbers as numbers

    desk.after(stage_deployed)
    if is_owned:
        desk.client.incoming_phone_numbers.create(phone_number=WORKBENCH)
    look_again = numbers.look_again

    def stays(tables: Any, number: Any) -> Any:
        return (
            tables.save(number, {"emergency_address_status": shown}) if number.body["emergency_address_sid"] else number
        )

    monkeypatch.setattr(numbers, "look_again", stays)
    applied = desk.carry_out(desk.set_up("workbench", buy="" if is_owned else WORKBENCH))
    assert applied.exit_code == 4
    (failed,) = [one for one in applied.outcomes if one.status is Status.FAILED]
    assert WORKBENCH in failed.error
    assert f"({shown}); look at the address in clients.yaml, then run again" in failed.error
    assert "\n" not in failed.error
    monkeypatch.setattr(numbers, "look_again", look_again)
    desk.do(desk.set_up("workbench"))
    assert desk.number(WORKBENCH).emergency_address_status == "registered"


def test_failed_registration_is_not_taken_for_done(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number whose registration failed is planned again, and registered once possible."""
    from dialtone_nb.rehearsal.api import incoming_phone_numbers as numbers

    look_again = numbers.look_again

    def fails(tables: Any, number: Any) -> Any:
        if number.body["emergency_address_status"] != "pending-registration":
            return look_again(tables, number)
        return tables.save(number, {"emergency_address_status": "registration-failure"})

    desk.after(stage_deployed)
    monkeypatch.setattr(numbers, "look_again", fails)
    applied = desk.carry_out(desk.set_up("workbench", buy=WORKBENCH))
    assert any("registration-failure" in one.error for one in applied.outcomes)
    monkeypatch.setattr(numbers, "look_again", look_again)
    proposal = desk.set_up("workbench")
    assert f"update phone number {WORKBENCH}: emergency_address_sid" in lines(proposal.plan)
    desk.do(proposal)
    assert desk.number(WORKBENCH).emergency_address_status == "registered"
