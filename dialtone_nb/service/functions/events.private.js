// One JSON line in the function log for each event. Only ever console.log: console.warn and console.error raise alerts
// (82004, 82005). No other party's number is written but an emergency service's, and nothing of the context.
'use strict';

// The call SID of requests that verify signs: what they leave in the log must not look like calls.
const NO_CALL = `CA${'0'.repeat(32)}`;

exports.logEvent = (name, client, callSid = '', details = {}) => {
  const timestamp = new Date().toISOString();
  const event = callSid === NO_CALL ? `probe-${name}` : name;
  console.log(JSON.stringify({ timestamp, channel: client, endpoint: client, event, call_sid: callSid, ...details }));
};

/** The event of an incoming call that nobody answered and that goes on: to other phones, a number, the trunk, or words. */
exports.logNext = ({ kind, client, rule, reason }, step, callSid) => {
  const isTold = kind === 'refuse';
  const details = { rule, ...(isTold && reason !== 'told' && { reason }), step };
  exports.logEvent(`incoming-${isTold ? 'told' : 'rang-on'}`, client, callSid, details);
};

/**
 * The event of a call that came by the fallback URL: another one could not be asked, for this reason. Twilio says so
 * with ErrorCode and ErrorUrl, which it sends to no other voice URL.
 */
exports.logFallback = (direction, { client }, { CallSid, ErrorCode, ErrorUrl }) => {
  if (ErrorUrl) exports.logEvent(`${direction}-fallback`, client, CallSid, { error_code: ErrorCode ?? '' });
};

/**
 * The event of a call that was decided on: placed, an emergency call, told the words of the phone that was called, or
 * refused with its reason. `identifiedBy` is the parameter that
 * named the phone, SipUsername or From; undefined, and then not written, where no phone of ours calls.
 */
exports.logDecision = (direction, decision, callSid, identifiedBy) => {
  const { client, rule, reason, number } = decision;
  const word = wordOf(decision);
  const details = {
    rule,
    ...(word === 'refused' && { reason }),
    ...(word === 'emergency' && { other_party: number }),
    ...(identifiedBy && { identified_by: identifiedBy }),
  };
  exports.logEvent(`${direction}-${word}`, client, callSid, details);
};

const wordOf = ({ kind, reason }) => {
  if (kind === 'refuse') return reason === 'told' ? 'told' : 'refused';
  return kind === 'dial-emergency' ? 'emergency' : 'call';
};
