// A dialled call has ended: say why where it was not answered, and hang up. Direction and phone come from the query that
// we wrote into the Dial's action ourselves; the signature covers it, so they need not be guessed from From and To.
'use strict';

const shared = (name) => require(Runtime.getFunctions()[name].path);
const table = shared('table');
const { spokenReason } = shared('decide');
const { twimlSaying } = shared('twiml');
const { logEvent } = shared('events');

exports.handler = (context, event, callback) => {
  const direction = event.direction === 'incoming' ? 'incoming' : 'outgoing';
  const status = event.DialCallStatus ?? 'unknown';
  const details = event.ErrorCode ? { error_code: event.ErrorCode } : {};
  logEvent(`${direction}-dialstatus-${status}`, event.client ?? '', event.CallSid, details);
  callback(null, twimlSaying(spokenReason(table, direction, status, event.emergency, event.To)));
};
