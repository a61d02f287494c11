// A call -> a decision, from the table alone: the twin of dialtone_nb/dialplan/decide.py. It never throws, whatever the
// call's strings are. Regular expressions come from the table and are anchored there, so both languages read the same.
'use strict';

const UNANSWERED = { busy: 'busy', 'no-answer': 'no_answer' };
// Refused, because what was dialled means nothing: where it looks like an emergency number, the person hears that.
const UNKNOWN = ['no-rule', 'not-a-number', 'no-emergency-number'];
const OVER = ['completed', 'answered', 'canceled'];

// Names come from outside: `constructor` is no phone.
const entry = (map, name) => (map && Object.hasOwn(map, name) ? map[name] : undefined);

const expressions = new Map();
const compiled = (source) => {
  if (!expressions.has(source)) expressions.set(source, new RegExp(source));
  return expressions.get(source);
};
const fits = (source, text) => compiled(source).test(text);

const global = new Map();
const everywhere = (source) => {
  if (!global.has(source)) global.set(source, new RegExp(source, 'g'));
  return global.get(source);
};

// A parameter that was sent twice arrives as a list, one that was not sent as undefined: neither is a call's.
const text = (value) => (typeof value === 'string' ? value : '');

/** What becomes of a phone's call: the environment, the SIP URI it asked for, and who it is, as `callerOf` has it. */
exports.decideOutgoing = (table, environment, sipUsername, to, from) => {
  const caller = exports.callerOf(table, environment, sipUsername, from);
  return outgoing(table, entry(table.environments, environment), caller, text(to));
};

/**
 * Who calls, and which of Twilio's parameters says so: the user that Twilio authenticated, or else the user of From at
 * a domain of this environment, as SipUsername may never arrive. Undefined where nobody of ours calls.
 */
exports.callerOf = (table, environment, sipUsername, from) => {
  // A phone of another environment is a stranger here, though the credential list is the same.
  const here = entry(table.environments, environment);
  if (!here) return undefined;
  const caller = text(sipUsername)
    ? { client: sipUsername, identified_by: 'SipUsername' }
    : { client: ownUser(table, here.domains, text(from)), identified_by: 'From' };
  return entry(here.clients, caller.client) && caller;
};

/**
 * What becomes of a call from the telephone network to one of our numbers; `step` is how often it was tried already: the
 * phones of the number ring in steps, then the call goes on.
 */
exports.decideIncoming = (table, environment, to, from, step = 0) =>
  incoming(table, entry(table.environments, environment), text(to), text(from), step);

/**
 * What the caller hears after a Dial that ended so; empty where there is nothing to say. `emergency` is the country whose
 * emergency number was dialled, and `to` the SIP URI that the phone had asked for: it tells whether the phone is
 * registered at a domain without emergency calling, which is no matter of the number.
 */
exports.spokenReason = (table, direction, dialCallStatus, emergency, to) => {
  // A cancelled call has no caller left to tell.
  if (OVER.includes(dialCallStatus)) return '';
  if (entry(table.emergency, emergency)) {
    const domain = domainOf(table, text(to));
    const elsewhere = Object.values(table.environments).some(({ domains }) => domains.nonemergency === domain);
    const { emergency_domain, emergency_failed } = table.messages;
    return withNumber(elsewhere ? emergency_domain : emergency_failed, table, emergency);
  }
  const otherwise = direction === 'incoming' ? 'phone_unreachable' : 'failed';
  return table.messages[entry(UNANSWERED, dialCallStatus) ?? otherwise];
};

/** What comes after a Dial that ended so, as the Dial's action says; 0 where nothing does, or the call is over. */
exports.nextStep = (direction, dialCallStatus, step) =>
  direction === 'incoming' && !OVER.includes(dialCallStatus) && fits('^[1-9][0-9]?$', text(step)) ? Number(step) : 0;

/** The environment of the table whose name is the suffix of `<base>-<digits>-<suffix>.twil.io`; empty where none is. */
exports.environmentOf = (table, domainName) =>
  Object.keys(table.environments).find((name) => fits(`-[0-9]+-${name}\\.twil\\.io$`, domainName)) ?? '';

const refuse = (rule, client, reason, message) => ({ kind: 'refuse', rule, client, reason, message });

// The SIP domain of a URI, by its global name.
const domainOf = (table, uri) => `${uri.match(table.sip_domain_user)?.[2].toLowerCase()}.sip.twilio.com`;

const ownUser = (table, domains, from) => {
  const [, user] = from.match(table.sip_domain_user) ?? [];
  const domain = domainOf(table, from);
  if (domain !== domains.emergency && domain !== domains.nonemergency) return '';
  // Names of phones are ASCII, so an escape of anything else may become whatever is no name.
  return user.replace(/%([0-9A-Fa-f]{2})/g, (_, code) => String.fromCharCode(parseInt(code, 16)));
};

const outgoing = (table, environment, caller, to) => {
  if (!caller) return refuse('', '', 'unknown-client', table.messages.unknown_phone);
  const name = caller.client;
  const client = environment.clients[name];
  const dialled = dialledOf(table, to);
  if (!dialled) return refuse('', name, 'not-dialable', table.messages.not_dialable);
  const code = shortCode(table, client, dialled) ?? dialled;
  const rule = table.rules.find(({ pattern }) => fits(pattern, code));
  if (!rule) return nearEmergency(table, client, code, refuse('', name, 'no-rule', table.messages.no_rule));
  const decision = nearEmergency(table, client, code, follow(table, rule, name, client, code));
  if (ringsItself(environment, decision)) return refuse(rule.name, name, 'own-number', table.messages.own_number);
  return decision;
};

// Whether a call would come back to the phone that makes it, and to nobody else: it would be busy, and cost money.
const ringsItself = ({ clients, numbers }, { kind, client, number }) =>
  kind === 'dial-pstn' && entry(numbers, number) === client && !clients[client].rings && !clients[client].then;

// The decision; where it refuses what looks like an emergency number, with the words that help.
const nearEmergency = (table, client, dialled, decision) => {
  const { near, numbers } = table.emergency[client.country];
  if (!UNKNOWN.includes(decision.reason) || !fits(near, dialled)) return decision;
  const { dial_emergency, no_emergency } = table.messages;
  const message = client.emergency && numbers.length ? dial_emergency : no_emergency;
  return { ...decision, reason: 'near-emergency', message: withNumber(message, table, client.country) };
};

// A message with the emergency number of a country in its place.
const withNumber = (message, table, country) => message.replaceAll('{number}', table.emergency[country].said);

const dialledOf = (table, to) => {
  const user = userOf(table, to);
  // Some softphones put the whole URI of an address book into the place of its user.
  const address = userOf(table, user) || user;
  // The # after a digit is the key that says on a telephone that no more keys come.
  const dialled = address.replace(everywhere(table.left_out), '').replace(/(?<=[0-9])#$/, '');
  return fits(table.dialled, dialled) ? dialled : '';
};

// The user of a SIP URI or the number of a tel URI, escapes undone; empty where it is neither.
const userOf = (table, uri) => {
  const found = compiled(table.address).exec(uri);
  // Only what a phone can send is let through, so an escape that is no ASCII character may become anything.
  return (found?.[1] ?? found?.[2] ?? '').replace(/%([0-9A-Fa-f]{2})/g, (_, code) =>
    String.fromCharCode(parseInt(code, 16))
  );
};

// The short code that was dialled after + and a calling code, if it is one.
const shortCode = (table, client, dialled) =>
  compiled(table.short_codes[client.country]).exec(dialled)?.slice(1).find(Boolean);

const follow = (table, rule, name, client, dialled) => {
  switch (rule.to) {
    case 'pstn':
      return dialPstn(table, rule, name, client, (rule.prefix ?? '') + dialled.slice(rule.skip ?? 0));
    case 'number':
      return dialPstn(table, rule, name, client, rule.value);
    case 'trunk':
      return trunkCall(table, rule.name, name, client, rule.value || client.trunk_context, dialled);
    case 'emergency':
      return dialEmergency(table, rule, name, client, dialled);
    default:
      return refuse(rule.name, name, 'refused-by-rule', rule.value);
  }
};

const dialPstn = (table, rule, name, client, number) => {
  const { messages } = table;
  if (!fits(table.number, number)) return refuse(rule.name, name, 'not-a-number', messages.not_a_number);
  const refused = table.refused.find(({ pattern }) => fits(pattern, number));
  if (refused) return refuse(rule.name, name, refused.name, refused.say);
  const [reason, message] = refusedCountry(table, number) ?? [];
  if (reason) return refuse(rule.name, name, reason, message);
  return { kind: 'dial-pstn', rule: rule.name, client: name, number, ...limits(table, client) };
};

// Why a number may not be called for where it leads, and what is said.
const refusedCountry = ({ countries, messages }, number) => {
  if (!fits(countries.allowed, number) || fits(countries.elsewhere, number)) {
    return ['country-not-allowed', messages.country_not_allowed];
  }
  if (fits(countries.also_allowed, number)) return undefined;
  if (fits(countries.special, number)) return ['special-rate', messages.special_rate];
  if (fits(countries.unassigned, number)) return ['no-such-code', messages.no_such_code];
  return undefined;
};

const dialEmergency = (table, rule, name, client, dialled) => {
  const { country } = client;
  const number = rule.value || dialled;
  const words = withNumber(table.messages.no_emergency, table, country);
  if (!table.emergency[country].numbers.includes(number)) {
    return refuse(rule.name, name, 'no-emergency-number', words);
  }
  if (!client.emergency) return refuse(rule.name, name, 'no-emergency-address', words);
  const time_limit_s = table.emergency_time_limit_s;
  const dial = { kind: 'dial-emergency', rule: rule.name, client: name, number, country };
  return { ...dial, ...limits(table, client), time_limit_s };
};

const trunkCall = (table, rule, name, client, context, dialled) => {
  const { uri, username, headers } = table.trunk;
  const values = { client: name, context, dialled };
  return {
    kind: 'dial-trunk',
    rule,
    client: name,
    uri: filled(uri, mapped(values, encodeURIComponent)),
    username,
    headers: mapped(headers, (value) => filled(value, values)),
    ...limits(table, client),
  };
};

const incoming = (table, environment, to, from, step) => {
  const name = entry(environment?.numbers, to);
  // Nothing to say: the call is rejected before it is answered, which costs nothing.
  if (!name) return refuse('', '', 'unknown-number', '');
  const client = environment.clients[name];
  const steps = client.rings ?? [[name]];
  if (step >= steps.length) return goOn(table, name, client, to, from);
  const isLast = step + 1 === steps.length && !client.then;
  return {
    kind: 'ring-client',
    rule: 'incoming',
    client: name,
    // The domain's global name: a registered phone can't be dialled at an edge (error 32220).
    uris: steps[step].map((one) => `sip:${one}@${environment.clients[one].domain}`),
    next_step: isLast ? 0 : step + 1,
    ...limits(table, client),
    caller_id: fits(table.sip_caller_id, from) ? from : to,
  };
};

// What comes after the last phone: the number and the trunk see who called.
const goOn = (table, name, client, to, from) => {
  const { then } = client;
  switch (then?.to) {
    case 'say':
      return refuse('then', name, 'told', then.value);
    case 'pstn': {
      const caller_id = fits(table.number, from) ? from : to;
      return { kind: 'dial-pstn', rule: 'then', client: name, number: then.value, ...limits(table, client), caller_id };
    }
    case 'trunk': {
      const caller_id = fits(table.sip_caller_id, from) ? from : to;
      return { ...trunkCall(table, 'then', name, client, then.value, to), caller_id };
    }
    default:
      return refuse('incoming', name, 'nobody-there', table.messages.phone_unreachable);
  }
};

const limits = (table, client) => ({
  caller_id: client.caller_id,
  time_limit_s: client.call_time_limit_s,
  ring_timeout_s: table.ring_timeout_s,
});

const mapped = (map, change) =>
  Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));

// In one pass, so that what is filled in is not read again.
const filled = (template, values) => template.replace(/\{(client|context|dialled)\}/g, (_, key) => values[key]);
