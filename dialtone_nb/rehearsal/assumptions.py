"""What neither Twilio's documentation nor anybody's observation tells, and the rehearsal assumes: all of it is here."""

from __future__ import annotations

# --- SIP's answers ---
NOT_REGISTERED_RESPONSE = 480  # to a call whose phone is not registered
NO_VOICE_URL_RESPONSE = 404  # to a caller of a number or domain without a voice URL
INSECURE_RESPONSE = 488  # to a call that a domain's Secure does not let in; seen with 32208 alone
NEVER_ANSWERED_RESPONSE = 480  # to a caller whose TwiML has come to its end without an answer

# --- codes and statuses of the API ---
NO_EMERGENCY_CALLING = 13224  # an emergency call through a SIP domain that has no emergency calling
NOT_COMPLETE_STATUS = 409  # the HTTP status that comes with 20009, where a call that goes on is to be deleted
QUEUE_NAME_TAKEN = 22003
QUEUE_NOT_EMPTY = 22002
TWIML_TOO_LONG = 20001  # of a call that the API places

# --- what becomes of calls ---
# A call that is ended by the API before it was answered is canceled, whichever of the two words was used.
ENDED_UNANSWERED = "canceled"
# A Dial that nobody answered ends as the last of its legs did; of legs that ended alike, the first is told of.
# Keys that are pressed when a Gather has all that it wants are lost.
# A called party that hangs up before the two are joined leaves DialCallStatus completed, with DialBridged false.
# What cannot be fetched for a called party alone is told to them as an application error, and their leg ends.
