// Runs one build's functions as Twilio would: Runtime, Twilio, context and event, one JSON line in and one out for each
// invocation. The first line says where things are. It ends when its input does, so it never outlives the rehearsal.
// It has no sockets: what a function asks of Twilio goes out as a line too, and comes back as one.
'use strict';

const { AsyncLocalStorage } = require('node:async_hooks');
const dgram = require('node:dgram');
const dns = require('node:dns');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const Module = require('node:module');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const { duplexPair } = require('node:stream');
const traceEvents = require('node:trace_events');
const { format } = require('node:util');

const invocations = new AsyncLocalStorage();
const send = process.stdout.write.bind(process.stdout);
let settings; // { functions: { key: path }, assets: { key: path }, twilio: path of Twilio's package, folder: the build's }

// --- the world that a function sees ---

const LEVELS = { debug: 'info', log: 'info', info: 'info', warn: 'warn', error: 'error' };
for (const [name, level] of Object.entries(LEVELS)) {
  console[name] = (...parts) => note(level, format(...parts));
}
process.stdout.write = (text) => (note('info', String(text).replace(/\n$/, '')), true);

/** Keep a log line with the invocation that wrote it; what is written after its callback is lost, as on Twilio. */
function note(level, message) {
  const invocation = invocations.getStore();
  if (invocation && !invocation.done) invocation.logs.push([level, message]);
}

/** The rehearsal's time, which stands still during an invocation; the machine's before the first. */
const RealDate = Date;
const now = () => invocations.getStore()?.now ?? RealDate.now();
globalThis.Date = new Proxy(RealDate, {
  apply: () => new RealDate(now()).toString(),
  construct: (target, args, maker) =>
    Reflect.construct(target, args.length ? args : [now()], maker === globalThis.Date ? target : maker),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});
RealDate.prototype.constructor = globalThis.Date;

/**
 * No network, no signals, no log files of Node's own. The kernel's fence refuses them too, where there is one: this says
 * so in words, and stands alone where there is none.
 */
const refusal = (what) => new Error(`The rehearsal has no way out of this machine, so ${what}`);
const refuse = (what) => () => {
  throw refusal(what);
};
net.Socket.prototype.connect = function (...args) {
  const [options] = Array.isArray(args[0]) ? args[0] : net._normalizeArgs(args);
  process.nextTick(() => this.destroy(refusal(`not to ${options.path ?? options.host ?? 'localhost'}`)));
  return this;
};
net.Server.prototype.listen = refuse('nothing listens');
net._createServerHandle = dgram._createSocketHandle = refuse('nothing listens');
dgram.createSocket = refuse('no datagrams');
dgram.Socket = class {
  constructor() {
    refuse('no datagrams')();
  }
};
for (const holder of [dns, dns.promises, dns.Resolver.prototype, dns.promises.Resolver.prototype]) {
  for (let at = holder; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) {
      if (/^(lookup|resolve|reverse)/.test(name)) at[name] = refuse('no names are looked up');
    }
  }
}
os.setPriority = process.kill = process._kill = process._debugProcess = refuse('no other process is reached');
traceEvents.createTracing = refuse('no traces are written');
Module.syncBuiltinESMExports();

/** A function's variables are in process.env as well: its own environment's, for one build serves several at once. */
const variables = () => invocations.getStore()?.variables ?? {};
process.env = new Proxy(process.env, {
  get: (own, name) => variables()[name] ?? own[name],
  has: (own, name) => name in variables() || name in own,
  ownKeys: (own) => [...new Set([...Reflect.ownKeys(own), ...Object.keys(variables())])],
  getOwnPropertyDescriptor: (own, name) =>
    name in variables()
      ? { value: variables()[name], writable: true, enumerable: true, configurable: true }
      : Reflect.getOwnPropertyDescriptor(own, name),
  set: (own, name, value) => {
    if (name in variables()) variables()[name] = `${value}`;
    else own[name] = value;
    return true;
  },
  deleteProperty: (own, name) => delete variables()[name] && delete own[name],
});

/** What Twilio.Response is on Twilio: a status, headers and a body. */
class Response {
  constructor({ statusCode = 200, body = null, headers = {} } = {}) {
    Object.assign(this, { statusCode, body, headers: {} });
    this.setHeaders(headers);
  }
  setStatusCode(statusCode) {
    this.statusCode = statusCode;
    return this;
  }
  setBody(body) {
    this.body = body;
    return this;
  }
  setHeaders(headers) {
    if (typeof headers !== 'object') return this;
    this.headers = {};
    for (const [name, value] of Object.entries(headers)) this.appendHeader(name, value);
    return this;
  }
  appendHeader(name, value) {
    if (typeof value === 'object' && !Array.isArray(value)) throw new Error('Header value cannot be an object');
    const key = name.toLowerCase() === 'set-cookie' ? 'Set-Cookie' : name;
    this.headers[key] = key in this.headers ? [this.headers[key], value].flat() : value;
    return this;
  }
  setCookie(name, value, attributes = []) {
    return this.appendHeader('Set-Cookie', [`${name}=${value}`, ...attributes].join(';'));
  }
  removeCookie(name) {
    const kept = [this.headers['Set-Cookie'] ?? []].flat().filter((cookie) => !cookie.startsWith(`${name}=`));
    this.headers['Set-Cookie'] = [...kept, `${name}=;Max-Age=0`];
    return this;
  }
}

/** Twilio's answer to a request: the rehearsal's, through the process that started this one. */
const asked = new Map();
let asks = 0;
function ask(request) {
  send(`${JSON.stringify({ ask: ++asks, ...request })}\n`);
  return new Promise((resolve) => asked.set(asks, resolve));
}
function take({ answer, ...rest }) {
  asked.get(answer)?.(rest);
  asked.delete(answer);
}

/**
 * What a function sends to Twilio by https, with whichever version of whichever package: a server here takes it off the
 * connection, which is a pair of streams, and asks the rehearsal.
 */
const twilio = http.createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const { method, headers, url, socket } = request;
  const { error, status, ...answer } = await ask({
    method,
    url: `https://${socket.host}${url}`,
    headers,
    body: Buffer.concat(parts).toString(),
  });
  if (error) return socket.near.destroy(new Error(error));
  const { 'transfer-encoding': _, connection: __, ...told } = answer.headers;
  response.writeHead(status, { ...told, 'content-length': Buffer.byteLength(answer.body) }).end(answer.body);
});
const connect = https.Agent.prototype.createConnection;
https.Agent.prototype.createConnection = function (options, ...rest) {
  if (!/\.twilio\.com$/.test(options.host)) return connect.call(this, options, ...rest);
  const [near, far] = duplexPair();
  // What a socket has and a stream has not: there is nothing to wait for here.
  for (const name of ['setTimeout', 'setKeepAlive', 'setNoDelay', 'ref', 'unref']) near[name] = far[name] = () => near;
  twilio.emit('connection', Object.assign(far, { near, host: options.host }));
  return near;
};

/** Twilio's own package, loaded when something of it is used. */
let loaded;
const twilioPackage = () => (loaded ??= load(settings.twilio));
const load = Module.createRequire(__filename);
const loadModule = Module._load;
Module._load = function (name, ...rest) {
  return name === 'twilio' && settings ? twilioPackage() : loadModule.call(this, name, ...rest);
};

const TWIML = ['VoiceResponse', 'MessagingResponse', 'FaxResponse'];
const twiml = {};
for (const name of TWIML) {
  let made;
  const get = () => (made ??= require(path.join(settings.twilio, 'lib/twiml', name)));
  Object.defineProperty(twiml, name, { get, enumerable: true });
}
const isTwiml = (value) => TWIML.includes(value?.constructor?.name) && value instanceof twiml[value.constructor.name];

globalThis.Response = Response;
globalThis.Twilio = new Proxy(function Twilio() {}, {
  apply: (_target, self, args) => Reflect.apply(twilioPackage(), self, args),
  construct: (_target, args) => Reflect.construct(twilioPackage().Twilio, args),
  get: (_target, name) => (name === 'Response' ? Response : name === 'twiml' ? twiml : twilioPackage()[name]),
  has: (_target, name) => name === 'Response' || name in twilioPackage(),
});
globalThis.Runtime = {
  getFunctions: () => Object.fromEntries(Object.entries(settings.functions).map(([key, path]) => [key, { path }])),
  getAssets: () =>
    Object.fromEntries(
      Object.entries(settings.assets).map(([key, path]) => [
        key,
        { path, open: (encoding = 'utf8') => fs.readFileSync(path, { encoding }) },
      ]),
    ),
  getSync: () => {
    throw new Error('The rehearsal does not model Runtime.getSync');
  },
};

// --- one invocation ---

function getTwilioClient(context) {
  return (options) => {
    if (!context.ACCOUNT_SID || !context.AUTH_TOKEN) throw new Error('username is required');
    return twilioPackage()(context.ACCOUNT_SID, context.AUTH_TOKEN, { lazyLoading: true, ...options });
  };
}

/** The handler's result as status, headers and text. */
function rendered(result) {
  if (typeof result === 'string') return [200, [['content-type', 'text/plain; charset=utf-8']], result];
  if (isTwiml(result)) return [200, [['content-type', 'text/xml; charset=utf-8']], result.toString()];
  if (!(result instanceof Response)) {
    return [200, [['content-type', 'application/json; charset=utf-8']], JSON.stringify(result) ?? ''];
  }
  const headers = Object.entries(result.headers).flatMap(([name, value]) => [value].flat().map((one) => [name, `${one}`]));
  const isText = typeof result.body === 'string' || result.body === null || result.body === undefined;
  if (!headers.some(([name]) => name.toLowerCase() === 'content-type')) {
    headers.push(['content-type', isText ? 'text/html; charset=utf-8' : 'application/json; charset=utf-8']);
  }
  return [result.statusCode, headers, isText ? (result.body ?? '') : JSON.stringify(result.body)];
}

const described = (error) =>
  error instanceof Error ? { message: error.message, name: error.name, stack: cleaned(error.stack) } : error;
// Where the build lies on this machine is nobody's business, and differs from run to run.
const cleaned = (stack = '') => stack.split('\n').filter((line) => !line.includes(__filename)).join('\n').replaceAll(settings.folder, '');

function answer(invocation, error, result, fatal = false) {
  if (invocation.done) return;
  const { id, logs, began } = invocation;
  const took_ms = performance.now() - began;
  let reply;
  try {
    reply = error ? { error: described(error) } : { result: rendered(result) };
  } catch (fault) {
    reply = { error: described(fault) };
  }
  invocation.done = true;
  send(JSON.stringify({ id, logs, fatal, took_ms, ...reply }) + '\n');
}

function invoke({ id, file, context, variables, event, now }) {
  const invocation = { id, now, variables, began: performance.now(), logs: [], done: false };
  const callback = (error, result) => answer(invocation, error, result);
  invocations.run(invocation, async () => {
    try {
      const { handler } = require(file);
      if (typeof handler !== 'function') throw new Error('There is no handler in this function');
      await handler({ ...context, getTwilioClient: getTwilioClient(context) }, event, callback);
    } catch (error) {
      callback(error ?? new Error('The handler failed and gave no reason'));
    }
  });
}

process.on('unhandledRejection', (error) => {
  const invocation = invocations.getStore();
  if (invocation) answer(invocation, error ?? new Error('A promise was rejected and gave no reason'));
});
// A process that has thrown is not to be trusted; Twilio starts another one, and what was in memory is gone.
process.on('uncaughtException', (error) => {
  const invocation = invocations.getStore();
  if (invocation) answer(invocation, error, undefined, true);
  process.exit(70);
});

readline
  .createInterface({ input: process.stdin })
  .on('line', (line) => {
    const message = JSON.parse(line);
    if (!settings) settings = message;
    else if ('answer' in message) take(message);
    else invoke(message);
  })
  .on('close', () => process.exit(0));
