// What a probe's application answers, and what it was told: a line of the function log each.
exports.handler = (context, event, callback) => {
  const { request, ...parameters } = event;
  const env = String(Boolean(process.env.SERVICE_SID));
  console.log(JSON.stringify({ path: context.PATH, at: Date.now() + process.hrtime()[1] / 1e9, env, parameters }));
  const response = new Twilio.Response();
  response.setStatusCode(STATUS);
  response.appendHeader('Content-Type', 'text/xml');
  response.setBody(BODY.replace(/\{(\w+)\}/g, (whole, name) => event[name] ?? whole));
  callback(null, response);
};
