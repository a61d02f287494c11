// One cold start of the deployed function's decision: FOLDER [LIBRARY]; prints milliseconds.
// With a library, the same number is also read and checked by it, which is what a service does that leans on one.
'use strict';

const path = require('node:path');
const [folder, library] = process.argv.slice(2);
const CALL = ['stage', 'van', 'sip:5035550199@example.sip.twilio.com'];
const milliseconds = (since) => Number(process.hrtime.bigint() - since) / 1e6;

const start = process.hrtime.bigint();
const { decideOutgoing } = require(path.join(folder, 'decide.private.js'));
const table = require(path.join(folder, 'table.private.js'));
const util = library ? require(library).PhoneNumberUtil.getInstance() : null;
const cold = milliseconds(start);

const decide = () => {
  if (util) util.isValidNumber(util.parse('5035550199', 'US'));
  return decideOutgoing(table, ...CALL);
};
const first = process.hrtime.bigint();
const decision = decide();
const firstDecision = milliseconds(first);

const TIMES = 20000;
for (let n = 0; n < 2000; n += 1) decide();
const many = process.hrtime.bigint();
for (let n = 0; n < TIMES; n += 1) decide();
console.log(JSON.stringify({ cold, firstDecision, decision: milliseconds(many) / TIMES, kind: decision.kind }));
