// What a hosts file does on other machines: Twilio's names lead to the rehearsal's TLS proxy, and no other name leads anywhere.
"use strict";
const tls = require("tls");
const net = require("net");

const proxy = Number(process.env.REHEARSAL_TLS_PORT);
const straight = tls.connect;

tls.connect = (options, ...others) => {
  const name = options.servername || options.host;
  if (!/\.(twilio\.com|twil\.io)$/.test(name)) throw new Error(`${name} is not rehearsed`);
  return straight({ ...options, host: "127.0.0.1", port: proxy, servername: name }, ...others);
};

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...others) {
  const options = Array.isArray(others[0]) ? others[0][0] : others[0];
  const host = options?.host;
  if (host && !["127.0.0.1", "localhost"].includes(host)) throw new Error(`${host} is not rehearsed`);
  return connect.apply(this, others);
};
