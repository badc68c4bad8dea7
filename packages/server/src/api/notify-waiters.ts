import { messageId } from "@reprise/protocol";
import type { NotifyEvent, Woken } from "../core/commands.ts";
import type { ApiRoom } from "./room.ts";
import { toWaiter } from "./views/waiter.ts";

/** How many are woken in one transaction: others must not wait for long. */
const WAITERS_MAX = 1_000;

/** Bytes that one transaction writes for them, about: each result holds the event. */
const RESULT_BYTES_MAX = 32 * 1024 * 1024;

/** Wakes all who wait for an event now: at once, or a long event for very many some at a time. */
export async function notifyWaiters(
  { eventId, data }: Pick<NotifyEvent, "eventId" | "data">,
  { store, engine }: ApiRoom,
): Promise<readonly unknown[]> {
  const command = { type: "notifyEvent", eventId, data } as const;
  const waits = await store.find("waits", "openByEvent", [[eventId]]);
  // In Base64 it is a third longer.
  const fitting = Math.floor((RESULT_BYTES_MAX / (data.byteLength + 1)) * 0.75);
  const countMax = Math.max(1, Math.min(WAITERS_MAX, fitting));
  if (waits.length <= countMax) {
    const [woken = []] = await engine.execute([command]);
    return woken.map(toNotifiedWaiter);
  }
  const keys = waits.map(({ key }) => key).toSorted((a, b) => a - b);
  const notified: unknown[] = [];
  for (let from = 0; from < keys.length; from += countMax) {
    const waitKeys = keys.slice(from, from + countMax);
    const [woken = []] = await engine.execute([{ ...command, waitKeys }]);
    notified.push(...woken.map(toNotifiedWaiter));
  }
  return notified;
}

export function toNotifiedWaiter({ messageKey, run, wait, redaction }: Woken) {
  return { ...toNotified(run, messageId(messageKey)), waiter: toWaiter(wait, run.id, redaction) };
}

/** One element of the answer; without an error nothing was refused. */
export function toNotified(
  run: { readonly id: string; readonly createdAt: number },
  notifiedMessageId: string,
) {
  return {
    messageId: notifiedMessageId,
    workflowRunId: run.id,
    workflowCreatedAt: run.createdAt,
    deduplicated: false,
    error: "",
  };
}
