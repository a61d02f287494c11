"""watch.yaml: its defaults, and rules that could never raise an alarm, each reported with place and repair."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from dialtone_nb.alarms.rules import Rules, load_rules
from dialtone_nb.errors import ParametersError
from dialtone_nb.parameters import load_parameters
from dialtone_nb.runbooks.steps.parameters_cell import read_source, runbook_names

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "parameters" / "sample"
DECLARED = load_parameters(SAMPLE)
RUNBOOKS = {name: read_source(ROOT, name).names for name in runbook_names(ROOT)}


def load(folder: Path, text: str = "") -> Rules:
    """The rules in this text, or the defaults."""
    if text:
        (folder / "watch.yaml").write_text(text, encoding="utf-8")
    return load_rules(folder, SAMPLE, DECLARED, RUNBOOKS)


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    """Each thing that can be watched has a default rule, except the budget, which only the owner knows."""
    rules = load(tmp_path)
    kinds = {rule.watches for rule in rules.rules.values()}
    assert kinds == {"silence", "loss", "reason", "burst", "country", "emergency", "check", "end"}
    assert all(rule.tell == ("exit-code",) for rule in rules.rules.values())
    assert all(rule.runbook in RUNBOOKS for name, rule in rules.rules.items() if name != "ends-soon")


def test_the_defaults_hold_where_no_phone_makes_emergency_calls(tmp_path: Path) -> None:
    """The rule for emergency addresses does nothing until a phone has one."""
    declared = replace(DECLARED, clients={"van": DECLARED.clients["van"]})
    assert "emergency-call" in load_rules(tmp_path, SAMPLE, declared, RUNBOOKS).rules


def test_the_rows_that_are_offered_as_comments_hold_once_they_are_none(tmp_path: Path) -> None:
    """The rows for a budget and for the phones' log are comments, and are valid once uncommented."""
    text = (SAMPLE / "watch.yaml").read_text(encoding="utf-8")
    rows, _, _ = text.partition("# Channels")
    rules = load(tmp_path, re.sub(r"^#(  [^ ].*|    .*)$", r"\1", rows[rows.index("rules:") :], flags=re.M)).rules
    assert (rules["spend"].watches, rules["phone-off"].checks) == ("spend", ("registration of *",))


RULE = "rules:\n  r:\n    watches: "


def test_a_list_with_a_wrong_entry_has_that_fault_alone(tmp_path: Path) -> None:
    """The list is not reported as empty as well, though no entry of it was valid."""
    with pytest.raises(ParametersError) as caught:
        load(tmp_path, f"{RULE}loss\n    windows: [0d]\n")
    (line,) = caught.value.lines()
    assert "windows.0: must be hours or days" in line


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rules: {}\n", "watch.yaml:1 rules: is empty; write at least one"),
        (
            f"{RULE}silense\n",
            "watches: must be a known one, not 'silense'; did you mean 'silence'? (known",
        ),
        (f"{RULE}loss\n    false_alarm_days: 0\n", "r.false_alarm_days: must be at least 7, not 0"),
        (
            f"{RULE}loss\n    windows: [30d]\n",
            "r.windows: 30d leaves too few days before it to compare with: the rule could",
        ),
        (f"{RULE}loss\n    windows: []\n", "r.windows: is empty; write at least one"),
        (f"{RULE}loss\n    windows: [1w]\n", "must be hours or days, such as 6h or 7d"),
        (
            f"{RULE}silence\n    budget: 4\n",
            "r.budget: has no meaning for a rule that watches silence; take the line out",
        ),
        (f"{RULE}silence\n    phones: [loby]\n", "r.phones: 'loby' is not a phone; did you mean 'lobby'?"),
        (f"{RULE}spend\n", "r.budget: is missing, and without it the rule can never speak; add budget:"),
        (f"{RULE}spend\n    budget: 0\n", "r.budget: must be more than 0"),
        (f"{RULE}check\n", "r.checks: is missing, and without it the rule can never speak; add checks:"),
        (
            f"{RULE}check\n    checks: [live bild of *]\n",
            "verify has no check 'live bild of *': the rule can never speak",
        ),
        (f"{RULE}check\n    checks: [drill of loby]\n", "r.checks: 'loby' is not a phone: the rule can never speak"),
        (
            f"{RULE}emergency\n    phones: [van]\n",
            "none of these phones makes emergency calls: the rule can never speak",
        ),
        (f"{RULE}end\n    dates: {{key: soon}}\n", "r.dates.key: must be a day, not 'soon'; write it as 2027-03-31"),
        (f"{RULE}loss\n    tell: [chat]\n", "r.tell: 'chat' is not a channel; known are exit-code"),
        (f"{RULE}loss\n    tell: []\n", "r.tell: is empty; write at least one"),
        (f"{RULE}loss\n    runbook: verfy\n", "r.runbook: there is no runbook 'verfy'; did you mean 'verify'?"),
        (
            f"{RULE}loss\n    parameters: {{a: b}}\n",
            "r.parameters: belong to no runbook; add runbook:, or take them out",
        ),
        (
            f"{RULE}loss\n    runbook: verify\n    parameters: {{clint: x}}\n",
            "r.parameters: verify has no parameter 'clint'; known are account, environment",
        ),
        (
            f'{RULE}loss\n    runbook: verify\n    parameters: {{environment: "{{enviroment}}"}}\n',
            "r.parameters: {enviroment} is not a field of an alarm; did you mean 'environment'?",
        ),
        (
            f"{RULE}loss\nwebhooks:\n  chat:\n    url: https://example.org/secret\n",
            "webhooks.chat.url: there is no setting 'url' here; known are url_from, template",
        ),
        (
            f"{RULE}loss\nwebhooks:\n  chat:\n    url_from: https://example.org/secret\n",
            "must be the name of an environment variable, such as CHAT_URL",
        ),
        (
            f'{RULE}loss\nwebhooks:\n  chat:\n    template: \'{{"text": "{{txt}}"}}\'\n',
            "names {txt}, which there is not",
        ),
        (
            f"{RULE}loss\nwebhooks:\n  chat:\n    template: '{{text}}'\n",
            "is not JSON once it is filled in, not '{text}'; write such as",
        ),
        (f"{RULE}loss\nwebhooks:\n  exit-code: {{}}\n", "webhooks.exit-code: is another channel's name too"),
        (
            f"{RULE}loss\nmail:\n  m: {{host: b.example, security: none, sender: a@b.example, to: [b@b.example]}}\n",
            "mail.m.security: would send messages that anybody can read; write starttls or tls",
        ),
        (
            f"{RULE}loss\nmail:\n  m: {{host: smtp.example.org, sender: a, to: [b@example.org]}}\n",
            "mail.m.sender: must be an address such as somebody@example.org",
        ),
    ],
)
def test_a_rule_that_can_never_speak_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    """So is every other fault of the file."""
    with pytest.raises(ParametersError) as caught:
        load(tmp_path, text)
    assert says in " ".join(caught.value.lines()), caught.value.lines()
    assert "example.org/secret" not in str(caught.value)
    assert all("watch.yaml:" in line for line in caught.value.lines())
