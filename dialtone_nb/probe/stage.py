"""Where probes are carried out: a service, a SIP domain and phones of their own, and how all of it is taken out again.

Whatever is made has a name that begins with `dialtone-probe`, and is found by it: so what a run leaves behind that was
killed, the next one takes out before anything else, and nothing has to be remembered.
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
from typing import Any
from urllib.parse import urlsplit

from dialtone_nb.account.account import Account
from dialtone_nb.account.rehearsal_control import close_door, find_door, open_door, place_call
from dialtone_nb.errors import DialtoneError, FailedError
from dialtone_nb.probe.probes import MISSING, Probe
from dialtone_nb.probe.sip_phone import PhoneAnswer, SipPhone

NAME = "dialtone-probe"
PHONES = ("a", "b", "c", "d", "e")
SIP_PORT = 5060
POLL_S = 0.3
# Function logs, alerts and numbers of the real Twilio lag behind by seconds.
PATIENCE_S, PATIENCE_REHEARSED_S = 30.0, 2.0
RUNNING = ("queued", "ringing", "in-progress")
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
    _uploads: int = 0
    _alert: str = ""
    _probe: Probe | None = None

    def __post_init__(self) -> None:
        digest = hashlib.sha256(self.account.sid.encode()).hexdigest()[:10]
        self.made |= {"address": dict(self.address), "name": NAME, "prefix": f"{NAME}-{digest}"}
        # Upper and lower case and digits, as Twilio wants them; it never leaves this object.
        self.made["password"] = f"Aa1{secrets.token_hex(16)}"
        self.account.transport.keep_secret(self.made["password"])

    # --- before and after ---

    def prepare(self, probes: Sequence[Probe]) -> None:
        """Make the service, the SIP domain and the credentials that the probes work on."""
        self.play("POST /SIP/CredentialLists FriendlyName={name} -> CL")
        for user in PHONES:
            self.play(f"POST /SIP/CredentialLists/{{CL}}/Credentials Username={user} Password={{password}}")
        self.play("POST /SIP/Domains DomainName={prefix}.sip.twilio.com FriendlyName={name} SipRegistration=true -> SD")
        for kind in ("Calls", "Registrations"):
            self.play(f"POST /SIP/Domains/{{SD}}/Auth/{kind}/CredentialListMappings CredentialListSid={{CL}}")
        self.play("POST serverless/Services UniqueName={name} FriendlyName={name} -> ZS")
        self.play("POST serverless/Services/{ZS}/Environments UniqueName=probe DomainSuffix=probe -> ZE")
        self.play("POST serverless/Services/{ZS}/Functions FriendlyName=probe -> ZH")
        versions = [
            self._upload_answer(one.settles, path, said) for one in probes for path, said in one.answers.items()
        ]
        if versions:
            listed = " ".join(f"FunctionVersions={sid}" for sid in versions)
            self.play(f"POST serverless/Services/{{ZS}}/Builds {listed} Runtime=node22 -> ZB")
            self._poll("GET serverless/Services/{ZS}/Builds/{ZB}/Status", "status", "completed", patience_s=300)
            self.play("POST serverless/Services/{ZS}/Environments/{ZE}/Deployments BuildSid={ZB}")

    def _upload_answer(self, probe: str, path: str, said: Any) -> str:
        status, body = (said["status"], said["body"]) if isinstance(said, dict) else (200, said)
        source = FUNCTION.read_text("utf-8").replace("STATUS", str(status)).replace("BODY", json.dumps(body))
        return str(self._upload(f"/{probe}{path}", source.encode())["sid"])

    def _upload(self, path: str, content: bytes) -> Any:
        zs, zh = self.made["ZS"]["sid"], self.made["ZH"]["sid"]
        url = f"https://serverless-upload.twilio.com/v1/Services/{zs}/Functions/{zh}/Versions"
        file = ("probe.js", content, "application/javascript")
        response = self._send("POST", url, data={"Path": path, "Visibility": "public"}, files={"Content": file})
        return self._taken(response)

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
        """What the probe reads; MISSING where there is nothing."""
        self._probe, self._uploads, self._phone = probe, 0, PhoneAnswer(0)
        self._alert = self._newest_alert() if probe.reads == "alert" else ""
        domain = self.made["ZE"].get("domain_name", "")
        self.made["here"] = f"https://{domain}/{probe.settles}"
        try:
            for line in probe.do:
                self.play(line)
            return self._read(probe.reads)
        finally:
            for phone in self.phones.values():
                if phone.user in {"d", "e"}:
                    phone.register(expires=0)

    def play(self, line: str) -> None:
        """Carry one line out."""
        rest, _, name = self._filled(line).partition(" -> ")
        verb, *words = shlex.split(rest)
        match verb:
            case "PHONE":
                self._play_phone(*words)
            case "UPLOAD":
                with suppress(DialtoneError):
                    self._upload("/big", b"/" * int(words[0]))
                    self._uploads += 1
            case "UNTIL":
                wanted, _, value = words[0].partition("=")
                self._poll(" ".join(map(shlex.quote, words[1:])), wanted, value)
            case "WAIT":
                self.account.wait(float(words[0]))
            case "CALL_IN":
                self._call_in(words[0])
            case _:
                self._request(verb, words)
        if name:
            body = self._last.json() if self._last.content else {}
            body = {"status": self._last.status_code} | body if isinstance(body, dict) else {}
            if "phone_number" in body:
                body["digits"] = str(body["phone_number"]).lstrip("+")
            self.made[name.strip()] = body

    def _request(self, method: str, words: list[str]) -> None:
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
        # A request that other lines build on has to have been taken.
        if self._probe is None:
            self._taken(self._last)

    def _send(self, method: str, url: str, **options: Any) -> Any:
        # Twilio's own hosts alone get the credentials.
        host = urlsplit(url).hostname or ""
        auth = self.account.credentials.basic if host.endswith(".twilio.com") else None
        return self.account.transport.send(method, url, auth=auth, **options)

    def _taken(self, response: Any) -> Any:
        if response.status_code >= 400:
            told = self.account.transport.redact(response.text[:200])
            raise FailedError(f"{response.request.method} {response.request.path_url}: {response.status_code} {told}")
        return response.json() if response.content else {}

    def _poll(self, line: str, wanted: str, value: str, patience_s: float = 0.0) -> None:
        """The same request until a field has a value; another probe's word that it never comes."""
        patience = patience_s or 120.0 if not self.account.is_rehearsal else 10.0
        until = time.monotonic() + patience
        while time.monotonic() < until:
            self.play(line)
            if str(_dig(self._last.json(), wanted)) == value:
                return
            time.sleep(POLL_S)
        raise FailedError(f"{wanted} never was {value}")

    # --- phones ---

    def _play_phone(self, user: str, does: str, *words: str) -> None:
        phone = self._phone_of(user)
        options = dict(word.split("=", 1) for word in words if "=" in word)
        match does:
            case "registers":
                for contact in words or ("",):
                    self._phone = phone.register(contact=contact)
            case "hurries":
                statuses = phone.register_at_once(int(words[0]))
                self._phone = PhoneAnswer(next((one for one in statuses if one != 200), 200 if statuses else 0))
            case "leaves":
                self._phone = phone.register(expires=0)
            case "answers":
                phone.answers_with = int(words[0])
            case "calls":
                stay, cancel = float(options.get("stay", 1)), float(options.get("cancel", 0))
                self._phone = phone.call(words[0], hang_up_after_s=stay, cancel_after_s=cancel)

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
        self._poll("GET /Calls/{CA}", "status", "completed")

    # --- what is looked at ---

    def _read(self, reads: str) -> object:
        head, _, rest = reads.partition(" ")
        match head:
            case "status":
                return self._last.status_code
            case "body":
                return _dig(self._last.json() if self._last.content else {}, rest)
            case "made":
                name, _, inner = rest.partition(".")
                return _dig(self.made.get(name, {}), inner)
            case "uploads":
                return self._uploads or MISSING
            case "phone":
                return self._read_phone(rest)
            case "alert":
                return self._new_alert()
        path, _, name = rest.partition(" ")
        hook = self._hook(path)
        return MISSING if hook is None else _dig(hook if name == "env" else hook["parameters"], name)

    def _read_phone(self, name: str) -> object:
        if name == "status":
            return self._phone.status or MISSING
        return "words" if re.fullmatch(r"\d+ .+", self._phone.error) else "code" if self._phone.error else MISSING

    def _hook(self, path: str) -> Mapping[str, Any] | None:
        """The last request to one of the probe's functions, once it is in the function log."""
        wanted = f"/{self._probe.settles if self._probe else ''}{path}"
        for _ in self._patience():
            found = [one for one in self._hooks() if one.get("path") == wanted]
            if found:
                time.sleep(POLL_S)  # the one that was read first need not be the last
                found = [one for one in self._hooks() if one.get("path") == wanted]
                return max(found, key=lambda one: one["at"])
        return None

    def _hooks(self) -> Iterator[Mapping[str, Any]]:
        service = self.account.client.serverless.v1.services(self.made["ZS"]["sid"])
        for log in service.environments(self.made["ZE"]["sid"]).logs.list():
            with suppress(ValueError):
                message = json.loads(log.message)
                if isinstance(message, dict):
                    yield message

    def _newest_alert(self) -> str:
        alerts = self.account.client.monitor.v1.alerts.list(limit=1)
        return str(alerts[0].sid) if alerts else ""

    def _new_alert(self) -> object:
        for _ in self._patience():
            for alert in self.account.client.monitor.v1.alerts.list(limit=1):
                if alert.sid != self._alert:
                    return alert.error_code
        return MISSING

    def _patience(self) -> Iterator[None]:
        until = time.monotonic() + (PATIENCE_REHEARSED_S if self.account.is_rehearsal else PATIENCE_S)
        while time.monotonic() < until:
            yield
            time.sleep(POLL_S)

    def _filled(self, line: str) -> str:
        def fill(found: re.Match[str]) -> str:
            key = found[1]
            if key.startswith("call "):
                hook = self._hook(key.removeprefix("call "))
                return str(hook["parameters"]["CallSid"]) if hook else "none"
            if repeated := re.fullmatch(r"(.)(\d+)", key):
                return repeated[1] * int(repeated[2])
            name, _, inner = key.partition(".")
            value = self.made.get(name, found[0])
            return str(_dig(value, inner or "sid")) if isinstance(value, dict) else str(value)

        return re.sub(r"\{([\w.]+|call /\w+)\}", fill, line)


def list_leftovers(account: Account) -> list[str]:
    """What is there of probes, by kind and name; nothing once a run is over."""
    return [label for label, _ in _leftovers(account)]


def sweep(account: Account) -> list[str]:
    """Take out whatever is there of probes; what could not be taken out, and why."""
    left = []
    for label, delete in _leftovers(account):
        try:
            delete()
        except DialtoneError as error:
            left.append(f"{label}: {account.transport.redact(str(error))}")
    return left


def _leftovers(account: Account) -> Iterator[tuple[str, Any]]:
    """What is there of probes, with how it is deleted, in the order that works."""
    client = account.client
    for domain in _named(client.sip.domains.list()):
        for call in client.calls.list(limit=50):
            if call.status in RUNNING and domain.domain_name in f"{call.to} {call._from}":
                yield f"call {call.sid}", lambda call=call: client.calls(call.sid).update(status="completed")
    for number in _named(client.incoming_phone_numbers.list()):
        yield f"number {number.friendly_name}", lambda number=number: _release(account, number.sid)
    for queue in _named(client.queues.list()):
        yield f"queue {queue.friendly_name}", client.queues(queue.sid).delete
    for address in _named(client.addresses.list()):
        yield f"address {address.friendly_name}", client.addresses(address.sid).delete
    for domain in _named(client.sip.domains.list()):
        yield f"SIP domain {domain.domain_name}", client.sip.domains(domain.sid).delete
    for listed in _named(client.sip.credential_lists.list()):
        yield f"credential list {listed.friendly_name}", client.sip.credential_lists(listed.sid).delete
    for service in client.serverless.v1.services.list():
        if service.unique_name == NAME:
            yield f"service {NAME}", client.serverless.v1.services(service.sid).delete


def _named(things: Sequence[Any]) -> list[Any]:
    return [one for one in things if str(one.friendly_name or "").startswith(NAME)]


def _release(account: Account, sid: str) -> None:
    """Give a number back, once its emergency address is unregistered."""
    number = account.client.incoming_phone_numbers(sid)
    found = number.fetch()
    if found.emergency_address_sid:
        number.update(emergency_address_sid="")
        for _ in range(60):
            if str(number.fetch().emergency_address_status) == "unregistered":
                break
            account.wait(5)
    number.delete()


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
