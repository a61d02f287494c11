"""What can be asked of real phones, at rehearsal.localhost: the door, registrations, what each phone did, delays."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from dialtone_nb.errors import DialtoneError
from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.operations import ApiResponse
from dialtone_nb.rehearsal.sip.endpoints import Doors
from dialtone_nb.rehearsal.state.store import Store

# What is answered where no door is open.
NOTHING: dict[str, Any] = {"registrations": {"registrations": []}, "lives": {"lives": []}, "delays": {"delays": []}}
PATHS = frozenset({"door", "phones", *NOTHING})


class DoorControl:
    """Answers of the account's SIP door, whichever process has it open."""

    def __init__(self, store: Store, doors: Doors, base: str) -> None:
        self._store = store
        self._doors = doors
        self._base = base

    async def forwarded(self, method: str, path: str, body: bytes) -> ApiResponse | None:
        """What the process answers that has the door open; None where that is this one, or none."""
        if self._doors.own or not (url := await asyncio.to_thread(self._doors.elsewhere)):
            return None
        return await asyncio.to_thread(self._doors.forward, url, method, path, body)

    async def answer(self, method: str, path: str, body: dict[str, Any]) -> ApiResponse | None:
        """The answer to a request about real phones; None where there is no such thing."""
        match (method, path):
            case ("POST", "door"):
                return ApiResponse(201, await asyncio.to_thread(self.open, body))
            case ("DELETE", "door"):
                await asyncio.to_thread(self._doors.close)
                return ApiResponse(204)
            case ("GET", "door"):
                return ApiResponse(200, self.told())
            case ("GET", _) if door := self._doors.own:
                return ApiResponse(200, door.page() if path == "phones" else {path: getattr(door, path)()})
            case ("GET", _) if path in NOTHING:
                return ApiResponse(200, NOTHING[path])
        return None

    def open(self, body: dict[str, Any]) -> dict[str, Any]:
        """Open the door at an `address` of this machine, perhaps with a `trunk`; a Refusal where that can't be."""
        from dialtone_nb.rehearsal.sip.address import DEFAULT, is_loopback, read_address, read_trunk

        try:
            host, port = read_address(str(body.get("address") or DEFAULT))
            trunk = read_trunk(str(body["trunk"])) if body.get("trunk") else None
        except argparse.ArgumentTypeError as error:
            raise Refusal(20001, str(error)) from None
        for outside in (host, trunk.peer[0] if trunk else host):
            if not is_loopback(outside) and body.get("beyond_this_machine") is not True:
                raise Refusal(20001, f"{outside} is not this machine alone: say beyond_this_machine: true to mean it")
        try:
            self._doors.open(host, port, trunk)
        except DialtoneError as error:
            raise Refusal(20409, str(error), 409) from None
        return self.told()

    def told(self) -> dict[str, Any]:
        """The door, as JSON: where phones find it, and the page that shows what they do."""
        told: dict[str, Any] = {"is_open": self._doors.own is not None, "state": str(self._store.path.resolve())}
        if door := self._doors.own:
            trunk = "{}:{}".format(*door.trunk.peer) if door.trunk else ""
            told |= {"host": door.host, "port": door.port, "trunk": trunk, "page": f"{self._base}/phones"}
        return told
