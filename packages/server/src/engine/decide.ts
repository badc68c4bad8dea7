import { RepriseError } from "@reprise/protocol";
import type { Answers, CancelRun, Command, EndDelivery, FinishRun } from "../core/commands.ts";
import { decideDeleteDeadLetter } from "../core/dead-letter.ts";
import {
  decideEndDelivery,
  type EndDeliveryState,
  mayFailRun,
  needsRun,
} from "../core/end-delivery.ts";
import { hasEnvelope } from "../core/end-message.ts";
import { toldAttemptKeys } from "../core/failed-step.ts";
import { decideCancelCallback, decideRetryCallback } from "../core/failure-call.ts";
import { decideReviveRun } from "../core/revive-run.ts";
import type { AttemptRow, DeadLetterRow, MessageRow } from "../core/rows.ts";
import { decideCancelRun, decideFinishRun } from "../core/run.ts";
import { decideStartDelivery } from "../core/start-delivery.ts";
import { decideStartRun } from "../core/start-run.ts";
import {
  continuationSlots,
  INITIAL_SLOT,
  nextStepIdOf,
  planSlot,
  resultSlot,
  slotOf,
} from "../core/step.ts";
import { decideSubmitStep } from "../core/submit-step.ts";
import type { Context, Transition } from "../core/transition.ts";
import { handlerOf } from "./handlers.ts";
import { leftoversOf, noLeftovers } from "./leftovers.ts";
import { endMessage, startMessage } from "./message-commands.ts";
import { invokerOf } from "./recipients.ts";
import { runFlows } from "./run-flows.ts";
import type { WorkingSet } from "./working-set.ts";

export interface DecisionRoom {
  readonly work: WorkingSet;
  readonly context: Context;
}

/** Picks the rows of one command out of the working set and asks the core. */
export function decide(command: Command, room: DecisionRoom): Transition<Answers[Command["type"]]> {
  const { work, context } = room;
  const handler = handlerOf(command);
  if (handler !== null) return handler.decide(command, room);
  switch (command.type) {
    case "startRun": {
      const live = work.liveRun(command.runId);
      const initialStep = live === null ? null : work.stepInSlot(live.key, INITIAL_SLOT);
      const liveConfig = live === null ? null : work.config(live.key);
      const state = { live, liveConfig, initialStep, ...runFlows(command, work) };
      return decideStartRun(state, command, context);
    }
    case "submitStep": {
      const run = work.newestRun(command.runId);
      const { facts } = command;
      const isParallelResult = !facts.isPlan && facts.concurrent > 1;
      const state = {
        ...runFlows(command, work),
        run,
        config: run === null ? null : work.config(run.key),
        deadLetter: run?.deadLetterKey == null ? null : work.get("deadLetters", run.deadLetterKey),
        recorded: run === null ? null : work.stepInSlot(run.key, slotOf(facts)),
        plan:
          run === null || !isParallelResult
            ? null
            : work.stepInSlot(run.key, planSlot(facts.stepId)),
        wait:
          run === null || !facts.isCallResult
            ? null
            : (work.group("waitOfStep", run.key, facts.stepId)[0] ?? null),
        awaited:
          run === null || command.awaits === undefined
            ? null
            : work.stepInSlot(run.key, command.awaits),
        held: command.hold === undefined ? null : work.get("messages", command.hold.messageKey),
      };
      return decideSubmitStep(state, command, context);
    }
    case "finishRun":
      return decideFinishRun(endRunState(command, work), command, context);
    case "cancelRun":
      return decideCancelRun(endRunState(command, work), command, context);
    case "startDelivery": {
      const message = work.get("messages", command.messageKey);
      if (message !== null && hasEnvelope(message)) return startMessage(message, command, room);
      const own = belongings(message, room);
      const hasContinuation = isContinued(message, own, work);
      const state = { message, ...own, hasContinuation, ...runFlows(command, work) };
      return decideStartDelivery(state, command, context);
    }
    case "endDelivery": {
      const message = work.get("messages", command.messageKey);
      if (message !== null && hasEnvelope(message)) return endMessage(message, command, room);
      return decideEndDelivery(endDeliveryState(message, command, room), command, context);
    }
    case "reviveRun":
    case "retryCallback":
    case "cancelCallback":
    case "deleteDeadLetter":
      return decideAboutDeadLetter(command, room);
    default:
      throw new RepriseError("internal", { message: `nobody handles ${command.type}` });
  }
}

type DeadLetterCommand = Exclude<
  Extract<Command, { readonly deadLetterKey: number }>,
  { readonly type: "holdDeadLetter" }
>;

function decideAboutDeadLetter(
  command: DeadLetterCommand,
  room: DecisionRoom,
): Transition<Answers[DeadLetterCommand["type"]]> {
  const { work, context } = room;
  const deadLetter = work.get("deadLetters", command.deadLetterKey);
  switch (command.type) {
    case "reviveRun": {
      const steps = deadLetter === null ? [] : work.allSteps(deadLetter.runKey);
      const state = { ...withLeftovers(deadLetter, room), steps, ...runFlows(command, work) };
      return decideReviveRun(state, command, context);
    }
    case "retryCallback":
      return decideRetryCallback(callbackState(deadLetter, command, room), command, context);
    case "cancelCallback":
      return decideCancelCallback(callbackState(deadLetter, command, room), command);
    case "deleteDeadLetter":
      return decideDeleteDeadLetter(
        { ...withLeftovers(deadLetter, room), ...runFlows(command, work) },
        command,
        context,
      );
  }
}

function endRunState(command: FinishRun | CancelRun, work: WorkingSet) {
  const live = work.liveRun(command.runId);
  return {
    live,
    leftovers: live === null ? noLeftovers : leftoversOf(live.key, work),
    invoker: invokerOf(live, work),
    ...runFlows(command, work),
  };
}

/** The run, configuration and record of a message, as far as they were loaded. */
function belongings(message: MessageRow | null, { work }: DecisionRoom) {
  const runKey = message?.runKey ?? null;
  return {
    run: runKey === null ? null : work.peek("runs", runKey),
    config: runKey === null ? null : work.config(runKey),
    step: message?.kind === "step" ? work.peek("steps", message.key) : null,
    wait: message?.waitKey == null ? null : work.peek("waits", message.waitKey),
  };
}

function endDeliveryState(
  message: MessageRow | null,
  command: EndDelivery,
  room: DecisionRoom,
): EndDeliveryState {
  const { work } = room;
  const own = belongings(message, room);
  const { run } = own;
  const runKey = run?.key ?? null;
  const ownKey = message?.kind === "call" ? run?.deadLetterKey : message?.deadLetterKey;
  const deadLetterKey = ownKey ?? null;
  const isKnown = message !== null && runKey !== null && needsRun(message, command.outcome);
  const mayEnd = isKnown && mayFailRun(message, command.outcome);
  return {
    message,
    ...own,
    ...runFlows(command, work),
    hasContinuation: isKnown && isContinued(message, own, work),
    invoker: mayEnd ? invokerOf(run, work) : null,
    openMessages: mayEnd ? work.openMessages(runKey) : [],
    initialStep: mayEnd ? work.stepInSlot(runKey, INITIAL_SLOT) : null,
    attempts: mayEnd ? attemptsOf(message, work) : [],
    deadLetter: deadLetterKey === null ? null : work.get("deadLetters", deadLetterKey),
  };
}

/** Those that were recorded before. */
function attemptsOf(message: MessageRow, work: WorkingSet): readonly AttemptRow[] {
  const attempts = toldAttemptKeys(message).map((key) => work.peek("attempts", key));
  return attempts.filter((attempt) => attempt !== null);
}

/** Whether what the delivery asks for has been recorded, or registered with somebody else. */
function isContinued(
  message: MessageRow | null,
  { run, step, wait }: ReturnType<typeof belongings>,
  work: WorkingSet,
): boolean {
  if (run === null) return false;
  if (message?.kind === "callResult") {
    return wait !== null && work.stepInSlot(run.key, resultSlot(wait.stepId)) !== null;
  }
  if (step === null) return false;
  const isRecorded = continuationSlots(step).some(
    (slot) => work.stepInSlot(run.key, slot) !== null,
  );
  return isRecorded || work.group("waitOfStep", run.key, nextStepIdOf(step)).length > 0;
}

function deadLetterState(deadLetter: DeadLetterRow | null, { work }: DecisionRoom) {
  return {
    deadLetter,
    run: deadLetter === null ? null : work.peek("runs", deadLetter.runKey),
    config: deadLetter === null ? null : work.config(deadLetter.runKey),
    failedMessage: deadLetter === null ? null : work.get("messages", deadLetter.messageKey),
  };
}

function withLeftovers(deadLetter: DeadLetterRow | null, room: DecisionRoom) {
  const leftovers = deadLetter === null ? noLeftovers : leftoversOf(deadLetter.runKey, room.work);
  return { ...deadLetterState(deadLetter, room), leftovers };
}

function callbackState(
  deadLetter: DeadLetterRow | null,
  command: DeadLetterCommand,
  room: DecisionRoom,
) {
  const { work } = room;
  const callbackKey = deadLetter?.callbackMessageKey ?? null;
  const failed = deadLetterState(deadLetter, room);
  const waitKey = failed.failedMessage?.waitKey ?? null;
  return {
    ...failed,
    failedWait: waitKey === null ? null : work.peek("waits", waitKey),
    attempts: failed.failedMessage === null ? [] : attemptsOf(failed.failedMessage, work),
    failedStep: deadLetter === null ? null : work.get("steps", deadLetter.messageKey),
    initialStep: deadLetter === null ? null : work.stepInSlot(deadLetter.runKey, INITIAL_SLOT),
    callbackMessage: callbackKey === null ? null : work.get("messages", callbackKey),
    ...runFlows(command, work),
  };
}
