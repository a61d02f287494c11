// The telephone network calls one of our numbers: the phone that it belongs to rings.
'use strict';

const shared = (name) => require(Runtime.getFunctions()[name].path);
const table = shared('table');
const { decideIncoming, environmentOf } = shared('decide');
const { twimlOf, statusUrl } = shared('twiml');
const { logDecision, logFallback } = shared('events');

exports.handler = (context, event, callback) => {
  const environment = environmentOf(table, context.DOMAIN_NAME);
  const decision = decideIncoming(table, environment, event.To, event.From);
  logFallback('incoming', decision, event);
  logDecision('incoming', decision, event.CallSid);
  callback(null, twimlOf(decision, statusUrl(context.DOMAIN_NAME, 'incoming', decision)));
};
