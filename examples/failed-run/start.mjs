// `npm start`: a run fails, is kept, is resumed from the failing step and finishes, told as it happens.
// With `--once` it ends after that, with 0 only if the counters prove that no finished step ran again.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Client } from "@upstash/workflow";
import {
  cleanEnvironment,
  firstToEnd,
  isPortFree,
  killProcess,
  printOutputs,
  startProcess,
  stopAll,
} from "./narrator/processes.mjs";
import {
  finishedSteps,
  messageOf,
  say,
  tellExecutions,
  tellRun,
  title,
  waitFor,
} from "./narrator/story.mjs";

const storyMsMax = 60_000;
const readyMsMax = 30_000;
const retries = 2;
const failingStep = "book-courier";
const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");

let dataDir = null;
let isProved = false;
let isStopping = false;

async function main() {
  const { values } = parseArgs({ options: { once: { type: "boolean", default: false } } });
  for (const name of Object.keys(process.env)) {
    if (!(name in cleanEnvironment())) delete process.env[name];
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, stopOnSignal);
  const deadlineAt = Date.now() + storyMsMax;
  const timer = setTimeout(() => giveUp(`took longer than ${storyMsMax / 1000} s`), storyMsMax);
  const places = await startBoth(values.once);
  const facts = await tellStory(places, deadlineAt);
  clearTimeout(timer);
  isProved = tellVerdict(facts);
  if (values.once || !isProved) return stop(isProved ? 0 : 1);
  tellWhatIsNext(places, facts);
  const ended = await firstToEnd();
  if (!isStopping) await giveUp(`${ended.name} ended by itself; its output is in ${ended.logPath}`);
}

async function startBoth(isOnce) {
  title("Starting the server and the order app");
  const hasUsualPort = !isOnce && (await isPortFree(8080));
  if (!isOnce && !hasUsualPort) say("Port 8080 is taken, so the server takes another one.");
  dataDir = hasUsualPort ? join(root, ".reprise", "failed-run") : null;
  if (dataDir === null) dataDir = mkdtempSync(join(tmpdir(), "reprise-failed-run-"));
  mkdirSync(dataDir, { recursive: true });
  const isKept = hasUsualPort;
  if (!isKept) process.once("exit", () => rmSync(dataDir, { recursive: true, force: true }));

  const server = await startServer(hasUsualPort ? "8080" : "0");
  const settings = readSettings(server.output());
  say(`Reprise is running at ${server.url}; its data is in ${shorten(join(dataDir, "server"))}.`);

  const hasUsualAppPort = !isOnce && (await isPortFree(3000));
  if (!isOnce && !hasUsualAppPort) say("Port 3000 is taken, so the app takes another one.");
  const app = await startProcess({
    name: "the order app",
    args: [join(here, "app.ts")],
    env: cleanEnvironment({ ...settings, PORT: hasUsualAppPort ? "3000" : "0" }),
    logPath: join(dataDir, "app.log"),
    readyPattern: /running at (http:\S+)\s/i,
    readyMsMax,
  });
  say(`The order app is running at ${app.url}, on the unmodified official SDK.`);
  return { server, appUrl: app.url, settings };
}

function startServer(port) {
  const command = [join(root, "packages", "cli", "dist", "main.js"), "dev", "--port", port];
  return startProcess({
    name: "the server",
    args: [...command, "--data", join(dataDir, "server")],
    env: cleanEnvironment(),
    logPath: join(dataDir, "server.log"),
    readyPattern: /running at (http:\S+)\s/i,
    readyMsMax,
  });
}

/** The lines `QSTASH_...=...` that the server prints for its apps. */
function readSettings(output) {
  return Object.fromEntries(
    [...output.matchAll(/^(QSTASH_\w+)=(\S+)$/gm)].map((m) => [m[1], m[2]]),
  );
}

async function tellStory({ server, appUrl, settings }, deadlineAt) {
  const client = new Client({ baseUrl: settings.QSTASH_URL, token: settings.QSTASH_TOKEN });
  // Another one at every start: runs of an earlier one may still be in the data directory.
  const orderId = String(Date.now()).slice(-6);

  title("1. A run fails");
  await callApp(`${appUrl}/courier/offline`, "POST");
  say(
    "The courier's server is behind a tunnel, and the tunnel is offline: it answers 404 ERR_NGROK_3200.",
  );
  const { workflowRunId } = await client.trigger({
    url: `${appUrl}/workflows/order`,
    body: { orderId, article: "teapot", quantity: 1 },
    label: "failed-run-example",
    retries,
    retryDelay: "1000",
  });
  say(`Triggered run ${workflowRunId}: up to ${retries + 1} attempts a step, 1 s apart.`);
  const failed = await tellRun(client, workflowRunId, { deadlineAt });
  const before = await callApp(`${appUrl}/orders/${orderId}/executions`);

  title("2. Nothing is lost");
  const lost = await tellDeadLetter(client, failed, deadlineAt);
  await killProcess(server);
  say("The server was killed (SIGKILL). Starting it again on the same data ...");
  await startServer(new URL(server.url).port);
  const deadLetter = await findDeadLetter(client, failed, deadlineAt);
  const isSame = JSON.stringify(deadLetter) === JSON.stringify(lost);
  say(
    `Dead letter ${deadLetter.dlqId} is ${isSame ? "still there, unchanged" : "there, but changed"}.`,
  );

  title("3. The dependency heals, the run is resumed");
  await callApp(`${appUrl}/courier/online`, "POST");
  say("The courier's tunnel is online again.");
  const { workflowRuns } = await client.dlq.resume([deadLetter.dlqId]);
  const resumedRunId = workflowRuns[0].workflowRunId;
  say(`Resumed dead letter ${deadLetter.dlqId} from ${failingStep} as run ${resumedRunId}.`);
  const known = finishedSteps(failed);
  say(`Results carried over: ${known.join(", ")}.`);
  const resumed = await tellRun(client, resumedRunId, { known, deadlineAt });
  say(
    `The run ended as ${resumed.workflowState} with ${resumed.workflowRunResponse ?? "no result"}.`,
  );
  const after = await callApp(`${appUrl}/orders/${orderId}/executions`);
  const left = (await client.dlq.list({ filter: { workflowRunId } })).messages;
  return { failed, deadLetter, isSame, resumed, known, before, after, left };
}

function findDeadLetter(client, { workflowRunId }, deadlineAt) {
  return waitFor("the dead letter", deadlineAt, async () => {
    const { messages } = await client.dlq.list({ filter: { workflowRunId } });
    return messages[0] ?? null;
  });
}

async function tellDeadLetter(client, run, deadlineAt) {
  say(`The run ended as ${run.workflowState}.`);
  if (run.workflowState !== "RUN_FAILED") throw new Error("the run should have failed");
  const deadLetter = await findDeadLetter(client, run, deadlineAt);
  say(`Dead letter ${deadLetter.dlqId} keeps its payload, its finished steps and the last answer:`);
  const { responseStatus, responseBody } = deadLetter;
  say(`  ${responseStatus} ${messageOf(responseBody) ?? responseBody}`);
  const { state, responseBody: answer } = run.failureFunction;
  say(`The failure function ran (${state}) and returned:`);
  say(`  ${resultOf(answer)}`);
  return deadLetter;
}

/** The app answers a failure call with the text that the failure function returned, as JSON. */
function resultOf(answer) {
  try {
    return JSON.parse(answer).result ?? "nothing";
  } catch {
    // The answer of something that is not a workflow; worth showing as it is.
    return answer;
  }
}

function tellVerdict({ failed, deadLetter, isSame, resumed, known, before, after, left }) {
  title("4. How often the code of each step ran");
  tellExecutions(after, (name) => {
    if (known.includes(name)) {
      const again = after[name] === before[name] ? "did not run again" : "RAN AGAIN";
      return `finished before the failure, ${again}`;
    }
    return name === failingStep ? `${before[name]} failed attempts, then 1 after the resume` : "";
  });
  const rerun = known.filter((name) => name in before && after[name] !== 1);
  const checks = [
    [failed.workflowState === "RUN_FAILED", "the first run did not fail"],
    [known.length === 5, `5 steps should have finished before the failure, not ${known.length}`],
    [/404 ERR_NGROK_3200/.test(deadLetter.responseBody), "the dead letter does not name the cause"],
    [isSame, "the dead letter changed when the server was killed"],
    [/on hold/.test(failed.failureFunction.responseBody), "the failure function's text is missing"],
    [resumed.workflowState === "RUN_SUCCESS", "the resumed run did not succeed"],
    [rerun.length === 0, `finished steps ran again: ${rerun.join(", ")}`],
    [before[failingStep] === retries + 1, `${failingStep} did not use all its attempts`],
    [after[failingStep] === retries + 2, `${failingStep} did not run exactly once more`],
    [after["send-confirmation"] === 1, "the step after the failure did not run exactly once"],
    [left.length === 0, "the dead letter is still there after the resume"],
  ];
  const faults = checks.filter(([isTrue]) => !isTrue).map(([, fault]) => fault);
  console.log(
    faults.length === 0
      ? "\nVerdict: the run was resumed and finished, and no finished step ran again."
      : `\nVerdict: not proved: ${faults.join("; ")}.`,
  );
  return faults.length === 0;
}

function tellWhatIsNext({ server, appUrl }, { failed, resumed }) {
  // The command line talks to port 8080 unless it is told otherwise.
  const prefix = server.url.endsWith(":8080") ? "" : `QSTASH_URL=${server.url} `;
  const order = `'{"orderId":"1002","article":"teapot","quantity":1}'`;
  console.log(`
Both are still running. Press Ctrl-C to stop them.
  server  ${server.url}   (log: ${shorten(join(dataDir, "server.log"))})
  app     ${appUrl}   (log: ${shorten(join(dataDir, "app.log"))})

In another terminal:
  ${prefix}npm run reprise -- runs show ${failed.workflowRunId}
  ${prefix}npm run reprise -- runs show ${resumed.workflowRunId}
Break the courier, order again, and handle the dead letter yourself:
  curl -X POST ${appUrl}/courier/offline
  curl -X POST ${appUrl}/orders -H 'Content-Type: application/json' -d ${order}
  ${prefix}npm run reprise -- dlq list
  curl -X POST ${appUrl}/courier/online
  ${prefix}npm run reprise -- dlq resume <dlqId>`);
}

async function callApp(url, method = "GET") {
  const response = await fetch(url, { method });
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}`);
  return response.json();
}

function shorten(path) {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : short;
}

function stopOnSignal(signal) {
  if (isStopping) process.exit(1);
  // A terminal sends Ctrl-C to the whole foreground group, so the two have it already.
  const isTerminal = [process.stdin, process.stdout, process.stderr].some((one) => one.isTTY);
  console.log("\nStopping the app and the server ...");
  // Who interrupts the story must not read its exit code as a proof.
  void stop(isProved ? 0 : 128 + constants.signals[signal], signal === "SIGINT" && isTerminal);
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
