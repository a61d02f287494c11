"""Datagrams of devices on the operator's network -> registrations of phones; what strangers send is bounded and named.

Which phone a datagram is of, in this order:

1. the user name in a REGISTER and in its response: it holds behind any address, and for several phones behind one;
2. an address that the operator gave a phone (`--phone lobby=192.0.2.31`): then nobody else may speak for that phone;
3. the only phone that has registered through the same device, for lines that name none. A device is an address, and the
   MAC address in the line where there is one.

Syslog is neither signed nor secret: whoever is on the network can write a line. So lines change what is known of phones
that are declared, some times in ten minutes and no more, and every message is named once an hour at most.
"""

from __future__ import annotations

import errno
import socket
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.phones.registrations.lines import LONGEST_LINE, DeviceLog, RegistrationState, Told, split_line
from dialtone_nb.phones.registrations.store import Registration

PORT: Final = 514  # RFC 5426, 3.3: where devices send that can be told an address alone
MOST_DEVICES: Final = 512
# A Grandstream that logs a whole call writes some hundred lines a second.
MOST_LINES: Final = 5000
# A sender of made-up addresses must not keep a server from its calls.
MOST_IN_ALL: Final = 4 * MOST_LINES
LINES_WITHIN: Final = timedelta(seconds=10)
# What is said again within a minute is not kept again.
SAME_WITHIN: Final = timedelta(seconds=60)
# Of one phone. One that registers every minute, and is refused each time, stays below.
MOST_KEPT: Final = 30
KEPT_WITHIN: Final = timedelta(minutes=10)
NAMED_AGAIN_AFTER: Final = timedelta(hours=1)
MOST_NAMED: Final = 100
# A device that registers says so at least so often; before, nobody can say that it does not.
NAMED_AFTER: Final = timedelta(minutes=70)
_TICK_S: Final = 0.5
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RECEIVE_BUFFER: Final = 1 << 20
K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class Allowance:
    """How many of something there may be within a time; the rest is refused until that time is over."""

    most: int
    within: timedelta
    _since: datetime = _LONG_AGO
    _taken: int = 0

    def take(self, now: datetime) -> bool:
        """Whether one more may be."""
        # A clock that was set back opens a new time, too.
        if not timedelta(0) <= now - self._since < self.within:
            self._since, self._taken = now, 0
        self._taken += 1
        return self._taken <= self.most


class Listener:
    """Reads datagrams for the phones that `names` gives; `keep` gets registrations, `say` a line for a person."""

    def __init__(
        self,
        names: Callable[[], Collection[str]],
        keep: Callable[[Registration], None],
        say: Callable[[str], None],
        *,
        addresses: Mapping[str, str] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._names = names
        self._keep = keep
        self._say = say
        self._addresses = dict(addresses or {})  # of phones, by name
        self._phones = {address: name for name, address in self._addresses.items()}
        self._now = now
        self._devices: OrderedDict[tuple[str, str], DeviceLog] = OrderedDict()
        self._lines: OrderedDict[str, Allowance] = OrderedDict()
        self._all = Allowance(MOST_IN_ALL, LINES_WITHIN)
        self._kept: dict[str, Allowance] = {}
        self._last: dict[str, tuple[RegistrationState, str, datetime]] = {}
        self._named: OrderedDict[tuple[str, str], datetime] = OrderedDict()
        self._naming = Allowance(MOST_NAMED, NAMED_AGAIN_AFTER)
        # By what became of them; and the addresses that no phone is known behind.
        self.counts: Counter[str] = Counter()
        self.unknown: OrderedDict[str, str] = OrderedDict()

    def take(self, datagram: bytes, address: str) -> None:
        """Read one datagram that came from an address."""
        now = self._now()
        self.counts["lines"] += 1
        if not self._all.take(now):
            self._drop("flood", "any address", "too many lines from too many addresses; the rest is lost")
            return
        if not _bounded(self._lines, address, lambda: Allowance(MOST_LINES, LINES_WITHIN)).take(now):
            self._drop(
                "flood", address, f"more than {MOST_LINES:,} lines in {LINES_WITHIN.seconds} s; the rest is lost"
            )
            return
        maker, mac, text = split_line(datagram)
        device = _bounded(self._devices, (address, mac), lambda: DeviceLog(now))
        for told in device.read(text, maker, self._names()):
            self._tell(told, device, address, now)
        strangers = device.users - set(self._names())
        if address in self._phones or strangers < device.users:
            self.unknown.pop(address, None)
            if strangers:
                self._drop("stranger", address, "one of several phones here registers under no name of clients.yaml")
        else:
            problem = _why_unknown(device)
            if address in self.unknown or len(self.unknown) < MOST_DEVICES:
                self.unknown[address] = problem
            self._drop("unknown", address, problem, is_said=bool(device.users) or now - device.since > NAMED_AFTER)

    def _tell(self, told: Told, device: DeviceLog, address: str, now: datetime) -> None:
        client = (
            told.client or self._phones.get(address) or (next(iter(device.users)) if len(device.users) == 1 else "")
        )
        if not client and len(device.users) > 1:
            self._drop(
                "shared", address, "several phones behind one address; lines that name none of them are left out"
            )
        if client not in self._names():
            return
        if self._phones.get(address, client) != client or self._addresses.get(client, address) != address:
            # A name that is declared is safe to show.
            self._drop("forged", address, f"speaks for {client}, which has another address; forged, or it has moved")
            return
        state, reason, at = self._last.get(client, (None, "", now))
        if (state, reason) == (told.state, told.reason) and timedelta(0) <= now - at < SAME_WITHIN:
            return
        if not self._kept.setdefault(client, Allowance(MOST_KEPT, KEPT_WITHIN)).take(now):
            minutes = KEPT_WITHIN.seconds // 60
            self._drop("flood", address, f"{client} changes more than {MOST_KEPT} times in {minutes} minutes; left out")
            return
        self._last[client] = told.state, told.reason, now
        self.counts["kept"] += 1
        self._keep(Registration(now, client, told.state, told.reason, told.expires_s, address))

    def _drop(self, kind: str, address: str, problem: str, *, is_said: bool = True) -> None:
        """Count what is not kept, and name it now and then: strangers' addresses can be made up by the thousand."""
        now = self._now()
        self.counts[kind] += 1
        named = self._named.get((kind, address))
        is_new = named is None or not timedelta(0) <= now - named < NAMED_AGAIN_AFTER
        if is_said and is_new and self._naming.take(now):
            _bounded(self._named, (kind, address), lambda: now)
            self._named[kind, address] = now
            self._say(f"{address}: {problem}")


def _why_unknown(device: DeviceLog) -> str:
    of = f"a {device.maker}" if device.maker else "a device"
    if device.users:
        return f"{of} that registers under no name of clients.yaml; correct its user name, or declare the phone"
    return f"{of} that has named no phone yet; if it goes on so, name it: --phone NAME=ADDRESS"


def _bounded(things: OrderedDict[K, V], key: K, make: Callable[[], V]) -> V:
    """What the key has, made where it has nothing; of too many, those that were not asked for longest are forgotten."""
    if key not in things:
        things[key] = make()
        if len(things) > MOST_DEVICES:
            things.popitem(last=False)
    things.move_to_end(key)
    return things[key]


def open_socket(host: str, port: int) -> socket.socket:
    """A socket for datagrams; an `InputError` where it can't be had."""
    place = f"{host}:{port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        opened = socket.socket(family, kind, protocol)
    except (OSError, ValueError) as error:
        raise InputError(Fault(place, "is not an address", "write one of this computer's")) from error
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        opened.bind(address)
    except OSError as error:
        opened.close()
        raise InputError(Fault(place, *_why_not_bound(error))) from error
    opened.settimeout(_TICK_S)
    return opened


def _why_not_bound(error: OSError) -> tuple[str, str]:
    if error.errno == errno.EADDRINUSE:
        return "is taken, by another syslog server perhaps", "stop that, or choose another port"
    if error.errno == errno.EACCES:
        repair = "give it (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE), or choose a port from 1024 on"
        return "needs a right that this user has not", repair
    if error.errno == errno.EADDRNOTAVAIL:
        return "is not an address of this computer", "name one that is"
    return f"can't be listened to: {error.strerror}", "choose another address and port"


def receive(opened: socket.socket, listener: Listener) -> bool:
    """Whether a datagram came within half a second; it was read then."""
    try:
        datagram, (address, *_) = opened.recvfrom(LONGEST_LINE)
    except TimeoutError:
        return False
    listener.take(datagram, str(address).removeprefix("::ffff:"))
    return True
