// The deployed functions behind Node's own HTTP server, a process a core, each request's signature checked by Twilio's
// helper: the server's other peer. node functions_peer.js <functions> <table module> <node_modules> <port> <auth token>
'use strict';

const cluster = require('node:cluster');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const [folder, tableModule, modules, port, token] = process.argv.slice(2);
if (cluster.isPrimary) {
  cluster.fork();
  cluster.fork();
  process.on('SIGTERM', () => process.exit(0));
} else {
  const functions = { table: { path: tableModule } };
  for (const file of fs.readdirSync(folder)) {
    functions[file.replace(/(\.private|\.protected)?\.js$/, '')] = { path: path.join(folder, file) };
  }
  const VoiceResponse = require(path.join(modules, 'twilio/lib/twiml/VoiceResponse'));
  const { validateRequest } = require(path.join(modules, 'twilio/lib/webhooks/webhooks'));
  globalThis.Twilio = { twiml: { VoiceResponse } };
  globalThis.Runtime = { getFunctions: () => functions };
  console.log = () => {};
  const { handler } = require(functions['sip-outgoing'].path);
  const context = { DOMAIN_NAME: 'dialtone-1234-prod.twil.io', TRUNK_PASSWORD: '' };
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const event = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
      const url = `http://${request.headers.host}${request.url}`;
      if (!validateRequest(token, request.headers['x-twilio-signature'] ?? '', url, event)) {
        response.writeHead(403).end();
        return;
      }
      handler(context, event, (error, twiml) => {
        const body = Buffer.from(String(twiml));
        response.writeHead(error ? 500 : 200, { 'content-type': 'text/xml', 'content-length': body.length }).end(body);
      });
    });
  });
  server.listen(Number(port), '127.0.0.1');
}
