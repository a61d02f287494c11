// Runs the deployed functions as Twilio does, for tests: a request a line on stdin, an answer a line on stdout.
// node functions_host.js <folder of functions> <compiled table module> <node_modules>
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');

const [folder, tableModule, modules] = process.argv.slice(2);
const functions = { table: { path: tableModule } };
for (const file of fs.readdirSync(folder)) {
  functions[file.replace(/(\.private|\.protected)?\.js$/, '')] = { path: path.join(folder, file) };
}

// Only what the functions may use; anything else is an error, so that nothing slips in that Twilio would have to load.
const strict = (object, name) =>
  new Proxy(object, {
    get: (target, key) => {
      if (key in target) return target[key];
      throw new Error(`${name}.${String(key)} is not used by the service`);
    },
  });
const VoiceResponse = require(path.join(modules, 'twilio/lib/twiml/VoiceResponse'));
// What Twilio itself has of a response, whatever packages there are.
class Response {
  headers = {};
  appendHeader(name, value) {
    this.headers[name] = value;
  }
  setBody(body) {
    this.body = body;
  }
}
globalThis.Twilio = strict({ twiml: strict({ VoiceResponse }, 'Twilio.twiml'), Response }, 'Twilio');
globalThis.Runtime = strict({ getFunctions: () => functions }, 'Runtime');

let logged = [];
for (const level of ['log', 'info', 'warn', 'error', 'debug']) {
  console[level] = (...words) => logged.push([level, words.join(' ')]);
}

const { callerOf, decideOutgoing, decideIncoming, spokenReason, environmentOf } = require(functions.decide.path);

const answers = {
  decide: ({ table = require(tableModule), call }) =>
    call.direction === 'incoming'
      ? decideIncoming(table, call.environment, call.to, call.from, call.step)
      : decideOutgoing(table, call.environment, call.sip_username, call.to, call.from),
  caller: ({ environment, sip_username: sipUsername, from }) =>
    callerOf(require(tableModule), environment, sipUsername, from),
  spoken: ({ direction, status, emergency, to }) =>
    spokenReason(require(tableModule), direction, status, emergency, to),
  environment: ({ domain }) => environmentOf(require(tableModule), domain),
  // Every callback is kept: a function that called back twice would be seen.
  invoke: ({ function: name, context, event }) => {
    logged = [];
    const called = [];
    const { handler } = require(functions[name].path);
    handler(context, event, (error, response) =>
      called.push([error && String(error), response.constructor.name, String(response)])
    );
    return { called, logged };
  },
  // A function that requires nothing: from its source, without anything that a module could load.
  alone: ({ source, event }) => {
    logged = [];
    const module = { exports: {} };
    new Function('exports', 'Twilio', 'console', source)(module.exports, { Response }, console);
    const called = [];
    module.exports.handler({}, event, (error, response) => called.push([error, response]));
    return { called, logged };
  },
  // What a cold start loads besides the functions themselves.
  loaded: () => Object.keys(require.cache).filter((file) => !file.startsWith(modules)),
};

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const request = JSON.parse(line);
  let answer;
  try {
    answer = { value: answers[request.do](request) };
  } catch (error) {
    answer = { error: error.stack };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});
