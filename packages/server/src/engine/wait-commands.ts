import { decideEndWait } from "../core/answer-wait.ts";
import type { InvokeRun, RegisterCall, RegisterWait } from "../core/commands.ts";
import { decideNotifyEvent, decideNotifyRun } from "../core/notify.ts";
import { decideNudgeRun } from "../core/nudge-run.ts";
import {
  decideInvokeRun,
  decideRegisterCall,
  decideRegisterWait,
  isFor,
  type RegisterState,
} from "../core/register-wait.ts";
import type { FlowControlRow, RunRow, StepRow } from "../core/rows.ts";
import { parseMessageConfig } from "../core/run-config.ts";
import { openSteps, planSlot, resultSlot } from "../core/step.ts";
import type { WaitRow } from "../core/wait-rows.ts";
import type { Handlers } from "./handlers.ts";
import { leftoversOf, noLeftovers, wantLeftovers } from "./leftovers.ts";
import { flowKeysOfWait, heirOf, recipientOf, waitsForEvent } from "./recipients.ts";
import type { Wants } from "./wants.ts";
import type { WorkingSet } from "./working-set.ts";

/** Loads and asks for what concerns steps that others complete. */

type Registration = RegisterWait | RegisterCall | InvokeRun;

/** The wait, its message, a place in a line, a new flow control; and as many for the run that an invoke starts. */
const KEYS_PER_REGISTRATION = 10;
/** The record, a place in a line, a new flow control. */
const KEYS_PER_RESULT = 3;

export const waitHandlers: Handlers = {
  registerWait: {
    want: () => {},
    wantReferred(command, work, wants) {
      wantStep(command, work, wants);
      const run = work.newestRun(command.runId);
      if (run !== null) wants.group("keptEvents", run.key, command.eventId);
    },
    wantRest(command, work, wants) {
      wantStepFlows(command, work, wants);
      const run = work.newestRun(command.runId);
      if (run !== null) wants.oldestEvent(run.key, command.eventId);
    },
    keysNeeded: () => KEYS_PER_REGISTRATION,
    decide(command, { work, context }) {
      const state = registerState(command, work);
      const kept =
        state.run === null ? [] : work.group("keptEvents", state.run.key, command.eventId);
      const inOrder = kept.toSorted((a, b) => a.key - b.key);
      return decideRegisterWait({ ...state, kept: inOrder }, command, context);
    },
  },
  registerCall: {
    want: () => {},
    wantReferred: wantStep,
    wantRest: wantStepFlows,
    keysNeeded: () => KEYS_PER_REGISTRATION,
    decide: (command, { work, context }) =>
      decideRegisterCall(registerState(command, work), command, context),
  },
  invokeRun: {
    want: () => {},
    wantReferred: wantStep,
    wantRest: wantStepFlows,
    keysNeeded: () => KEYS_PER_REGISTRATION,
    decide(command, { work, context }) {
      const liveChild = work.liveRun(command.start.runId);
      return decideInvokeRun({ ...registerState(command, work), liveChild }, command, context);
    },
  },
  notifyEvent: {
    want({ eventId, waitKeys }, wants) {
      if (waitKeys === undefined) wants.group("openWaitsForEvent", eventId);
      else for (const key of waitKeys) wants.waits.add(key);
    },
    keysNeeded: (command, work) => KEYS_PER_RESULT * waitsForEvent(command, work).length,
    decide(command, { work, context }) {
      const waits = waitsForEvent(command, work);
      const inOrder = waits.toSorted((a, b) => a.key - b.key);
      const recipients = inOrder.map((wait) => recipientOf(wait, work));
      const keys = waits.flatMap((wait) => flowKeysOfWait(wait, work));
      const known = recipients.filter((recipient) => recipient !== null);
      return decideNotifyEvent({ recipients: known, flows: flowsOf(keys, work) }, command, context);
    },
  },
  notifyRun: {
    want: () => {},
    wantReferred(command, work, wants) {
      const run = heirOf(command.runId, work);
      if (run === null) return;
      wants.group("openWaitsForEventOfRun", command.eventId, run.key);
      wants.group("eventsOfRun", run.key);
    },
    keysNeeded: () => KEYS_PER_RESULT,
    decide(command, { work, context }) {
      const run = heirOf(command.runId, work);
      const deadLetterKey = run?.deadLetterKey ?? null;
      const deadLetter = deadLetterKey === null ? null : work.get("deadLetters", deadLetterKey);
      if (run === null) {
        return decideNotifyRun({ run, deadLetter, recipient: null, kept: [] }, command, context);
      }
      const waits = work.group("openWaitsForEventOfRun", command.eventId, run.key);
      const inOrder = waits.toSorted((a, b) => a.key - b.key);
      // An app that was changed meanwhile may have completed the step in another way: then it waits for nothing.
      const isMeant = ({ kind, stepId }: WaitRow) =>
        isFor(kind, command.source) && work.stepInSlot(run.key, resultSlot(stepId)) === null;
      const oldest = inOrder.find(isMeant) ?? null;
      const state = {
        run,
        deadLetter,
        recipient: recipientOf(oldest, work),
        kept: work.group("eventsOfRun", run.key),
        flows: flowsOf(oldest === null ? [] : flowKeysOfWait(oldest, work), work),
      };
      return decideNotifyRun(state, command, context);
    },
  },
  nudgeRun: {
    want: () => {},
    wantReferred(command, work, wants) {
      const live = work.liveRun(command.runId);
      if (live === null) return;
      wants.configs.add(live.key);
      wants.allSteps.add(live.key);
      wantLeftovers(live.key, wants);
    },
    wantRest(command, work, wants) {
      const live = work.liveRun(command.runId);
      if (live === null) return;
      const steps = openSteps(work.allSteps(live.key));
      for (const { key } of steps) wants.attemptsOf.add(key);
      for (const key of flowKeysOfRun(live, steps, work)) wants.named("flowControls", key);
    },
    keysNeeded(command, work) {
      const live = work.liveRun(command.runId);
      return live === null ? 0 : KEYS_PER_RESULT * (work.allSteps(live.key).length + 1);
    },
    decide(command, { work, context }) {
      const live = work.liveRun(command.runId);
      const steps = live === null ? [] : work.allSteps(live.key);
      const keys = live === null ? [] : flowKeysOfRun(live, openSteps(steps), work);
      const state = {
        live,
        config: live === null ? null : work.config(live.key),
        leftovers: live === null ? noLeftovers : leftoversOf(live.key, work),
        steps,
        attemptsOf: (step: StepRow) => work.attemptCount(step.key),
        flows: flowsOf(keys, work),
      };
      return decideNudgeRun(state, command, context);
    },
  },
  endWait: {
    want: (command, wants) => wants.waits.add(command.waitKey),
    keysNeeded: () => KEYS_PER_RESULT,
    decide(command, { work, context }) {
      const wait = work.get("waits", command.waitKey);
      const keys = wait === null ? [] : flowKeysOfWait(wait, work);
      const state = { recipient: recipientOf(wait, work), flows: flowsOf(keys, work) };
      return decideEndWait(state, command, context);
    },
  },
};

function wantStep(command: Registration, work: WorkingSet, wants: Wants): void {
  const run = work.newestRun(command.runId);
  if (run === null) return;
  const { stepId } = command.facts;
  wants.configs.add(run.key);
  wants.slotsOf(run.key, [resultSlot(stepId), planSlot(stepId)]);
  wants.group("waitOfStep", run.key, stepId);
  if (run.deadLetterKey !== null) wants.deadLetters.add(run.deadLetterKey);
}

function wantStepFlows(command: Registration, work: WorkingSet, wants: Wants): void {
  for (const key of flowKeysOf(command, work)) wants.named("flowControls", key);
}

/** What the message of the result may pass, and what the request passes now. */
function flowKeysOf(command: Registration, work: WorkingSet): readonly string[] {
  const run = work.newestRun(command.runId);
  const keys = [
    run === null ? undefined : work.config(run.key)?.flowControl?.key,
    command.config.result.own.flowControl?.key,
  ];
  if (command.type === "registerWait") keys.push(command.config.timeout?.own.flowControl?.key);
  if (command.type === "registerCall") keys.push(command.own.flowControl?.key);
  if (command.type === "invokeRun") {
    const { config, messageConfig } = command.start;
    keys.push(config.flowControl?.key, messageConfig.flowControl?.key);
  }
  return keys.filter((key) => key !== undefined);
}

function registerState(command: Registration, work: WorkingSet): RegisterState {
  const run = work.newestRun(command.runId);
  const flows = flowsOf(flowKeysOf(command, work), work);
  if (run === null) {
    return { run, config: null, deadLetter: null, recorded: null, plan: null, wait: null, flows };
  }
  const { stepId, concurrent } = command.facts;
  return {
    run,
    config: work.config(run.key),
    deadLetter: run.deadLetterKey === null ? null : work.get("deadLetters", run.deadLetterKey),
    recorded: work.stepInSlot(run.key, resultSlot(stepId)),
    plan: concurrent === 1 ? null : work.stepInSlot(run.key, planSlot(stepId)),
    wait: work.group("waitOfStep", run.key, stepId)[0] ?? null,
    flows,
  };
}

/** What the messages of these records pass, and those of answers that the app has to be told again. */
function flowKeysOfRun(
  run: RunRow,
  steps: readonly StepRow[],
  work: WorkingSet,
): readonly string[] {
  const waits = work.group("waitsOfRun", run.key);
  const own = steps.map(({ config }) => parseMessageConfig(config).flowControl?.key);
  const keys = [work.config(run.key)?.flowControl?.key, ...own];
  return [
    ...keys.filter((key) => key !== undefined),
    ...waits.flatMap((wait) => flowKeysOfWait(wait, work)),
  ];
}

function flowsOf(keys: readonly string[], work: WorkingSet): readonly FlowControlRow[] {
  const flows = Array.from(new Set(keys), (key) => work.named("flowControls", key));
  return flows.filter((flow) => flow !== null);
}
