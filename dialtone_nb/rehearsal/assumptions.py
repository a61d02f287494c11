"""What the rehearsal assumes: where Twilio's pages and recordings of it disagree, and where neither tells anything."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from dialtone_nb.errors import Fault, InputError


# --- where pages and recordings disagree ---
@dataclass(frozen=True, slots=True)
class Behaviour:
    """One of the two Twilios that there may be; each field is a question on which the evidence is divided."""

    name: str
    # Whether the webhooks of a call through a SIP domain have SipUsername. Documented: TwiML voice requests, SIP.
    # Recorded: missing in four dumps of 2023 to 2026, two of domains with a credential list mapped.
    sends_sip_username: bool
    # Whether EmergencyAddressSid is heeded where a number is bought. Documented: IncomingPhoneNumber, create.
    # Recorded: the answer has null, and an update sets it (twilio-node#706).
    takes_emergency_address_at_purchase: bool
    # Whether a Dial's action is asked where the caller gives up before any answer (answerOnBridge). Documented: Dial,
    # action. Recorded: 14 `canceled` of 59,226 calls in a network's public events; so, never.
    asks_action_of_calls_given_up: bool
    # Whether <Number> takes 911 and 933 as they are. Documented: with or without country code. Recorded: +1911 and
    # +1933 in a network's live code since 2023, and the bare form nowhere.
    takes_bare_911: bool


RECORDED: Final = Behaviour("recorded", False, False, False, False)
DOCUMENTED: Final = Behaviour("documented", True, True, True, True)
BEHAVIOURS: Final[Mapping[str, Behaviour]] = MappingProxyType({one.name: one for one in (RECORDED, DOCUMENTED)})
BEHAVIOUR_VARIABLE: Final = "DIALTONE_REHEARSAL_TWILIO"


def choose_behaviour(name: str = "") -> Behaviour:
    """The Twilio of this name, else the one that the environment names, else the recorded one."""
    place, name = ("--twilio", name) if name else (BEHAVIOUR_VARIABLE, os.environ.get(BEHAVIOUR_VARIABLE, ""))
    if name and name not in BEHAVIOURS:
        raise InputError(Fault(place, f"is {name!r}", f"use one of {', '.join(BEHAVIOURS)}"))
    return BEHAVIOURS[name or RECORDED.name]


# --- where neither tells anything ---

# --- SIP's answers ---
NOT_REGISTERED_RESPONSE = 480  # to a call whose phone is not registered
NO_VOICE_URL_RESPONSE = 404  # to a caller of a number or domain without a voice URL
INSECURE_RESPONSE = 488  # to a call that a domain's Secure does not let in; seen with 32208 alone
NEVER_ANSWERED_RESPONSE = 480  # to a caller whose TwiML has come to its end without an answer

# --- how long a function takes ---
# Twilio says nowhere how long the process of a function is kept after it was last asked, or how long a new one takes.
FUNCTION_KEPT_S = 15 * 60.0
WARM_MS = 90.0  # about so long it takes, as Twilio sees it
COLD_START_MS = 900.0  # and so much longer where a process has to be started for it

# --- codes and statuses of the API ---
NO_EMERGENCY_CALLING = 13224  # an emergency call through a SIP domain that has no emergency calling
NOT_COMPLETE_STATUS = 409  # the HTTP status that comes with 20009, where a call that goes on is to be deleted
# Neither of these two is among the 1,953 codes of the error dictionary (2023).
QUEUE_NAME_TAKEN = 22003
QUEUE_NOT_EMPTY = 22002

# --- what becomes of calls ---
# A call that is ended by the API before it was answered is canceled, whichever of the two words was used.
ENDED_UNANSWERED = "canceled"
# A Dial that nobody answered ends as the last of its legs did; of legs that ended alike, the first is told of.
# Keys that are pressed when a Gather has all that it wants are lost.
# A called party that hangs up before the two are joined leaves DialCallStatus completed, with DialBridged false.
# What cannot be fetched for a called party alone is told to them as an application error, and their leg ends.
# A phone that is registered nowhere and is dialled by an old name of its domain (32221) is no-answer, as with 32009.
# A queued call that was taken and never talked with leaves DequeueResult hangup.

# --- what becomes of requests ---
# Buying a number that the account has changes it, where there is anything to change (recorded in 2019), and is
# refused with 21422 (the error dictionary) where there is nothing. Both are so only if this is where they differ.
# SequenceNumber counts what is told where the end alone is, and every event otherwise: the one rule that fits all
# recordings (0 in 2016 and 2023, 3 in 2018).
# All of a function's context but its own path is in process.env; of the variables it is known.
# The words of X-Twilio-Error, but for those of 32201.
