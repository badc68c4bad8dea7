import type { WaiterResource } from "@reprise/protocol";
import { isOpen } from "../core/submit-step.ts";
import type { ApiRoom } from "./room.ts";
import { readRunConfig } from "./views/settings.ts";
import { toWaiter } from "./views/waiter.ts";

/** Everybody who waits for an event, oldest first; those of failed runs included, whose resumes take them over. */
export async function findWaiters(
  eventId: string,
  { store }: ApiRoom,
): Promise<readonly WaiterResource[]> {
  const waits = await store.find("waits", "openByEvent", [[eventId]]);
  const runKeys = [...new Set(waits.map(({ runKey }) => runKey))];
  const [runs, configs] = await Promise.all([
    store.get("runs", runKeys),
    store.get("runConfigs", runKeys),
  ]);
  const letterKeys = runs.flatMap(({ deadLetterKey }) => deadLetterKey ?? []);
  const letters = await store.get("deadLetters", letterKeys);
  const letterOf = new Map(letters.map((letter) => [letter.key, letter]));
  const runOf = new Map(runs.map((run) => [run.key, run]));
  const configOf = new Map(configs.map(({ key, config }) => [key, config]));
  return waits
    .toSorted((a, b) => a.key - b.key)
    .flatMap((wait) => {
      const run = runOf.get(wait.runKey);
      const letter = letterOf.get(run?.deadLetterKey ?? -1) ?? null;
      if (run === undefined || !isOpen(run, letter)) return [];
      const redaction = readRunConfig(configOf.get(run.key))?.redaction ?? null;
      return [toWaiter(wait, run.id, redaction)];
    });
}
