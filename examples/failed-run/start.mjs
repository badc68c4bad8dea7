// `npm start`: a run fails, is kept, is resumed from the failing step and finishes, told as it happens.
// `--once` ends after that, with 0 only if the counters prove that no finished step ran again;
// `--tunnel` breaks the tunnel before the app instead of the server that a step calls.

import { constants } from "node:os";
import { parseArgs } from "node:util";
import { startPlaces } from "./narrator/places.mjs";
import { cleanEnvironment, firstToEnd, printOutputs, stopAll } from "./narrator/processes.mjs";
import { tellStory, tellVerdict } from "./narrator/story.mjs";
import { title } from "./narrator/voice.mjs";

const storyMsMax = 60_000;

let isProved = false;
let isStopping = false;

async function main() {
  const { once, tunnel } = readOptions();
  for (const name of Object.keys(process.env)) {
    if (!(name in cleanEnvironment())) delete process.env[name];
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, stopOnSignal);
  const deadlineAt = Date.now() + storyMsMax;
  const timer = setTimeout(() => giveUp(`took longer than ${storyMsMax / 1000} s`), storyMsMax);
  title("Starting the server and the order app");
  const places = await startPlaces(once);
  const facts = await tellStory(places, tunnel ? "tunnel" : "courier", deadlineAt);
  clearTimeout(timer);
  isProved = tellVerdict(facts);
  if (once || !isProved) return stop(isProved ? 0 : 1);
  tellWhatIsNext(places, facts);
  const ended = await firstToEnd();
  if (!isStopping) await giveUp(`${ended.name} ended by itself; its output is in ${ended.logPath}`);
}

function readOptions() {
  const flag = { type: "boolean", default: false };
  return parseArgs({ options: { once: flag, tunnel: flag } }).values;
}

function tellWhatIsNext({ serverUrl, serverLog, appUrl, appLog }, { run, resumed }) {
  // The command line talks to port 8080 unless it is told otherwise.
  const prefix = serverUrl.endsWith(":8080") ? "" : `QSTASH_URL=${serverUrl} `;
  const order = `'{"orderId":"1002","article":"teapot","quantity":1}'`;
  console.log(`
Both are still running. Press Ctrl-C to stop them.
  server  ${serverUrl}   (log: ${serverLog})
  app     ${appUrl}   (log: ${appLog})

Look at both runs in the dashboard:
  failed   ${serverUrl}/#/runs/${run.workflowRunId}
  resumed  ${serverUrl}/#/runs/${resumed.workflowRunId}

In another terminal:
  ${prefix}npm run reprise -- runs show ${run.workflowRunId}
  ${prefix}npm run reprise -- runs show ${resumed.workflowRunId}
Break the courier, order again, and handle the dead letter yourself:
  curl -X POST ${appUrl}/courier/offline
  curl -X POST ${appUrl}/orders -H 'Content-Type: application/json' -d ${order}
  ${prefix}npm run reprise -- dlq list
  curl -X POST ${appUrl}/courier/online
  ${prefix}npm run reprise -- dlq resume <dlqId>
or in the dashboard: ${serverUrl}/#/failures`);
}

function stopOnSignal(signal) {
  if (isStopping) process.exit(1);
  console.log("\nStopping the app and the server ...");
  // A terminal sends Ctrl-C to the whole foreground group, so the two have it already.
  const isTerminal = [process.stdin, process.stdout, process.stderr].some((one) => one.isTTY);
  // Who interrupts the story must not read its exit code as a proof.
  const exitCode = isProved ? 0 : 128 + constants.signals[signal];
  void stop(exitCode, signal === "SIGINT" && isTerminal);
}

async function giveUp(fault) {
  if (isStopping) return;
  console.error(`\nThe example failed: ${fault}`);
  printOutputs();
  await stop(1);
}

async function stop(exitCode, isAsked = false) {
  isStopping = true;
  // The server waits for deliveries in flight, so the app that answers them goes last.
  await stopAll(isAsked);
  process.exit(exitCode);
}

try {
  await main();
} catch (error) {
  await giveUp(error.message);
}
