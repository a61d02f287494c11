"""A real telephone at the rehearsal: the door, what to enter at the phone, a call that rings it, what it does."""

from __future__ import annotations

from functools import partial

from dialtone_nb.account.rehearsal_control import call_number, close_door, fetch_life, find_door, open_door
from dialtone_nb.devices.model import DeviceSettings
from dialtone_nb.display.telephony.real_phones import RealPhone
from dialtone_nb.display.widgets.real_phone_box import PhoneWork, RealPhoneBox
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.infrastructure.apply_phases import apply_proposal
from dialtone_nb.infrastructure.site import Site
from dialtone_nb.parameters.yaml_files import suggest
from dialtone_nb.phones.phone_history import load_kept_history, read_history
from dialtone_nb.phones.settings import device_settings, registrar_at
from dialtone_nb.runbooks.client_setup import ClientSetupParameters, propose_client
from dialtone_nb.runbooks.deploy import propose_deploy
from dialtone_nb.runbooks.steps.opening import Runbook
from dialtone_nb.runbooks.steps.phone_files import registrar_of, renew_files
from dialtone_nb.runbooks.steps.workspace import open_site
from dialtone_nb.runbooks.test_calls import list_set_up
from dialtone_nb.verify.placed_calls import STRANGER

USUAL_HOST, USUAL_PORT = "127.0.0.1", 5060
TALK_S = 15.0


def try_real_phone(runbook: Runbook, client: str = "") -> RealPhone | RealPhoneBox:
    """What to enter at a real phone and what it has done; in JupyterLab with a door to open, and a button to ring it.

    An `InputError` where the account is real, or there is no such phone.
    """
    client = client or runbook.parameters.read(ClientSetupParameters).client
    if runbook.account_kind != "rehearsal":
        problem, repair = "is 'twilio': a phone there registers to Twilio itself", "its device sheet says how"
        raise InputError(Fault("parameter account", problem, repair))
    declared = runbook.declared.clients_in(runbook.environment)
    if client not in declared:
        raise InputError(
            Fault(f"client {client}", f"is not a phone of {runbook.environment}", suggest(client, list(declared)))
        )
    site = open_site(runbook)
    work = PhoneWork(
        look=lambda: look(site, client),
        open=lambda address, beyond: let_in(site, client, address, beyond=beyond),
        close=lambda: close_door(site.account),
        ring=lambda: ring(site, client),
    )
    return RealPhoneBox(work) if runbook.attended else work.look()


def look(site: Site, client: str) -> RealPhone:
    """The phone as it is now."""
    door = find_door(site.account)
    usual = registrar_at(site.parameters, client, USUAL_HOST, USUAL_PORT)
    settings = device_settings(site.parameters, client, registrar=registrar_of(site, client, door) or usual)
    told = fetch_life(site.account, client, settings.host) if door else None
    life = read_history(told) if told else None
    return RealPhone(
        settings, door.page if door else "", life, load_kept_history(), where_its_password_is(site, settings)
    )


def where_its_password_is(site: Site, settings: DeviceSettings) -> str:
    """The private file that holds a phone's password, as somebody in the project's folder finds it."""
    return site.seen(site.private.parent / settings.private_file)


def let_in(site: Site, client: str, address: str, *, beyond: bool) -> str:
    """Open the door to a phone, with its sheet and files made for it; one that is not set up, or no more, is first.

    What comes back says whether that was so.
    """
    is_set_up = client in list_set_up(site.account, site.parameters)
    if not is_set_up:
        number = site.parameters.clients[client].caller_id
        for propose in (propose_deploy, partial(propose_client, client=client, buy=number)):
            apply_proposal(propose(site), "rehearsal", runbook="real phone", reports=site.private.parent)
    door = find_door(site.account) or open_door(site.account, address, beyond_this_machine=beyond)
    renew_files(site, client, registrar_of(site, client, door))
    if is_set_up:
        return f"The SIP server runs; {client} was set up already, and nothing was deployed."
    return f"{client} was not set up: {site.environment} was deployed and {client} set up, then the server started."


def ring(site: Site, client: str) -> str:
    """What came of a call from outside to the phone's number, in a sentence, once it is over."""
    number = site.parameters.clients[client].caller_id
    told = call_number(site.account, STRANGER, number, talk_s=TALK_S)
    if told["alerts"]:
        return "; ".join(f"{alert['message']} ({alert['code']})" for alert in told["alerts"])
    leg = next(iter(told["children"]), None)
    if leg is None:
        return f"{number} was called, and nothing rang: {told['status']}"
    became = {"completed": f"It rang and was answered; they talked {leg['duration_s']} s", "busy": "It declined"}
    return became.get(leg["status"], f"It rang, and then: {leg['status']}")
