"""Which phones are registered, for Prometheus: read from what is kept, whichever process listens."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dialtone_nb.phones.registrations.intervals import Known, PhoneKnown, evidence_of, find_intervals, sum_up
from dialtone_nb.phones.registrations.store import load_last

# Some thousand lines: hours of many phones, days of a few.
LOOKED_AT: Final = 256 * 1024
_SINCE: Final = timedelta(days=2)


def scrape_registrations(folder: Path, clients: Collection[str]) -> bytes:
    """1 for a phone that is known to be registered, 0 for one that is known to be away; nothing of one not known."""
    now = datetime.now(UTC)
    told = [one for one in load_last(folder, LOOKED_AT) if one.client in clients]
    known = sum_up(find_intervals(map(evidence_of, told), {one.client for one in told}, now - _SINCE, now))
    if not known:
        return b""
    registry = CollectorRegistry()
    registry.register(_Phones(known))
    return generate_latest(registry)


class _Phones(Collector):
    """What was read just now: a Gauge would keep it in the files that workers share."""

    def __init__(self, known: Mapping[str, PhoneKnown]) -> None:
        self._known = known

    def collect(self) -> Iterator[Metric]:
        """Each phone that has told something in the last days."""
        registered = GaugeMetricFamily("dialtone_phone_registered", "By its own syslog.", labels=["phone"])
        changes = GaugeMetricFamily("dialtone_phone_changes", "Between on and off within a day.", labels=["phone"])
        for name, phone in self._known.items():
            changes.add_metric([name], phone.changes)
            if phone.known is not Known.NOT:
                registered.add_metric([name], phone.known is Known.ON)
        yield from (registered, changes)
