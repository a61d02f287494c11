"""Verify: a good state passes all checks, and each change made elsewhere fails exactly its own check."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest

from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.event_source.rules import kind_of
from dialtone_nb.calls.now import take_snapshot
from dialtone_nb.calls.twilio_source.fetch import list_events
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.display.checks import verification_html, verification_lines, verification_text
from dialtone_nb.infrastructure.site import Site
from dialtone_nb.runbooks.delete import propose_delete
from dialtone_nb.runbooks.deploy import propose_deploy
from dialtone_nb.service.bundle import FOLDER, Module, read_bundle
from dialtone_nb.verify.accepted import Acceptance
from dialtone_nb.verify.checks import CheckState, Verification, good, unknown, wrong
from tests.verify.conftest import TRUNK_PASSWORD, Stage

EMERGENCY = "dialtone-example-stage.sip.twilio.com"
OTHER = "dialtone-example-nonemergency-stage.sip.twilio.com"


def test_a_good_state_is_all_good(stage: Stage) -> None:
    """Every check of every subject is known and good; the exit code is 0."""
    verification = stage.verify()
    assert {check.state for check in verification.checks} == {CheckState.GOOD}, verification_text(verification)
    assert list(dict.fromkeys(check.subject for check in verification.checks)) == [
        *("Account", "Service", "Functions", f"SIP domain {EMERGENCY}", f"SIP domain {OTHER}", "Credential list"),
        *("Phone workbench", "Phone van", "Geographic permissions", "Twilio", "Alerts of the last day"),
    ]
    count = len(verification.checks)
    assert (verification.exit_code, verification.summary) == (
        0,
        f"Verify stage: nothing wrong in {count} checks ({count} good)",
    )


def test_names_are_unique(stage: Stage) -> None:
    """An entry of accepted.yaml identifies one check."""
    names = [check.name for check in stage.verify().checks]
    assert len(names) == len(set(names))


def test_it_changes_nothing(stage: Stage) -> None:
    """Twilio's APIs get only read requests, and a second look finds the same."""
    account = stage.site.account
    account.transport.send("DELETE", "http://rehearsal.localhost/requests")
    first = stage.verify()
    asked = account.transport.send("GET", "http://rehearsal.localhost/requests").json()["requests"]
    assert {name.split()[0] for name in asked if name.endswith(".twilio.com")} == {"GET"}
    assert stage.verify() == first
    assert stage.client.calls.list(limit=10, page_size=10) != []
    assert not [call for call in stage.client.calls.list() if call.sid == "CA" + "0" * 32]


def test_what_a_probe_leaves_in_the_function_log_can_be_told_apart(stage: Stage) -> None:
    """Its lines have a call SID of zeros and other event names; monitor and report leave them out."""

    def seen() -> tuple[object, ...]:
        account, quality = stage.site.account, Quality()
        now = account.now() + timedelta(minutes=1)
        look = take_snapshot(
            stage.client, now=now, minutes=60, environment="stage", phones={}, service="dialtone", show_numbers=True
        )
        day = now.date()
        return len(look.log), len(look.attempts), list(list_events(stage.client, "dialtone", day, day, quality))

    before, seen_before = {line.sid for line in stage.environment.logs.list()}, seen()
    stage.verify()
    lines = [json.loads(line.message) for line in stage.environment.logs.list() if line.sid not in before]
    assert lines
    assert {line["call_sid"] for line in lines} == {"CA" + "0" * 32}
    assert all(line["event"].startswith("probe-") for line in lines)
    assert {kind_of(line["event"]).role for line in lines} == {"other"}
    assert seen() == seen_before


def test_a_terminal_shows_what_is_wrong_or_unknown_with_its_repair_and_nothing_that_is_good() -> None:
    """A line for the check, and one for its repair."""
    checks = (
        good("Phone lobby", "number of lobby", "owned", "it can be called"),
        wrong("Phone lobby", "credential of lobby", "not there", "it can't register", "client_setup"),
        unknown("Alerts", "alerts", "refused", "they can't be looked at"),
    )
    assert verification_lines(Verification("stage", "the rehearsal", checks, ("accepted.yaml: too much",))) == [
        "✗ Phone lobby, credential: not there",
        "    repair: client_setup",
        "? Alerts, alerts: refused",
        "accepted.yaml: too much",
    ]


def test_nothing_secret_is_shown(stage: Stage) -> None:
    """Neither the auth token nor the trunk's password, even in shown differences of TwiML."""
    stage.environment.variables.list()[0].update(value="Another-secret-1234")
    verification = stage.verify()
    assert verification.exit_code == 2
    shown = verification_text(verification) + verification_html(verification) + repr(verification)
    for secret in (TRUNK_PASSWORD, "Another-secret-1234", stage.site.account.credentials.auth_token):
        assert secret not in shown


@dataclass(frozen=True)
class Drift:
    """A change made elsewhere, and the checks that must fail."""

    happens: Callable[[Stage], object]
    wrong: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    repair: str = "deploy stage"


def _set_domain(*, emergency: bool = True, **fields: object) -> Callable[[Stage], object]:
    return lambda stage: stage.domain(emergency=emergency).update(**fields)


def _unmap(family: str) -> Callable[[Stage], object]:
    def happens(stage: Stage) -> None:
        sid = stage.credential_list().fetch().sid
        getattr(stage.domain().auth, family).credential_list_mappings(sid).delete()

    return happens


def _map_strangers(stage: Stage) -> None:
    strangers = stage.client.sip.credential_lists.create(friendly_name="strangers")
    stage.domain().auth.calls.credential_list_mappings.create(credential_list_sid=strangers.sid)


def _delete_domain(stage: Stage) -> None:
    domain = stage.domain(emergency=False)
    sid = stage.credential_list().fetch().sid
    for family in (domain.auth.calls, domain.auth.registrations):
        family.credential_list_mappings(sid).delete()
    domain.delete()


def _switch(country: str, switch: str, value: bool) -> Callable[[Stage], object]:
    update = json.dumps([{"iso_code": country, switch: str(value).lower()}])
    return lambda stage: stage.client.voice.v1.dialing_permissions.bulk_country_updates.create(update_request=update)


def _release(stage: Stage) -> None:
    stage.number("van").delete()


def _clear_emergency(stage: Stage) -> None:
    stage.number("workbench").update(emergency_address_sid="")
    stage.site.account.wait(120)


def _change_address(stage: Stage) -> None:
    (address,) = stage.client.addresses.list()
    address.update(street="7 Elsewhere Street")


def _stray_emergency(stage: Stage) -> None:
    (address,) = stage.client.addresses.list()
    stage.number("van").update(emergency_address_sid=address.sid)


DRIFTS: Mapping[str, Drift] = {
    "the service's name": Drift(
        lambda stage: stage.client.serverless.v1.services("dialtone").update(friendly_name="other"),
        ("service dialtone",),
    ),
    "a voice URL": Drift(_set_domain(voice_url="https://elsewhere.example.org/"), (f"voice URL of {EMERGENCY}",)),
    "a voice method": Drift(_set_domain(emergency=False, voice_method="GET"), (f"voice URL of {OTHER}",)),
    "registration off": Drift(_set_domain(sip_registration=False), (f"registration of {EMERGENCY}",)),
    "emergency calling off": Drift(
        _set_domain(emergency_calling_enabled=False), (f"emergency calling of {EMERGENCY}",)
    ),
    "emergency calling on where it must be off": Drift(
        _set_domain(emergency=False, emergency_calling_enabled=True), (f"emergency calling of {OTHER}",)
    ),
    "encryption demanded": Drift(_set_domain(emergency=False, secure=True), (f"encryption of {OTHER}",)),
    "a fallback URL": Drift(
        _set_domain(voice_fallback_url="https://elsewhere.example.org/"), (f"other settings of {EMERGENCY}",)
    ),
    "the calls mapping": Drift(_unmap("calls"), (f"calls mapping of {EMERGENCY}",)),
    "the registrations mapping": Drift(_unmap("registrations"), (f"registrations mapping of {EMERGENCY}",)),
    "strangers mapped": Drift(_map_strangers, (f"other users of {EMERGENCY}",), repair="Console"),
    "a domain gone": Drift(_delete_domain, (f"domain {OTHER}",)),
    "a credential gone": Drift(
        lambda stage: stage.credential("van").delete(), ("credential of van",), repair="client_setup with client van"
    ),
    "a credential that nobody declared": Drift(
        lambda stage: stage.credential_list().credentials.create("guest", "Abcdefghijk1"),
        ("credentials without a phone",),
        repair="Console",
    ),
    "a number released": Drift(
        _release, ("caller ID of van",), repair='client_setup with client van and buy_number "+1503'
    ),
    "a number pointed elsewhere": Drift(
        lambda stage: stage.number("van").update(voice_url="https://elsewhere.example.org/"), ("caller ID of van",)
    ),
    "no emergency address any more": Drift(
        _clear_emergency, ("emergency address of workbench",), repair="client_setup with client workbench"
    ),
    "another street": Drift(
        _change_address, ("emergency address of workbench",), repair="client_setup with client workbench"
    ),
    "an emergency address that nobody declared": Drift(
        _stray_emergency, ("emergency address of van",), repair="client_setup with client van"
    ),
    "a country off": Drift(
        _switch("MX", "low_risk_numbers_enabled", False), ("countries that the dial plan allows",), repair="Console"
    ),
    "a country on": Drift(
        _switch("GB", "low_risk_numbers_enabled", True), ("countries that it does not allow",), repair="Console"
    ),
    "premium numbers on": Drift(
        _switch("US", "high_risk_special_numbers_enabled", True), ("high-risk numbers",), repair="Console"
    ),
    "numbers known for fraud on": Drift(
        _switch("US", "high_risk_tollfraud_numbers_enabled", True), ("high-risk numbers",), repair="Console"
    ),
    "another password for the trunk": Drift(
        lambda stage: stage.environment.variables.list()[0].update(value="Another-one-1"),
        ("trunk's password of stage", "answers of /sip-outgoing"),
    ),
}


@pytest.mark.parametrize("drift", DRIFTS.values(), ids=DRIFTS)
def test_what_is_broken_behind_its_back_is_found_and_nothing_else(stage: Stage, drift: Drift) -> None:
    """Only the checks of this resource fail, and they name the repair."""
    drift.happens(stage)
    faults = stage.faults()
    assert {name for name, check in faults.items() if check.state is CheckState.WRONG} == set(drift.wrong)
    assert {name for name, check in faults.items() if check.state is CheckState.UNKNOWN} == set(drift.unknown)
    assert drift.repair in faults[drift.wrong[0]].repair


def _with_module(site: Site, path: str, content: str = "", visibility: str = "") -> Site:
    """The site with one module of its files changed."""
    old = site.bundle.modules[path]
    module = Module(path, visibility or old.visibility, content.encode() or old.content)
    return replace(site, bundle=replace(site.bundle, modules={**site.bundle.modules, path: module}))


def _deploy_behind_its_back(stage: Stage, path: str, **changes: str) -> None:
    stage.carry_out(propose_deploy(_with_module(stage.site, path, **changes)))


def test_files_that_are_newer_than_what_is_live_are_named(stage: Stage) -> None:
    """The module that differs; a comment does not change the functions' responses."""
    edited = Stage(_with_module(stage.site, "/events", "// edited"))
    assert {name: check.found for name, check in edited.faults().items()} == {
        "live build of stage": "differs from the files in /events"
    }


def test_another_dial_plan_in_the_files_shows_in_the_answers(stage: Stage) -> None:
    """A signed request shows a different decision, with the dialled string."""
    dialplan = stage.site.parameters.dialplan
    rules = tuple(rule for rule in dialplan.rules if rule.name != "menu")
    parameters = replace(stage.site.parameters, dialplan=dialplan.model_copy(update={"rules": rules}))
    bundle = read_bundle(compile_table(parameters), "node22")
    faults = Stage(replace(stage.site, parameters=parameters, bundle=bundle)).faults()
    assert set(faults) == {"live build of stage", "answers of /sip-outgoing"}
    assert faults["live build of stage"].found == "differs from the files in /fallback, /table"
    assert faults["answers of /sip-outgoing"].found.startswith("2 of 47 answers differ; workbench dials #: <Response>")


@pytest.mark.parametrize(
    ("caller", "found"),
    [
        ("event.SipUsername", "22 of 47 answers differ; workbench dials 911, without SipUsername: <Response>"),
        ("event.From.match('sip:(.*)@')[1]", "1 of 47 answers differ; a stranger calls itself workbench: <Response>"),
    ],
)
def test_a_build_that_takes_another_caller_for_the_phone_is_found(stage: Stage, caller: str, found: str) -> None:
    """A build that requires SipUsername refuses all calls as Twilio was recorded to send them, even 911."""
    source = (FOLDER / "functions" / "sip-outgoing.protected.js").read_text(encoding="utf-8")
    edited = source.replace("const { SipUsername, From, To } = event;", f"const To = event.To, SipUsername = {caller};")
    edited = edited.replace(", From)", ", '')")
    _deploy_behind_its_back(stage, "/sip-outgoing", content=edited)
    assert stage.faults()["answers of /sip-outgoing"].found.startswith(found)


def test_a_function_that_anybody_can_ask_is_found(stage: Stage) -> None:
    """A public one answers an unsigned request."""
    _deploy_behind_its_back(stage, "/sip-outgoing", visibility="public")
    faults = stage.faults()
    assert set(faults) == {"live build of stage", "signature of /sip-outgoing"}
    assert faults["signature of /sip-outgoing"].found == "an unsigned request is answered (HTTP 200)"


def test_a_function_that_fails_is_found(stage: Stage) -> None:
    """It fails for a signed request; the resulting alerts are for the next verification."""
    _deploy_behind_its_back(stage, "/call-status", content="exports.handler = () => { throw new Error('oh') }")
    faults = stage.faults()
    assert set(faults) == {"live build of stage", "answers of /call-status"}
    assert faults["answers of /call-status"].found.endswith("an outgoing call that ends with completed: it failed")
    assert "alert 82002" in stage.faults()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("'plain text'", "plain text"),
        ("new Twilio.Response()", ""),
        ("new Twilio.twiml.VoiceResponse()", "<Response/>"),
    ],
)
def test_an_answer_that_is_not_the_twiml_is_shown(stage: Stage, answer: str, told: str) -> None:
    """The response is shown, shortened."""
    content = f"exports.handler = (context, event, callback) => callback(null, {answer});"
    _deploy_behind_its_back(stage, "/sip-incoming", content=content)
    found = stage.faults()["answers of /sip-incoming"].found
    assert found == f"3 of 3 answers differ; a call to +15035550101: {told}"


def test_a_missing_function_is_found(stage: Stage) -> None:
    """A private module has no URL."""
    _deploy_behind_its_back(stage, "/call-status", visibility="private")
    assert stage.faults()["signature of /call-status"].found == "HTTP 404"


def test_without_the_auth_token_the_answers_are_unknown_and_the_rest_is_checked(stage: Stage) -> None:
    """They name the reason and the variable; unsigned requests need no token; no check fails."""
    faults = stage.without_token().faults()
    assert set(faults) == {
        f"answers of {function}" for function in ("/sip-outgoing", "/sip-incoming", "/call-status", "/fallback")
    }
    assert {check.state for check in faults.values()} == {CheckState.UNKNOWN}
    assert "TWILIO_AUTH_TOKEN" in faults["answers of /sip-outgoing"].repair


def test_a_wrong_auth_token_is_told_from_a_wrong_function(stage: Stage) -> None:
    """If all signed requests are rejected, the repair is the token."""
    account = stage.site.account
    other = replace(account, credentials=replace(account.credentials, auth_token="0" * 32))
    faults = Stage(replace(stage.site, account=other)).faults()
    assert {check.state for check in faults.values()} == {CheckState.WRONG}
    assert all("TWILIO_AUTH_TOKEN" in check.repair for check in faults.values())
    assert len(faults) == 4


def test_wrong_credentials_are_one_check_and_the_only_one(stage: Stage) -> None:
    """Other checks are impossible; the page says so, and the exit code is 2."""
    from twilio.rest import Client

    account = stage.site.account
    client = Client(account.sid, "f" * 32, http_client=account.transport)
    verification = Stage(replace(stage.site, account=replace(account, client=client))).verify()
    (check,) = verification.checks
    assert (check.name, check.state, verification.exit_code) == ("credentials", CheckState.WRONG, 2)
    assert "TWILIO_ACCOUNT_SID" in check.repair


def test_what_can_not_be_read_is_unknown(stage: Stage) -> None:
    """If permissions can't be read, all else is still checked."""
    match = {"host": "voice.twilio.com", "path": "/v1/DialingPermissions"}
    stage.tell("/faults", match=match, fault="500", times=6)
    (check,) = stage.faults().values()
    assert (check.subject, check.state) == ("Geographic permissions", CheckState.UNKNOWN)
    assert "20500" in check.found


def test_the_trunks_password_is_unknown_where_it_is_not_set_here(stage: Stage) -> None:
    """Responses are then compared without it."""
    faults = Stage(replace(stage.site, trunk_password="")).faults()
    assert {name: check.state for name, check in faults.items()} == {"trunk's password of stage": CheckState.UNKNOWN}
    assert faults["trunk's password of stage"].found.startswith("there is one at Twilio")


def test_an_environment_that_is_not_there_is_told_as_that(stage: Stage) -> None:
    """No error is raised; the repair for a protected one is a promote."""
    verification = Stage(replace(stage.site, environment="prod")).verify()
    wrong = {check.name: check.repair for check in verification.of(CheckState.WRONG)}
    assert list(wrong) == [
        "environment prod",
        "live build of prod",
        "trunk's password of prod",
        "domain dialtone-example-prod.sip.twilio.com",
        "domain dialtone-example-nonemergency-prod.sip.twilio.com",
    ]
    assert set(wrong.values()) == {"deploy stage, then promote it to prod"}


def test_an_empty_account_is_verified_too(stage: Stage) -> None:
    """All our resources were deleted."""
    numbers = [client.caller_id for client in stage.site.parameters.clients_in("stage").values()]
    stage.carry_out(propose_delete(stage.site, "service", release=numbers))
    wrong = [check.name for check in stage.verify().of(CheckState.WRONG)]
    assert wrong[:4] == ["service dialtone", "environment stage", "live build of stage", "trunk's password of stage"]


def test_a_phone_that_is_not_set_up_at_all_is_no_fault(stage: Stage) -> None:
    """A declared phone without any resource is unknown, with client_setup as the repair."""
    stage.credential("van").delete()
    stage.number("van").delete()
    faults = stage.faults()
    assert {name: check.state for name, check in faults.items()} == {"set-up of van": CheckState.UNKNOWN}
    assert faults["set-up of van"].repair == "client_setup with client van"


def test_an_emergency_address_under_way_is_unknown(stage: Stage) -> None:
    """Twilio's registration takes a while."""
    (address,) = stage.client.addresses.list()
    number = stage.number("workbench")
    number.update(emergency_address_sid="")
    stage.site.account.wait(120)
    number.fetch()
    number.update(emergency_address_sid=address.sid)
    (check,) = stage.faults().values()
    assert (check.name, check.state) == ("emergency address of workbench", CheckState.UNKNOWN)
    assert check.found == "is being registered"


def test_signs_of_life_are_of_the_last_week(stage: Stage) -> None:
    """After eight days without a call the phone's state is unknown; an answered call is a sign again."""
    stage.site.account.wait(8 * 86_400)
    silent = stage.faults()
    assert set(silent) == {"last sign of life of workbench", "last sign of life of van"}
    assert {check.state for check in silent.values()} == {CheckState.UNKNOWN}
    van = stage.site.parameters.clients["van"]
    stage.tell("/clients/van", registered=True, domain=stage.site.parameters.sip_domain_of("van"))
    stage.tell("/calls", **{"from": "+12065550142", "to": van.caller_id})
    checks = {check.name: check for check in stage.verify().checks}
    assert checks["last sign of life of van"].state is CheckState.GOOD
    assert checks["last sign of life of van"].found.startswith("answered a call on 2026-03-10")


def test_a_call_to_a_phone_that_is_not_there_is_an_alert_for_a_day_and_no_sign_of_life(stage: Stage) -> None:
    """It may be off or broken: unknown, with what to check."""
    stage.site.account.wait(8 * 86_400)
    stage.tell("/calls", **{"from": "+12065550142", "to": stage.site.parameters.clients["van"].caller_id})
    faults = stage.faults()
    assert faults["alert 32009"].state is CheckState.UNKNOWN
    assert "password" in faults["alert 32009"].repair
    assert "last sign of life of van" in faults
    stage.site.account.wait(86_500)
    assert "alert 32009" not in stage.faults()


def test_what_is_accepted_does_not_count_until_its_day_is_over(stage: Stage) -> None:
    """It is muted with its reason up to its last day; from the next day it counts again and says so."""
    stage.domain().update(secure=True)
    name = f"encryption of {EMERGENCY}"
    muted = {name: Acceptance(reason="All phones there have TLS", until=date(2026, 3, 2))}
    verification = stage.verify(muted)
    (check,) = (check for check in verification.checks if check.name == name)
    assert (check.state, verification.exit_code) == (CheckState.ACCEPTED, 0)
    assert check.found == "on, not off (accepted until 2026-03-02: All phones there have TLS)"
    stage.site.account.wait(86_400)
    verification = stage.verify(muted)
    (check,) = verification.of(CheckState.WRONG)
    assert check.found == "on, not off (was accepted until 2026-03-02, which is over)"
    assert verification.exit_code == 2
