// A phone dials: Twilio asks what to do with its call.
'use strict';

const shared = (name) => require(Runtime.getFunctions()[name].path);
const table = shared('table');
const { callerOf, decideOutgoing, environmentOf } = shared('decide');
const { twimlOf, statusUrl } = shared('twiml');
const { logDecision, logFallback } = shared('events');

exports.handler = (context, event, callback) => {
  const environment = environmentOf(table, context.DOMAIN_NAME);
  const { SipUsername, From, To } = event;
  const decision = decideOutgoing(table, environment, SipUsername, To, From);
  logFallback('outgoing', decision, event);
  logDecision('outgoing', decision, event.CallSid, callerOf(table, environment, SipUsername, From)?.identified_by);
  const url = statusUrl(context.DOMAIN_NAME, 'outgoing', decision);
  callback(null, twimlOf(decision, url, context.TRUNK_PASSWORD));
};
