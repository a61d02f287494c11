"""The audio of one leg: an RTP port that plays audio, receives keys, and passes audio on to another leg."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

from aiortp.dtmf import DtmfReceiver
from aiortp.packet import RtpPacket

from dialtone_nb.rehearsal.sip.media.tones import FRAME, FRAME_S, PCMA, PCMU, frames, recoded, silence
from dialtone_nb.rehearsal.sip.transport import HostPort

DTMF = 101  # the payload type that we offer for keys (RFC 4733)
TRIES = 20


@dataclass(frozen=True, slots=True)
class Agreed:
    """What both sides of a leg have agreed on: the audio's destination, its payload types, and whether we may send."""

    remote: HostPort | None
    payload_type: int = PCMU
    keys: int | None = DTMF
    sends: bool = True  # whether we may send; false while the phone has us on hold


@dataclass(slots=True)
class PacketCounts:
    """The numbers of audio packets in either direction."""

    received: int = 0
    sent: int = 0
    strange: int = 0


class MediaPort(asyncio.DatagramProtocol):
    """One leg's RTP port. All methods are called in the event loop."""

    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None
        self._agreed = Agreed(None)
        self._host = ""
        self._ssrc, self._sequence = secrets.randbits(32), secrets.randbits(15)
        self._timestamp = secrets.randbits(31)
        self._source, self._shift = 0, 0
        self._keys = DtmfReceiver(self._pressed)
        self.peer: MediaPort | None = None
        self.echoes = False
        self.packets = PacketCounts()
        self.local: HostPort = ("", 0)
        self.on_key: Callable[[str], None] = lambda _: None
        self.on_sound: Callable[[bytes], None] = lambda _: None
        self.on_first_sound: Callable[[], None] = lambda: None

    async def open(self, host: str) -> None:
        """Bind a free port with an even number, as RTP uses them; if this is cancelled, the port is released."""
        loop = asyncio.get_running_loop()
        for attempt in range(TRIES):
            try:
                transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, 0))
            except BaseException:
                self.close()
                raise
            port = int(transport.get_extra_info("sockname")[1])
            if port % 2 == 0 or attempt == TRIES - 1:
                self.local = (host, port)
                return
            transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport at once, as `open` may be cancelled before it gets it."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def close(self) -> None:
        """Release the port."""
        if self.peer and self.peer.peer is self:
            self.peer.peer = None
        self.peer = None
        if self._transport:
            self._transport.close()
            self._transport = None

    def agree(self, agreed: Agreed, host: str) -> None:
        """Use what was agreed from now on, and accept packets only from this host."""
        self._agreed = agreed
        self._host = host

    @property
    def agreed(self) -> Agreed:
        """The result of the last offer and answer."""
        return self._agreed

    # --- receiving ---

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Handle a packet with a key or audio."""
        if addr[0] != self._host:
            self.packets.strange += 1
            return
        try:
            packet = RtpPacket.parse(data)
        except (ValueError, IndexError):
            self.packets.strange += 1
            return
        self.packets.received += 1
        if self.packets.received == 1:
            self.on_first_sound()
        if self._agreed.remote != addr[:2] and self._agreed.remote:
            # Behind a NAT, audio comes from another port than the one in the phone's SDP: send there (symmetric RTP).
            self._agreed = replace(self._agreed, remote=(addr[0], addr[1]))
        if packet.payload_type == self._agreed.keys:
            self._take_key(packet)
        elif packet.payload_type in {PCMU, PCMA} and packet.payload:
            self._take_sound(packet)

    def _take_key(self, packet: RtpPacket) -> None:
        try:
            self._keys.handle_packet(packet)
        except ValueError:
            self.packets.strange += 1
            return
        if self.peer:
            self.peer.pass_on(packet)

    def _take_sound(self, packet: RtpPacket) -> None:
        self.on_sound(recoded(packet.payload, packet.payload_type, PCMU))
        if self.peer:
            self.peer.pass_on(packet)
        elif self.echoes:
            self.pass_on(packet)

    def _pressed(self, key: str, _: int) -> None:
        self.on_key(key)

    def error_received(self, exc: Exception) -> None:
        """Ignore that the other end no longer listens; signalling will end the call."""

    # --- sending ---

    def pass_on(self, packet: RtpPacket) -> None:
        """Send another leg's packet in this leg's stream."""
        agreed = self._agreed
        is_sound = packet.payload_type in {PCMU, PCMA}
        if not is_sound and agreed.keys is None:
            return
        if packet.ssrc != self._source:
            self._source = packet.ssrc
            self._shift = self._timestamp + FRAME - packet.timestamp
        self._timestamp = (packet.timestamp + self._shift) & 0xFFFFFFFF
        if is_sound:
            payload = recoded(packet.payload, packet.payload_type, agreed.payload_type)
            self._send(payload, agreed.payload_type, packet.marker)
        else:
            self._send(packet.payload, agreed.keys or DTMF, packet.marker)

    async def play(self, sound: bytes, *, repeat: bool = False) -> None:
        """Play mu-law audio in real time; forever if `repeat` is set."""
        loop = asyncio.get_running_loop()
        at, is_first, self._source = loop.time(), 1, 0
        while True:
            for frame in frames(sound):
                self._timestamp = (self._timestamp + FRAME) & 0xFFFFFFFF
                payload_type = self._agreed.payload_type
                self._send(recoded(frame, PCMU, payload_type), payload_type, is_first)
                at, is_first = at + FRAME_S, 0
                await asyncio.sleep(max(0.0, at - loop.time()))
            if not repeat:
                return

    async def be_silent(self, seconds: float) -> None:
        """Send silence, so that the phone sees that the line is alive."""
        await self.play(silence(seconds))

    def _send(self, payload: bytes, payload_type: int, marker: int) -> None:
        agreed = self._agreed
        self._sequence = (self._sequence + 1) & 0xFFFF
        if not (self._transport and agreed.remote and agreed.sends):
            return
        packet = RtpPacket(
            payload_type=payload_type,
            marker=marker,
            sequence_number=self._sequence,
            timestamp=self._timestamp,
            ssrc=self._ssrc,
            payload=payload,
        )
        with contextlib.suppress(OSError, ValueError):  # what can't be sent is lost, as on a network
            self._transport.sendto(packet.serialize(), agreed.remote)
            self.packets.sent += 1


def join(one: MediaPort, other: MediaPort) -> None:
    """Let two legs hear each other."""
    one.peer, other.peer = other, one


def part(one: MediaPort, other: MediaPort) -> None:
    """Stop two legs from hearing each other."""
    for port in (one, other):
        port.peer = None
