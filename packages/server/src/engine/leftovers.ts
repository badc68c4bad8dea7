import type { Command } from "../core/commands.ts";
import type { RunRow } from "../core/rows.ts";
import type { Leftovers } from "../core/run.ts";
import type { Wants } from "./wants.ts";
import type { WorkingSet } from "./working-set.ts";

/** What stands open when a run ends, or when nobody will resume it any more. */

export function wantLeftovers(runKey: number, wants: Wants): void {
  wants.group("messagesOfRun", runKey);
  wants.group("waitsOfRun", runKey);
  wants.group("eventsOfRun", runKey);
}

export function leftoversOf(runKey: number, work: WorkingSet): Leftovers {
  return {
    openMessages: work.openMessages(runKey),
    waits: work.group("waitsOfRun", runKey),
    events: work.group("eventsOfRun", runKey).toSorted((a, b) => a.key - b.key),
  };
}

export const noLeftovers: Leftovers = { openMessages: [], waits: [], events: [] };

/** The run that a command may end, as far as it has been loaded for that. */
export function mayEndRun(command: Command, work: WorkingSet): RunRow | null {
  switch (command.type) {
    case "finishRun":
    case "cancelRun":
      return work.liveRun(command.runId);
    case "endDelivery": {
      const runKey = work.get("messages", command.messageKey)?.runKey ?? null;
      // Where these are not loaded, the outcome cannot end the run.
      if (runKey === null || !work.hasOpenMessages(runKey)) return null;
      return work.peek("runs", runKey);
    }
    default:
      return null;
  }
}
