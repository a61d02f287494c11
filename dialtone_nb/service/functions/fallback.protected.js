// Asked by Twilio where another function has failed (the fallback URL of every domain and number). It requires none of
// the others, no table and no package: it puts emergency calls through and says otherwise that the line is being repaired.
'use strict';

// What it needs of the table, written at deployment: the phones that may make emergency calls, their countries' emergency
// numbers and how these arrive with a country's code before them, and the From of a user of one of Twilio's SIP domains.
const NEEDED = {};
const { phones, countries, sip_domain_user } = NEEDED;

// How <Number> wants North America's, as in dialtone_nb/dialplan/twiml.py.
const EMERGENCY_IN_E164 = { 911: '+1911', 933: '+1933' };
const REPAIRED = 'This line is being repaired. Please try again later.';
// The call SID of requests that verify signs, as in events.private.js.
const NO_CALL = `CA${'0'.repeat(32)}`;
const TIME_LIMIT_S = 14400;
// What a phone asks for, alone or in brackets.
const REQUESTED = /^(?:[^<]*<)?(?:sips?|tel):([^@>]*)/i;

exports.handler = (context, event, callback) => {
  const outgoing = /sips?:/i.test(text(event.From));
  const phone = outgoing ? phoneOf(event) : '';
  const number = phone && emergencyNumber(phones[phone].country, text(event.To));
  const timestamp = new Date().toISOString();
  const details = { call_sid: event.CallSid, ...(number && { rule: 'emergency' }), ...failure(event) };
  const probe = event.CallSid === NO_CALL ? 'probe-' : '';
  const name = `${probe}${outgoing ? 'outgoing' : 'incoming'}-fallback`;
  console.log(JSON.stringify({ timestamp, channel: phone, endpoint: phone, event: name, ...details }));
  const inside = number
    ? `<Dial answerOnBridge="true" callerId="${phones[phone].caller_id}" timeLimit="${TIME_LIMIT_S}">` +
      `<Number>${EMERGENCY_IN_E164[number] ?? number}</Number></Dial>`
    : `<Say>${REPAIRED}</Say><Hangup/>`;
  const response = new Twilio.Response();
  response.appendHeader('Content-Type', 'text/xml');
  response.setBody(`<?xml version="1.0" encoding="UTF-8"?><Response>${inside}</Response>`);
  callback(null, response);
};

const text = (value) => (typeof value === 'string' ? value : '');

const failure = ({ ErrorCode }) => (/^[0-9]{1,9}$/.test(text(ErrorCode)) ? { error_code: ErrorCode } : {});

// The user that Twilio authenticated, or the user of a From at the SIP domain that was asked, by any name of it.
const phoneOf = ({ SipUsername, SipDomain, From }) => {
  const [, user, domain] = text(From).match(sip_domain_user) ?? [];
  const isOurs = domain?.toLowerCase() === text(SipDomain).toLowerCase().split('.')[0];
  const name = text(SipUsername) || (isOurs ? unescaped(user) : '');
  return Object.hasOwn(phones, name) ? name : '';
};

// The emergency number of the caller's country that was dialled, however it was spelled; empty where it is none.
const emergencyNumber = (country, to) => {
  const { numbers, short_codes } = countries[country];
  const [, user] = to.match(REQUESTED) ?? [];
  const dialled = unescaped(user ?? '').replace(/;.*|[^0-9*#+]/gs, '').replace(/#$/, '');
  const code = new RegExp(short_codes).exec(dialled)?.slice(1).find(Boolean) ?? dialled;
  return numbers.includes(code) ? code : '';
};

const unescaped = (user) => user.replace(/%([0-9A-Fa-f]{2})/g, (_, code) => String.fromCharCode(parseInt(code, 16)));
