"""Client set-up while the rehearsal's SIP server is open: sheet and configuration file are for this machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from dialtone_nb.account.rehearsal_control import DoorAddress, close_door, find_door, open_door
from dialtone_nb.display.telephony.real_phones import real_phone_html, real_phone_text
from dialtone_nb.display.widgets.real_phone_box import PhoneWork, RealPhoneBox
from dialtone_nb.errors import InputError
from dialtone_nb.infrastructure.site import Site
from dialtone_nb.phones.private_files import load_private_files
from dialtone_nb.runbooks.real_phones import let_in, look, ring
from dialtone_nb.runbooks.test_calls import list_set_up
from tests.infrastructure.desk import Desk, stage_deployed
from tests.rehearsal.sip.handset import Handset

CLIENT, NUMBER = "workbench", "+15035550101"
DOMAIN = "dialtone-example-stage.sip.twilio.com"


@pytest.fixture
def stage(desk: Desk) -> Iterator[Desk]:
    """A desk with stage deployed; its SIP server is closed in the end."""
    desk.after(stage_deployed)
    yield desk
    close_door(desk.account)


def door_at(desk: Desk) -> DoorAddress:
    """A SIP server on a free port."""
    return open_door(desk.account, "127.0.0.1:0")


def sheet_of(desk: Desk) -> str:
    """The phone's sheet."""
    return (desk.project / "reports/rehearsal/sheets" / f"{CLIENT}.html").read_text(encoding="utf-8")


def private_of(desk: Desk) -> dict[str, str]:
    """The phone's private files."""
    return load_private_files(desk.site("stage").private / "stage" / CLIENT)


def password_of(desk: Desk) -> str:
    """The phone's password in its private file."""
    lines = private_of(desk)["phone.txt"].splitlines()
    return next(line.split()[-1] for line in lines if line.startswith("  Password"))


def phone_at(door: DoorAddress, password: str) -> Handset:
    """A SIP phone with this password."""
    return Handset((door.host, door.port), CLIENT, domain=DOMAIN, password=password)


def test_a_phone_that_is_set_up_while_a_door_is_open_is_set_up_for_it(stage: Desk) -> None:
    """Sheet and configuration name this machine, the outcome says so, and no sheet has the password."""
    door = door_at(stage)
    applied = stage.do(stage.set_up(CLIENT, buy=NUMBER))
    where = f"127.0.0.1:{door.port}"
    assert any(where in line and "SIP server" in line for line in applied.said)
    assert "For a rehearsal, not Twilio." in sheet_of(stage)
    assert where in sheet_of(stage)
    assert f"hand-over {CLIENT} --rehearsal" in sheet_of(stage)
    assert where in private_of(stage)["linphone.xml"]
    assert password_of(stage) not in sheet_of(stage)


def test_a_sheet_of_the_door_promises_no_real_telephone(stage: Desk) -> None:
    """Its checks are those of a rehearsal: an echo, a button that calls the phone, and 933 without a real call."""
    door_at(stage)
    stage.do(stage.set_up(CLIENT, buy=NUMBER))
    assert "your own mobile phone" not in sheet_of(stage)
    assert "503 555 0191" in sheet_of(stage)
    assert "this is no emergency service" in sheet_of(stage)


def test_without_a_door_a_sheet_is_for_twilio(stage: Desk) -> None:
    """It is the one for the real account."""
    stage.do(stage.set_up(CLIENT, buy=NUMBER))
    assert "For a rehearsal" not in sheet_of(stage)
    assert "127.0.0.1" not in sheet_of(stage) + private_of(stage)["linphone.xml"]


def test_a_door_that_is_opened_later_has_the_files_made_anew(stage: Desk) -> None:
    """The files keep the password and get the new server; a phone with them can register."""
    stage.do(stage.set_up(CLIENT, buy=NUMBER))
    before = password_of(stage)
    assert "nothing was deployed" in let_in(stage.site("stage"), CLIENT, "127.0.0.1:0", beyond=False)
    door = find_door(stage.account)
    assert door
    assert f"127.0.0.1:{door.port}" in sheet_of(stage)
    assert password_of(stage) == before
    with phone_at(door, before) as phone:
        assert phone.register().status_code == 200


def test_a_phone_that_is_gone_is_set_up_before_the_door_opens(stage: Desk) -> None:
    """After the walkthrough has removed everything, a SIP phone can still be tried."""
    stage.do(stage.delete("environment"))
    said = let_in(stage.site("stage"), CLIENT, "127.0.0.1:0", beyond=False)
    assert said.startswith(f"{CLIENT} was not set up: stage was deployed and {CLIENT} set up")
    assert CLIENT in list_set_up(stage.account, stage.parameters)
    assert find_door(stage.account)


def test_an_address_that_other_machines_reach_is_refused(stage: Desk) -> None:
    """The error is one line, and no server is started."""
    with pytest.raises(InputError, match="beyond_this_machine"):
        let_in(stage.site("stage"), CLIENT, "192.0.2.20:5060", beyond=False)
    assert find_door(stage.account) is None


def test_a_phone_is_looked_at_before_and_after_it_registers(stage: Desk) -> None:
    """Without a SIP server: another phone's calls. With one: this phone's progress, and the next step."""
    stage.do(stage.set_up(CLIENT, buy=NUMBER))
    site = stage.site("stage")
    closed = look(site, CLIENT)
    assert "baresip" in real_phone_text(closed)
    assert "127.0.0.1:5060" in real_phone_html(closed)
    door = door_at(stage)
    waiting = look(site, CLIENT)
    assert waiting.life
    assert waiting.life.next_goal == waiting.life.goals[0]
    assert "does not reach this machine" in real_phone_html(waiting)
    assert f"127.0.0.1:{door.port}" in real_phone_text(waiting)
    with phone_at(door, "Wrongpassword1") as phone:
        assert phone.register().status_code == 403
    assert "its password is wrong" in real_phone_html(look(site, CLIENT))
    with phone_at(door, password_of(stage)) as phone:
        assert phone.register().status_code == 200
        registered = look(site, CLIENT)
        assert registered.life
        assert registered.life.next_goal == registered.life.goals[1]
        assert "handset" in registered.life.registered


def test_closing_the_door_keeps_what_ones_own_phone_did(stage: Desk) -> None:
    """The box says in advance that it deploys if necessary; afterwards it has the log of this phone only."""
    site = stage.site("stage")
    work = PhoneWork(
        look=lambda: look(site, CLIENT),
        open=lambda address, beyond: let_in(site, CLIENT, address, beyond=beyond),
        close=lambda: close_door(site.account),
        ring=lambda: "",
    )
    box = RealPhoneBox(work)
    body = box.widget()
    closed = body.children[-1].value
    assert "its environment is first deployed and the phone set up" in closed
    assert "baresip" in closed
    box._address.value = "127.0.0.1:0"
    assert box._opened().startswith(f"{CLIENT} was not set up")
    door = find_door(stage.account)
    assert door
    with phone_at(door, password_of(stage)) as phone:
        assert phone.register().status_code == 200
    assert "is shown below" in box._closed()
    kept = body.children[-1].value
    assert "handset" in kept
    assert "Registered: nowhere." in kept
    assert "baresip" not in kept


def test_ringing_says_what_came_of_it(stage: Desk) -> None:
    """An unregistered phone, one that declines, and one that answers and hangs up."""
    stage.do(stage.set_up(CLIENT, buy=NUMBER))
    site, door = stage.site("stage"), door_at(stage)
    assert "(32009)" in ring(site, CLIENT)
    with phone_at(door, password_of(stage)) as phone:
        assert phone.register().status_code == 200

        def decline() -> None:
            phone.respond(phone.asked("INVITE"), 486)

        def lift_and_hang_up() -> None:
            invite = phone.asked("INVITE")
            phone.answer(invite)
            phone.asked("ACK")
            phone.hang_up_on(invite)

        assert meanwhile(decline, site) == "It declined"
        assert meanwhile(lift_and_hang_up, site).startswith("It rang and was answered")


def meanwhile(work: Callable[[], None], site: Site) -> str:
    """What is shown of a call while the phone does something."""
    thread = threading.Thread(target=work)
    thread.start()
    said = ring(site, CLIENT)
    thread.join(10)
    return said
