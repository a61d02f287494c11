"""The tables of what is counted, by which rules, and what was odd in the data."""

from __future__ import annotations

from collections.abc import Iterator

from dialtone_nb.calls.attempts.quality import Finding
from dialtone_nb.calls.event_source.rules import RULES
from dialtone_nb.calls.load import CallData
from dialtone_nb.calls.measures.definitions import MEASURES
from dialtone_nb.calls.measures.rates import RATES
from dialtone_nb.report.report_table import ReportTable


def tabulate_definitions() -> ReportTable:
    """Every rate: its words, numerator and denominator."""
    rows = [(rate.name, rate.words, _outcomes(rate.numerator), _outcomes(rate.denominator)) for rate in RATES.values()]
    return ReportTable.of(("rate", "in words", "numerator", "denominator"), rows)


def tabulate_measures() -> ReportTable:
    """Everything else that is measured, in words."""
    return ReportTable.of(("measure", "what it is"), list(MEASURES.items()))


def tabulate_rules() -> ReportTable:
    """What an attempt is in a log of call events, rule by rule."""
    return ReportTable.of(
        ("rule", "in a log of call events"), [(str(number), rule) for number, rule in enumerate(RULES, 1)]
    )


def tabulate_findings(data: CallData) -> ReportTable:
    """What was odd in the data, how often, and what was done with it."""
    findings = [*data.findings, *_prices_to_come(data)]
    rows = [(finding.what, finding.count, finding.treatment, finding.example) for finding in findings]
    empty = "No record was left out, repaired or doubted."
    return ReportTable.of(("what", "count", "treatment", "example"), rows, empty=empty)


def _prices_to_come(data: CallData) -> Iterator[Finding]:
    """Answered attempts that have a currency and no price yet; a log of events has neither."""
    tally = data.tally()
    charged = tally[(tally["outcome"] == "answered") & (tally["currency"] != "")]
    count = int((charged["attempts"] - charged["priced"]).sum())
    if count:
        yield Finding("answered attempts without a settled price", count, "counted, but in no cost")


def _outcomes(names: tuple[str, ...]) -> str:
    return " + ".join(name.replace("_", " ") for name in names)
