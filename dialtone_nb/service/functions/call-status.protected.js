// A dialled call has ended: where it was not answered go on to what comes next, or say why, and hang up. Direction, phone
// and step come from the query that we wrote into the Dial's action ourselves; the signature covers it, so they need not
// be guessed from From and To.
'use strict';

const shared = (name) => require(Runtime.getFunctions()[name].path);
const table = shared('table');
const { decideIncoming, environmentOf, nextStep, spokenReason } = shared('decide');
const { twimlOf, twimlSaying, statusUrl } = shared('twiml');
const { logEvent, logNext } = shared('events');

exports.handler = (context, event, callback) => {
  const direction = event.direction === 'incoming' ? 'incoming' : 'outgoing';
  const status = event.DialCallStatus ?? 'unknown';
  const details = {
    ...(event.ErrorCode && { error_code: event.ErrorCode }),
    // Only where a SIP leg was dialled; a phone or the trunk says in it why it did not take the call.
    ...(event.DialSipResponseCode && { sip_response: event.DialSipResponseCode }),
  };
  logEvent(`${direction}-dialstatus-${status}`, event.client ?? '', event.CallSid, details);
  const step = nextStep(direction, status, event.step);
  if (step) {
    const environment = environmentOf(table, context.DOMAIN_NAME);
    const decision = decideIncoming(table, environment, event.To, event.From, step);
    logNext(decision, step, event.CallSid);
    const url = statusUrl(context.DOMAIN_NAME, direction, decision);
    return callback(null, twimlOf(decision, url, context.TRUNK_PASSWORD));
  }
  return callback(null, twimlSaying(spokenReason(table, direction, status, event.emergency, event.To)));
};
