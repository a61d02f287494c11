"""Alert rules for Prometheus: promtool accepts them, and evaluates them on series of healthy and faulty servers."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dialtone_nb.alarms.prometheus import prometheus_rules
from dialtone_nb.alarms.rules import Rule, Rules
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.parameters import load_parameters
from dialtone_nb.parameters.yaml_files import YamlFile
from dialtone_nb.server.folder import table_version
from tests.rehearsal.sip.conftest import needs

SAMPLE = Path(__file__).parents[2] / "parameters" / "sample"
DECLARED = load_parameters(SAMPLE)
VERSION = table_version(compile_table(DECLARED))
DEFAULTS: Rules = YamlFile(SAMPLE / "watch.yaml").parse(Rules)
# A quarter of an hour each for nine days; then half a day.
BEFORE, AFTER = 9 * 96, 48


def promtool(*arguments: str, cwd: Path) -> str:
    """promtool's output; fails unless it succeeds."""
    needs("promtool", "prometheus")
    done = subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def series(labels: str, before: str, after: str) -> dict[str, str]:
    """A series that has one slope for nine days, and another for half a day."""
    return {"series": labels, "values": f"{before} {after}"}


GOOD = [
    series(f'dialtone_table_info{{environment="prod",version="{VERSION}"}}', f"1x{BEFORE + AFTER}", ""),
    series('dialtone_outcomes_total{status="completed"}', f"0+2x{BEFORE + AFTER}", ""),
    series('dialtone_outcomes_total{status="failed"}', f"0+0.1x{BEFORE + AFTER}", ""),
    series('dialtone_decisions_total{decision="dial-pstn",direction="outgoing"}', f"0+2x{BEFORE + AFTER}", ""),
    series('dialtone_requests_total{status="200"}', f"0+4x{BEFORE + AFTER}", ""),
    series('dialtone_phone_registered{phone="lobby"}', f"1x{BEFORE + AFTER}", ""),
]


TABLE_IS_GONE = GOOD[0]["series"], f"1x{BEFORE}", "stale"
OTHER_TABLE = 'dialtone_table_info{environment="prod",version="other"}'


def changed(labels: str, before: str, after: str) -> list[dict[str, str]]:
    """The healthy server's series with one replaced."""
    return [*(one for one in GOOD if one["series"] != labels), series(labels, before, after)]


@pytest.mark.parametrize(
    ("input_series", "speaks"),
    [
        (GOOD, set()),
        (changed('dialtone_outcomes_total{status="failed"}', f"0+0.1x{BEFORE}", f"87+1.5x{AFTER}"), {"CallsLost"}),
        (
            changed(
                'dialtone_decisions_total{decision="dial-pstn",direction="outgoing"}',
                f"0+2x{BEFORE}",
                f"1730+30x{AFTER}",
            ),
            {"CallsBurst"},
        ),
        (
            [
                *GOOD,
                series(
                    'dialtone_decisions_total{decision="dial-emergency",direction="outgoing"}',
                    f"_x{BEFORE + AFTER}",
                    "1",
                ),
            ],
            {"EmergencyCall"},
        ),
        (
            [*changed(*TABLE_IS_GONE), series(OTHER_TABLE, f"_x{BEFORE}", f"1x{AFTER}")],
            {"NotAsTheFiles"},
        ),
        (changed(*TABLE_IS_GONE), {"NotAnswering"}),
        (changed('dialtone_phone_registered{phone="lobby"}', f"1x{BEFORE}", f"0x{AFTER}"), {"PhoneSilent"}),
        ([*GOOD, series('dialtone_requests_total{status="500"}', f"0x{BEFORE}", f"0+3x{AFTER}")], {"NotAnswering"}),
    ],
    ids=["good", "failed calls", "a burst", "an emergency call", "another table", "no server", "a phone off", "faults"],
)
def test_each_alert_speaks_when_it_should_and_none_when_all_is_well(
    tmp_path: Path, input_series: list[dict[str, str]], speaks: set[str]
) -> None:
    """Prometheus evaluates each alert on healthy and faulty series."""
    rules = prometheus_rules(DEFAULTS, DECLARED)
    (tmp_path / "rules.yml").write_text(rules, encoding="utf-8")
    names = {one["alert"] for one in yaml.safe_load(rules)["groups"][0]["rules"]}
    assert "10 rules found" in promtool("check", "rules", "rules.yml", cwd=tmp_path)
    at = f"{(BEFORE + AFTER) * 15}m"
    count = 'count by (alertname) (ALERTS{alertstate="firing"})'
    tests: dict[str, Any] = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "6h",  # each time asks for a week's worth of quarters of an hour
        "tests": [
            {
                "interval": "15m",
                "input_series": input_series,
                "promql_expr_test": [
                    {
                        "expr": f"{count} > bool 0",
                        "eval_time": at,
                        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(speaks)],
                    }
                ],
            }
        ],
    }
    assert speaks <= names
    (tmp_path / "test.yml").write_text(yaml.safe_dump(tests), encoding="utf-8")
    assert "SUCCESS" in promtool("test", "rules", "test.yml", cwd=tmp_path)


def test_a_row_that_is_changed_changes_its_alert() -> None:
    """The alert's windows, threshold and runbook follow the row; rows that no metric covers are listed."""
    rules = Rules(
        rules={
            "lost": Rule(watches="loss", windows=("3h",), false_alarm_days=7, runbook="verify"),
            "strict": Rule(watches="loss", windows=("3h",), false_alarm_days=36500),
            "abroad": Rule(watches="country"),
        }
    )
    text = prometheus_rules(rules, DECLARED, "prod")
    lost, strict = yaml.safe_load(text)["groups"][0]["rules"]
    assert lost["labels"] == {"rule": "lost", "window": "3h"}
    assert lost["annotations"]["runbook"] == "python -m dialtone_nb run verify"
    assert "[3h]" in lost["expr"]
    assert lost["expr"] != strict["expr"]
    assert "# No metric tells of abroad: let cron run `watch` for these." in text
