"""dialplan.yaml as a typed model: rules, and what is checked of every number."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dialtone_nb.parameters.field_types import Words
from dialtone_nb.parameters.yaml_files import Closed, spelled

RuleName = Annotated[str, spelled("[a-z0-9][a-z0-9-]{0,39}", "small letters, digits and -, 40 at most")]

TARGETS = ("pstn", "emergency", "trunk", "number", "refuse")


class Rule(Closed):
    """What is dialled, and where it goes: exactly one target. One that is `exempt` has no quiet hours or call limit.

    `emergency` is true where what was dialled is the emergency number, else the number that is called instead.
    """

    name: RuleName
    pattern: str
    exempt: Literal[True] | None = None
    pstn: str | None = None
    emergency: Literal[True] | str | None = None
    trunk: str | None = None
    number: str | None = None
    refuse: Words | None = None

    @model_validator(mode="after")
    def _has_one_target(self) -> Rule:
        given = self.model_fields_set - {"name", "pattern", "exempt"}
        if len(given) != 1:
            has = " and ".join(name for name in TARGETS if name in given) or "no target"
            raise ValueError(f"has {has}; give it exactly one of {', '.join(TARGETS)}")
        if getattr(self, *given) is None:
            raise ValueError(f"has an empty target; say what {''.join(given)} is")
        if self.exempt and given & {"emergency", "refuse"}:
            raise ValueError(f"is exempt from limits, which {''.join(given)} has none of; take exempt out")
        return self


class RefusedPrefixes(Closed):
    """Numbers that are never called, by how they begin, and what the person hears."""

    name: RuleName
    say: Words
    prefixes: tuple[str, ...] = Field(min_length=1, strict=False)


class Messages(Closed):
    """What a person hears when a call can't be made, or was not answered."""

    unknown_phone: Words = "This phone is not known to the network. Please tell the people who look after it."
    # {number} is the emergency number of the phone's country, digit by digit.
    no_emergency: Words = "Emergency calls cannot be made from this phone. Please use another phone to call {number}."
    not_dialable: Words = "What was dialled is not a telephone number. Please check it and dial again."
    no_rule: Words = "This number cannot be dialled from here. Please check it and dial again."
    dial_emergency: Words = "For an emergency call, please hang up and dial {number}."
    emergency_failed: Words = "The emergency call could not be made. Please use another phone to call {number}."
    emergency_domain: Words = (
        "This phone is set up without emergency calling. Please use another phone to call {number}, "
        "and tell the people who look after this phone."
    )
    not_a_number: Words = "This is not a complete telephone number. Please check it and dial again."
    country_not_allowed: Words = "Calls to this country cannot be made from this phone."
    special_rate: Words = "Premium rate and personal numbers cannot be called from this phone."
    no_such_code: Words = "There is no such area code. Please check the number and dial again."
    busy: Words = "The number you called is busy. Please try again later."
    no_answer: Words = "Nobody answered. Please try again later."
    failed: Words = "The call could not be completed. Please check the number, or try again later."
    quiet_hours: Words = "This phone makes no calls at this hour, except emergency calls."
    too_many_calls: Words = "Too many calls were made from this phone. Please try again later."
    phone_unreachable: Words = "The phone you called is not connected right now. Please try again later."
    own_number: Words = "This is the number of the phone that you are calling from."


class Dialplan(Closed):
    """dialplan.yaml: rules in the order in which they are tried, then what is checked of every number."""

    rules: tuple[Rule, ...] = Field(min_length=1, strict=False)
    allowed_countries: tuple[str, ...] = Field(min_length=1, strict=False)
    # beginnings that the release of libphonenumber does not know to be given out
    also_allowed: tuple[str, ...] = Field((), strict=False)
    refused_prefixes: tuple[RefusedPrefixes, ...] = Field((), strict=False)
    messages: Messages = Messages()
