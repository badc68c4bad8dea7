import type { Tables } from "@reprise/server";
import type { Mirror } from "./mirror.ts";
import type { WireStep } from "./step-list.ts";

/** A step that somebody else completes. */
export type WaitRow = Tables["waits"];

/** Whether the result is still to come or to be told to the app. */
export function isWaiting({ state }: WaitRow): boolean {
  return state === "open" || state === "answered";
}

/** Whether a resumed run was born with it. */
export function isCopy(wait: WaitRow, mirror: Mirror): boolean {
  const run = mirror.get("runs", wait.runKey);
  if (run === null || run.sourceRunKey === null) return false;
  return mirror.bornIn(wait.key) === mirror.bornIn(run.key);
}

/** Types of the steps whose results come from outside their runs. */
export function isOfOthers({ stepType, targetStep }: WireStep): boolean {
  if (targetStep !== undefined) return false;
  return ["Wait", "WaitForWebhook", "Invoke", "Call"].includes(stepType);
}

/** A webhook's caller has no token, so that its requests are for steps that wait for webhooks alone. */
export function isFor(source: "notify" | "webhook", kind: WaitRow["kind"]): boolean {
  return kind === "webhook" || (kind === "event" && source === "notify");
}
