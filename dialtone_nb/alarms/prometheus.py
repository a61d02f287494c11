"""Alert rules for Prometheus from the rows of watch.yaml, as far as the metrics of our own server can tell.

The same question in another form: Prometheus has no exact test, so the Wilson interval of the last window is held
against that of the seven days before it, at the certainty that the row asks for; an alert speaks where they don't meet.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from dialtone_nb.alarms.rules import Rule, Rules
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.parameters import Parameters
from dialtone_nb.server.folder import table_version

# What is compared with; the longest row's window fits into it.
BEFORE: Final = "7d"
_EVERY: Final = "15m"
_HEAD: Final = (
    "# Written by `python -m dialtone_nb watch --prometheus` from the rules of watch.yaml: change them there.\n"
    "# They read the metrics of `serve`.\n"
)
Entry = dict[str, Any]


def prometheus_rules(rules: Rules, declared: Parameters, environment: str = "") -> str:
    """The file of alert rules, as YAML; a comment names the rows of which our server's metrics tell nothing."""
    version = table_version(compile_table(declared))
    alerts, silent = list[Entry](), list[str]()
    for name, rule in rules.rules.items():
        made = list(_alerts(name, rule, version, environment))
        alerts += made
        silent += [] if made else [name]
    stream = io.StringIO()
    stream.write(_HEAD)
    if silent:
        stream.write(f"# No metric tells of {', '.join(silent)}: let cron run `watch` for these.\n")
    yaml = YAML()
    yaml.width = 4096
    yaml.dump({"groups": [{"name": "dialtone", "interval": "1m", "rules": alerts}]}, stream)
    return stream.getvalue()


def _alerts(name: str, rule: Rule, version: str, environment: str) -> Iterator[Entry]:
    match rule.watches:
        case "loss":
            for window in rule.windows:
                lost, ended = 'dialtone_outcomes_total{status="failed"}', "dialtone_outcomes_total"
                share = _share(lost, ended, window, _z(rule))
                yield _alert(name, rule, f"more calls fail than before, in {window}", share, window)
        case "burst":
            placed = 'dialtone_decisions_total{direction="outgoing"}'
            for window in rule.windows:
                now, z = f"sum(increase({placed}[{window}]))", _z(rule)
                before = f"max_over_time({now}[{BEFORE}:{_EVERY}] offset {window})"
                more = f"{now} - {z:.3f} * sqrt({now}) > clamp_min({before}, 5)"
                yield _alert(name, rule, f"more calls placed in {window} than ever in {BEFORE}", more, window)
        case "silence":
            expression = "dialtone_phone_registered == 0"
            title = "{{ $labels.phone }} says itself that it is not registered"
            yield _alert(name, rule, title, expression, "", wait="30m")
        case "emergency":
            calls = 'dialtone_decisions_total{decision="dial-emergency"}'
            # A counter begins with the first call, and an increase only counts from there.
            expression = f"sum(increase({calls}[10m])) > 0\nor\nsum({calls}) unless sum({calls} offset 10m)"
            yield _alert(name, rule, "somebody called an emergency number, or the test line", expression, "")
        case "check" if any(check.startswith(("table of", "live build of")) for check in rule.checks):
            where = f'environment="{environment}",' if environment else ""
            expression = f'dialtone_table_info{{{where}version!="{version}"}}'
            title = "{{ $labels.environment }} serves another dial plan than the files'"
            yield _alert(name, rule, title, expression, "", wait="15m")
        case "check" if any(check.startswith(("answers of", "server of")) for check in rule.checks):
            where = f'{{environment="{environment}"}}' if environment else ""
            yield _alert(
                name, rule, "no server tells its metrics", f"absent(dialtone_table_info{where})", "", wait="5m"
            )
            failed = 'dialtone_requests_total{status=~"5.."}'
            share = _share(failed, "dialtone_requests_total", "1h", _z(rule))
            yield _alert(name, rule, "more requests fail than before, in 1h", share, "1h")


def _z(rule: Rule) -> float:
    """The quantile of the normal distribution by which the rule speaks once in its days at most, looked at hourly.

    Two intervals that do not meet are further apart than each is wide, by up to the root of two: it may be as narrower.
    """
    tests = rule.false_alarm_days * len(rule.windows)
    return NormalDist().inv_cdf(1 - 1 / tests) / math.sqrt(2)


def _share(some: str, of: str, window: str, z: float) -> str:
    """Whether the lower bound of a share in the window is above its upper bound before (Wilson, at z)."""
    now = _bound(f"sum(increase({some}[{window}]))", f"sum(increase({of}[{window}]))", z, "-")
    then = f"[{BEFORE}] offset {window}"
    before = _bound(f"sum(increase({some}{then}))", f"sum(increase({of}{then}))", z, "+")
    return f"{now}\n>\n{before}"


def _bound(some: str, of: str, z: float, sign: str) -> str:
    share, square = f"({some} / {of})", f"{z * z:.4f}"
    reach = f"{z:.4f} * sqrt({share} * (1 - {share}) / {of} + {square} / 4 / {of} / {of})"
    return f"({share} + {square} / 2 / {of} {sign} {reach}) / (1 + {square} / {of})"


def _alert(name: str, rule: Rule, title: str, expression: str, window: str, wait: str = "") -> Entry:
    entry: Entry = {
        "alert": "".join(map(str.capitalize, name.split("-"))),
        "expr": LiteralScalarString(expression) if "\n" in expression else expression,
    }
    if wait:
        entry["for"] = wait
    # An alert of several windows is several, told apart by their label.
    entry["labels"] = {"rule": name, **({"window": window} if window else {})}
    entry["annotations"] = {"summary": title}
    if rule.runbook:
        entry["annotations"]["runbook"] = f"python -m dialtone_nb run {rule.runbook}"
    return entry
