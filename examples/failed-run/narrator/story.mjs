// The story: a run fails, is kept, survives a kill of the server, is resumed and finishes. It has two variants,
// which differ in what goes offline.

import { Client } from "@upstash/workflow";
import { crashServer } from "./places.mjs";
import { finishedSteps, messageOf, tellRun } from "./run-log.mjs";
import { say, title, waitFor } from "./voice.mjs";

const retries = 2;
const failingStep = "book-courier";
const stepsBefore = 5;

/** What goes offline, and what has to follow from it. */
const variants = {
  /** The server that a step calls: the step throws, the app answers 500 and runs its failure function. */
  courier: {
    offline:
      "The courier's server is behind a tunnel that is offline: it answers 404 ERR_NGROK_3200.",
    online: "The courier's tunnel is online again.",
    pickupInSeconds: 1,
    isOfflineFirst: true,
    attemptsBefore: retries + 1,
    failStatus: 500,
  },
  /** The tunnel before the app itself: nobody answers but the tunnel, and the failure function fails too. */
  tunnel: {
    offline: "While the run sleeps, the tunnel before the app goes offline: all it answers is 404.",
    online: "The tunnel before the app is online again.",
    pickupInSeconds: 3,
    isOfflineFirst: false,
    attemptsBefore: 0,
    failStatus: 404,
  },
};

/** Tells the story and returns what it saw. */
export async function tellStory(places, name, deadlineAt) {
  const variant = variants[name];
  const client = new Client({ baseUrl: places.serverUrl, token: places.token });
  const stage = { client, name, variant, places, deadlineAt };
  const failure = await tellFailure(stage);

  title("2. Nothing is lost");
  const lost = await tellDeadLetter(stage, failure.run);
  await crashServer(places);
  const deadLetter = await findDeadLetter(stage, failure.run);
  const isSame = JSON.stringify(deadLetter) === JSON.stringify(lost);
  const state = isSame ? "still there, unchanged" : "there, but changed";
  say(`Dead letter ${deadLetter.dlqId} is ${state}.`);

  const resumption = await tellResumption(stage, failure.run, deadLetter);
  const after = await countExecutions(places, failure.orderId);
  const filter = { workflowRunId: failure.run.workflowRunId };
  const left = (await client.dlq.list({ filter })).messages;
  return { ...failure, ...resumption, deadLetter, isSame, after, left, variant };
}

async function tellFailure({ client, name, variant, places, deadlineAt }) {
  const { appUrl } = places;
  title("1. A run fails");
  const turnOffline = async () => {
    await callApp(`${appUrl}/${name}/offline`, "POST");
    say(variant.offline);
  };
  if (variant.isOfflineFirst) await turnOffline();
  else await callApp(`${appUrl}/courier/online`, "POST");
  // Another one at every start: runs of an earlier one may still be in the data directory.
  const orderId = String(Date.now()).slice(-6);
  const { url } = await callApp(`${appUrl}/tunnel`);
  const { workflowRunId } = await client.trigger({
    url: `${name === "tunnel" ? url : appUrl}/workflows/order`,
    body: { orderId, article: "teapot", quantity: 1, pickupInSeconds: variant.pickupInSeconds },
    label: "failed-run-example",
    retries,
    retryDelay: "1000",
  });
  say(`Triggered run ${workflowRunId}: up to ${retries + 1} attempts a step, 1 s apart.`);
  const asleep = variant.isOfflineFirst ? undefined : turnOffline;
  const run = await tellRun(client, workflowRunId, { deadlineAt, asleep });
  return { run, orderId, before: await countExecutions(places, orderId) };
}

async function tellDeadLetter(stage, run) {
  say(`The run ended as ${run.workflowState}.`);
  if (run.workflowState !== "RUN_FAILED") throw new Error("the run should have failed");
  const deadLetter = await findDeadLetter(stage, run);
  say(`Dead letter ${deadLetter.dlqId} keeps its payload, its finished steps and the last answer:`);
  say(`  ${describeAnswer(deadLetter)}`);
  tellFailureFunction(run.failureFunction);
  return deadLetter;
}

function findDeadLetter({ client, deadlineAt }, { workflowRunId }) {
  return waitFor("the dead letter", deadlineAt, async () => {
    const { messages } = await client.dlq.list({ filter: { workflowRunId } });
    return messages[0] ?? null;
  });
}

function describeAnswer({ responseStatus, responseHeader, responseBody }) {
  const code = responseHeader["Ngrok-Error-Code"]?.[0];
  const page = /<title>([^<]*)<\/title>/.exec(responseBody)?.[1];
  const facts = [responseStatus, code, messageOf(responseBody) ?? page ?? responseBody];
  return facts.filter((fact) => fact !== undefined).join(" ");
}

function tellFailureFunction({ state, responseStatus, responseBody }) {
  if (state === "CALLBACK_SUCCESS") {
    // The app answers a failure call with the text that the failure function returned.
    say(`The failure function ran (${state}) and returned:`);
    say(`  ${JSON.parse(responseBody).result}`);
  } else {
    say(`The failure function could not be reached (${state}, ${responseStatus ?? "no answer"}).`);
  }
}

async function tellResumption(stage, failedRun, { dlqId }) {
  const { client, name, variant, places, deadlineAt } = stage;
  title("3. The failing step heals, the run is resumed");
  await callApp(`${places.appUrl}/${name}/online`, "POST");
  say(variant.online);
  let { failureFunction } = failedRun;
  if (failureFunction.state === "CALLBACK_FAIL") {
    await client.dlq.retryFailureFunction({ dlqId });
    say("Called the failure function again.");
    const { workflowRunId } = failedRun;
    failureFunction = (await tellRun(client, workflowRunId, { deadlineAt, isQuiet: true }))
      .failureFunction;
    tellFailureFunction(failureFunction);
  }
  const { workflowRuns } = await client.dlq.resume([dlqId]);
  const { workflowRunId } = workflowRuns[0];
  say(`Resumed dead letter ${dlqId} from ${failingStep} as run ${workflowRunId}.`);
  const known = finishedSteps(failedRun);
  say(`Results carried over: ${known.join(", ")}.`);
  const resumed = await tellRun(client, workflowRunId, { known, deadlineAt });
  say(`The run ended as ${resumed.workflowState}: ${resumed.workflowRunResponse ?? "no result"}`);
  return { known, resumed, failureFunction };
}

const countExecutions = ({ appUrl }, orderId) => callApp(`${appUrl}/orders/${orderId}/executions`);

async function callApp(url, method = "GET") {
  const response = await fetch(url, { method });
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}`);
  return response.json();
}

/** Prints how often each step ran, and whether that proves the story. */
export function tellVerdict(facts) {
  title("4. How often the code of each step ran");
  const { known, before, after, variant } = facts;
  const width = Math.max(...Object.keys(after).map((name) => name.length));
  for (const [name, count] of Object.entries(after)) {
    const times = `${count} ${count === 1 ? "time " : "times"}`;
    const again = count === before[name] ? "did not run again" : "RAN AGAIN";
    const failures = describeAttempts(variant);
    const meaning = known.includes(name) ? `finished before the failure, ${again}` : "";
    const remark = name === failingStep ? failures : meaning;
    console.log(`  ${name.padEnd(width)}  ran ${times}  ${remark}`.trimEnd());
  }
  const faults = findFaults(facts);
  console.log(
    faults.length === 0
      ? "\nVerdict: the run was resumed and finished, and no finished step ran again."
      : `\nVerdict: not proved: ${faults.join("; ")}.`,
  );
  return faults.length === 0;
}

function describeAttempts({ attemptsBefore }) {
  return attemptsBefore === 0
    ? "no attempt reached it before the resume"
    : `${attemptsBefore} failed attempts, then 1 after the resume`;
}

function findFaults({ variant, run, deadLetter, isSame, failureFunction, ...facts }) {
  const { known, before, after, resumed, left } = facts;
  const rerun = known.filter((name) => name in before && after[name] !== 1);
  const answer = describeAnswer(deadLetter);
  const checks = [
    [run.workflowState === "RUN_FAILED", "the first run did not fail"],
    [known.length === stepsBefore, `${known.length} of ${stepsBefore} steps finished before`],
    [deadLetter.responseStatus === variant.failStatus, `the dead letter's answer is ${answer}`],
    [/404 ERR_NGROK_3200/.test(answer), "the dead letter hides the cause"],
    [isSame, "the dead letter changed when the server was killed"],
    [/on hold/.test(failureFunction.responseBody), "the failure function's text is missing"],
    [resumed.workflowState === "RUN_SUCCESS", "the resumed run did not succeed"],
    [rerun.length === 0, `finished steps ran again: ${rerun.join(", ")}`],
    [
      (before[failingStep] ?? 0) === variant.attemptsBefore,
      `${failingStep} ran too often or too rarely`,
    ],
    [after[failingStep] === variant.attemptsBefore + 1, `${failingStep} did not run once more`],
    [after["send-confirmation"] === 1, "the step after the failure did not run exactly once"],
    [left.length === 0, "the dead letter is still there after the resume"],
  ];
  return checks.filter(([isTrue]) => !isTrue).map(([, fault]) => fault);
}
