// A price that somebody changes by hand: nothing happens until a second person agrees.

import { serve } from "@upstash/workflow";
import { type Decision, note, type PriceChange, writePrices } from "./price-list.ts";

export function decisionEventOf(changeId: string): string {
  return `price-change-${changeId}`;
}

export const changeWorkflow = serve<PriceChange>(async (context) => {
  const { changeId, article, cents } = context.requestPayload;

  await context.run("ask", () => note(changeId, `is ${cents} cents right for the ${article}?`));

  // Costs nothing while it waits; neither restarts of the app nor of the server matter.
  const { eventData, timeout } = await context.waitForEvent<Decision>(
    "wait-for-decision",
    decisionEventOf(changeId),
    { timeout: "12h" },
  );

  if (timeout || !eventData.isApproved) {
    const reason = timeout ? "nobody decided in time" : `${eventData.by} refused`;
    await context.run("keep-old-price", () => note(changeId, reason));
    return { changeId, isChanged: false };
  }
  await context.run("write-price", () => writePrices(changeId, [{ article, cents }]));
  return { changeId, isChanged: true };
}).handler;
