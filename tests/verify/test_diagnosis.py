"""The table of symptoms: how checks lead to a conclusion or a question."""

from __future__ import annotations

import re
import string
from dataclasses import replace
from pathlib import Path

import pytest

from dialtone_nb.display.diagnosis import diagnosis_html, diagnosis_lines, diagnosis_text
from dialtone_nb.errors import InputError
from dialtone_nb.runbooks.steps.parameters_cell import read_source
from dialtone_nb.verify.checks import Check, good, unknown, wrong
from dialtone_nb.verify.diagnosis import Complaint, Diagnosis, diagnose, find_symptom, load_symptoms

ROOT = Path(__file__).parents[2]
TABLE = load_symptoms()
DOMAIN = "phones-prod.sip.twilio.com"
PHONES = {
    "lobby": {"domain": DOMAIN, "caller_id": "+15035550103"},
    "garden": {"domain": "phones-nonemergency-prod.sip.twilio.com", "caller_id": "+15035550108"},
}
WORDS = {"client", "environment", "number", "country", "functions", "domain", "caller_id", "found", "repair"}


def asked(symptom: str, *checks: Check, answer: str = "", first: str = "", kind: str = "rehearsal") -> Diagnosis:
    """The result of these checks for the lobby's phone."""
    complaint = Complaint(
        find_symptom(symptom), "prod", "lobby", PHONES, answer=answer, account_kind=kind, code_goes_first_to=first
    )
    return diagnose(complaint, checks, "the rehearsal")


def test_every_step_is_a_row_and_every_row_is_reached() -> None:
    """From a symptom, or from an answer."""
    steps = {step for one in TABLE.symptoms.values() for step in one.order}
    answers = {cause for one in TABLE.questions.values() for cause in one.answers.values()}
    assert steps | answers <= {*TABLE.causes, *TABLE.questions}
    assert {*TABLE.causes, *TABLE.questions} <= steps | answers


def test_only_an_answer_leads_to_a_row_without_evidence_unless_it_is_the_last() -> None:
    """A row without evidence always applies, so later rows are unreachable, as are those after a question."""
    for one in TABLE.symptoms.values():
        *before, _ = one.order
        ends = [step for step in before if step in TABLE.causes and not TABLE.causes[step].when]
        asked = [TABLE.questions[step] for step in before if step in TABLE.questions]
        ends += [question.id for question in asked if not (question.parameter or question.when)]
        assert ends == [], one.name


def test_a_number_that_is_given_is_not_asked_for() -> None:
    """If nothing is known about it, the advice is to dial it again."""
    complaint = Complaint(find_symptom("one destination fails"), "prod", "lobby", PHONES)
    found = [diagnose(one, (), "") for one in (complaint, replace(complaint, number="5035550199"))]
    assert [one.question.id for one in found if one.question] == ["which-number", "dial-it"]
    assert [one.commands[0].partition("-r client lobby ")[2] for one in found] == [
        '-r number "…"',
        "-r number 5035550199",
    ]


@pytest.mark.parametrize("cause", TABLE.causes.values(), ids=TABLE.causes)
def test_a_row_names_words_that_are_known_and_a_runbook_with_its_parameters(cause: object) -> None:
    """Every cause has a repair, and a text for the phone's user."""
    row = TABLE.causes[getattr(cause, "id", "")]
    assert row.cause
    assert row.repair
    assert row.tell.endswith((".", "?"))
    texts = [row.cause, row.repair, *map(str, row.parameters.values()), *(name for one in row.when for name in one)]
    for text in texts:
        assert {name for _, name, _, _ in string.Formatter().parse(text) if name} <= WORDS
    if row.run:
        assert {*row.parameters, "environment"} <= set(read_source(ROOT, row.run).names)


def test_no_name_of_a_symptom_means_two() -> None:
    """In any spelling."""
    names = [name.casefold() for one in TABLE.symptoms.values() for name in (one.name, *one.also)]
    assert len(names) == len(set(names))
    assert find_symptom("No_dial-TONE ").name == "no dial tone"
    assert find_symptom("bill is exploding").name == "bill or traffic explodes"


def test_a_symptom_that_is_none_is_answered_with_what_there_is() -> None:
    """The nearest, or the list."""
    with pytest.raises(InputError, match="'calls out fial' is not a symptom; did you mean 'calls out fail'"):
        find_symptom("calls out fial")
    with pytest.raises(InputError, match="is empty; known are no dial tone, busy at once, "):
        find_symptom("  ")


def test_the_first_cause_in_the_order_is_the_conclusion_and_the_others_stand_beside_it() -> None:
    """The domain is checked before the phone."""
    unmapped = wrong("", f"registrations mapping of {DOMAIN}", "not mapped", "", "deploy prod")
    gone = wrong("", "credential of lobby", "not there", "", "client_setup with client lobby")
    found = asked("no dial tone", gone, unmapped)
    assert (found.cause, found.evidence, found.besides) == ("registrations-unmapped", (unmapped,), (gone,))
    assert found.commands == ("python -m dialtone_nb run deploy -r environment prod",)
    assert found.repair == "deploy prod."
    assert found.exit_code == 2


def test_another_phones_trouble_is_not_taken_for_this_ones() -> None:
    """Its checks have its name."""
    other = [
        wrong("", "credential of garden", "not there", "", "client_setup"),
        wrong("", "refusals of garden", "32212, wrong password", "", ""),
        wrong("", "registration of garden", "not registered", "", ""),
        good("", "registration of lobby", f"registered at {DOMAIN}", ""),
    ]
    found = asked("no dial tone", *other)
    assert found.cause == ""
    assert found.question is not None


def test_where_any_phone_may_be_behind_it_the_conclusion_names_which() -> None:
    """All evidence is from one phone, here the second, whose address is wrong."""
    checks = [
        unknown("", "last emergency call of lobby", "answered, 911", ""),
        good("", "emergency address of lobby", "registered", ""),
        good("", "last emergency call of garden", "answered, 911", ""),
        wrong("", "emergency address of garden", "unregistered", "", ""),
    ]
    found = asked("911 was dialled", *checks)
    assert (found.cause, found.client) == ("emergency-without-address", "garden")
    assert found.conclusion.startswith("garden dialled an emergency number, and no address is registered")
    assert found.commands == ("python -m dialtone_nb run client_setup -r environment prod -r client garden",)


def test_new_code_goes_to_a_protected_environment_by_way_of_the_open_one() -> None:
    """Other changes are applied directly; on a real account each command has that parameter."""
    stale = wrong("", "live build of prod", "differs from the files in /table", "", "deploy stage, then promote it")
    found = asked("calls out fail", stale, first="stage", kind="twilio")
    assert found.commands == (
        "python -m dialtone_nb run deploy -r account twilio -r environment stage",
        "python -m dialtone_nb run promote -r account twilio -r environment prod -r source stage",
    )
    unmapped = wrong("", f"calls mapping of {DOMAIN}", "not mapped", "", "deploy prod")
    assert len(asked("calls out fail", unmapped, first="stage").commands) == 1


def test_what_can_not_be_known_is_asked_with_a_command_for_each_answer() -> None:
    """Each command is valid in a shell, with a valid answer."""
    found = asked("no dial tone")
    assert found.question
    assert found.exit_code == 2
    assert found.commands[0] == (
        "python -m dialtone_nb run troubleshoot -r environment prod "
        '-r symptom "no dial tone" -r client lobby -r answer nothing'
    )
    assert len(diagnosis_lines(found)) == 1 + len(found.question.answers)
    answers = [re.findall(r'-r answer "?([^"]+)"?$', command)[0] for command in found.commands]
    assert [asked("no dial tone", answer=answer).cause for answer in answers] == list(found.question.answers.values())


@pytest.mark.parametrize("symptom", TABLE.symptoms)
def test_each_answer_of_each_question_leads_to_a_conclusion(symptom: str) -> None:
    """With all placeholders filled."""
    found = asked(symptom)
    for answer in found.question.answers if found.question else ():
        ended = asked(symptom, answer=answer.upper())
        assert ended.question is None
        assert ended.conclusion
        assert "{" not in f"{ended.conclusion}{ended.repair}{ended.tell}"


def test_a_number_of_minutes_is_passed_as_one() -> None:
    """As text it would be rejected."""
    drill = good("", "last drill of lobby", "answered, 933", "")
    (command,) = asked("911 was dialled", drill).commands
    assert command.endswith("run explore -r environment prod -r client lobby -p minutes 1440")


def test_an_answer_that_is_none_is_answered_with_those_that_are() -> None:
    """In one line."""
    with pytest.raises(InputError, match=r"parameter answer: 'sillence' is no answer to .*; known are nothing, "):
        asked("no dial tone", answer="sillence")


def test_a_question_that_needs_evidence_is_asked_where_it_holds() -> None:
    """A rejected password is some phone's, and only its user can tell whether it is this one's."""
    refused = unknown("", "refusals that name no phone", "32212, phone's registration was refused", "")
    found = asked("no dial tone", refused)
    assert found.question
    assert (found.question.id, found.went_through) == ("what-the-phone-says", (refused,))
    assert asked("no dial tone", refused, answer="401 or 403").cause == "password-wrong"
    other = asked("no dial tone")
    assert other.question
    assert other.question.id == "lifted"


def test_an_answer_does_not_outvote_what_was_found() -> None:
    """Checks are certain; what a person heard is not."""
    gone = wrong("", "credential of lobby", "not there", "", "client_setup with client lobby")
    assert asked("no dial tone", gone, answer="nothing").cause == "credential-gone"


def test_it_looks_the_same_in_a_terminal_and_on_a_page() -> None:
    """Conclusion, evidence, repair, texts, steps; untrusted text is escaped."""
    gone = wrong("", "credential of lobby", "<b>not there", "it can't register", "client_setup with client lobby")
    found = asked("no dial tone", good("", "credentials", "accepted", ""), gone)
    text, page = diagnosis_text(found), diagnosis_html(found)
    assert found.summary == f"Troubleshoot no dial tone, lobby: {found.conclusion}"
    for part in (found.conclusion, found.repair, found.tell, found.commands[0], "✓ credentials: accepted"):
        assert part in text
    assert "&lt;b&gt;not there" in page
    assert found.commands[0] in page
    question = diagnosis_html(replace(asked("no dial tone"), symptom="<i>"))
    assert "&lt;i&gt;" in question
    assert "Not known yet" in question
