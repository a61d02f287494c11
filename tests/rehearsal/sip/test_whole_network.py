"""The sample network, deployed and set up by its runbooks' steps, with a SIP phone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dialtone_nb.account.account import open_account
from dialtone_nb.calls.load import load_calls
from dialtone_nb.calls.now import take_snapshot
from dialtone_nb.calls.twilio_source.frame import phones_by_number
from dialtone_nb.display.telephony.snapshots import snapshot_html
from dialtone_nb.parameters import load_parameters
from dialtone_nb.report import call_report as report
from tests.infrastructure.desk import WORKBENCH
from tests.rehearsal.sip.baresip import Baresip
from tests.rehearsal.sip.conftest import needs
from tests.rehearsal.sip.life import ROOT, STAGE, Site, open_site
from tests.rehearsal.sip.linphone import Linphone
from tests.rehearsal.sip.network import until
from tests.rehearsal.sip.sound import LOUD, has_heard, loudness, recorded


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Stage of the sample, deployed, with its phones set up."""
    with open_site(tmp_path_factory.mktemp("project")) as opened:
        yield opened


@pytest.fixture
def workbench(site: Site, tmp_path: Path) -> Iterator[Baresip]:
    """The test phone, configured as its sheet says, with this machine as the outbound proxy."""
    needs("baresip", "baresip-core")
    with ExitStack() as opened:
        address = site.door.host, site.door.port
        phone = opened.enter_context(
            Baresip(tmp_path / "phone", "workbench", address, domain=STAGE, password=site.password)
        )
        phone.wait_to_register()
        yield phone


@pytest.mark.parametrize("dialled", ["5035550190", "15035550190", "+15035550190"])
def test_a_phone_with_its_own_password_dials_as_the_dial_plan_has_it(
    site: Site, workbench: Baresip, dialled: str
) -> None:
    """For each spelling the number is called, and its tone is heard."""
    workbench.dial(dialled)
    workbench.wait_for("CALL_ESTABLISHED")
    until(lambda: has_heard(workbench.folder, 1004))
    workbench.do("hangup")
    workbench.wait_for("CALL_CLOSED")
    assert until(lambda: [one for one in site.children() if one[1] == "completed"]) == [("+15035550190", "completed")]


def test_a_refused_number_is_explained_in_words(site: Site, workbench: Baresip) -> None:
    """Premium rate: the phone hears why, and no leg is dialled."""
    workbench.dial("9005550142")
    workbench.wait_for("CALL_ESTABLISHED")
    workbench.wait_for("CALL_CLOSED")
    assert loudness(recorded(workbench.folder)) > LOUD
    said = [one.detail for one in site.door.journal.entries("workbench", STAGE) if one.step == "heard"]
    assert said == ["“Premium rate numbers cannot be called from this phone.”"]
    assert site.children() == []


def test_a_busy_number_is_explained_in_words(site: Site, workbench: Baresip) -> None:
    """The Dial's action is requested, and its message is spoken."""
    workbench.dial("5035550192")
    workbench.wait_for("CALL_ESTABLISHED")
    workbench.wait_for("CALL_CLOSED")
    assert site.children() == [("+15035550192", "busy")]
    said = [one.detail for one in site.door.journal.entries("workbench", STAGE) if one.step == "heard"]
    assert "busy" in said[-1]


@pytest.mark.parametrize(("dialled", "whom"), [("933", "933"), ("0", "sip:operator@pbx.example.org")])
def test_emergency_test_and_trunk_reach_nobody_real(site: Site, workbench: Baresip, dialled: str, whom: str) -> None:
    """933 from a phone with an emergency address, and our own SIP server's operator, are answered by simulations."""
    workbench.dial(dialled)
    workbench.wait_for("CALL_ESTABLISHED")
    until(lambda: loudness(recorded(workbench.folder)) > LOUD)
    workbench.do("hangup")
    workbench.wait_for("CALL_CLOSED")
    assert whom in until(site.children)[0][0]


def test_911_with_a_country_prefix_is_told_from_the_invite_to_the_page(site: Site, tmp_path: Path) -> None:
    """Linphone sends 911 as +1911: it is dialled, and comes first in monitor and report, with address and number."""
    needs("linphonec", "linphone-cli")
    door = site.door.host, site.door.port
    own = {"domain": STAGE, "password": site.password, "is_in_the_us": True}
    with Linphone(tmp_path / "linphone", "workbench", door, **own) as phone:
        until(lambda: site.steps()[-1:] == ["registered"])
        phone.do("call 911")
        phone.wait_for("established")
        phone.do("terminate")
        until(lambda: site.steps()[-1] == "ended")
    called = [one.detail for one in site.door.journal.entries("workbench", STAGE) if one.step == "called"]
    assert (called[-1], site.children()) == ("+1911", [("+1911", "completed")])

    account, parameters = open_account("rehearsal", tmp_path), load_parameters(ROOT / "parameters" / "sample")
    phones, service = phones_by_number(parameters), parameters.network.service.name
    seen = take_snapshot(
        account.client,
        now=account.now(),
        minutes=60,
        environment="stage",
        phones=phones,
        service=service,
        clients=parameters.clients,
    )
    assert "outgoing-emergency" in seen.log[0].what
    call = seen.emergency_calls[0]
    assert (call.phone, call.number, call.outcome, call.call_back) == ("workbench", "911", "answered", WORKBENCH)
    assert "Alder Street" in call.address
    assert snapshot_html(seen).index("Emergency calls") < snapshot_html(seen).index("Phones")

    calls = load_calls("twilio", account, service=service, phones=phones)
    summary = report.summarise_calls(calls, (), report.look_for_life(calls), clients=parameters.clients)
    assert summary.emergencies[0].startswith("workbench dialled 911 on ")
    row = report.tabulate_emergencies(calls, report.look_at_usage(calls)).rows[0]
    assert row[1:5] == ("stage", "workbench", "911", "answered")


def test_its_number_rings_it(site: Site, workbench: Baresip) -> None:
    """A call to +1 503 555 0101 goes by number, /sip-incoming and domain to the phone."""
    told: list[dict[str, Any]] = []
    order = {"from_": "+15035550142", "to": "+15035550101", "talk": 1.0}
    calling = threading.Thread(target=lambda: told.append(site.http.call(**order)))
    calling.start()
    assert "+15035550142" in workbench.wait_for("CALL_INCOMING")["peeruri"]
    workbench.do("accept")
    workbench.wait_for("CALL_CLOSED")
    calling.join(20)
    assert [(one["to"], one["status"]) for one in told[0]["children"]] == [(f"sip:workbench@{STAGE}", "completed")]
