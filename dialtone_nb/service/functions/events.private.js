// One JSON line in the function log for each event. Only ever console.log: console.warn and console.error raise alerts
// (82004, 82005). No other party's number is written, and nothing of the context.
'use strict';

exports.logEvent = (event, client, callSid = '', details = {}) => {
  const timestamp = new Date().toISOString();
  console.log(JSON.stringify({ timestamp, channel: client, endpoint: client, event, call_sid: callSid, ...details }));
};

/** The event of a call that was decided on: placed, or refused with its reason. */
exports.logDecision = (direction, decision, callSid) => {
  const { kind, rule, reason } = decision;
  const refused = kind === 'refuse';
  const event = `${direction}-${refused ? 'refused' : 'call'}`;
  exports.logEvent(event, decision.client, callSid, refused ? { rule, reason } : { rule });
};
