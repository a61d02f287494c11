// A function as its authors write them: a package, a private function, a private asset, a variable, a log line.
const { upperFirst } = require('lodash');
const { closing } = require(Runtime.getFunctions()['closing'].path);

exports.handler = (context, event, callback) => {
  const hours = JSON.parse(Runtime.getAssets()['/hours.json'].open());
  console.log(`greeting ${event.name}`);
  const response = new Twilio.Response();
  response.appendHeader('Content-Type', 'application/json');
  response.setBody({ said: `${upperFirst(context.GREETING)}, ${event.name}`, until: closing(hours) });
  callback(null, response);
};
