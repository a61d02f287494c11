"""Attacks and accidents that the first version did not withstand, and the tests that cover them now.

`before` says what the first version (d71a1ba) did, as tried there or reported by an attacker. Tests have pytest's
names below `tests/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from tests.faults.suites import Held, run_tests
from tests.faults.tables import as_table


@dataclass(frozen=True)
class Attack:
    """An attack, what the first version did, and the tests that cover it."""

    what: str
    before: str
    held_by: tuple[str, ...]


CLAIM, GOOD_ONCE, CONSENT = (
    "infrastructure/test_claim.py",
    "infrastructure/test_good_once.py",
    "infrastructure/test_consent.py",
)
APP, COMMAND, DELIVERY = "server/test_app.py", "server/test_command.py", "server/test_delivery.py"
STATE, CONTROL, PROTECTING = (
    "rehearsal/test_server.py",
    "rehearsal/http/test_control.py",
    "infrastructure/test_protecting.py",
)
FENCES = "rehearsal/functions/test_fences.py"

ATTACKS: Final = (
    # Races, replays, collisions.
    Attack(
        "two plans are made that differ, with one fingerprint",
        "a harmless and a toll-fraud plan in 12 s: a fingerprint had 32 bits",
        (f"{CONSENT}::test_no_two_sets_of_fields_are_written_alike", f"{CONSENT}::test_every_field_is_bound"),
    ),
    Attack(
        "a plan is applied that another one, of the same minute, has overtaken",
        "an emergency address was made twice; a live build that the plan did not name was overwritten",
        (
            f"{CLAIM}::test_what_somebody_did_since_a_plan_was_made_refuses_it",
            f"{GOOD_ONCE}::test_an_address_is_made_once_by_two_plans_of_one_moment",
            f"{GOOD_ONCE}::test_two_first_deploys_at_once_make_one_of_everything",
        ),
    ),
    Attack(
        "a fingerprint is used again",
        "it was good again where the plan looked alike, as a rotation's does",
        (
            f"{GOOD_ONCE}::test_a_fingerprint_applies_once",
            f"{GOOD_ONCE}::test_the_same_plan_applied_by_two_threads_is_applied_once",
            f"{GOOD_ONCE}::test_a_password_changed_by_somebody_else_makes_a_rotation_stale",
        ),
    ),
    Attack(
        "rotating, buying, releasing or deleting is consented to by a name",
        "it was enough in an unprotected environment",
        (f"{GOOD_ONCE}::test_what_is_grave_takes_the_fingerprint_everywhere",),
    ),
    Attack(
        "a claim is damaged, has another's form, or a holder with a pipe in its name",
        "it counted as nobody's, and both operators held it; a time without a zone ended in a TypeError",
        (
            f"{CLAIM}::test_what_is_no_claim_is_held_by_somebody",
            f"{CLAIM}::test_garbage_in_the_claim_holds_until_it_is_broken",
            f"{CLAIM}::test_any_name_holds_once",
        ),
    ),
    # Another user of the machine, a page in a browser, a function.
    Attack(
        "another user of the machine reads the rehearsal's state",
        "0644 in a folder of 0755",
        (
            f"{STATE}::test_the_state_is_its_owner_s_alone_whatever_the_umask",
            f"{STATE}::test_what_was_open_to_others_is_closed",
        ),
    ),
    Attack(
        "somebody who knows the seed computes the rehearsal's secrets",
        "two state files had one auth token",
        (
            f"{STATE}::test_sids_follow_from_the_seed_and_secrets_do_not",
            f"{STATE}::test_a_request_s_id_gives_no_password_away",
        ),
    ),
    Attack(
        "a page of another site asks the control host, in simple requests or under a name that was rebound",
        "it moved the clock (200) and read what was there (200)",
        (
            f"{CONTROL}::test_a_web_page_learns_nothing",
            f"{CONTROL}::test_orders_are_json_and_say_so",
            f"{CONTROL}::test_a_name_that_was_rebound_is_no_name_of_ours",
        ),
    ),
    Attack(
        "somebody leads one of our hosts, or a door, beyond this machine",
        "no token was asked for (201)",
        (f"{CONTROL}::test_what_leaves_this_machine_takes_the_token",),
    ),
    Attack(
        "a function reads files, starts processes, opens sockets",
        "it could",
        (f"{FENCES}::test_a_function_gets_nowhere", f"{FENCES}::test_a_function_does_what_it_may"),
    ),
    Attack(
        "a function's processes outlive its build",
        "they went on",
        ("rehearsal/functions/test_functions.py::test_processes_end_with_their_build",),
    ),
    # Clocks.
    Attack(
        "an operator's clock is an hour off",
        "claims ran out by that clock",
        ("account/test_account.py::test_time_is_twilios_whatever_this_computers_clock_says",),
    ),
    Attack(
        "a clock was a year ahead once",
        "hourly limits, the courier and syncs of the archive stood still from then on",
        (
            "server/test_limits.py::test_no_clock_that_is_set_moves_the_hour",
            f"{DELIVERY}::test_a_clock_that_was_a_year_ahead_holds_nothing_up",
            "calls/archive/test_sync.py::test_a_clock_that_was_ahead_silences_nothing",
        ),
    ),
    # Our own server.
    Attack(
        "the courier's folder can't be written for a while",
        "the courier ended for good",
        (f"{DELIVERY}::test_a_courier_comes_back_with_its_folder",),
    ),
    Attack(
        "the events' folder can't be made, or the disk is full",
        "the server did not start",
        (
            f"{APP}::test_calls_are_answered_where_no_events_can_be_kept",
            "server/test_faults.py::test_a_full_disk_takes_nothing_from_calls",
            f"{COMMAND}::test_several_workers_answer_and_count_together",
        ),
    ),
    Attack(
        "a served table, or the note of which one it is, is damaged or vanishes",
        "where the note vanished no table was served: 503, for emergency calls too",
        (
            f"{APP}::test_the_last_good_table_stays",
            f"{APP}::test_a_worker_that_starts_over_a_damaged_table_serves_the_one_before",
            f"{APP}::test_a_worker_that_starts_over_a_damaged_note_serves_the_newest_table",
            f"{APP}::test_a_worker_that_starts_where_the_note_has_vanished_serves_the_newest_table",
        ),
    ),
    Attack(
        "requests that are no HTTP, or whose signature is wrong, fill the log of several workers",
        "a line each",
        (f"{COMMAND}::test_workers_log_as_one_process_does",),
    ),
    Attack(
        "wrong passwords are tried at the SIP server, again and again",
        "as fast as they came",
        (
            "rehearsal/sip/test_bad_input.py::test_whoever_guesses_passwords_is_slowed_down",
            "rehearsal/sip/test_bad_input.py::test_a_source_waits_twice_as_long_for_each_wrong_password_more",
        ),
    ),
    # What strangers write, and half of what somebody asked for.
    Attack(
        "a claim's holder, a caller's name or a log line has escapes for the terminal",
        "the terminal obeyed them",
        (
            "values/test_printable.py",
            f"{CLAIM}::test_holder_is_the_operator_of_the_environment_or_user_and_machine",
        ),
    ),
    Attack(
        "a download of a phone's configuration is broken off",
        "it was used up, and told as done",
        ("phones/test_hand_over.py::test_a_download_that_was_broken_off_is_not_used_up",),
    ),
    Attack(
        "a state file is somebody's database, damaged, or a folder",
        "our tables were put into the database; a damaged file was a DatabaseError",
        (
            f"{STATE}::test_somebodys_database_is_left_alone",
            f"{STATE}::test_a_damaged_state_file_is_told_in_a_line",
            f"{STATE}::test_a_folder_is_no_state_file",
        ),
    ),
    Attack(
        "half an answer, or half a request, arrives",
        "a traceback of JSON; half a body made a list, and an orphan function",
        (
            "account/test_transport.py::test_answer_that_is_not_whole_is_no_answer",
            "account/test_transport.py::test_half_an_answer_that_says_it_is_json_is_none_for_whoever_asks",
            f"{STATE}::test_half_a_request_changes_nothing",
            f"{STATE}::test_half_an_upload_makes_no_version",
        ),
    ),
    Attack(
        "the disk of a report, an archive or a notebook is full",
        "a traceback",
        ("cli/test_disk.py", "calls/archive/test_sync.py::test_a_full_disk_is_one_line_and_loses_nothing"),
    ),
    # Accounts and secrets.
    Attack(
        "TWILIO_REGION or TWILIO_EDGE is set, or a rehearsal's SID is given for Twilio",
        "the rehearsal was not found; Twilio was asked",
        (
            "account/test_account.py::test_no_region_or_edge_disturbs_a_rehearsal",
            "account/test_account.py::test_a_rehearsals_credentials_are_refused_for_twilio",
        ),
    ),
    Attack(
        "a secret leaks, and is rotated while calls are placed",
        "a phone's password alone could be rotated",
        ("infrastructure/test_rotating.py", f"{APP}::test_a_server_takes_and_proves_both_tokens_while_one_is_rotated"),
    ),
    Attack(
        "a key that only reads is stolen",
        "there was one key, for everything",
        (
            "verify/account/test_restricted_keys.py",
            f"{PROTECTING}::test_keys_are_made_with_what_a_runbook_needs_and_nothing_more",
        ),
    ),
    Attack(
        "the dial plan fails, and somebody dials abroad",
        "nothing stood behind it",
        (
            f"{PROTECTING}::test_the_countries_of_the_dial_plan_are_on_and_no_others_in_one_request",
            f"{PROTECTING}::test_spend_alarms_follow_the_file_and_tell_whom_the_environment_names",
        ),
    ),
    Attack(
        "Twilio ends a runtime, wants a customer profile, or signs with another key",
        "nobody was told before calls failed",
        ("verify/account/test_twilio_side.py",),
    ),
    Attack(
        "a package is replaced where packages come from",
        "versions were pinned, not their contents; npm ran install scripts",
        ("test_requirements.py",),
    ),
)


def run_attacks(attacks: Sequence[Attack] = ATTACKS) -> list[Held]:
    """How many tests cover each attack, and which of them failed; every test is run once."""
    tests = run_tests(sorted({one for attack in attacks for one in attack.held_by}))
    found = []
    for attack in attacks:
        its = [one for one in tests if any(_is_of(one.name, held) for held in attack.held_by)]
        found.append(Held(attack.what, len(its), tuple(one.name for one in its if one.is_failed)))
    return found


def _is_of(test: str, held_by: str) -> bool:
    """Whether a test, by name with module and parameters, is one that is named by file, or by file and function."""
    path, _, function = held_by.partition("::")
    module = ".".join(("tests", *PurePosixPath(path).with_suffix("").parts))
    plain = test.partition("[")[0]
    return plain == f"{module}.{function}" if function else plain.startswith(f"{module}.")


def amiss(held: Sequence[Held]) -> list[str]:
    """Attacks without tests, and tests that failed."""
    return [one.promise for one in held if not one.tests] + [failed for one in held for failed in one.failed]


def table_of_attacks(held: Sequence[Held], attacks: Sequence[Attack] = ATTACKS) -> str:
    """A row an attack: what the first version did, and how many tests cover it now."""
    return as_table(
        ["attack", "the first round", "now held by tests", "failed"],
        [[attack.what, attack.before, one.tests, len(one.failed)] for attack, one in zip(attacks, held, strict=True)],
    )
