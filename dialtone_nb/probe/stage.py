"""Where probes are carried out: a service, a SIP domain and phones of their own.

Nothing is believed of a probe unless each of its lines succeeded, but for those that it tries, and its controls too:
what is in the way of a probe must not be taken for what Twilio does.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten
from typing import Any
from urllib.parse import urlsplit

from twilio.base.exceptions import TwilioException

from dialtone_nb.account.account import Account
from dialtone_nb.account.rehearsal_control import close_door, find_door, open_door, place_call
from dialtone_nb.errors import DialtoneError, FailedError
from dialtone_nb.probe.leftovers import NAME
from dialtone_nb.probe.probes import MISSING, Control, Probe, load_controls
from dialtone_nb.probe.sip_phone import CHALLENGES, PhoneAnswer, SipPhone
from dialtone_nb.values.assumptions import ACCEPTED

PHONES = ("a", "b", "c", "d", "e")
# These are registered anew by each probe that has them called.
CALLED = ("d", "e")
SIP_PORT = 5060
POLL_S = 0.3
# Function logs, alerts and numbers of the real Twilio lag behind by seconds.
PATIENCE_S, PATIENCE_REHEARSED_S = 30.0, 2.0
# For what has to come: it ends as soon as it is there.
LONG_PATIENCE_S, LONG_PATIENCE_REHEARSED_S = 120.0, 20.0
ENDED = ("completed", "busy", "no-answer", "failed", "canceled")
CANCELLED = 487
# What may keep a probe from being tried: it is said, and the next one is carried out.
IN_THE_WAY = (DialtoneError, TwilioException, OSError, KeyError, ValueError)
# Refusals that are for the account's sake, or the moment's, whatever is asked: they tell nothing of what was tried.
OF_THE_MOMENT = frozenset({401, 429})
OF_THE_ACCOUNT = frozenset({10001, 10002, 10003, 20003, 20005, 20006, 20008, 20429, 21216, 21404})
FUNCTION = Path(__file__).with_name("hook.js")


@dataclass(eq=False)
class Stage:
    """Carries the lines of probes out, and remembers what they made."""

    account: Account
    address: Mapping[str, str]
    made: dict[str, Any] = field(default_factory=dict)
    domain_name: str = ""
    phones: dict[str, SipPhone] = field(default_factory=dict)
    _opened_door: bool = False
    _last: Any = None
    _phone: PhoneAnswer = field(default_factory=lambda: PhoneAnswer(0))
    _taken_bytes: int = 0
    _one: str = ""  # the probe or control that is carried out: its functions answer under this name
    _played: set[str] = field(default_factory=set)
    _since: float = 0.0
    _answers: dict[str, Any] = field(default_factory=dict)
    _slowest_s: float = 0.0  # how long the slowest of what was seen took to be there
    _not_seen: dict[str, str] = field(default_factory=dict)  # each control that was tried, and why it failed

    def __post_init__(self) -> None:
        digest = hashlib.sha256(self.account.sid.encode()).hexdigest()[:10]
        self.made |= {"address": dict(self.address), "name": NAME, "prefix": f"{NAME}-{digest}"}
        # Upper and lower case and digits, as Twilio wants them; it never leaves this object.
        self.made["password"] = f"Aa1{secrets.token_hex(16)}"
        self.account.transport.keep_secret(self.made["password"])

    # --- before and after ---

    def prepare(self, probes: Sequence[Probe]) -> None:
        """Make what all of them work on: the SIP domain with its credentials, and the functions that answer for them.

        What can't be made is remembered, and each probe that needs it says so.
        """
        self._answers = {
            f"/{name}{path}": said
            for name, answers in [(one.settles, one.answers) for one in probes]
            + [(one.id, one.answers) for one in load_controls().values()]
            for path, said in answers.items()
        }
        for control in load_controls().values():
            if not control.cost_usd:
                with suppress(FailedError):
                    self._hold(control)

    def _deploy(self) -> None:
        """Have the service's functions answer what probes and controls say."""
        versions = " ".join(f"FunctionVersions={self._upload_answer(*one)}" for one in self._answers.items())
        self.play(f"POST serverless/Services/{{ZS}}/Builds {versions} Runtime=node22 -> ZB")
        self._poll("GET serverless/Services/{ZS}/Builds/{ZB}/Status", "status", ("completed",), patience_s=300)
        self.play("POST serverless/Services/{ZS}/Environments/{ZE}/Deployments BuildSid={ZB}")

    def _upload_answer(self, path: str, said: Any) -> str:
        status, body = (said["status"], said["body"]) if isinstance(said, dict) else (200, said)
        source = FUNCTION.read_text("utf-8").replace("STATUS", str(status)).replace("BODY", json.dumps(body))
        return str(self._taken(self._upload(path, source.encode()))["sid"])

    def _upload(self, path: str, content: bytes) -> Any:
        zs, zh = self.made["ZS"]["sid"], self.made["ZH"]["sid"]
        url = f"https://serverless-upload.twilio.com/v1/Services/{zs}/Functions/{zh}/Versions"
        file = ("probe.js", content, "application/javascript")
        return self._send("POST", url, data={"Path": path, "Visibility": "public"}, files={"Content": file})

    def close(self) -> None:
        """Switch the phones off."""
        for phone in self.phones.values():
            phone.close()
        self.phones.clear()
        if self._opened_door:
            close_door(self.account)
            self._opened_door = False

    # --- one probe ---

    def carry_out(self, probe: Probe) -> object:
        """What the probe reads; MISSING where there is nothing.

        A `FailedError` where a control or a line of it failed: then nothing is known of what it is to settle.
        """
        if why := self.why_not(probe):
            raise FailedError(why)
        self._phone, self._taken_bytes = PhoneAnswer(0), 0
        try:
            self._play_all(probe.settles, probe.do)
            return self._read(probe.reads)
        finally:
            self._send_away()

    def hold_again(self) -> None:
        """Carry out once more, at the end of a run, what takes calls: what got in the way meanwhile is seen."""
        held = [one for one in load_controls().values() if one.cost_usd and self._not_seen.get(one.id) == ""]
        for control in held:
            del self._not_seen[control.id]
        for control in held:
            with suppress(FailedError):
                self._hold(control)

    def why_not(self, probe: Probe) -> str:
        """Why one of its controls was not seen; nothing where each of them was."""
        try:
            for name in probe.after:
                self._hold(load_controls()[name])
        except FailedError as error:
            return str(error)
        return ""

    def _hold(self, control: Control) -> None:
        """Carry a control out, once a run; a `FailedError` whenever it was not seen."""
        if control.id not in self._not_seen:
            for name in control.after:
                self._hold(load_controls()[name])
            try:
                self._play_all(control.id, control.do)
                self._not_seen[control.id] = ""
            except IN_THE_WAY as error:
                self._not_seen[control.id] = f"it was not seen that {control.says}: {error}"
            finally:
                self._send_away()
        if why := self._not_seen[control.id]:
            raise FailedError(why)

    def _send_away(self) -> None:
        """Have the phones that are called registered no more."""
        for phone in self.phones.values():
            if phone.user in CALLED:
                phone.register(expires=0)

    def _play_all(self, one: str, lines: Sequence[str]) -> None:
        self._one, self._since = one, 0.0
        if one in self._played:  # what was asked then is in the log
            self._since = max(
                (hook["at"] for hook in self._hooks() if hook["path"].startswith(f"/{one}/")), default=0.0
            )
        self._played.add(one)
        for phone in self.phones.values():
            phone.has_rung = False
        for line in lines:
            self.made["here"] = f"https://{self.made.get('ZE', {}).get('domain_name', '')}/{one}"
            self.play(line)

    def play(self, line: str) -> None:
        """Carry one line out. It has to succeed, but for one that is tried: whatever comes of that is looked at."""
        is_tried = line.startswith("TRY ")
        rest, _, name = self._filled(line.removeprefix("TRY ")).partition(" -> ")
        verb, *words = shlex.split(rest)
        failed = self._do(verb, words)
        if failed and not is_tried:
            raise FailedError(f"a line of it failed, {shorten(line, 120, placeholder=' …')}: {failed}")
        if name:
            answer = _answer(self._last)
            if "phone_number" in answer:
                answer["digits"] = str(answer["phone_number"]).lstrip("+")
            self.made[name.strip()] = answer

    def _do(self, verb: str, words: list[str]) -> str:
        """Carry a line out; why it did not succeed, and nothing where it did."""
        match verb:
            case "PHONE":
                return self._play_phone(*words)
            case "UPLOAD":
                return self._find_largest([int(word) for word in words])
            case "UNTIL":
                wanted, _, value = words[0].partition("=")
                return self._poll(" ".join(map(shlex.quote, words[1:])), wanted, (value,))
            case "ENDS":
                return self._poll(f"GET /Calls/{words[0]}", "status", ENDED)
            case "SEE":
                return self._see(*words)
            case "DEPLOY":
                self._deploy()
            case "WAIT":
                self.account.wait(float(words[0]))
            case "CALL_IN":
                self._call_in(words[0])
            case _:
                return self._request(verb, words)
        return ""

    def _request(self, method: str, words: list[str]) -> str:
        address, *pairs = words
        data = [(key, value) for key, _, value in (pair.partition("=") for pair in pairs)]
        path, _, query = address.partition("?")
        query = f"?{query}" if query else ""
        if path.startswith("https://"):
            url = address
        elif path.startswith("/"):
            url = f"https://api.twilio.com/2010-04-01/Accounts/{self.account.sid}{path}.json{query}"
        else:
            product, _, path = path.partition("/")
            url = f"https://{product}.twilio.com/v1/{path}{query}"
        self._last = self._send(method, url, data=data if method == "POST" else None)
        return _refusal(self._last)

    def _send(self, method: str, url: str, **options: Any) -> Any:
        # Twilio's own hosts alone get the credentials.
        host = urlsplit(url).hostname or ""
        auth = self.account.credentials.basic if host.endswith(".twilio.com") else None
        return self.account.transport.send(method, url, auth=auth, **options)

    def _taken(self, response: Any) -> Any:
        if refused := _refusal(response):
            raise FailedError(f"{response.request.method} {response.request.path_url}: {refused}")
        return response.json() if response.content else {}

    def _poll(self, line: str, wanted: str, values: Sequence[str], patience_s: float = 0.0) -> str:
        """The same request until a field has one of these values; what it has instead."""
        patience = LONG_PATIENCE_REHEARSED_S if self.account.is_rehearsal else patience_s or LONG_PATIENCE_S
        until, value = time.monotonic() + patience, ""
        while time.monotonic() < until:
            self.play(line)
            value = str(_dig(self._last.json(), wanted))
            if value in values:
                return ""
            time.sleep(POLL_S)
        return f"{wanted} was {value} to the last"

    def _find_largest(self, sizes: Sequence[int]) -> str:
        """The most bytes that a function may have: each of these sizes is tried, and then what is between."""
        fits = [size for size in sizes if self._fits(size)]
        if not fits:
            return "not one size was taken"
        taken, refused = max(fits), min((size for size in sizes if size > max(fits)), default=0)
        while refused - taken > 1:
            middle = (taken + refused) // 2
            taken, refused = (middle, refused) if self._fits(middle) else (taken, middle)
        self._taken_bytes = taken
        return "" if refused else "each size was taken"

    def _fits(self, size: int) -> bool:
        answer = _answer(self._upload("/big", b"/" * size))
        _check_answer(answer)
        return bool(answer["answered"] < 400)

    # --- phones ---

    def _play_phone(self, user: str, does: str, *words: str) -> str:
        phone = self._phone_of(user)
        options = dict(word.split("=", 1) for word in words if "=" in word)
        match does:
            case "registers":
                for contact in words or ("",):
                    self._phone = phone.register(contact=contact)
                    if self._phone.status != 200:
                        break
            case "hurries":
                statuses = phone.register_at_once(int(words[0]))
                is_whole = len(statuses) == int(words[0]) and not CHALLENGES.keys() & set(statuses)
                refused = (one for one in statuses if one != 200)
                self._phone = PhoneAnswer(next(refused, 200) if is_whole else 0)
            case "answers":
                phone.answers_with = int(words[0])
                return ""
            case "calls":
                stay, cancel = float(options.get("stay", 1)), float(options.get("cancel", 0))
                self._phone = phone.call(words[0], hang_up_after_s=stay, cancel_after_s=cancel)
                if cancel:
                    return "" if self._phone.status == CANCELLED else f"answered {self._phone.status}"
        return "" if self._phone.status == 200 else f"answered {self._phone.status or 'nothing'}"

    def _phone_of(self, user: str) -> SipPhone:
        if user not in self.phones:
            domain = self.made["SD"]["domain_name"]
            password = self.made["password"] if user in PHONES else "wrong"
            name = user if user in PHONES else PHONES[0]
            self.phones[user] = SipPhone(self._registrar(domain), name, domain, password)
        return self.phones[user]

    def _registrar(self, domain: str) -> tuple[str, int]:
        if not self.account.is_rehearsal:
            return domain, SIP_PORT
        door = find_door(self.account)
        if door is None:
            door = open_door(self.account, "127.0.0.1:0")
            self._opened_door = True
        return door.host, door.port

    def _call_in(self, keys: str) -> None:
        """Have the number called, and keys pressed: by the number itself, as nobody else is there to call it."""
        number = self.made["PN"]["phone_number"]
        if self.account.is_rehearsal:
            place_call(self.account, {"from": "+12065550142", "to": number, "presses": keys})
            return
        pause = '<Response><Pause length="15"/></Response>'
        self.play(f"POST /Calls To={number} From={number} SendDigits=wwww{keys} 'Twiml={pause}' -> CA")
        self.play("ENDS {CA}")

    # --- what is looked at ---

    def _see(self, what: str, *words: str) -> str:
        """Why this was not seen: a phone that rang, a function that was asked, or told something, or an alert."""
        began = time.monotonic()
        why = self._look_for(what, *words)
        if not why:
            self._slowest_s = max(self._slowest_s, time.monotonic() - began)
        return why

    def _look_for(self, what: str, *words: str) -> str:
        if words == ("rang",):
            return "" if self._phone_of(what).has_rung else "it did not ring"
        if what == "alert":
            return "" if self._alert_of(words[0], long=True) is not MISSING else "no alert came"
        name, is_valued, value = (words[0] if words else "").partition("=")
        found = self._hook(what, long=True, name=name, value=value if is_valued else None)
        return "" if found is not None else f"{what} was not asked" + (f" with {words[0]}" if words else "")

    def _read(self, reads: str) -> object:
        head, _, rest = reads.partition(" ")
        match head:
            case "status":
                return self._tried(rest)["answered"]
            case "code":
                answer = self._tried(rest)
                return ACCEPTED if answer["answered"] < 400 else _dig(answer, "code")
            case "body":
                return _dig(self._last.json() if self._last.content else {}, rest)
            case "taken":
                names = [name for name in rest.split() if self._tried(name)["answered"] < 400]
                if not names:
                    raise FailedError(f"each was refused: {_refusal(self._last)}")
                return names[0]
            case "bought":
                again, now = rest.split()
                if self._tried(again)["answered"] >= 400:
                    return "refused"
                changed = self.made[now]["friendly_name"] != self.made["PN"]["friendly_name"]
                return "changed" if changed else "unchanged"
            case "bytes":
                return self._taken_bytes or MISSING
            case "phone":
                return self._read_phone(rest)
            case "alert":
                return self._alert_of(rest)
        path, _, name = rest.partition(" ")
        hook = self._hook(path)
        return MISSING if hook is None else _dig(hook if name == "env" else hook["parameters"], name)

    def _tried(self, name: str) -> Mapping[str, Any]:
        """What a request was answered; a `FailedError` where it was refused for another reason than what it asks."""
        answer: Mapping[str, Any] = self.made[name] if name else _answer(self._last)
        _check_answer(answer)
        return answer

    def _read_phone(self, name: str) -> object:
        if not self._phone.status:
            raise FailedError("the phone got no final response, or not to all of its requests")
        if name == "status":
            return self._phone.status
        if self._phone.status == 200:
            return ACCEPTED
        return "words" if re.fullmatch(r"\d+ .+", self._phone.error) else "code" if self._phone.error else MISSING

    def _hook(
        self, path: str, *, long: bool = False, name: str = "", value: str | None = None
    ) -> Mapping[str, Any] | None:
        """The last request to one of the probe's functions, once it is in the function log."""

        def is_it(one: Mapping[str, Any]) -> bool:
            told = one.get("parameters", {}).get(name)
            is_asked = one.get("path") == f"/{self._one}{path}" and one["at"] > self._since
            return is_asked and (not name or (told is not None if value is None else told == value))

        for _ in self._patience(long=long):
            if any(map(is_it, self._hooks())):
                time.sleep(POLL_S)  # the one that was read first need not be the last
                return max(filter(is_it, self._hooks()), key=lambda one: one["at"])
        return None

    def _hooks(self) -> Iterator[Mapping[str, Any]]:
        service = self.account.client.serverless.v1.services(self.made["ZS"]["sid"])
        for log in service.environments(self.made["ZE"]["sid"]).logs.list():
            with suppress(ValueError):
                message = json.loads(log.message)
                if isinstance(message, dict):
                    yield message

    def _alert_of(self, path: str, *, long: bool = False) -> object:
        """The code of the alert of the call whose document this function was; MISSING where there is none."""
        call = self._filled(f"{{call {path}}}")
        for _ in self._patience(long=long):
            for alert in self.account.client.monitor.v1.alerts.list(limit=20):
                if alert.resource_sid == call:
                    return alert.error_code
        return MISSING

    def _patience(self, *, long: bool = False) -> Iterator[None]:
        """Moments in which to look for something: what is not there then is not believed to come.

        It is waited for longer where function logs and alerts took long before.
        """
        is_rehearsal = self.account.is_rehearsal
        patience = (PATIENCE_REHEARSED_S if is_rehearsal else PATIENCE_S) + 2 * self._slowest_s
        if long:
            patience = LONG_PATIENCE_REHEARSED_S if is_rehearsal else LONG_PATIENCE_S
        until = time.monotonic() + patience
        while time.monotonic() < until:
            yield
            time.sleep(POLL_S)

    def _filled(self, line: str) -> str:
        def fill(found: re.Match[str]) -> str:
            key = found[1]
            if key.startswith("call "):
                hook = self._hook(path := key.removeprefix("call "), long=True)
                if hook is None:
                    raise FailedError(f"{path} was not asked")
                return str(hook["parameters"]["CallSid"])
            if repeated := re.fullmatch(r"(.)(\d+)", key):
                return repeated[1] * int(repeated[2])
            name, _, inner = key.partition(".")
            value = self.made.get(name, MISSING)
            value = _dig(value, inner or "sid") if isinstance(value, dict) else value
            if value is MISSING:
                raise FailedError(f"there is no {key}, which an earlier line makes")
            return str(value)

        return re.sub(r"\{([\w.]+|call /\w+)\}", fill, line)


def _answer(response: Any) -> dict[str, Any]:
    """The fields of an answer, where it is JSON that has any, and its status as `answered`."""
    body: Any = {}
    with suppress(ValueError):
        body = response.json() if response.content else {}
    return (body if isinstance(body, dict) else {}) | {"answered": response.status_code}


def _refusal(response: Any) -> str:
    """What refused a request, in short; nothing where it was taken."""
    answer = _answer(response)
    told = (answer["answered"], answer.get("code"), answer.get("message"))
    return "" if answer["answered"] < 400 else " ".join(str(one) for one in told if one)


def _check_answer(answer: Mapping[str, Any]) -> None:
    """A `FailedError` where a refusal has nothing to do with what was asked."""
    status, code = answer["answered"], answer.get("code")
    is_refused = status >= 400
    if is_refused and (status in OF_THE_MOMENT or status >= 500 or code in OF_THE_ACCOUNT):
        raise FailedError(f"it was refused for another reason: {status} {code or ''}".rstrip())


def _dig(value: Any, path: str) -> Any:
    """What is at a path such as alerts.0.sid; MISSING where there is nothing."""
    for part in path.split(".") if path else ():
        if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            return MISSING
    return value
