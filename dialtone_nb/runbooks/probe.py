"""Probe: settle what is assumed of Twilio by doing it, take everything out again, and say what to change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from dialtone_nb.display.findings import findings_html
from dialtone_nb.display.widgets.consent_box import ConsentBox
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.files.reports_folder import seen_from
from dialtone_nb.infrastructure.plan import Change, Plan, check_consent, describe
from dialtone_nb.infrastructure.record import ApplyRecord, record_folder, save_record
from dialtone_nb.infrastructure.resources.credential_lists import CREDENTIAL_LIST
from dialtone_nb.infrastructure.resources.model import Action
from dialtone_nb.infrastructure.resources.phone_numbers import PHONE_NUMBER
from dialtone_nb.infrastructure.resources.services import SERVICE
from dialtone_nb.infrastructure.resources.sip_domains import SIP_DOMAIN
from dialtone_nb.probe.findings import Findings, carry_out, facts_of, save_facts
from dialtone_nb.probe.leftovers import NAME, list_leftovers
from dialtone_nb.probe.probes import Allowed, Choice, choose_probes
from dialtone_nb.runbooks.steps.apply import rehearsed_consent
from dialtone_nb.runbooks.steps.opening import Runbook
from dialtone_nb.values.assumptions import FACTS, load_assumptions
from dialtone_nb.values.holder import holder_name

MOST_USD = 50.0


@dataclass(frozen=True)
class ProbeParameters:
    """What a run of probes takes of a runbook's parameters."""

    allow_calls: bool = False
    allow_number: bool = False
    cap_usd: float = 0.0
    consent: str = ""


@dataclass(frozen=True, eq=False)
class ProbePlan:
    """What a run would make and what that costs, with the probes that it carries out."""

    plan: Plan
    choice: Choice


def plan_probe(runbook: Runbook) -> ProbePlan:
    """The plan: what is made for the duration of the run, what is settled with it, and what is left out, and why."""
    given = runbook.parameters.read(ProbeParameters)
    if not 0 <= given.cap_usd <= MOST_USD:
        place, problem = f"parameter cap_usd of {runbook.name}", f"is {given.cap_usd}"
        raise InputError(Fault(place, problem, f"give dollars, from 0 to {MOST_USD:.0f}"))
    choice = choose_probes(Allowed(given.allow_calls, given.allow_number, given.cap_usd))
    account = runbook.account
    title = f"Settle {len(choice.probes)} of {len(load_assumptions())} assumptions"
    plan = Plan(
        title,
        account.label,
        "",
        is_protected=True,
        changes=_changes(choice),
        notes=tuple(_notes(choice, given, list_leftovers(account))),
        is_rehearsal=account.is_rehearsal,
    )
    return ProbePlan(plan, choice)


def run_probe(runbook: Runbook, planned: ProbePlan) -> Findings | ConsentBox[Findings]:
    """What the probes found, and nothing where no consent was given; in JupyterLab the box that asks for it."""
    plan = planned.plan
    consent = runbook.parameters.read(ProbeParameters).consent or rehearsed_consent(plan)
    if runbook.attended and not consent:
        return ConsentBox(plan, lambda given, box: _run(runbook, planned, given, box.stop_if_asked), findings_html)
    return _run(runbook, planned, consent)


def _run(
    runbook: Runbook, planned: ProbePlan, consent: str, before_each: Callable[[], None] = lambda: None
) -> Findings:
    account, plan = runbook.account, planned.plan
    if not check_consent(plan, consent):
        return Findings(account.label, (), was_carried_out=False)
    if plan_probe(runbook).plan.fingerprint != plan.fingerprint:
        raise InputError(Fault("this plan", "has changed, and nothing was done", "make it anew: run its cell"))
    findings = carry_out(account, _address(runbook), planned.choice, before_each)
    folder = runbook.project / record_folder(plan)
    now = account.now()
    folder.mkdir(parents=True, exist_ok=True)
    save_facts(folder / FACTS, facts_of(findings, planned.choice.probes, now.strftime("%Y-%m")))
    stamp, check = now.strftime("%Y-%m-%dT%H:%M:%SZ"), ", ".join(findings.left) or "nothing to do"
    record = ApplyRecord(
        stamp, holder_name(), runbook.name, plan.account, "", plan.fingerprint, findings.summary, check, ()
    )
    save_record(folder, record)
    return replace(findings, said=(f"recorded facts: {seen_from(runbook.project, folder / FACTS)}",))


def _changes(choice: Choice) -> tuple[Change, ...]:
    """What is made for the duration of the run; nothing where no probe is carried out."""
    if not choice.probes:
        return ()
    kinds = [CREDENTIAL_LIST, SIP_DOMAIN, SERVICE]
    made = [
        Change(Action.CREATE, kind, NAME, why="for the duration of the run", undo="taken out again") for kind in kinds
    ]
    if any(one.needs == "number" for one in choice.probes):
        number = Change(
            Action.CREATE, PHONE_NUMBER, f"{NAME} (any that is for sale)", why="for the duration of the run"
        )
        made.append(replace(number, cost="1.15 dollars, and 0.75 for its emergency address", undo="released again"))
    return tuple(map(describe, made))


def _notes(choice: Choice, given: ProbeParameters, leftovers: list[str]) -> list[str]:
    notes = [f"costs at most {choice.cost_usd:.2f} dollars; the cap is {given.cap_usd:.2f}"]
    notes += [
        f"settles {', '.join(one.settles for one in choice.probes if one.needs == kind)}" for kind in _kinds(choice)
    ]
    for why in dict.fromkeys(choice.left_out.values()):
        notes.append(f"not tried, {why}: {', '.join(name for name, said in choice.left_out.items() if said == why)}")
    if leftovers:
        notes.append(f"an earlier run was interrupted; removed first: {', '.join(leftovers)}")
    return notes


def _kinds(choice: Choice) -> list[Any]:
    return list(dict.fromkeys(one.needs for one in choice.probes))


def _address(runbook: Runbook) -> dict[str, str]:
    """The emergency address for the number: the first of the network's phones that is in the United States."""
    found = [one.emergency_address for one in runbook.declared.clients.values() if one.emergency_address]
    address = next((one for one in found if one.country == "US"), found[0] if found else None)
    if address is None:
        return {}
    fields = ("street", "city", "region", "postal_code", "country")
    return {"name": address.customer_name} | {name: str(getattr(address, name)) for name in fields}
