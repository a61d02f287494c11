"""A simulated month of phones whose logs, in each maker's format, come from the rehearsal's own SIP server.

The server's registrar knows who is registered; the phones are unplugged, unregister, move, get a wrong password and
lose the network; some of their datagrams are lost. The states reported by log and calls are compared with the true
ones.
"""

from __future__ import annotations

import heapq
import random
import socket
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path
from typing import Any

from aiosipua.message import SipMessage

from dialtone_nb.calls.attempts.schema import make_frame
from dialtone_nb.calls.measures.known_phones import frame_registrations, intervals_of, know_phones
from dialtone_nb.phones.registrations.intervals import GRACE, Interval, Known
from dialtone_nb.phones.registrations.listener import Listener, open_socket, receive
from dialtone_nb.phones.registrations.store import Registration
from dialtone_nb.rehearsal.sip.endpoint import SipEndpoint
from tests.faults.tables import as_table
from tests.phones.registrations.imitations import IMITATIONS, Imitation
from tests.rehearsal.sip.handset import Handset
from tests.rehearsal.sip.names import DOMAIN, PASSWORD
from tests.rehearsal.sip.network import Network, open_network

START = datetime(2026, 3, 1, tzinfo=UTC)
SEED = 2026
EXPIRY_S = 600
# Half the expiry where the sheet can say so, the usual nine tenths elsewhere; how long after a refusal, and without an
# answer, a phone tries again.
RENEWS_S = {"grandstream": 300, "newer_grandstream": 300}
REFUSED_S = {"grandstream": 1200, "newer_grandstream": 1200}
USUAL_RENEWAL_S, USUAL_RETRY_S, UNANSWERED_S = 540, 300, 60
LOST_ONE_IN = 500
# How long Prometheus waits until a phone that is said to be off is an alarm.
WAITS = timedelta(minutes=30)
FAULT_EVERY_H, CALL_EVERY_H = 18, 3
# How long each lasts, in minutes; a phone that moves is away for no longer than it takes to start.
FAULTS = {
    "unplugged": (15, 480),
    "left, unregistering": (60, 480),
    "moved to another address": (1, 2),
    "wrong password": (30, 360),
    "cut off from the Internet": (15, 180),
}


class Recording(Handset):
    """A SIP phone that keeps the messages it sent and received, for its log."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.messages: list[str] = []

    def send(self, message: SipMessage | bytes) -> None:
        """Send and log a message."""
        self.messages.append(bytes(message).decode())
        super().send(message)

    def receive(self) -> SipMessage:
        """Receive and log the next message."""
        message = super().receive()
        self.messages.append(bytes(message).decode())
        return message


@dataclass
class Phone:
    """An imitated device: its log format, its address, its fault, and when it was registered."""

    name: str
    form: Imitation
    network: Network
    host: str
    handset: Recording
    fault: str = ""
    turn: int = 0
    there: list[tuple[datetime, bool]] = field(default_factory=list)

    def plug(self, host: str) -> None:
        """Restart at an address of one's own network."""
        self.handset.close()
        self.host, self.handset = host, Recording(self.network.address, self.name)

    def register(self, expires: int = EXPIRY_S) -> int:
        """Register and return the status; 0 without an answer."""
        if self.fault == "cut off from the Internet":
            asked = self.handset.request(
                "REGISTER", f"sip:{DOMAIN}", to=f"<sip:{self.name}@{DOMAIN}>", Expires=str(expires)
            )
            self.handset.messages.append(bytes(asked).decode())
            return 0
        self.handset.password = "a wrong one" if self.fault == "wrong password" else PASSWORD
        return int(self.handset.register(expires).status_code)

    def datagrams(self) -> Iterator[bytes]:
        """The log's datagrams since the last call."""
        messages, self.handset.messages = self.handset.messages, []
        for message in messages:
            yield from self.form(message)


@dataclass(frozen=True)
class Fault:
    """A fault of a phone, with its end."""

    phone: str
    kind: str
    began: datetime
    ended: datetime


@dataclass(frozen=True)
class Month:
    """The true states, those that were reported, and the number of lines."""

    faults: list[Fault]
    truth: dict[str, list[tuple[datetime, bool]]]
    known: list[Interval]
    until: datetime
    counts: Counter[str]
    registrations: list[Registration]


class World:
    """The phones, the SIP server and the listener, with a clock that a test moves."""

    def __init__(self, network: Network, days: float, seed: int) -> None:
        self.network = network
        self.now = START
        self.until = START + timedelta(days=days)
        self.random = random.Random(seed)
        self.kept: list[Registration] = []
        self.attempts: dict[str, list[Any]] = defaultdict(list)
        self.faults: list[Fault] = []
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self._hosts = (f"127.0.1.{number}" for number in count(1))
        rehearsal: Any = network.rehearsal
        rehearsal.served.sip.close()
        self.door = SipEndpoint(rehearsal.served.store, rehearsal.served.exchange, port=0, now=self._seconds)
        # The phones of this world find its door, whose clock is the world's.
        object.__setattr__(network, "door", self.door)
        self._listening = open_socket("127.0.0.1", 0)
        self._log = ExitStack()
        self._log.callback(self._listening.close)
        self._sockets: dict[str, socket.socket] = {}
        self.phones = [self._add(form) for form in IMITATIONS]
        names = {phone.name for phone in self.phones}
        self.listener = Listener(lambda: names, self.kept.append, lambda line: None, now=lambda: self.now)

    def _seconds(self) -> float:
        return (self.now - START).total_seconds()

    def _add(self, form: str) -> Phone:
        name = self.network.add_user()
        handset = Recording(self.network.address, name)
        return Phone(name, IMITATIONS[form], self.network, next(self._hosts), handset)

    def run(self) -> Month:
        """Advance the clock."""
        for phone in self.phones:
            self._start(phone)
            self._later(self.random.uniform(1, 60 * FAULT_EVERY_H), self._breaking(phone))
            self._later(self.random.uniform(1, 60 * CALL_EVERY_H), self._calling(phone))
        self._look()
        while self._agenda and self._agenda[0][0] < self.until:
            self.now, _, happen = heapq.heappop(self._agenda)
            happen()
            self._look()
        self.now = self.until
        truth = {phone.name: phone.there for phone in self.phones}
        attempts = make_frame(self.attempts)
        known = know_phones(frame_registrations(self.kept), attempts, list(truth), START, self.until)
        return Month(self.faults, truth, intervals_of(known), self.until, self.listener.counts, self.kept)

    def close(self) -> None:
        """Stop everything."""
        for phone in self.phones:
            phone.handset.close()
        self._log.close()
        self.door.close()

    def _later(self, minutes: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (self.now + timedelta(minutes=minutes), next(self._order), happen))

    def _look(self) -> None:
        """Record which phones are registered, not refused, plugged in and connected."""
        for phone in self.phones:
            is_there = not phone.fault and self._is_registered(phone, phone.handset.port)
            if not phone.there or phone.there[-1][1] is not is_there:
                phone.there.append((self.now, is_there))

    def _is_registered(self, phone: Phone, port: int = 0) -> bool:
        bindings = self.door._locations.bindings((phone.name, DOMAIN), self._seconds())
        return any(not port or binding.flow.peer[1] == port for binding in bindings)

    # --- a phone's life ---

    def _start(self, phone: Phone) -> None:
        phone.turn += 1
        self._renew(phone, phone.turn)()

    def _renew(self, phone: Phone, turn: int) -> Callable[[], None]:
        def renew() -> None:
            # A phone that was started anew meanwhile has another plan.
            if turn != phone.turn:
                return
            status = phone.register()
            self._tell(phone)
            name = phone.form.__name__
            wait_s = {0: UNANSWERED_S, 200: RENEWS_S.get(name, USUAL_RENEWAL_S)}.get(status)
            self._later((wait_s or REFUSED_S.get(name, USUAL_RETRY_S)) / 60, self._renew(phone, turn))

        return renew

    def _tell(self, phone: Phone) -> None:
        device = self._sockets.get(phone.host)
        if device is None:
            device = self._sockets[phone.host] = self._log.enter_context(
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            )
            device.bind((phone.host, 0))
        for datagram in phone.datagrams():
            if self.random.randrange(LOST_ONE_IN):
                device.sendto(datagram, self._listening.getsockname())
                assert receive(self._listening, self.listener)

    def _breaking(self, phone: Phone) -> Callable[[], None]:
        def break_it() -> None:
            kind = self.random.choice(list(FAULTS))
            minutes = self.random.uniform(*FAULTS[kind])
            self.faults.append(Fault(phone.name, kind, self.now, self.now + timedelta(minutes=minutes)))
            if kind == "left, unregistering":
                phone.register(0)
                self._tell(phone)
            phone.fault = kind
            if kind not in ("wrong password", "cut off from the Internet"):
                phone.turn += 1
            self._later(minutes, mend)

        def mend() -> None:
            kind, phone.fault = phone.fault, ""
            # Whoever puts a password right, or a router, starts the phone anew.
            phone.plug(next(self._hosts) if kind == "moved to another address" else phone.host)
            self._start(phone)
            self._later(self.random.uniform(60, 2 * 60 * FAULT_EVERY_H), break_it)

        return break_it

    def _calling(self, phone: Phone) -> Callable[[], None]:
        def call() -> None:
            there = not phone.fault and self._is_registered(phone, phone.handset.port)
            away = ("unreachable", "32011") if self._is_registered(phone) else ("unregistered", "32009")
            outcome, reason = ("no_answer", "") if there else away
            row = {
                "started_at": self.now,
                "client": phone.name,
                "direction": "incoming",
                "outcome": outcome,
                "reason": reason,
            }
            # A refused phone's old registration still takes calls.
            if phone.fault != "wrong password":
                for name, value in row.items():
                    self.attempts[name].append(value)
            self._later(self.random.uniform(1, 2 * 60 * CALL_EVERY_H), call)

        return call


def run_month(days: float = 30, seed: int = SEED) -> Month:
    """Simulate this many days from an empty account."""
    with tempfile.TemporaryDirectory() as folder, open_network(Path(folder) / "state.db") as network:
        world = World(network, days, seed)
        try:
            return world.run()
        finally:
            world.close()


# --- what came of it ---


def known_at(month: Month, phone: str, at: datetime) -> Interval:
    """The reported state of a phone at a moment."""
    return next(one for one in month.known if one.client == phone and one.since <= at < one.until)


def noticed_after(month: Month, fault: Fault) -> tuple[timedelta, Known]:
    """How long a phone with a fault was reported on, and the final report, which is on if it never changed."""
    began, ended = known_at(month, fault.phone, fault.began), min(fault.ended, month.until)
    if began.known is Known.ON and began.until >= ended:
        return ended - fault.began, Known.ON
    said = known_at(month, fault.phone, ended - timedelta(seconds=1)).known
    return began.until - fault.began if began.known is Known.ON else timedelta(0), said


def back_after(month: Month, fault: Fault) -> timedelta | None:
    """How long until a recovered phone was reported on; None if the next fault came first."""
    on = [one for one in month.known if one.client == fault.phone and one.known is Known.ON and one.until > fault.ended]
    if fault.ended >= month.until or not on:
        return None
    return max(on[0].since - fault.ended, timedelta(0))


def compare(month: Month) -> dict[tuple[bool, Known], float]:
    """The seconds that phones were on or off, by what was reported."""
    seconds = {(is_there, known): 0.0 for is_there in (True, False) for known in Known}
    for _, is_there, known, since, until in _pieces(month):
        seconds[is_there, known] += (until - since).total_seconds()
    return seconds


def _pieces(month: Month) -> Iterator[tuple[str, bool, Known, datetime, datetime]]:
    for phone, marks in month.truth.items():
        known = [one for one in month.known if one.client == phone]
        for (since, is_there), (until, _) in pairwise([*marks, (month.until, False)]):
            for one in known:
                if one.since < until and one.until > since:
                    yield phone, is_there, one.known, max(one.since, since), min(one.until, until)


def wrong_for_too_long(month: Month) -> list[str]:
    """Phones reported on for longer than their registration lasted, or reported off while registered."""
    longest = {
        (False, Known.ON): timedelta(seconds=EXPIRY_S) + GRACE,
        (True, Known.OFF): timedelta(seconds=USUAL_RENEWAL_S + UNANSWERED_S),
    }
    return [
        f"{phone} was {'there' if is_there else 'away'} and {known} from {since} to {until}"
        for phone, is_there, known, since, until in _pieces(month)
        if (is_there, known) in longest and until - since > longest[is_there, known]
    ]


def table_of_faults(month: Month) -> str:
    """A row a kind of fault: how often it happened, what was reported, and after how long."""
    heads = ["what happened", "times", "known off", "not known", "said on throughout"]
    heads += [f"{what}, {which}" for what in ("noticed", "back") for which in ("median", "longest")]
    rows = []
    for kind in FAULTS:
        faults = [fault for fault in month.faults if fault.kind == kind]
        noticed = [noticed_after(month, fault) for fault in faults]
        said = Counter(known for _, known in noticed)
        after = [delay for delay, known in noticed if known is not Known.ON]
        back = [delay for fault in faults if (delay := back_after(month, fault)) is not None]
        cells = [len(faults), said[Known.OFF], said[Known.NOT], said[Known.ON]]
        rows.append([kind, *cells, *_two(after), *_two(back)])
    return as_table(heads, rows)


def table_of_time(month: Month) -> str:
    """How much of the phones' time was reported, and how much of that correctly."""
    seconds = compare(month)
    total = sum(seconds.values())
    rows = [
        [name, *(f"{seconds[is_there, known] / total:.2%}" for known in Known)]
        for name, is_there in (("there", True), ("away", False))
    ]
    return as_table(["of all time, a phone was", *Known], rows)


@dataclass(frozen=True)
class Alarm:
    """Prometheus reports an unregistered phone by the rule that watch writes."""

    phone: str
    at: datetime
    # Whether the phone is away, and what befell it.
    is_right: bool
    fault: Fault | None


def alarms_of(month: Month) -> list[Alarm]:
    """The alarms of the month: phones reported off for as long as the rule waits."""
    alarms = []
    for one in month.known:
        at = one.since + WAITS
        if one.known is Known.OFF and at <= one.until:
            # Faults may overlap: the one that is to blame goes on when the phone is first known to be off.
            its = [each for each in month.faults if each.phone == one.client and each.began <= one.since < each.ended]
            is_there = [there for moment, there in month.truth[one.client] if moment <= at][-1]
            alarms.append(Alarm(one.client, at, not is_there, its[-1] if its else None))
    return alarms


def table_of_alarms(month: Month) -> str:
    """A row a kind of fault: how many lasted long enough for an alarm, how many got one, and after how long."""
    alarms = alarms_of(month)
    rows: list[list[Any]] = []
    for kind in FAULTS:
        lasting = [fault for fault in month.faults if fault.kind == kind and fault.ended - fault.began > WAITS]
        its = [one for one in alarms if one.fault in lasting]
        after = [one.at - one.fault.began for one in its if one.fault]
        rows.append([f"{kind}, for longer than {_short(WAITS)}", len(lasting), len(its), _two(after)[0]])
    rows.append(["nothing: the phone was there", 0, sum(not one.is_right for one in alarms), ""])
    return as_table(["what happened", "times", "alarms for Prometheus", "after, median"], rows)


def table_of_lines(month: Month) -> str:
    """How many lines were read and kept."""
    days = (month.until - START).days
    return as_table(
        ["phones", "days", "log lines", f"of them lost, one in {LOST_ONE_IN}", "kept"],
        [[len(month.truth), days, month.counts["lines"], "yes", month.counts["kept"]]],
    )


def _two(delays: Sequence[timedelta]) -> tuple[str, str]:
    if not delays:
        return "", ""
    return _short(sorted(delays)[len(delays) // 2]), _short(max(delays))


def _short(delay: timedelta) -> str:
    seconds = round(delay.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds / 60:.1f} min"
