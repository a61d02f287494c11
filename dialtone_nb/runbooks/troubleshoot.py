"""Troubleshoot: a symptom and a phone in, one conclusion out, with its evidence, its repair and what to tell people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import pandas as pd
import polars as pl

from dialtone_nb.account.account import Account
from dialtone_nb.account.rehearsal_control import fetch_domains
from dialtone_nb.calls.attempts.schema import make_frame
from dialtone_nb.calls.load import TWILIO, load_calls
from dialtone_nb.calls.measures.delays import SAMPLE, fetch_delays
from dialtone_nb.calls.twilio_source.fetch import list_alerts
from dialtone_nb.calls.twilio_source.frame import phones_by_number
from dialtone_nb.calls.twilio_source.server_log import log_source
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.dialplan.decisions import DialPstn
from dialtone_nb.display.widgets.question_box import QuestionBox
from dialtone_nb.errors import CredentialsError, DialtoneError, Fault, InputError, TwilioError, UnknownOutcomeError
from dialtone_nb.infrastructure.site import Site
from dialtone_nb.parameters.yaml_files import suggest
from dialtone_nb.phones.what_if import ask_dial_plan, usual_strings
from dialtone_nb.runbooks.steps.opening import Runbook
from dialtone_nb.runbooks.steps.workspace import open_site
from dialtone_nb.runbooks.verify import verify_site
from dialtone_nb.values.phone_numbers import country_of
from dialtone_nb.verify.checks import Check
from dialtone_nb.verify.diagnosis import Complaint, Diagnosis, diagnose, find_symptom
from dialtone_nb.verify.phone_activity import PLACED, fetch_signs
from dialtone_nb.verify.phone_evidence import (
    LOOKED_BACK,
    MEASURED,
    PhoneSigns,
    account_evidence,
    calls_evidence,
    down_evidence,
    keys_evidence,
    number_evidence,
    phone_evidence,
    wait_evidence,
)

T = TypeVar("T")
# Twilio's error dictionary: account not active, and the same as it answers over the API.
NOT_ACTIVE = (10001, 20005)
TOO_MANY_REQUESTS = 429


@dataclass(frozen=True)
class TroubleshootParameters:
    """What troubleshooting takes of a runbook's parameters."""

    symptom: str = ""
    client: str = ""
    number: str = ""
    answer: str = ""


def diagnose_symptom(runbook: Runbook) -> Diagnosis | QuestionBox:
    """What is behind the symptom; only reading. In JupyterLab an open question is asked, and answered with a button."""
    complaint = read_complaint(runbook)
    site = open_site(runbook)
    found = gather_evidence(site)
    checks = (*found.checks, *asked_evidence(site, complaint, found.signs))

    def conclude(answer: str) -> Diagnosis:
        return diagnose(replace(complaint, answer=answer), checks, runbook.account.label)

    diagnosis = conclude(complaint.answer)
    asks = diagnosis.question is not None and bool(diagnosis.question.answers)
    return QuestionBox(diagnosis, conclude) if runbook.attended and asks else diagnosis


def read_complaint(runbook: Runbook) -> Complaint:
    """What was asked, checked; an `InputError` with every fault."""
    given, declared = runbook.parameters.read(TroubleshootParameters), runbook.declared
    phones = declared.clients_in(runbook.environment)
    faults: list[Fault] = []
    try:
        symptom = find_symptom(given.symptom)
    except InputError as error:
        faults += error.faults
    if given.client not in phones:
        problem = f"{given.client!r} is not a phone of {runbook.environment} in clients.yaml"
        faults.append(Fault(f"parameter client of {runbook.name}", problem, suggest(given.client, list(phones))))
    if faults:
        raise InputError(faults)
    table = compile_table(declared)
    number = given.number.strip()
    dialled = ask_dial_plan(declared, table, given.client, number).simulation if number else None
    decision = dialled.decision if dialled else None
    first = next((name for name, one in declared.network.environments.items() if not one.protected), "")
    return Complaint(
        symptom,
        runbook.environment,
        given.client,
        {
            name: {"domain": declared.sip_domain_of(name), "caller_id": phone.caller_id}
            for name, phone in phones.items()
        },
        number,
        country_of(decision.number if isinstance(decision, DialPstn) else phones[given.client].caller_id),
        given.answer,
        runbook.account_kind,
        first if runbook.is_protected and first != runbook.environment else "",
    )


@dataclass(frozen=True)
class Gathered:
    """What was found of an environment: every check of it, and what the phones' checks were made of."""

    checks: tuple[Check, ...]
    signs: PhoneSigns


def gather_evidence(site: Site) -> Gathered:
    """Every check that may bear a cause out: verify's, and what the phones' calls, alerts and registrations tell."""
    with ThreadPoolExecutor(2) as pool:
        # Before the functions are probed, so that an alert about that is not taken for one about calls.
        status = pool.submit(_read, lambda: _account_status(site.account), "")
        try:
            signs = _fetch_signs(site)
            read = calls_evidence(len(signs.attempts))
        except (TwilioError, UnknownOutcomeError, CredentialsError) as error:
            signs = PhoneSigns(site.account.now(), make_frame({}))
            read = calls_evidence(str(error), is_down=_is_down(error))
    phones = phone_evidence(signs, site.parameters, site.environment)
    return Gathered((account_evidence(status.result()), *_verified(site), read, *phones), signs)


def _is_down(error: DialtoneError) -> bool:
    """Whether it is Twilio that fails, and not we who may not ask."""
    status = error.status if isinstance(error, TwilioError) else 0
    is_answer = isinstance(error, TwilioError | UnknownOutcomeError)
    return is_answer and (status in (0, TOO_MANY_REQUESTS) or status >= 500)


def _verified(site: Site) -> Iterator[Check]:
    """What verify finds; where Twilio can't be asked, just that."""
    try:
        yield from verify_site(site).checks
    except (TwilioError, UnknownOutcomeError) as error:
        if isinstance(error, TwilioError) and error.code in NOT_ACTIVE:
            yield account_evidence("suspended")
        elif _is_down(error):
            yield down_evidence(str(error))
        else:
            raise


def _read(ask: Callable[[], T], otherwise: T) -> T:
    """What Twilio tells, and otherwise this: that it can't be asked is a check of its own."""
    try:
        return ask()
    except (TwilioError, UnknownOutcomeError, CredentialsError):
        return otherwise


def _account_status(account: Account) -> str:
    """The account's status; Twilio tells it for the auth token alone, not for an API key."""
    return str(account.client.api.v2010.accounts(account.sid).fetch().status)


def _fetch_signs(site: Site) -> PhoneSigns:
    account, declared = site.account, site.parameters
    now = account.now()
    calls = load_calls(
        TWILIO,
        account,
        since=(now - LOOKED_BACK).date().isoformat(),
        service=log_source(declared.network, account, site.project),
        phones=phones_by_number(declared),
        # Twilio's numbers are compared with ours; what is shown is masked.
        show_numbers=True,
    )
    placed = [one for one in fetch_signs(account, now) if one.what == PLACED]
    alerts = list(list_alerts(account.client, (now - LOOKED_BACK).date(), now.date()))
    return PhoneSigns(
        now,
        calls.frame,
        [one for one in alerts if one.get("error_code")],
        fetch_domains(account, site.environment) if account.is_rehearsal else None,
        {one.client: one.domain for one in sorted(placed, key=lambda sign: sign.at)},
    )


def asked_evidence(site: Site, complaint: Complaint, signs: PhoneSigns) -> Iterator[Check]:
    """What is looked at for this complaint alone: a number, and how long a call takes to ring."""
    name, parameters = complaint.client, site.parameters
    table = compile_table(parameters)
    if complaint.number:
        asked = ask_dial_plan(parameters, table, name, complaint.number)
        yield from number_evidence(name, complaint.number, asked, signs.attempts)
    if "silence" not in complaint.symptom.name:
        return
    number = complaint.number or usual_strings(parameters, table, name).get(DialPstn, "")
    if number:
        yield from keys_evidence(name, ask_dial_plan(parameters, table, name, number))
    placed = signs.attempts["direction"] == "outgoing"
    own = signs.attempts[(signs.attempts["client"] == name) & placed].tail(MEASURED)
    yield from wait_evidence(name, _read(lambda: _waits(site.account, own), []))


def _waits(account: Account, attempts: pd.DataFrame) -> list[int]:
    sample = pl.DataFrame(
        {
            "started_at": attempts["started_at"].tolist(),
            "environment": attempts["environment"].tolist(),
            "call_sid": attempts["call_sid"].tolist(),
            "after_pause": [False] * len(attempts),
        },
        schema=SAMPLE,
    )
    return [one.ms for one in fetch_delays(account.client, sample)]
