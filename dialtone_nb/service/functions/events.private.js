// One JSON line in the function log for each event. Only ever console.log: console.warn and console.error raise alerts
// (82004, 82005). No other party's number is written, and nothing of the context.
'use strict';

// The call SID of requests that verify signs: what they leave in the log must not look like calls.
const NO_CALL = `CA${'0'.repeat(32)}`;

exports.logEvent = (name, client, callSid = '', details = {}) => {
  const timestamp = new Date().toISOString();
  const event = callSid === NO_CALL ? `probe-${name}` : name;
  console.log(JSON.stringify({ timestamp, channel: client, endpoint: client, event, call_sid: callSid, ...details }));
};

/** The event of an incoming call that nobody answered and that goes on: to other phones, a number, the trunk, or words. */
exports.logNext = (decision, step, callSid) => {
  const { kind, client, rule, reason } = decision;
  if (kind === 'refuse' && reason !== 'told') return exports.logDecision('incoming', decision, callSid);
  return exports.logEvent(`incoming-${kind === 'refuse' ? 'told' : 'rang-on'}`, client, callSid, { rule, step });
};

/**
 * The event of a call that was decided on: placed, or refused with its reason. `identifiedBy` is the parameter that
 * named the phone, SipUsername or From; undefined, and then not written, where no phone of ours calls.
 */
exports.logDecision = (direction, decision, callSid, identifiedBy) => {
  const { kind, rule, reason } = decision;
  const refused = kind === 'refuse';
  const event = `${direction}-${refused ? 'refused' : 'call'}`;
  const details = { rule, ...(refused && { reason }), ...(identifiedBy && { identified_by: identifiedBy }) };
  exports.logEvent(event, decision.client, callSid, details);
};
