// Asked by Twilio where another function has failed (the fallback URL of every domain and number). It requires none of
// the others, no table and no package: it puts emergency calls through and says otherwise that the line is being repaired.
'use strict';

// The caller IDs of the phones that may make emergency calls, by name; written at deployment.
const PHONES = {};

// The emergency numbers by the code that a caller ID begins with, as in dialtone_nb/values/emergency.py, which has the
// evidence. Where +1 has other countries, no phone of theirs is among those above.
const EMERGENCY = {
  1: ['911', '933'],
  44: ['999', '112'],
  61: ['000', '112'],
  353: ['112', '999'],
  33: ['112'],
  49: ['112', '110'],
  43: ['112', '133', '144', '122'],
};
// How <Number> wants North America's, as in dialtone_nb/dialplan/twiml.py.
const EMERGENCY_IN_E164 = { 911: '+1911', 933: '+1933' };
const REPAIRED = 'This line is being repaired. Please try again later.';
// The call SID of requests that verify signs, as in events.private.js.
const NO_CALL = `CA${'0'.repeat(32)}`;
const TIME_LIMIT_S = 14400;
// What a phone asks for, alone or in brackets; and a From that names a user of one of Twilio's SIP domains, as in
// dialtone_nb/values/sip.py: no display name or second address passes for its host.
const REQUESTED = /^(?:[^<]*<)?(?:sips?|tel):([^@>]*)/i;
const SIP_DOMAIN_USER = new RegExp(
  '^(?:(?:"(?:[^"\\\\]|\\\\[\\s\\S])*"[ \\t]*|[^<>"@]*)<)?sips?:([^@:;<>]+)(?:[:;][^@<>]*)?' +
    '@([a-z0-9-]+)\\.sip(?:\\.[a-z0-9-]+)?\\.twilio\\.com\\.?' +
    '(?::[0-9]{1,5})?(?:[;?][^@<>]*)?(?:>(?:[ \\t]*;[^@<>]*)?)?$',
  'i'
);

exports.handler = (context, event, callback) => {
  const outgoing = /sips?:/i.test(text(event.From));
  const phone = outgoing ? phoneOf(event) : '';
  const number = phone && emergencyNumber(PHONES[phone], text(event.To));
  const timestamp = new Date().toISOString();
  const details = { call_sid: event.CallSid, ...(number && { rule: 'emergency' }), ...failure(event) };
  const probe = event.CallSid === NO_CALL ? 'probe-' : '';
  const name = `${probe}${outgoing ? 'outgoing' : 'incoming'}-fallback`;
  console.log(JSON.stringify({ timestamp, channel: phone, endpoint: phone, event: name, ...details }));
  const inside = number
    ? `<Dial answerOnBridge="true" callerId="${PHONES[phone]}" timeLimit="${TIME_LIMIT_S}">` +
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
  const [, user, domain] = text(From).match(SIP_DOMAIN_USER) ?? [];
  const isOurs = domain?.toLowerCase() === text(SipDomain).toLowerCase().split('.')[0];
  const name = text(SipUsername) || (isOurs ? unescaped(user) : '');
  return Object.hasOwn(PHONES, name) ? name : '';
};

// The emergency number of the caller's country that was dialled, however it was spelled; empty where it is none.
const emergencyNumber = (callerId, to) => {
  const [, user] = to.match(REQUESTED) ?? [];
  const dialled = unescaped(user ?? '').replace(/;.*|[^0-9*#+]/gs, '').replace(/#$/, '');
  const code = Object.keys(EMERGENCY).find((one) => callerId.startsWith(`+${one}`));
  const spellings = (number) => [number, `+${number}`, `+${code}${number}`, `${code}${number}`];
  return EMERGENCY[code]?.find((number) => spellings(number).includes(dialled)) ?? '';
};

const unescaped = (user) => user.replace(/%([0-9A-Fa-f]{2})/g, (_, code) => String.fromCharCode(parseInt(code, 16)));
