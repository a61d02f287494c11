"""Plans and outcomes as text and HTML: both say the same, and stay short."""

from __future__ import annotations

import html
import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dialtone_nb.display.applied import applied_html, applied_text, grouped_lines, progress_html
from dialtone_nb.display.plans import DETAIL_LINES, grouped, plan_html, plan_text
from dialtone_nb.infrastructure.apply import ChangeOutcome, Status
from dialtone_nb.infrastructure.plan import Change, Plan, describe
from dialtone_nb.infrastructure.record import Applied
from dialtone_nb.infrastructure.resources import RESOURCE_TYPES
from dialtone_nb.infrastructure.resources.builds import BUILD
from dialtone_nb.infrastructure.resources.functions import FUNCTION, FUNCTION_VERSION
from dialtone_nb.infrastructure.resources.model import Action, ResourceType
from dialtone_nb.infrastructure.resources.phone_numbers import PHONE_NUMBER
from dialtone_nb.infrastructure.resources.services import SERVICE

NAMES = st.text("abcXYZ019 -./<&>\"'", min_size=1, max_size=40).filter(lambda name: name == " ".join(name.split()))
CHANGES = st.builds(
    lambda action, kind, key, value, cost: replace(
        describe(Change(action, kind, key, {"name": "old"}, {"name": value})), cost=cost
    ),
    st.sampled_from(Action),
    st.sampled_from(RESOURCE_TYPES),
    NAMES,
    NAMES,
    st.sampled_from(["", "1.15 USD a month"]),
)
CHANGE_LISTS = st.lists(CHANGES, max_size=12, unique_by=lambda change: change.id)
FUNCTIONS = ["/call-status", "/decide", "/sip-incoming", "/sip-outgoing"]
ERROR = "Twilio answered POST /SIP/Domains.json with error 21232: Domain name is taken (HTTP 400, request RQ1)"


def plan_of(*changes: Change, notes: tuple[str, ...] = ()) -> Plan:
    """A plan of these changes."""
    return Plan("Deploy stage", "rehearsal", "stage", False, changes, {"live": "none"}, notes, True)


def create(kind: ResourceType, key: str) -> Change:
    """A change that creates a resource."""
    return describe(Change(Action.CREATE, kind, key))


def words_of(page: str) -> str:
    """The visible text of HTML."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.replace("<wbr>", ""))).split())


@given(CHANGE_LISTS, st.lists(NAMES, max_size=3))
def test_text_and_html_of_a_plan_tell_the_same(changes: list[Change], notes: list[str]) -> None:
    """Both have every name, value, reason, price, warning, note and the fingerprint, and neither has markup."""
    plan = plan_of(*changes, notes=tuple(notes))
    text, page = " ".join(plan_text(plan).split()), words_of(plan_html(plan))
    for change in changes:
        facts = [change.key, change.why, change.cost, change.warning]
        # Of new versions only the paths are told: theirs are hashes, and who may ask for them is in the files.
        is_new_version = change.kind is FUNCTION_VERSION and change.action is Action.CREATE
        if change.action is not Action.DELETE and not is_new_version:
            facts.append(str(change.after["name"]))
        for fact in facts:
            assert fact in text
            assert fact in page
    for fact in (*notes, plan.summary, *([plan.fingerprint] if changes else [])):
        assert fact in text
        assert fact in page


@given(CHANGE_LISTS, st.data())
def test_text_and_html_of_what_came_of_it_tell_the_same(changes: list[Change], data: st.DataObject) -> None:
    """Both have every name and every error."""
    outcomes = tuple(
        ChangeOutcome(change, status, error=ERROR if status in (Status.FAILED, Status.UNKNOWN) else "")
        for change in changes
        for status in [data.draw(st.sampled_from(Status))]
    )
    applied = Applied(plan_of(*changes), outcomes)
    text, page = " ".join(applied_text(applied).split()), words_of(applied_html(applied))
    for one in outcomes:
        for fact in (one.change.key, one.error):
            assert fact in text
            assert fact in page


@given(CHANGE_LISTS)
def test_groups_lose_no_change_and_keep_the_order(changes: list[Change]) -> None:
    """Changes in one row are still in the plan's order."""
    assert [change for group in grouped(changes) for change in group] == changes


def test_neighbours_that_came_out_alike_take_one_row() -> None:
    """Four completed functions are one row; a failed one has its own, with its repair above."""
    changes = [create(FUNCTION, path) for path in FUNCTIONS]
    done = tuple(ChangeOutcome(change, Status.DONE) for change in changes)
    assert applied_html(Applied(plan_of(*changes), done)).count('<tr class="done">') == 1
    broken = (*done[:3], ChangeOutcome(changes[3], Status.FAILED, error=ERROR))
    page = applied_html(Applied(plan_of(*changes), broken))
    assert page.count('<tr class="done">') == 1
    assert page.count('<tr class="failed">') == 1
    assert page.count(ERROR) == 1
    assert page.index("run the runbook again") < page.index("<table")


def test_two_failures_of_one_kind_stay_apart() -> None:
    """Each failure keeps its own row, even if errors are equal."""
    outcomes = [ChangeOutcome(create(FUNCTION, path), Status.FAILED, error=ERROR) for path in FUNCTIONS[:2]]
    page = applied_html(Applied(plan_of(*(one.change for one in outcomes)), tuple(outcomes)))
    assert page.count('<tr class="failed">') == 2
    assert grouped_lines([]) == []


def test_a_plan_that_nobody_agreed_to_says_how_to_agree() -> None:
    """The page of a run without consent has the fingerprint that the next run takes."""
    plan = plan_of(create(SERVICE, "dialtone"))
    assert f'<code class="fingerprint">{plan.fingerprint}</code>' in applied_html(Applied(plan))


def test_only_who_may_run_a_script_is_given_a_button_that_copies() -> None:
    """A report page has no scripts: a click selects the fingerprint, and there is no copy button."""
    plan = plan_of(create(SERVICE, "dialtone"))
    assert "<button" not in plan_html(plan)
    assert plan_html(plan, searches=True).count('<button type="button" class="copy" style="display: none"') == 1


def test_a_hash_is_told_by_its_first_digits_and_bound_whole() -> None:
    """A build's key is shown by its first digits, but the fingerprint depends on all 64."""
    changes = [create(BUILD, letter * 64) for letter in "ab"]
    plan = plan_of(*changes)
    for page in (
        plan_text(plan),
        plan_html(plan),
        applied_text(Applied(plan, (ChangeOutcome(changes[0], Status.DONE),))),
    ):
        assert "aaaaaaaaaaaa…" in page
        assert "a" * 13 not in page
    twin = create(BUILD, "a" * 12 + "c" * 52)
    assert plan_of(twin).fingerprint != plan_of(changes[0]).fingerprint


def test_whose_visibility_changes_is_told_one_by_one() -> None:
    """Two functions that become public are listed one by one with their old and new visibility."""
    changes = [
        describe(Change(Action.UPDATE, FUNCTION_VERSION, path, {"visibility": "protected"}, {"visibility": "public"}))
        for path in FUNCTIONS[:2]
    ]
    text, page = plan_text(plan_of(*changes)), words_of(plan_html(plan_of(*changes)))
    assert text.count("protected → public") == page.count("protected → public") == 2


def test_a_long_difference_is_cut_and_a_short_one_stands_open() -> None:
    """Lines beyond the limit are counted; a few lines are not folded."""
    lines = tuple(f"+line {number}" for number in range(DETAIL_LINES + 5))
    change = describe(Change(Action.UPDATE, FUNCTION_VERSION, "/table", {}, {}, detail=lines))
    page = plan_html(plan_of(change))
    assert "… and 5 more lines" in page
    assert "<details open>" not in page
    assert "<details open>" in plan_html(plan_of(replace(change, detail=lines[:5])))


def test_money_stands_in_the_first_line() -> None:
    """Two numbers at one price cost twice as much."""
    numbers = [replace(create(PHONE_NUMBER, f"+1503555010{n}"), cost="1.15 USD a month") for n in (1, 2)]
    assert plan_text(plan_of(*numbers)).splitlines()[0].endswith("2 to create; costs 2 times 1.15 USD a month")


def test_progress_shows_what_is_done_what_is_under_way_and_what_waits() -> None:
    """Of four changes one is done, one has started, and the other two are one waiting row."""
    changes = [create(FUNCTION, path) for path in FUNCTIONS]
    page = progress_html(plan_of(*changes), [ChangeOutcome(changes[0], Status.DONE)], [changes[1]])
    assert "1 of 4 changes; now: create function /decide" in words_of(page)
    assert 'max="4" value="1"' in page
    assert page.count("<tr class=") - page.count('<tr class="room">') == 3
