"""The outcomes of attempts, and what Twilio's error codes and SIP responses mean and how to repair them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

# The outcomes, best first, with their meanings; every legend, table and stacked bar has this order.
MEANINGS: Final = {
    "answered": "the called party answered",
    "no_answer": "it rang and nobody picked up",
    "busy": "the called party was busy",
    "canceled": "the caller hung up before an answer",
    "told": "nobody answered, and the caller heard what the phone's entry says then",
    "unregistered": "the dialled phone was not registered: switched off, or with a wrong password",
    "unreachable": "the dialled phone was registered, but did not answer the network: its router or connection",
    "failed": "the network or a carrier could not complete it",
    "blocked": "Twilio refused the destination",
    "fallback": "our service could not be asked, and all that is known is that the fallback was",
    "refused": "our own dial plan refused it, as intended",
    "in_progress": "not over yet",
    "unknown": "nothing says how it ended",
}
OUTCOMES: Final = tuple(MEANINGS)

# The call reached the far side's phone, which rang or was busy.
RANG: Final = ("answered", "no_answer", "busy", "canceled")
# The network did its part; `told` is among these because the operator wants unanswered callers to hear the words.
DELIVERED: Final = (*RANG, "told")
# The network did not do its part.
LOST: Final = ("unregistered", "unreachable", "failed", "blocked", "fallback")
# The denominator of rates. Not in it: calls that our own dial plan refused, and those still open or of unknown end.
JUDGED: Final = DELIVERED + LOST
# Outcomes by Twilio's status of a dialled leg, or by DialCallStatus, if no error code says more.
OUTCOME_OF_STATUS: Final = {
    "completed": "answered",
    "answered": "answered",
    "busy": "busy",
    "no-answer": "no_answer",
    "canceled": "canceled",
    "failed": "failed",
    "queued": "in_progress",
    "initiated": "in_progress",
    "ringing": "in_progress",
    "in-progress": "in_progress",
}
# Outcomes of failed or unanswered calls by their error code: with one of these the phone never rang.
OUTCOME_OF_CODE: Final = {
    "32009": "unregistered",
    "32011": "unreachable",
    **dict.fromkeys(("13225", "13227", "21215", "21216", "32203", "32205", "32216"), "blocked"),
}


def outcome_of(status: str, code: str = "") -> str:
    """The outcome of a dialled leg with this status and error code; "unknown" for a status that is not Twilio's."""
    outcome = OUTCOME_OF_STATUS.get(status, "unknown")
    return OUTCOME_OF_CODE.get(code, outcome) if outcome in ("failed", "no_answer") else outcome


@dataclass(frozen=True, slots=True)
class Code:
    """An error code in few words: its meaning and the repair."""

    meaning: str
    repair: str


CODES: Final[dict[str, Code]] = {
    "10001": Code("account not active", "top up, or contact Twilio"),
    "10003": Code("incoming call refused, account not active", "top up, or contact Twilio"),
    "10004": Code("too many calls at once", "upgrade the account, or fewer parallel calls"),
    "11200": Code("the voice URL failed", "open the alert's request, read the function's log"),
    "11205": Code("no connection to the voice URL", "deploy again, which rewrites the voice URLs"),
    "11210": Code("the voice URL's host is unknown", "deploy again, which rewrites the voice URLs"),
    "11215": Code("too many redirects at the voice URL", "correct the voice URL"),
    "11220": Code("TLS failed at the voice URL", "check the certificate of the host"),
    "11235": Code("the voice URL's certificate is another host's", "correct the certificate, or the voice URL"),
    "11236": Code("the voice URL's certificate has expired", "renew the certificate"),
    "11237": Code("the voice URL's certificate has no trusted issuer", "install the whole chain of certificates"),
    "11750": Code("the answer to the voice URL is too long", "shorten the TwiML"),
    "11770": Code("the answer to the voice URL is empty", "read the function's log"),
    "12100": Code("the function's answer is not TwiML", "read the function's log"),
    "12200": Code("the TwiML has an unknown part", "correct the function's TwiML"),
    "12300": Code("the answer has the wrong content type", "return a TwiML object"),
    "13214": Code("caller ID is not a number of this account", "set the phone's caller ID to an owned number"),
    "13223": Code("dialled number is not in E.164 form", "correct the dial plan's template"),
    "13224": Code("dialled number is invalid", "a wrong number, as a rule; refuse it in the dial plan if it repeats"),
    "13225": Code("Twilio blocks this number", "do not retry; ask Twilio's support if it is wanted"),
    "13226": Code("country code does not exist", "a misdialled number; refuse it in the dial plan if it repeats"),
    "13227": Code("country is not switched on", "switch the country on, or refuse it in the dial plan"),
    "13243": Code("dialled SIP URI is malformed", "correct the trunk's URI"),
    "13247": Code("caller ID may not be used", "give the phone another number as caller ID"),
    "13254": Code("SIP server's name does not resolve", "correct the trunk's host, or its DNS"),
    "15003": Code("a status callback failed", "correct the callback URL"),
    "21215": Code("country is not switched on", "switch the country on, or refuse it in the dial plan"),
    "21216": Code(
        "Twilio blocks this number, or the account has no Primary Customer Profile, which calls to +1 need",
        "complete the profile in Trust Hub; else do not retry",
    ),
    "22221": Code("emergency call without a registered address", "set the client up again; expect a charge of $75"),
    "32002": Code("dialled SIP domain does not exist", "deploy again; check the domain's name"),
    "32007": Code("more than ten registrations of one phone", "restart the phone; one user name per phone"),
    "32008": Code("a phone registers too often", "lengthen its registration expiry"),
    "32009": Code("dialled phone is not registered", "check its power and network, then its password"),
    "32011": Code(
        "dialled phone can't be reached", "keep-alive on, shorter registration expiry, or TLS, at its router"
    ),
    "32013": Code("too many SIP calls a second", "fewer calls at once"),
    "32014": Code("no sound arrived", "open UDP ports 10000 to 60000 at the phone's router"),
    "32015": Code("longest allowed duration reached", "as meant; raise the time limit if it is too short"),
    "32016": Code("carrier did not answer in time", "call once more; report it if it repeats"),
    "32017": Code("carrier refused the caller ID", "give the phone another number as caller ID"),
    "32021": Code("caller ID's signature failed", "report it to Twilio's support"),
    "32022": Code("phone did not acknowledge the answer", "check the router in front of it (NAT, SIP ALG off)"),
    "32102": Code("phone's media offer is malformed", "check the phone's codec settings"),
    "32106": Code("authentication name differs from user name", "set the authentication ID to the user name"),
    "32202": Code("phone's password is wrong", "reset the password, check the domain's credential mapping"),
    "32203": Code("destination is blocked for its risk of fraud", "none"),
    "32205": Code("country is not switched on", "switch the country on, or refuse it in the dial plan"),
    "32207": Code(
        "phone encrypts its audio, and the domain does not accept that", "SRTP off on the phone, or Secure on"
    ),
    "32208": Code("domain requires encrypted audio, and the phone sends none", "SRTP on the phone, or Secure off"),
    "32209": Code("domain demands TLS, phone used UDP or TCP", "TLS on the phone, also to register, or Secure off"),
    "32210": Code("registration is off on the SIP domain", "deploy again"),
    "32212": Code("phone's registration was refused", "reset the password, check the domain's credential mapping"),
    "32214": Code("dialled SIP domain is another account's", "use one account for both"),
    "32216": Code("address is on Twilio's black list", "ask Twilio's support"),
    "32219": Code("SIP server redirected the call where it may not go", "correct the server's Contact"),
    "32220": Code("an edge was named to dial a registered phone", "dial user@domain.sip.twilio.com; deploy again"),
    "32221": Code(
        "dialled phone is registered, but not at the edge named", "dial user@domain.sip.twilio.com; deploy again"
    ),
    "32222": Code("phone's TLS is older than 1.2", "update the phone's firmware"),
    "32223": Code("no user in the dialled URI, or a loop", "correct the dial plan"),
    "32224": Code(
        "Twilio may not forward this call: it came in at home and was to go abroad",
        "forward to a number in the country of the number that was called",
    ),
    "82001": Code("the function answered with an error of the request", "read the function's log"),
    "82002": Code("the function failed or took over ten seconds", "read the function's log"),
    "82003": Code("a build's dependencies could not be installed", "correct package.json, deploy again"),
    "82004": Code("a function warned in its log", "read the function's log; ours only ever use console.log"),
    "82005": Code("a function wrote an error to its log", "read the function's log"),
    "82006": Code("a function's variables are too large", "keep fewer or shorter variables in the environment"),
    "82007": Code("the runtime is no longer supported", "set a newer runtime in network.yaml, deploy again"),
    "82008": Code("a function's answer has too large headers", "read the function's log"),
    "91300": Code("Event Streams could not deliver an event", "check the sink, and what it may write to"),
    "91303": Code("Event Streams dropped an event", "ask Twilio's support; the event is lost"),
    "91304": Code("Event Streams delivers an event later", "none, unless it repeats"),
}
# Families of codes that Twilio keeps adding to: for a code that is not listed above, at least the subject is known.
CODE_FAMILIES: Final = {
    "913": Code("Event Streams could not deliver an event", "check the sink, and what it may write to"),
}

# Reasons of our own, for what else happened during a call, whatever its outcome.
RANG_ON: Final = "rang-on"
FALLBACK: Final = "fallback"
WAYS: Final = {
    RANG_ON: Code("nobody answered at first: it rang on", "none, as the phone's entry says"),
    FALLBACK: Code("reached by the fallback URL", "verify tells why our service could not be asked"),
}
NO_CODE: Final = Code("no code was reported", "read the call in Twilio's console")
# Final SIP responses of a dialled leg's far side (RFC 3261 section 21; RFC 8197 for 607, RFC 8688 for 608), the reason
# of a failed call without an error code. In the United States a carrier whose analytics block a caller answers 603 with
# the reason phrase "Network Blocked" (47 CFR 64.1200(k)), which Twilio does not pass on.
SIP_CODES: Final[dict[int, Code]] = {
    400: Code("the far side could not read the call", "correct the trunk's URI and headers"),
    401: Code("the trunk wants a password", "check the trunk's user name and TRUNK_PASSWORD"),
    403: Code("the far side refused the call", "check the trunk's password, and what it lets this caller dial"),
    404: Code("the far side does not know this number or name", "check the number, and the trunk's extensions"),
    405: Code("the far side takes no calls here", "correct the trunk's URI"),
    407: Code("the trunk wants a password", "check the trunk's user name and TRUNK_PASSWORD"),
    408: Code("the far side did not answer the network in time", "check its router and connection"),
    410: Code("the number or name no longer exists", "correct the dial plan, or the address book"),
    415: Code("the far side can't read the call's description", "check the phone's codec settings"),
    420: Code("the far side lacks a SIP extension that was demanded", "update the phone's firmware"),
    480: Code("the phone is not there for the moment", "check its power and network, and do not disturb"),
    481: Code("the far side had given up the call already", "call once more; report it if it repeats"),
    482: Code("the call came back to where it was: a loop", "correct the forwarding of the far side"),
    483: Code("the call was handed on too often: a loop", "correct the forwarding of the far side"),
    484: Code("the far side wants more digits", "correct the dial plan's template"),
    485: Code("the far side knows several of this name", "dial the extension"),
    486: Code("the phone is busy", "none; a second line, or then in clients.yaml, if it repeats"),
    487: Code("the call was given up before an answer", "none"),
    488: Code("the far side takes none of the offered codecs", "allow G.711 (PCMU) at the phone; check SRTP"),
    491: Code("two changes of the call met", "call once more; report it if it repeats"),
    500: Code("the far side failed", "read the log of the trunk's server, or restart the phone"),
    501: Code("the far side does not do what was asked", "update the phone's firmware"),
    502: Code("a gateway behind the far side failed", "call once more; report it if it repeats"),
    503: Code("the far side takes no calls for now", "check the trunk's server, and its limit on calls"),
    504: Code("a gateway behind the far side did not answer in time", "call once more; report it if it repeats"),
    513: Code("the call's description is too long for the far side", "SIP over TCP or TLS at the phone"),
    580: Code("the far side lacks the bandwidth", "check its connection"),
    600: Code("the person is busy at every phone", "none"),
    603: Code(
        "declined: by the person called, or by a carrier that blocks the caller ID as unwanted",
        "if many decline, register the caller ID with the carriers' analytics, and sign it (Trust Hub)",
    ),
    604: Code("the number or name exists nowhere", "check the number"),
    606: Code("the far side takes none of the offered codecs", "allow G.711 (PCMU) at the phone; check SRTP"),
    607: Code("the person called does not want this caller", "do not call again"),
    608: Code(
        "a carrier's analytics blocked the caller ID",
        "ask the carrier for redress; register the caller ID with the carriers' analytics, and sign it (Trust Hub)",
    ),
}
SIP_FAMILIES: Final = {
    "3": Code("the far side redirected the call", "correct the forwarding of the far side"),
    "4": Code("the far side refused the call as it is", "check the number, and the trunk's settings"),
    "5": Code("the far side failed", "read the log of the trunk's server, or restart the phone"),
    "6": Code("the call is wanted nowhere", "check the number"),
}
SIP_REASON: Final = re.compile("SIP ([3-6][0-9][0-9])")


def code_of(reason: str) -> Code:
    """The meaning and repair of a reason: an error code, a SIP response code, or our dial plan's own word."""
    if not reason:
        return NO_CODE
    if sip := SIP_REASON.fullmatch(reason):
        return SIP_CODES.get(int(sip[1])) or SIP_FAMILIES[sip[1][0]]
    return (
        CODES.get(reason)
        or WAYS.get(reason)
        or CODE_FAMILIES.get(reason[:3] if len(reason) == 5 else "")
        or Code(
            "see Twilio's error dictionary" if reason.isdigit() else reason.replace("_", " "),
            "look the code up" if reason.isdigit() else "none, the dial plan says so",
        )
    )
