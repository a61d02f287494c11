"""The cause of a symptom: the first one, in an expert's order, that checks confirm; or the question that decides.

symptoms.yaml is the table. Every piece of evidence is a check, verify's own or one of `phone_evidence`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Final

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.parameters.yaml_files import suggest
from dialtone_nb.verify.checks import Check, CheckState

ALL_FUNCTIONS: Final = "sip-outgoing|sip-incoming|call-status"
_STATES: Final = {str(state): state for state in CheckState}
_BLANKS: Final = re.compile(r"[\s_-]+")


@dataclass(frozen=True, slots=True)
class Cause:
    """What may be behind a symptom: the evidence for it, its repair, and what the person at the phone is told."""

    id: str
    cause: str
    repair: str
    tell: str
    when: tuple[Mapping[str, str], ...] = ()
    run: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    takes_code: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What only a person can tell: each answer names the cause; or a parameter is what is missing."""

    id: str
    ask: str
    answers: Mapping[str, str] = field(default_factory=dict)
    parameter: str = ""
    when: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Symptom:
    """What people report, with other names for it, its possible causes in order, and the functions concerned."""

    name: str
    also: tuple[str, ...]
    order: tuple[str, ...]
    functions: str = ALL_FUNCTIONS


@dataclass(frozen=True, slots=True)
class SymptomTable:
    """The whole table: symptoms by their names, causes and questions by their ids."""

    symptoms: Mapping[str, Symptom]
    causes: Mapping[str, Cause]
    questions: Mapping[str, Question]


@dataclass(frozen=True, slots=True)
class Complaint:
    """What was asked: a symptom of a phone, perhaps a number and an answer; and the values of placeholders in texts."""

    symptom: Symptom
    environment: str
    client: str
    # By phone its domain and caller_id, for the texts of symptoms.yaml.
    phones: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    number: str = ""
    country: str = ""  # of that number, else of the phone's own
    answer: str = ""
    account_kind: str = "rehearsal"
    # The environment that new code goes to first; empty where that is the environment itself.
    code_goes_first_to: str = ""

    def words(self, **more: str) -> dict[str, str]:
        """The values of a text's placeholders, for this phone or for another client."""
        client = more.get("client", self.client)
        asked = {"client": client, "environment": self.environment, "number": self.number, "country": self.country}
        return {**asked, "functions": self.symptom.functions, **self.phones.get(client, {}), **more}


@dataclass(frozen=True)
class Diagnosis:
    """One conclusion with its evidence and repair; or, where `question` is there, the one thing that decides."""

    symptom: str
    client: str
    environment: str
    account: str
    cause: str = ""
    conclusion: str = ""
    repair: str = ""
    commands: tuple[str, ...] = ()
    tell: str = ""
    evidence: tuple[Check, ...] = ()
    question: Question | None = None
    # The checks that were made, in their order, and those that are wrong but no evidence.
    went_through: tuple[Check, ...] = ()
    besides: tuple[Check, ...] = ()

    @property
    def exit_code(self) -> int:
        """2 where somebody has to do or say something, 0 where nothing is wrong."""
        return 0 if self.cause == NOTHING else 2

    @property
    def summary(self) -> str:
        """One line: the symptom, and the conclusion or the question."""
        said = f"not known yet; {self.question.ask}" if self.question else self.conclusion
        return f"Troubleshoot {self.symptom}, {self.client}: {said}"


NOTHING: Final = "nothing-wrong"


@cache
def load_symptoms() -> SymptomTable:
    """The table of symptoms.yaml."""
    from ruamel.yaml import YAML

    rows = YAML(typ="safe").load(Path(__file__).with_name("symptoms.yaml"))
    causes = {
        name: Cause(
            name,
            row["cause"],
            row["repair"],
            row["tell"],
            tuple(row.get("when", ())),
            row.get("run", ""),
            row.get("with", {}),
            row.get("code", False),
        )
        for name, row in rows["causes"].items()
    }
    questions = {
        name: Question(name, **{**row, "when": tuple(row.get("when", ()))}) for name, row in rows["questions"].items()
    }
    symptoms = {
        name: Symptom(name, tuple(row["also"]), tuple(row["order"]), row.get("functions", ALL_FUNCTIONS))
        for name, row in rows["symptoms"].items()
    }
    return SymptomTable(symptoms, causes, questions)


def find_symptom(said: str) -> Symptom:
    """The symptom of this name, or of one of its other names; an `InputError` that lists them, where there is none."""
    symptoms = load_symptoms().symptoms
    by_name = {_plain(name): one for one in symptoms.values() for name in (one.name, *one.also)}
    if found := by_name.get(_plain(said)):
        return found
    problem = f"{said!r} is not a symptom" if said.strip() else "is empty"
    names = suggest(said, list(symptoms)) if said.strip() else f"known are {', '.join(symptoms)}"
    raise InputError(Fault("parameter symptom", problem, names))


def _plain(name: str) -> str:
    """A name in its compared form: upper and lower case, hyphens, underscores and blanks count as the same."""
    return _BLANKS.sub(" ", name.strip().casefold())


def diagnose(complaint: Complaint, checks: Sequence[Check], account: str) -> Diagnosis:
    """What the checks say of a complaint; an `InputError` if the given answer is not one of the question's."""
    symptom = complaint.symptom
    looked_at: list[Check] = []
    found = _first_that_holds(complaint, checks, looked_at)
    if isinstance(found, Question):
        asked = replace(found, ask=found.ask.format_map(complaint.words()))
        diagnosis = Diagnosis(symptom.name, complaint.client, complaint.environment, account, question=asked)
        diagnosis = replace(diagnosis, commands=tuple(_next_commands(complaint, found)))
    else:
        diagnosis = _conclude(*found, complaint, account)
    besides = (one for one in checks if one.state is CheckState.WRONG and one not in diagnosis.evidence)
    return replace(diagnosis, went_through=tuple(dict.fromkeys(looked_at)), besides=tuple(besides))


@dataclass(frozen=True, slots=True)
class _Evidence:
    """The checks that confirm a row, and the values in their names, such as the phone."""

    checks: tuple[Check, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)


def _first_that_holds(
    complaint: Complaint, checks: Sequence[Check], looked_at: list[Check]
) -> tuple[Cause, _Evidence] | Question:
    """The first cause that holds or was answered, or the question before it; notes the checks on the way."""
    table = load_symptoms()
    for step in complaint.symptom.order:
        row = table.questions.get(step) or table.causes[step]
        if isinstance(row, Question) and row.parameter == "number" and complaint.number:
            continue
        tried = (_bear_out(_Evidence(), list(one.items()), complaint, checks, looked_at) for one in row.when or ({},))
        evidence = next((one for one in tried if one is not None), None)
        if evidence is None:
            continue
        if isinstance(row, Cause):
            return row, evidence
        if not complaint.answer or not row.answers:
            return row
        return table.causes[_answered(row, complaint.answer)], _Evidence()
    return table.causes[NOTHING], _Evidence()


def _answered(question: Question, answer: str) -> str:
    """The cause that an answer names."""
    by_name = {_plain(name): cause for name, cause in question.answers.items()}
    if cause := by_name.get(_plain(answer)):
        return cause
    repair = suggest(answer, list(question.answers))
    raise InputError(Fault("parameter answer", f"{answer!r} is no answer to {question.ask!r}", repair))


def _bear_out(
    found: _Evidence,
    wanted: Sequence[tuple[str, str]],
    complaint: Complaint,
    checks: Sequence[Check],
    looked_at: list[Check],
) -> _Evidence | None:
    """What was found, with a check for each wanted one, all of the same phone; None if one is missing."""
    if not wanted:
        return found
    (name, state), *rest = wanted
    words = complaint.words(**found.told)
    for check, told in _named(name, words, checks):
        looked_at.append(check)
        if _fits(check, state, words):
            more = _Evidence((*found.checks, check), {**found.told, **told})
            whole = _bear_out(more, rest, complaint, checks, looked_at)
            if whole is not None:
                return whole
    return None


def _named(pattern: str, words: Mapping[str, str], checks: Iterable[Check]) -> Iterator[tuple[Check, dict[str, str]]]:
    """The checks of this name, with what it stands for in theirs."""
    name = re.compile(_filled(pattern, words))
    for check in checks:
        if matched := name.fullmatch(check.name):
            yield check, matched.groupdict()


def _fits(check: Check, wanted: str, words: Mapping[str, str]) -> bool:
    """Whether a check is in one of the states that are wanted, if any are, and found what is wanted, if anything is."""
    states, separator, found = wanted.partition(": ") if ": " in wanted else _split(wanted)
    known = [_STATES[one] for one in states.split("|") if one]
    return (not known or check.state in known) and (
        not separator or bool(re.search(_filled(found, words), check.found))
    )


def _split(wanted: str) -> tuple[str, str, str]:
    """A state alone, or what was found alone."""
    return (wanted, "", "") if set(wanted.split("|")) <= set(_STATES) else ("", ": ", wanted)


def _filled(pattern: str, words: Mapping[str, str]) -> str:
    escaped = {name: word if name == "functions" else re.escape(word) for name, word in words.items()}
    return pattern.format_map(escaped)


def _conclude(cause: Cause, evidence: _Evidence, complaint: Complaint, account: str) -> Diagnosis:
    first = next(iter(evidence.checks), None)
    said = {"found": first.found, "repair": first.repair} if first else {"found": f"as was said, {complaint.answer}"}
    words = complaint.words(**evidence.told) | said
    return Diagnosis(
        complaint.symptom.name,
        words["client"],
        complaint.environment,
        account,
        cause.id,
        _sentence(cause.cause.format_map(words)),
        _sentence(cause.repair.format_map(words)),
        tuple(_repair_commands(cause, complaint, words)),
        cause.tell,
        evidence.checks,
    )


def _sentence(text: str) -> str:
    """The text with a single full stop where a filled-in value brought its own."""
    return text.replace("..", ".")


def _repair_commands(cause: Cause, complaint: Complaint, words: Mapping[str, str]) -> Iterator[str]:
    given = {
        name: value.format_map(words) if isinstance(value, str) else value for name, value in cause.parameters.items()
    }
    environment = {"environment": complaint.environment}
    first = complaint.code_goes_first_to
    if cause.run == "deploy" and cause.takes_code and first:
        yield _command("deploy", complaint, {"environment": first})
        yield _command("promote", complaint, {**environment, "source": first})
    elif cause.run:
        yield _command(cause.run, complaint, {**environment, **given})


def _next_commands(complaint: Complaint, question: Question) -> Iterator[str]:
    """The command for each answer, to run the diagnosis again with it."""
    given = {"environment": complaint.environment, "symptom": complaint.symptom.name, "client": complaint.client}
    given |= {"number": complaint.number} if complaint.number else {}
    if question.parameter:
        yield _command("troubleshoot", complaint, {**given, question.parameter: "…"})
    for answer in question.answers:
        yield _command("troubleshoot", complaint, {**given, "answer": answer})
    if not (question.parameter or question.answers):
        yield _command("troubleshoot", complaint, given)


def _command(runbook: str, complaint: Complaint, given: Mapping[str, object]) -> str:
    account = {"account": complaint.account_kind} if complaint.account_kind != "rehearsal" else {}
    # -r passes text unchanged; -p would turn what was dialled into a number.
    options = [
        f"-r {name} {_quoted(value)}" if isinstance(value, str) else f"-p {name} {value}"
        for name, value in {**account, **given}.items()
    ]
    return " ".join(["python -m dialtone_nb run", runbook, *options])


def _quoted(value: str) -> str:
    return value if re.fullmatch(r"[\w+.-]+", value) else f'"{value}"'
