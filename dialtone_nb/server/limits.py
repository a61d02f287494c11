"""What one phone may do: so many calls an hour, and none but emergency and exempt calls in its quiet hours.

Twilio's functions remember nothing from one call to the next, so our own server alone keeps these limits.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from dialtone_nb.dialplan.decisions import Decision, DialPstn, DialTrunk, Refuse
from dialtone_nb.dialplan.table import Limits, Table

HOUR_S: Final = 3600.0
# A call waits no longer than this for the others to be counted.
_WAIT_S: Final = 0.2
_SCHEMA: Final = "CREATE TABLE IF NOT EXISTS calls (client TEXT NOT NULL, at REAL NOT NULL)"
_INDEX: Final = "CREATE INDEX IF NOT EXISTS calls_of ON calls (client, at)"
_log = logging.getLogger(__name__)


@dataclass
class CallCounter:
    """The calls of the last hour by phone, in a file that all workers share; it survives a restart.

    `clock` goes on evenly, whatever somebody sets the time to, and is the same in every process of this machine. It
    begins anew with the machine: what was counted before that lies ahead of it, and is forgotten.
    """

    path: Path
    clock: Callable[[], float] = time.monotonic
    _connection: sqlite3.Connection | None = field(default=None, repr=False)

    def take(self, client: str, most: int) -> bool:
        """Whether the phone may place one more call, which counts from now on; a count that fails lets it through.

        A full disk must not silence every phone: the limit is there for abuse, and the log tells that it is not kept.
        """
        try:
            connection = self._opened()
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                now = self.clock()  # now that all others have counted theirs
                connection.execute("DELETE FROM calls WHERE at <= ? OR at > ?", (now - HOUR_S, now))
                ((placed,),) = connection.execute("SELECT count(*) FROM calls WHERE client = ?", (client,))
                if placed < most:
                    connection.execute("INSERT INTO calls VALUES (?, ?)", (client, now))
                return bool(placed < most)
        except (sqlite3.Error, OSError) as error:
            _log.warning("Calls of %s are not counted: %s", client, error)
            return True

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=_WAIT_S, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            # What a power cut takes is a call too few in an hour's count.
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute(_SCHEMA)
            self._connection.execute(_INDEX)
        return self._connection


def limited(table: Table, environment: str, decision: Decision, now: datetime, counter: CallCounter) -> Decision:
    """The decision, or its refusal where the phone has its limits.

    Emergency and incoming calls have none, and rules that are exempt, such as the one for 988.
    """
    if not isinstance(decision, DialPstn | DialTrunk):
        return decision
    if any(rule.exempt for rule in table.rules if rule.name == decision.rule):
        return decision
    limits = table.environments[environment].clients[decision.client].limits
    if limits is None:
        return decision
    if is_quiet(limits, now):
        return Refuse(
            rule=decision.rule, client=decision.client, reason="quiet-hours", message=table.messages.quiet_hours
        )
    if limits.calls_an_hour and not counter.take(decision.client, limits.calls_an_hour):
        return Refuse(
            rule=decision.rule, client=decision.client, reason="too-many-calls", message=table.messages.too_many_calls
        )
    return decision


def is_quiet(limits: Limits, now: datetime) -> bool:
    """Whether it is one of the phone's quiet hours where it stands; they may go over midnight."""
    if limits.quiet_from == limits.quiet_until:
        return False
    local = now.astimezone(ZoneInfo(limits.time_zone))
    minute = local.hour * 60 + local.minute
    if limits.quiet_from < limits.quiet_until:
        return limits.quiet_from <= minute < limits.quiet_until
    return minute >= limits.quiet_from or minute < limits.quiet_until
