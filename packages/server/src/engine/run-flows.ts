import type { Command } from "../core/commands.ts";
import { hasEnvelope } from "../core/end-message.ts";
import type { FlowControlRow, MessageRow } from "../core/rows.ts";
import { type MessageConfig, parseMessageConfig, type RunConfig } from "../core/run-config.ts";
import { flowKeysOfWait, recipientFlowKeys } from "./recipients.ts";
import type { Wants } from "./wants.ts";
import type { WorkingSet } from "./working-set.ts";

/** Finds the keys of flow control that a command about a run has to do with. Most runs have none: then nothing is read. */

type Key = string | null | undefined;

/** What can be told once everything else has been loaded. */
export function wantRunFlows(command: Command, work: WorkingSet, wants: Wants): void {
  for (const key of keysOf(command, work)) wants.named("flowControls", key);
}

/** The rows that the decision gets, once all has been loaded; none when there is nothing to know. */
export function runFlows(
  command: Command,
  work: WorkingSet,
): { readonly flows?: readonly FlowControlRow[] } {
  const all = [...keysOf(command, work), ...recipientFlowKeys(command, work)];
  const keys = new Set(all.filter((key) => typeof key === "string"));
  if (keys.size === 0) return {};
  const flows = Array.from(keys, (key) => work.named("flowControls", key));
  return { flows: flows.filter((flow) => flow !== null) };
}

function keysOf(command: Command, work: WorkingSet): readonly Key[] {
  switch (command.type) {
    case "startRun": {
      const live = work.liveRun(command.runId);
      const liveConfig = live === null ? null : work.config(live.key);
      return [...keysOfConfig(command.config, command.messageConfig), keyOf(liveConfig)];
    }
    case "submitStep": {
      const run = work.newestRun(command.runId);
      const config = run === null ? null : work.config(run.key);
      const keys = keysOfConfig(config, command.messageConfig);
      if (command.hold === undefined) return keys;
      return [...keys, work.get("messages", command.hold.messageKey)?.flowControlKey];
    }
    case "finishRun":
    case "cancelRun": {
      const live = work.liveRun(command.runId);
      return live === null ? [] : keysOfOpen(live.key, work);
    }
    case "startDelivery":
      return [work.get("messages", command.messageKey)?.flowControlKey];
    case "endDelivery":
      return keysOfEnd(work.get("messages", command.messageKey), work);
    case "reviveRun": {
      const deadLetter = work.get("deadLetters", command.deadLetterKey);
      if (deadLetter === null) return [];
      const last = parseMessageConfig(work.allSteps(deadLetter.runKey).at(-1)?.config ?? null);
      const config = work.config(deadLetter.runKey);
      const first = command.mode === "restart" ? work.allSteps(deadLetter.runKey)[0] : undefined;
      const own = parseMessageConfig(first?.config ?? null);
      return [
        command.overrides.flowControl?.key,
        ...keysOfConfig(config, last),
        own.flowControl?.key,
        ...keysOfOpen(deadLetter.runKey, work),
        ...work
          .group("waitsOfRun", deadLetter.runKey)
          .flatMap((wait) => flowKeysOfWait(wait, work)),
      ];
    }
    case "deleteDeadLetter": {
      const deadLetter = work.get("deadLetters", command.deadLetterKey);
      return deadLetter === null ? [] : keysOfOpen(deadLetter.runKey, work);
    }
    case "retryCallback":
    case "cancelCallback": {
      const deadLetter = work.get("deadLetters", command.deadLetterKey);
      const callKey = deadLetter?.callbackMessageKey ?? null;
      const call = callKey === null ? null : work.get("messages", callKey);
      if (deadLetter === null) return [];
      const failed = work.get("messages", deadLetter.messageKey);
      return [...keysOfFailed(deadLetter.runKey, failed, work), call?.flowControlKey];
    }
    default:
      return [];
  }
}

/** A failure also ends the run, with its other messages, and calls the failure callback. */
function keysOfEnd(message: MessageRow | null, work: WorkingSet): readonly Key[] {
  if (message === null || hasEnvelope(message)) return [];
  const runKey = message.runKey ?? -1;
  // Where these are not loaded, the outcome cannot end the run.
  if (!work.hasOpenMessages(runKey)) return [message.flowControlKey];
  const failed = keysOfFailed(runKey, message, work);
  return [message.flowControlKey, ...keysOfOpen(runKey, work), ...failed];
}

function keysOfOpen(runKey: number, work: WorkingSet): readonly Key[] {
  return work.openMessages(runKey).map(({ flowControlKey }) => flowControlKey);
}

function keysOfFailed(
  runKey: number,
  message: MessageRow | null,
  work: WorkingSet,
): readonly Key[] {
  const step = message?.kind === "step" ? work.peek("steps", message.key) : null;
  const own = parseMessageConfig(step?.config ?? message?.config ?? null);
  const callbacks = [work.config(runKey)?.failureCallback, own.failureCallback];
  return callbacks.map((callback) => callback?.config.flowControl?.key);
}

function keysOfConfig(config: RunConfig | null, own: MessageConfig): readonly Key[] {
  return [keyOf(config), own.flowControl?.key];
}

function keyOf(config: RunConfig | null): Key {
  return config?.flowControl?.key;
}
