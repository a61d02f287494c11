"""What the server counts, for Prometheus; with several workers, what all of them have counted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from dialtone_nb.server.table_follower import TableFollower

# prometheus_client looks for this when it is imported: workers then count in files of this folder.
SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
# When a counter was made says little, and doubles what is scraped.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The counters of one worker."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        counter = partial(Counter, registry=registry)
        self.requests = counter("dialtone_requests", "Requests, by path and HTTP status.", ["path", "status"])
        self.answer_seconds = Histogram(
            "dialtone_answer_seconds",
            "From a request's headers to its answer.",
            ["path"],
            registry=registry,
            buckets=_BUCKETS_S,
        )
        self.decisions = counter(
            "dialtone_decisions",
            "Calls that were decided on, by direction and decision: its kind, or why it was refused.",
            ["direction", "decision"],
        )
        self.outcomes = counter(
            "dialtone_outcomes", "Dialled calls that ended, by DialCallStatus.", ["direction", "status"]
        )
        self.events = counter("dialtone_events", "Events, written or lost.", ["result"])
        self.deliveries = counter(
            "dialtone_deliveries", "Events handed on, by where to and what came of it.", ["sink", "result"]
        )
        self.undelivered = Gauge(
            "dialtone_undelivered_bytes",
            "Event lines on the disk that are still to be handed on.",
            ["sink"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self.tables = counter("dialtone_table_switches", "Switches of the table, followed or refused.", ["result"])

    def scrape(self, live: TableFollower, environment: str) -> bytes:
        """The counters as Prometheus reads them, with the table that this worker serves."""
        registry = self._registry
        if folder := os.environ.get(SHARED_FOLDER):
            registry = CollectorRegistry()
            MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
        table = CollectorRegistry()
        table.register(_ServedTable(live, environment))
        return generate_latest(registry) + generate_latest(table)


class _ServedTable(Collector):
    """Which table is served: read when it is asked for, so that a version that is gone leaves no trace."""

    def __init__(self, live: TableFollower, environment: str) -> None:
        self._live = live
        self._environment = environment

    def collect(self) -> Iterator[Metric]:
        """1 for the version that is served; nothing where none is."""
        family = GaugeMetricFamily("dialtone_table_info", "The table served.", labels=["environment", "version"])
        if self._live.version:
            family.add_metric([self._environment, self._live.version], 1)
        yield family
