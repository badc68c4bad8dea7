// Tells in plain sentences what the public API says about a run, as it happens.

import { setTimeout as sleep } from "node:timers/promises";

const pollMs = 100;
const startedAt = Date.now();

export function say(text) {
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  console.log(`[${seconds.padStart(4)} s] ${text}`);
}

export function title(text) {
  console.log(`\n${text}`);
}

/** The first answer of `look` that is not null; `what` names it when there is none in time. */
export async function waitFor(what, deadlineAt, look) {
  while (Date.now() < deadlineAt) {
    const found = await look();
    if (found !== null) return found;
    await sleep(pollMs);
  }
  throw new Error(`waited too long for ${what}`);
}

/** Names of the steps of a run that have a result. */
export function finishedSteps(run) {
  return stepsOf(run)
    .filter((step) => step.state === "STEP_SUCCESS" && step.stepId !== undefined)
    .map((step) => step.stepName);
}

/**
 * Follows a run until it has ended, and until its failure function has too, if it failed.
 * Tells each finished step that is not in `known` and each failed attempt. Returns the run.
 */
export async function tellRun(client, workflowRunId, { known = [], deadlineAt }) {
  const told = new Set(known);
  return waitFor(`the end of run ${workflowRunId}`, deadlineAt, async () => {
    const run = (await client.logs({ workflowRunId })).runs[0];
    if (run === undefined) return null;
    for (const group of run.steps) tellGroup(group, told);
    return hasEnded(run) ? run : null;
  });
}

function hasEnded(run) {
  if (run.workflowState === "RUN_FAILED") {
    const state = run.failureFunction?.state;
    return state !== undefined && state !== "CALLBACK_INPROGRESS";
  }
  return run.workflowState !== "RUN_STARTED";
}

function stepsOf(run) {
  return run.steps.filter((group) => group.type !== "next").flatMap((group) => group.steps);
}

function tellGroup(group, told) {
  for (const step of group.steps) {
    for (const [index, error] of (step.errors ?? []).entries()) {
      tellOnce(told, `${step.messageId} ${index}`, () => describeAttempt(step, error, index));
    }
    if (group.type === "next" || step.state !== "STEP_SUCCESS" || step.stepId === undefined)
      continue;
    tellOnce(told, step.stepName, () => describeFinish(step, group));
  }
}

function tellOnce(told, fact, describe) {
  if (told.has(fact)) return;
  told.add(fact);
  say(describe());
}

function describeFinish(step, group) {
  const how = group.type === "parallel" ? " (one of a parallel group)" : "";
  return `${step.stepName} finished${step.stepType === "SleepFor" ? " (a durable sleep)" : how}`;
}

function describeAttempt(step, error, index) {
  const name = step.stepName ?? "the next step";
  const attempt = `attempt ${index + 1} of ${step.retries + 1}`;
  const isLast = index === step.retries;
  const wait = step.nextDeliveryTime
    ? ` in ${formatSeconds(step.nextDeliveryTime - error.time)}`
    : "";
  const next = isLast ? "no retry is left" : `retry${wait}`;
  return `${name}: ${attempt} failed: ${describeError(error)}; ${next}`;
}

/** The app answers a thrown error as JSON; anything else is shown by its status alone. */
function describeError(error) {
  const message = messageOf(error.body);
  return message === null ? error.error : `${error.error}: ${message}`;
}

/** The message in the answer of an app whose step threw, or null. */
export function messageOf(body) {
  try {
    const { message } = JSON.parse(body);
    return typeof message === "string" ? message : null;
  } catch {
    // A page of a proxy, for example: not the answer of a workflow.
    return null;
  }
}

function formatSeconds(ms) {
  return `${Number((ms / 1000).toFixed(1))} s`;
}

/** Prints how often each step ran, and says what that number means. */
export function tellExecutions(executions, explain) {
  const width = Math.max(...Object.keys(executions).map((name) => name.length));
  for (const [name, count] of Object.entries(executions)) {
    const times = `${count} ${count === 1 ? "time " : "times"}`;
    console.log(`  ${name.padEnd(width)}  ran ${times}  ${explain(name)}`);
  }
}
