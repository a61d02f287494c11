"""The elements of TwiML: which attributes each may have, and which of them the rehearsal does not carry out."""

from __future__ import annotations

_CALLBACKS = "statusCallback statusCallbackEvent statusCallbackMethod"
_RECORDING = "trim recordingStatusCallback recordingStatusCallbackMethod recordingStatusCallbackEvent recordingTrack"
_DETECTION = (
    "machineDetection machineDetectionTimeout machineDetectionSpeechThreshold machineDetectionSpeechEndThreshold "
    "machineDetectionSilenceTimeout amdStatusCallback amdStatusCallbackMethod"
)
_CLIENT = "clientNotificationUrl callReason"
# The attributes that each element may have, as in twilio-python; another one is a schema warning (12200).
ATTRIBUTES = {
    "Say": "voice loop language",
    "Play": "loop digits",
    "Pause": "length",
    "Hangup": "",
    "Leave": "",
    "Reject": "reason",
    "Redirect": "method",
    "Gather": "action method timeout finishOnKey numDigits actionOnEmptyResult bargeIn input hints language debug "
    "partialResultCallback partialResultCallbackMethod speechTimeout maxSpeechTime profanityFilter "
    "speechModel enhanced",
    "Record": "action method timeout finishOnKey maxLength playBeep transcribe transcribeCallback "
    f"recordingConfigurationId {_RECORDING}",
    "Enqueue": "action method waitUrl waitUrlMethod maxQueueSize workflowSid",
    "Dial": "action method timeout timeLimit callerId answerOnBridge ringTone hangupOnStar sequential referUrl "
    f"referMethod events record recordingConfigurationId {_RECORDING}",
    "Number": f"sendDigits url method byoc callReason {_CALLBACKS} {_DETECTION}",
    "Sip": f"username password url method {_CALLBACKS} {_DETECTION} {_CLIENT}",
    "Queue": "url method reservationSid postWorkActivitySid",
}
# What Twilio would carry out and the rehearsal does not: whole elements, ...
NOT_CARRIED_OUT = frozenset(
    {"Conference", "Client", "Connect", "Start", "Stop", "Refer", "Pay", "Prompt", "Sim", "WhatsApp", "Echo", "Sms"}
    | {"Message", "Application", "VirtualAgent", "Siprec", "Stream", "Transcription", "Assistant"}
)
# ... and attributes, where they are present and are not one of these values, which ask for nothing.
ASKS_FOR_NOTHING = frozenset({"", "false", "do-not-record"})
ATTRIBUTES_NOT_CARRIED_OUT = {
    "Dial": ("record", "referUrl", "events"),
    "Number": ("byoc", "machineDetection"),
    "Sip": ("machineDetection",),
    "Queue": ("reservationSid",),
    "Record": ("transcribe", "transcribeCallback"),
    "Enqueue": ("workflowSid",),
}
# The code of a method that is neither GET nor POST, by element (Twilio's error dictionary).
METHOD_CODES = {
    "Dial": 13210,
    "Number": 13221,
    "Sip": 13241,
    "Gather": 13312,
    "Enqueue": 14201,
    "Queue": 14210,
    "Record": 13610,
    "Redirect": 13710,
}
