"""Causes planted in a rehearsed network, and those that `troubleshoot` names for their symptoms.

A seed chooses the affected phone and the other events of the day: calls to wrong numbers, busy numbers, another phone
that is off. None of these may be named as the cause.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch
from urllib.parse import urlsplit

from tenacity import wait_none
from twilio.rest import Client

from dialtone_nb.account import transport
from dialtone_nb.account.account import CONTROL
from dialtone_nb.account.rehearsal_control import close_door, open_door
from dialtone_nb.infrastructure.desired import TRUNK_PASSWORD as TRUNK_VARIABLE
from dialtone_nb.parameters.clients import ClientLimits
from dialtone_nb.probe.sip_phone import SipPhone
from dialtone_nb.rehearsal.exchange.simulated_lines import SimulatedWires
from dialtone_nb.runbooks.steps.opening import ParameterValues, Runbook
from dialtone_nb.runbooks.troubleshoot import Gathered, asked_evidence, gather_evidence, read_complaint
from dialtone_nb.verify.diagnosis import diagnose
from tests.faults.accounts import closing_desk, copied, make_account, serving
from tests.infrastructure.desk import LIST, SERVICE, STAGE, VAN, WORKBENCH, Desk

OUTSIDE = "+12065550142"
FAR = "5035550199"
MEXICO = "011525555550199"
ELSEWHERE = "https://elsewhere.example.org/"
PASSWORD = "Another-phone-1"


@dataclass
class Struck:
    """The network, the affected phone, another phone, and the random generator."""

    desk: Desk
    client: str
    other: str
    chance: random.Random

    @property
    def twilio(self) -> Client:
        """Twilio's own client."""
        return self.desk.client

    @property
    def number(self) -> str:
        """The affected phone's number."""
        return self.desk.parameters.clients[self.client].caller_id

    def domain_of(self, client: str) -> str:
        """A phone's SIP domain."""
        return self.desk.parameters.sip_domain_of(client)

    @property
    def domain(self) -> Any:
        """The affected phone's SIP domain, as a twilio-python context."""
        return self.twilio.sip.domains(self.desk.domain(self.domain_of(self.client)).sid)

    @property
    def list_sid(self) -> str:
        """The SID of the credential list."""
        return str(next(one.sid for one in self.twilio.sip.credential_lists.list() if one.friendly_name == LIST))

    @property
    def credential(self) -> Any:
        """The affected phone's credential, as a twilio-python context."""
        credentials = self.twilio.sip.credential_lists(self.list_sid).credentials
        return credentials(next(one.sid for one in credentials.list() if one.username == self.client))

    @property
    def owned(self) -> Any:
        """The affected phone's number, as a twilio-python context."""
        return self.twilio.incoming_phone_numbers(self.desk.number(self.number).sid)

    @property
    def environment(self) -> Any:
        """Stage, as a twilio-python context."""
        return self.twilio.serverless.v1.services(SERVICE).environments(self.desk.environment_sid("stage"))

    def tell(self, path: str, **body: Any) -> Any:
        """The response of the rehearsal's own API, whether or not it rejects a phone."""
        send = self.desk.account.transport.send
        return send("POST", f"{CONTROL}{path}", json=body, auth=self.desk.account.credentials.basic).json()

    def dial(self, number: str = FAR, *, client: str = "", domain: str = "", **behaviour: Any) -> None:
        """The affected phone, or another, places a call."""
        client = client or self.client
        self.tell("/calls", client=client, dial=number, domain=domain or self.domain_of(client), talk=5, **behaviour)

    def ring(self, client: str = "", **behaviour: Any) -> None:
        """An outside caller calls the affected phone or another, which responds like this."""
        client = client or self.client
        address = f"sip:{client}@{self.domain_of(client)}"
        to = self.desk.parameters.clients[client].caller_id
        self.tell("/calls", **{"from": OUTSIDE, "to": to, "targets": {address: {"talk": 5, **behaviour}}})

    def switch(self, client: str, *, on: bool, domain: str = "") -> None:
        """Switch a phone on or off."""
        self.tell(f"/clients/{client}", registered=on, domain=domain or self.domain_of(client))

    def edit(self, path: str, content: str = "", *, more: str = "", visibility: str = "") -> None:
        """Deploy something that differs from the files."""
        whole = self.desk.bundle
        old = whole.modules[path]
        text = content.encode() or old.content + more.encode()
        module = replace(old, content=text, visibility=visibility or old.visibility)
        self.desk.bundle = replace(whole, modules={**whole.modules, path: module})
        self.desk.do(self.desk.deploy())
        self.desk.bundle = whole


Plant = Callable[[Struck], object]


@dataclass(frozen=True)
class PlantedCause:
    """A change to a network, the symptoms that it causes, and the cause that must be named."""

    name: str
    cause: str  # empty where only a person can tell
    symptoms: tuple[str, ...]
    plant: Plant
    answer: str = ""
    number: str = ""
    # Empty for either phone.
    client: str = ""
    hosting: str = "functions"
    # By symptom, where its question is another one.
    answers: Mapping[str, str] = field(default_factory=dict)


OUT, IN, TONE, BUSY = "calls out fail", "calls in fail", "no dial tone", "busy at once"
SILENCE, AUDIO, WHO = "long silence before ringing", "one-way or no audio", "wrong caller ID"
ONE, MONEY, LEAK, CALLED_911 = "one destination fails", "bill or traffic explodes", "a token leaked", "911 was dialled"
TWILIO, SERVER = "Twilio is down", "server or functions broken"
ALL_CALLS = (OUT, IN, TWILIO, SERVER)


def _update_domain(**fields: Any) -> Plant:
    return lambda at: at.domain.update(**fields)


def _unmap(family: str) -> Plant:
    return lambda at: getattr(at.domain.auth, family).credential_list_mappings(at.list_sid).delete()


def _fault(fault: str, host: str = "api") -> Plant:
    return lambda at: at.tell("/faults", match={"host": f"{host}.twilio.com"}, fault=fault, times=100_000)


def _delete_domain(at: Struck) -> None:
    _unmap("calls")(at)
    _unmap("registrations")(at)
    at.domain.delete()


def _filter_addresses(at: Struck) -> None:
    listed = at.twilio.sip.ip_access_control_lists.create("office")
    at.twilio.sip.ip_access_control_lists(listed.sid).ip_addresses.create("office", "198.51.100.7")
    at.domain.auth.calls.ip_access_control_list_mappings.create(listed.sid)


def _map_strangers(at: Struck) -> None:
    strangers = at.twilio.sip.credential_lists.create("strangers")
    at.domain.auth.calls.credential_list_mappings.create(strangers.sid)


def _list_stranger(at: Struck) -> None:
    at.twilio.sip.credential_lists(at.list_sid).credentials.create("guest", PASSWORD)


def _strangers_call(at: Struck) -> None:
    _list_stranger(at)
    for _ in range(3):
        at.dial(client="guest", domain=at.domain_of(at.client))


def _rotate(at: Struck) -> None:
    """Change the password at Twilio while the phone registers with the old one."""
    at.credential.update(password=PASSWORD)
    at.switch(at.client, on=False)
    _register_with(at, at.client, "The-old-one-1")


def _register_with(at: Struck, user: str, password: str) -> None:
    door = open_door(at.desk.account, "127.0.0.1:0")
    try:
        with SipPhone((door.host, door.port), user, at.domain_of(at.client), password) as phone:
            phone.register()
    finally:
        close_door(at.desk.account)


def _other_domain(at: Struck) -> None:
    network = at.desk.parameters.network
    wrong = network.sip_domain(
        "stage", emergency=at.domain_of(at.client) != network.sip_domain("stage", emergency=True)
    )
    at.switch(at.client, on=False)
    at.switch(at.client, on=True, domain=wrong)


def _switch_off(at: Struck) -> None:
    at.switch(at.client, on=False)
    if at.chance.random() < 0.5:
        at.ring()


def _country(country: str, switch: str = "low_risk_numbers_enabled", *, on: bool = False) -> Plant:
    update = json.dumps([{"iso_code": country, switch: str(on).lower()}])
    return lambda at: at.twilio.voice.v1.dialing_permissions.bulk_country_updates.create(update_request=update)


def _then(*plants: Plant) -> Plant:
    def happens(at: Struck) -> None:
        for plant in plants:
            plant(at)

    return happens


def _undeploy(at: Struck) -> None:
    at.environment.deployments.create()


def _delete_environment(at: Struck) -> None:
    _undeploy(at)
    at.environment.delete()


def _release(at: Struck) -> None:
    if at.client == "workbench":
        _lose_address(at)
    at.owned.delete()


def _lose_address(at: Struck) -> None:
    at.owned.update(emergency_address_sid="")
    at.desk.account.wait(120)


def _never_set_up(at: Struck) -> None:
    _release(at)
    at.credential.delete()
    for address in at.twilio.addresses.list() if at.client == "workbench" else ():
        address.delete()


def _delete_list(at: Struck) -> None:
    for domain in at.twilio.sip.domains.list():
        for family in (domain.auth.calls, domain.auth.registrations):
            family.credential_list_mappings(at.list_sid).delete()
    at.twilio.sip.credential_lists(at.list_sid).delete()


def _declare(**fields: Any) -> Plant:
    def happens(at: Struck) -> None:
        at.desk.declare(at.client, **fields)
        at.desk.do(at.desk.deploy())

    return happens


def _down_for_a_while(at: Struck) -> None:
    """Stop our own server during the phone's calls, and start it again before troubleshooting."""
    host = urlsplit(at.desk.server.base_urls["stage"]).hostname
    servers = at.desk.account.transport.send("GET", f"{CONTROL}/servers").json()["servers"]
    address = next(one["address"] for one in servers if one["host"] == host)
    _kill_server(at)
    at.dial()
    at.tell("/servers", host=host, address=address)


def _dial_at_other_domain(at: Struck) -> None:
    _other_domain(at)
    at.dial("911", domain=at.desk.parameters.network.sip_domain("stage", emergency=False))


def _break_other(at: Struck) -> None:
    """Break the other phone, which is not the one reported."""
    broken = replace(at, client=at.other, other=at.client)
    at.chance.choice((_switch_off, _rotate, _other_domain, lambda one: one.credential.delete()))(broken)
    broken.ring(busy=True)


def _burst(at: Struck) -> None:
    for _ in range(12):
        at.dial(f"503555{at.chance.randrange(100, 200):04}")


def _burst_abroad(at: Struck) -> None:
    for _ in range(4):
        at.dial(MEXICO)


def _limit(at: Struck) -> None:
    at.desk.declare(at.client, limits=ClientLimits(calls_an_hour=1).model_dump(exclude_none=True))
    at.desk.do(at.desk.deploy())
    at.dial()
    at.dial()


def _kill_server(at: Struck) -> None:
    host = urlsplit(at.desk.server.base_urls["stage"]).hostname
    at.tell("/servers", host=host, address="http://127.0.0.1:9")


def _slow(at: Struck) -> None:
    """Delay the function by the clock of simulated calls, which usually stands still meanwhile."""
    with patch.object(SimulatedWires, "lasted", lambda wires, seconds: 2.6):
        at.dial()
        at.dial()


def _other_is_off(at: Struck) -> None:
    at.switch(at.other, on=False)
    at.ring(at.other)


def _busy_before(at: Struck) -> None:
    at.dial("5035550176", busy=True)
    at.dial()


def _off_before(at: Struck) -> None:
    at.switch(at.client, on=False)
    at.ring()
    at.switch(at.client, on=True)


def _unanswered_before(at: Struck) -> None:
    at.ring(no_answer=True)
    at.ring()


CAUSES: tuple[PlantedCause, ...] = (
    PlantedCause("Twilio answers 503", "twilio-down", (TWILIO, OUT, IN, TONE), _fault("503")),
    PlantedCause("a part of Twilio answers 503", "twilio-partly-down", (TWILIO, CALLED_911), _fault("503", "monitor")),
    PlantedCause("our key is refused", "key-refused", (TWILIO, SERVER, OUT), _fault("401")),
    PlantedCause(
        "the account is suspended",
        "account-suspended",
        (OUT, IN, TWILIO, BUSY),
        _then(lambda at: at.tell("/account", status="suspended"), Struck.dial, Struck.ring),
    ),
    PlantedCause("nothing is deployed", "nothing-live", ALL_CALLS, _undeploy),
    PlantedCause("the environment is deleted", "nothing-live", (*ALL_CALLS, BUSY), _delete_environment),
    PlantedCause(
        "a function crashes",
        "function-crashed",
        (OUT, SERVER, TWILIO),
        lambda at: at.edit("/sip-outgoing", "exports.handler = () => { throw new Error('oh'); };\n"),
    ),
    PlantedCause(
        "the function for calls in crashes",
        "function-crashed",
        (IN, SERVER),
        lambda at: at.edit("/sip-incoming", "exports.handler = () => { throw new Error('oh'); };\n"),
    ),
    PlantedCause(
        "a function is missing",
        "function-missing",
        (OUT, IN, SERVER),
        lambda at: at.edit("/call-status", visibility="private"),
    ),
    PlantedCause(
        "a function is public",
        "anybody-can-ask",
        (SERVER, MONEY),
        lambda at: at.edit("/sip-outgoing", visibility="public"),
    ),
    PlantedCause(
        "other code is live",
        "code-differs",
        (OUT, IN, SERVER, ONE),
        lambda at: at.edit("/decide", more="\n// other\n"),
        number=FAR,
    ),
    PlantedCause(
        "the files are newer",
        "code-differs",
        (OUT, SERVER),
        lambda at: at.desk.declare(at.client, call_time_limit_s=1200),
    ),
    PlantedCause("the phone was never set up", "not-set-up", (TONE, OUT, IN, BUSY), _never_set_up),
    PlantedCause("the credential list is gone", "list-gone", (TONE, OUT, IN), _delete_list),
    PlantedCause("the phone only calls out", "only-calls-out", (IN,), _declare(incoming=False)),
    PlantedCause(
        "phones share a number",
        "shared-number",
        (WHO,),
        _declare(incoming=False, caller_id=WORKBENCH),
        client="van",
    ),
    PlantedCause("a function is slow", "slow-service", (SILENCE,), _slow),
    PlantedCause("the SIP domain is gone", "domain-gone", (TONE, OUT, IN, BUSY), _delete_domain),
    PlantedCause("registrations are off", "registrations-off", (TONE, IN), _update_domain(sip_registration=False)),
    PlantedCause("no mapping for registrations", "registrations-unmapped", (TONE, IN, BUSY), _unmap("registrations")),
    PlantedCause("no mapping for calls", "calls-unmapped", (OUT, BUSY), _then(_unmap("calls"), Struck.dial)),
    PlantedCause("addresses are filtered", "addresses-filtered", (OUT, TONE, BUSY), _filter_addresses),
    PlantedCause("encryption is demanded", "encryption-demanded", (OUT, TONE, AUDIO), _update_domain(secure=True)),
    PlantedCause("the domain's URL is another", "voice-url", (OUT, BUSY, SERVER), _update_domain(voice_url=ELSEWHERE)),
    PlantedCause(
        "the credential is deleted", "credential-gone", (TONE, OUT, IN, BUSY), lambda at: at.credential.delete()
    ),
    PlantedCause("the password is rotated", "password-wrong", (TONE, OUT, IN, BUSY), _rotate),
    PlantedCause("the phone has another domain", "wrong-domain", (TONE, IN), _other_domain),
    PlantedCause("the phone is off", "phone-off", (TONE, IN), _switch_off),
    PlantedCause("the phone is busy", "phone-busy", (IN, BUSY), lambda at: at.ring(busy=True)),
    PlantedCause("nobody answers", "nobody-answers", (IN,), lambda at: at.ring(no_answer=True)),
    PlantedCause("the router forgets", "router", (IN,), lambda at: at.ring(unreachable=True)),
    PlantedCause("the number is released", "number-gone", (IN, OUT, WHO), _release),
    PlantedCause(
        "the number's URL is another", "number-elsewhere", (IN, SERVER), lambda at: at.owned.update(voice_url=ELSEWHERE)
    ),
    PlantedCause(
        "a country is off", "country-off", (ONE, OUT), _then(_country("MX"), lambda at: at.dial(MEXICO)), number=MEXICO
    ),
    PlantedCause(
        "a country is refused", "plan-refuses", (ONE,), lambda at: at.dial("011442079460123"), number="011442079460123"
    ),
    PlantedCause(
        "premium numbers are refused", "plan-refuses", (ONE, OUT), lambda at: at.dial("9005550199"), number="9005550199"
    ),
    PlantedCause(
        "a number is blocked",
        "number-blocked",
        (ONE, OUT),
        _then(lambda at: at.tell("/numbers/%2B15035550188", blocked=True), lambda at: at.dial("5035550188")),
        number="5035550188",
    ),
    PlantedCause("it works again", "went-through", (ONE,), Struck.dial, number=FAR),
    PlantedCause("the far side is busy", "far-side-busy", (ONE,), lambda at: at.dial(busy=True), number=FAR),
    PlantedCause("the far network fails", "far-side", (ONE,), lambda at: at.dial(unreachable=True), number=FAR),
    PlantedCause("the trunk is dead", "trunk-dead", (OUT, ONE), lambda at: at.dial("#", unreachable=True)),
    PlantedCause(
        "the trunk has another password",
        "trunk-password",
        (OUT, ONE, SERVER),
        lambda at: at.environment.variables(
            next(one.sid for one in at.environment.variables.list() if one.key == TRUNK_VARIABLE)
        ).update(value="Another-1"),
    ),
    PlantedCause("a burst of calls", "burst", (MONEY,), _burst),
    PlantedCause("calls to a new country", "new-country", (MONEY,), _burst_abroad),
    PlantedCause("a stranger's calls", "strangers-call", (MONEY,), _strangers_call),
    PlantedCause("a stranger's credential", "strangers-listed", (MONEY,), _list_stranger),
    PlantedCause("a stranger's list", "strangers-mapped", (MONEY,), _map_strangers),
    PlantedCause(
        "premium numbers are open", "gates-open", (MONEY,), _country("US", "high_risk_special_numbers_enabled", on=True)
    ),
    PlantedCause("a country is open", "gates-open", (MONEY,), _country("GB", on=True)),
    PlantedCause(
        "911, put through", "emergency-put-through", (CALLED_911,), lambda at: at.dial("911"), client="workbench"
    ),
    PlantedCause(
        "911, no address",
        "emergency-without-address",
        (CALLED_911,),
        _then(_lose_address, lambda at: at.dial("911")),
        client="workbench",
    ),
    PlantedCause(
        "911, emergency calling off",
        "emergency-off",
        (CALLED_911,),
        _then(_update_domain(emergency_calling_enabled=False), lambda at: at.dial("911")),
        client="workbench",
    ),
    PlantedCause(
        "911 from a phone that can't",
        "emergency-no-address-declared",
        (CALLED_911,),
        lambda at: at.dial("911"),
        client="van",
    ),
    PlantedCause(
        "911 at the wrong domain", "emergency-wrong-domain", (CALLED_911,), _dial_at_other_domain, client="workbench"
    ),
    PlantedCause(
        "999 in place of 911", "emergency-nearly", (CALLED_911,), lambda at: at.dial("9911"), client="workbench"
    ),
    PlantedCause("933 alone", "emergency-drill", (CALLED_911,), lambda at: at.dial("933"), client="workbench"),
    PlantedCause("nobody dialled 911", "no-emergency-call", (CALLED_911,), lambda at: None),
    PlantedCause("our server is killed", "server-down", ALL_CALLS, _kill_server, hosting="self_hosted"),
    PlantedCause("our server was away", "fallback", (SILENCE,), _down_for_a_while, hosting="self_hosted"),
    PlantedCause(
        "our server has an old table",
        "code-differs",
        (OUT, IN, SERVER),
        lambda at: at.desk.declare(at.client, call_time_limit_s=1200),
        hosting="self_hosted",
    ),
    PlantedCause("a limit is reached", "limit-reached", (OUT, BUSY), _limit, client="workbench", hosting="self_hosted"),
    PlantedCause("a cable is out", "handset", (TONE,), lambda at: None, answer="nothing"),
    PlantedCause(
        "a dial string is wrong",
        "dial-string",
        (OUT, BUSY),
        lambda at: None,
        answer="a fast tone",
        answers={BUSY: "while dialling"},
    ),
    PlantedCause("packets are dropped", "voice-packets", (AUDIO,), lambda at: None, answer="both, in all calls"),
    PlantedCause("two phones are swapped", "phones-swapped", (WHO,), lambda at: None, answer="another phone's number"),
    PlantedCause(
        "a phone's password leaked", "leaked-phone-password", (LEAK,), lambda at: None, answer="phone's password"
    ),
    PlantedCause("the auth token leaked", "leaked-auth-token", (LEAK,), lambda at: None, answer="auth token"),
    # Where nothing can be known, a question is right, and any cause is false.
    PlantedCause("nothing", "", (TONE, BUSY, AUDIO, OUT, IN, WHO, MONEY, LEAK, TWILIO, SERVER), lambda at: None),
    PlantedCause("the other phone is broken", "", (TONE, BUSY, AUDIO, OUT, IN, WHO, MONEY), _break_other),
)
# What happens on any day, to the phone that is struck before it is, or to the other one.
EVERYDAY: tuple[Plant, ...] = (
    lambda at: at.dial("5035550177", client=at.other, busy=True),
    lambda at: at.dial("12", client=at.other),
    lambda at: at.ring(at.other, no_answer=True),
    lambda at: at.dial("9005550199", client=at.other),
    _other_is_off,
    _busy_before,
    _unanswered_before,
    _off_before,
    lambda at: at.dial("#"),
)


@dataclass(frozen=True)
class Case:
    """A planted cause, the reported symptom, and the seed of the other choices."""

    planted: PlantedCause
    symptom: str
    seed: int

    def __str__(self) -> str:
        return f"{self.planted.name}, {self.symptom}, seed {self.seed}"


@dataclass(frozen=True)
class Verdict:
    """The result for a case: the cause that was named, or the question that was asked."""

    case: Case
    cause: str
    question: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the planted cause was named."""
        return self.cause == self.case.planted.cause

    @property
    def is_false(self) -> bool:
        """Whether another cause was named, which is worse than none."""
        return bool(self.cause) and not self.is_right


def list_cases(causes: Iterable[PlantedCause] = CAUSES, seeds: Iterable[int] = (1,)) -> list[Case]:
    """Every symptom of every cause, with each seed."""
    return [Case(one, symptom, seed) for seed in seeds for one in causes for symptom in one.symptoms]


def try_causes(cases: Sequence[Case], on_verdict: Callable[[Verdict], None] = lambda _: None) -> list[Verdict]:
    """Run the cases; those that differ only in their symptom share a network."""
    networks: dict[tuple[str, int], list[Case]] = {}
    for case in cases:
        networks.setdefault((case.planted.name, case.seed), []).append(case)
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="planted-causes-") as name:
        accounts: dict[str, Path] = {}
        for alike in networks.values():
            hosting = alike[0].planted.hosting
            if hosting not in accounts:
                accounts[hosting] = Path(name) / hosting
                _make_account_in_use(accounts[hosting], hosting)
            for verdict in _try_network(alike, accounts[hosting]):
                verdicts.append(verdict)
                on_verdict(verdict)
    return verdicts


def _make_account_in_use(folder: Path, hosting: str) -> None:
    """Register both phones at their domains and place calls from and to them."""
    make_account(folder, "stage and two phones" if hosting == "functions" else "own server")
    with closing_desk(folder) as desk, ExitStack() as stack:
        if hosting == "self_hosted":
            desk.do(desk.set_up("van", buy=VAN))
            desk.host("self_hosted")
            stack.enter_context(serving(desk))
            desk.do(desk.deploy())
        for name in ("workbench", "van"):
            at = Struck(desk, name, name, random.Random(0))
            at.switch(name, on=False, domain=STAGE)
            at.switch(name, on=True)
            at.dial()
            at.ring()


def _try_network(cases: Sequence[Case], account: Path) -> list[Verdict]:
    planted, seed = cases[0].planted, cases[0].seed
    chance = random.Random(f"{planted.name} {seed}")
    with copied(account) as folder, closing_desk(folder) as desk, ExitStack() as stack:
        if planted.hosting == "self_hosted":
            desk.host("self_hosted")
            stack.enter_context(serving(desk))
        client = planted.client or chance.choice(("workbench", "van"))
        at = Struck(desk, client, "van" if client == "workbench" else "workbench", chance)
        for happens in chance.sample(EVERYDAY, 2):
            happens(at)
        planted.plant(at)
        # Backing off is tried elsewhere; here it would only take time.
        stack.enter_context(patch.object(transport, "wait_random_exponential", lambda **_: wait_none()))
        found = gather_evidence(desk.site("stage"))
        return [_verdict(case, desk, client, found) for case in cases]


def _verdict(case: Case, desk: Desk, client: str, found: Gathered) -> Verdict:
    planted = case.planted
    given = {"symptom": case.symptom, "client": client, "number": planted.number}
    complaint = read_complaint(opened(desk, **given))
    checks = (*found.checks, *asked_evidence(desk.site("stage"), complaint, found.signs))
    diagnosis = diagnose(complaint, checks, desk.account.label)
    if diagnosis.question and (answer := planted.answers.get(case.symptom, planted.answer)):
        diagnosis = diagnose(replace(complaint, answer=answer), checks, desk.account.label)
    return Verdict(case, diagnosis.cause, diagnosis.question.ask if diagnosis.question else "")


def opened(desk: Desk, **given: str) -> Runbook:
    """An opened runbook with what troubleshoot uses."""
    return cast(
        Runbook,
        SimpleNamespace(
            name="troubleshoot",
            account=desk.account,
            account_kind="rehearsal",
            parameters=ParameterValues(given),
            declared=desk.parameters,
            environment="stage",
            is_protected=False,
            project=desk.project,
            attended=False,
        ),
    )


def amiss(verdicts: Iterable[Verdict]) -> list[str]:
    """The cases without a named cause, or with a false one."""
    return [
        f"{one.case}: {one.cause or one.question}, not {one.case.planted.cause or 'a question'}"
        for one in verdicts
        if not one.is_right
    ]


def table_of_causes(verdicts: Sequence[Verdict]) -> str:
    """A row a planted cause: how often it was named, how often a question was asked, and what was false."""
    rows = ["| planted | symptoms | cases | named | asked | false |", "| --- | --- | ---: | ---: | ---: | ---: |"]
    by_name: dict[str, list[Verdict]] = {}
    for one in verdicts:
        by_name.setdefault(one.case.planted.name, []).append(one)
    for name, ones in by_name.items():
        symptoms = ", ".join(dict.fromkeys(one.case.symptom for one in ones))
        rows.append(f"| {name} | {symptoms} | {_counts(ones)} |")
    return "\n".join([*rows, f"| all {len(by_name)} | | {_counts(verdicts)} |"])


def _counts(verdicts: Sequence[Verdict]) -> str:
    right, false = sum(one.is_right for one in verdicts), sum(one.is_false for one in verdicts)
    return f"{len(verdicts)} | {right} | {len(verdicts) - right - false} | {false}"
