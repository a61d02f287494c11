// A phone dials: Twilio asks what to do with its call. Who calls is SipUsername, which Twilio has authenticated; From is
// whatever the phone writes there.
'use strict';

const shared = (name) => require(Runtime.getFunctions()[name].path);
const table = shared('table');
const { decideOutgoing, environmentOf } = shared('decide');
const { twimlOf, statusUrl } = shared('twiml');
const { logDecision } = shared('events');

exports.handler = (context, event, callback) => {
  const environment = environmentOf(table, context.DOMAIN_NAME);
  const decision = decideOutgoing(table, environment, event.SipUsername, event.To);
  logDecision('outgoing', decision, event.CallSid);
  const url = statusUrl(context.DOMAIN_NAME, 'outgoing', decision.client);
  callback(null, twimlOf(decision, url, context.TRUNK_PASSWORD));
};
