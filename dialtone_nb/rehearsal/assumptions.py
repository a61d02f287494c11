"""The behaviour of Twilio that is rehearsed: a value for each assumption in values/assumptions.yaml."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.values.assumptions import Assumed, read_values


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """A possible behaviour of Twilio; each field is an assumption, which values/assumptions.yaml explains."""

    name: str
    sends_sip_username: bool
    takes_emergency_address_at_purchase: bool
    asks_action_of_calls_given_up: bool
    takes_bare_911: bool
    not_registered_response: int
    no_voice_url_response: int
    insecure_response: int
    never_answered_response: int
    too_many_bindings_response: int
    too_fast_response: int
    declined_status: str
    no_emergency_calling_code: int
    not_complete_status: int
    queue_name_taken_code: int
    queue_not_empty_code: int
    twiml_too_long_code: int
    credential_taken_code: int
    weak_password_code: int
    variable_taken_status: int
    number_has_address_code: int
    address_in_use_code: int
    largest_function: int
    bulk_update_keys: str
    countries_at_first: str
    ended_unanswered: str
    dial_ends_as: str
    keys_after_gather: str
    hung_up_before_joined: str
    unfetched_whisper: str
    legacy_unregistered_status: str
    dequeued_never_joined: str
    buying_what_is_owned: str
    sequence_number_counts: str
    process_env: str
    twilio_error_header: str
    nothing_deployed_again_status: int
    refused_url_status: str
    queue_max_size: int


def _behaviour(name: str) -> Behaviour:
    values = {one: pair[name == "documented"] for one, pair in read_values().items()}
    return Behaviour(name=name, **values)  # type: ignore[arg-type]  # a test compares the types


RECORDED: Final = _behaviour("recorded")
DOCUMENTED: Final = _behaviour("documented")
BEHAVIOURS: Final[Mapping[str, Behaviour]] = MappingProxyType({one.name: one for one in (RECORDED, DOCUMENTED)})
BEHAVIOUR_VARIABLE: Final = "DIALTONE_REHEARSAL_TWILIO"


def choose_behaviour(name: str = "", otherwise: Mapping[str, Assumed] = MappingProxyType({})) -> Behaviour:
    """The behaviour of this name, or else of the environment variable's, or else the recorded one.

    `otherwise` overrides single assumptions, by their ids. Raises InputError for an unknown name.
    """
    place, name = ("--twilio", name) if name else (BEHAVIOUR_VARIABLE, os.environ.get(BEHAVIOUR_VARIABLE, ""))
    if name and name not in BEHAVIOURS:
        raise InputError(Fault(place, f"is {name!r}", f"use one of {', '.join(BEHAVIOURS)}"))
    return replace(BEHAVIOURS[name or RECORDED.name], **otherwise)  # type: ignore[arg-type]
