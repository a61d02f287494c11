// A decision -> TwiML; the only place here that writes it, and dialtone_nb/dialplan/twiml.py writes the same.
'use strict';

// How <Number> wants North America's emergency number and its test line. Twilio's page on emergency numbers (June 2026)
// has them with and without the country's code; Futel's network went from +911 to +1911 in May 2023 and dials +1911 and
// +1933 to this day, and nobody was found who dials the bare form. The same stands in dialtone_nb/dialplan/twiml.py.
const EMERGENCY_IN_E164 = { 911: '+1911', 933: '+1933' };

/** The TwiML that carries a decision out; `statusUrl` is asked once the dialled call has ended. */
exports.twimlOf = (decision, statusUrl, trunkPassword) => {
  if (decision.kind === 'refuse') return decision.message ? exports.twimlSaying(decision.message) : rejection();
  const response = new Twilio.twiml.VoiceResponse();
  const dial = response.dial({
    callerId: decision.caller_id,
    timeLimit: decision.time_limit_s,
    timeout: decision.ring_timeout_s,
    answerOnBridge: true,
    action: statusUrl,
  });
  switch (decision.kind) {
    case 'dial-pstn':
      dial.number(decision.number);
      break;
    case 'dial-emergency':
      dial.number(EMERGENCY_IN_E164[decision.number] ?? decision.number);
      break;
    case 'dial-trunk':
      dial.sip(credentials(decision.username, trunkPassword), withHeaders(decision.uri, decision.headers));
      break;
    default:
      for (const uri of decision.uris) dial.sip(uri);
  }
  return response;
};

/** The TwiML that says a message, where there is one, and hangs up. */
exports.twimlSaying = (message) => {
  const response = new Twilio.twiml.VoiceResponse();
  if (message) response.say(message);
  response.hangup();
  return response;
};

/**
 * Where a Dial reports its end: direction, phone, an emergency call's country, and what comes next are in the query.
 * Twilio's signature covers it, so that nobody else can have written it.
 */
exports.statusUrl = (domainName, direction, { kind, client, country, next_step: step }) => {
  const more = kind === 'dial-emergency' ? `&emergency=${country}` : step ? `&step=${step}` : '';
  return `https://${domainName}/call-status?direction=${direction}&client=${encodeURIComponent(client)}${more}`;
};

const rejection = () => {
  const response = new Twilio.twiml.VoiceResponse();
  response.reject();
  return response;
};

const credentials = (username, password) => ({ ...(username && { username }), ...(password && { password }) });

const withHeaders = (uri, headers) => {
  const query = Object.entries(headers).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return query.length ? `${uri}?${query.join('&')}` : uri;
};
