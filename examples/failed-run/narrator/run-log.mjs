// Tells in plain sentences what the public API says about a run, as it happens.

import { say, waitFor } from "./voice.mjs";

/** Names of the steps of a run that have a result. */
export function finishedSteps(run) {
  return stepsOf(run)
    .filter((step) => step.state === "STEP_SUCCESS" && step.stepId !== undefined)
    .map((step) => step.stepName);
}

/**
 * Follows a run until it has ended, and until its failure function has too, if it failed.
 * Tells each finished step that is not in `known` and each failed attempt, but nothing with `isQuiet`. Returns the
 * run. `asleep` is called once, while the run sleeps.
 */
export async function tellRun(client, workflowRunId, options) {
  const { known = [], deadlineAt, isQuiet = false } = options;
  let { asleep } = options;
  const told = new Set(known);
  return waitFor(`the end of run ${workflowRunId}`, deadlineAt, async () => {
    const run = (await client.logs({ workflowRunId })).runs[0];
    if (run === undefined) return null;
    if (!isQuiet) for (const group of run.steps) tellGroup(group, told);
    if (asleep !== undefined && stepsOf(run).some((step) => step.stepType === "SleepFor")) {
      await asleep();
      asleep = undefined;
    }
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

/** An app answers a thrown error as JSON; a tunnel without an app says in a header what is wrong. */
function describeError({ error, body, headers }) {
  const code = headers["Ngrok-Error-Code"]?.[0];
  const cause = messageOf(body) ?? (code && `Ngrok-Error-Code ${code}`);
  return cause ? `${error}: ${cause}` : error;
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
