"""What a call report says: its summary in words and its tables, from a `CallData` and its tally."""

from __future__ import annotations

from dialtone_nb.report.call_report.definitions import (
    tabulate_definitions,
    tabulate_findings,
    tabulate_measures,
    tabulate_rules,
)
from dialtone_nb.report.call_report.export import export_calls, export_report, tables_of
from dialtone_nb.report.call_report.summary import (
    Summary,
    compare_calls,
    look_for_emergencies,
    look_for_life,
    summarise_calls,
)
from dialtone_nb.report.call_report.tables import (
    tabulate_attempts,
    tabulate_concurrency,
    tabulate_cost,
    tabulate_delays,
    tabulate_deployments,
    tabulate_funnels,
    tabulate_outcomes,
    tabulate_rates,
    tabulate_reasons,
    tabulate_refusals,
    tabulate_signs_of_life,
)
from dialtone_nb.report.call_report.tiles import Tiles, make_tiles
from dialtone_nb.report.call_report.usage import (
    look_at_usage,
    tabulate_durations,
    tabulate_emergencies,
    tabulate_parties,
    tabulate_periods,
)

__all__ = [
    "Summary",
    "Tiles",
    "compare_calls",
    "export_calls",
    "export_report",
    "look_at_usage",
    "look_for_emergencies",
    "look_for_life",
    "make_tiles",
    "summarise_calls",
    "tables_of",
    "tabulate_attempts",
    "tabulate_concurrency",
    "tabulate_cost",
    "tabulate_definitions",
    "tabulate_delays",
    "tabulate_deployments",
    "tabulate_durations",
    "tabulate_emergencies",
    "tabulate_findings",
    "tabulate_funnels",
    "tabulate_measures",
    "tabulate_outcomes",
    "tabulate_parties",
    "tabulate_periods",
    "tabulate_rates",
    "tabulate_reasons",
    "tabulate_refusals",
    "tabulate_rules",
    "tabulate_signs_of_life",
]
