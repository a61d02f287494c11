// Twilio's CLI, started once for many commands: oclif builds the commands of all products, and then runs one for each
// line of standard input (a JSON list of words). For each it prints a line with the exit code and what was written.
"use strict";
const { createRequire } = require("module");
const readline = require("readline");

const cli = process.argv[2];
const { Config } = createRequire(cli)("@oclif/core");
createRequire(cli)("@twilio/cli-core").configureEnv();
const print = process.stdout.write.bind(process.stdout);

async function run(config, [id, ...words]) {
  const ended = { code: 0, stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"])
    process[stream].write = (text) => {
      ended[stream] += text;
      return true;
    };
  try {
    await config.runCommand(id, words);
  } catch (error) {
    ended.code = error.oclif?.exit ?? 1;
    if (error.code !== "EEXIT") ended.stderr += error.stack;
  }
  return ended;
}

(async () => {
  const config = await Config.load(cli);
  await config.runHook("init", { id: "", argv: [] });
  for await (const line of readline.createInterface({ input: process.stdin }))
    print(`${JSON.stringify(await run(config, JSON.parse(line)))}\n`);
  process.exit();
})();
