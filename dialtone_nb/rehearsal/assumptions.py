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
# A phone that is registered nowhere and is dialled by an old name of its domain (32221) is no-answer, as with 32009.
# A queued call that was taken and never talked with leaves DequeueResult hangup.

# --- what becomes of requests ---
# Buying a number that the account has changes it, where there is anything to change (recorded in 2019), and is
# refused with 21422 (the error dictionary) where there is nothing. Both are so only if this is where they differ.
# SequenceNumber counts what is told where the end alone is, and every event otherwise: the one rule that fits all
# recordings (0 in 2016 and 2023, 3 in 2018).
# All of a function's context but its own path is in process.env; of the variables it is known.
# The words of X-Twilio-Error, but for those of 32201.
