// A refund: nothing happens until somebody decides, or until it has taken too long.

import { serve } from "@upstash/workflow/express";
import { type Decision, note, type Refund } from "./shop.ts";

export function refundEventOf(orderId: string): string {
  return `refund-${orderId}`;
}

export const refundWorkflow = serve<Refund>(async (context) => {
  const { orderId, reason } = context.requestPayload;

  await context.run("ask-support", () => note(orderId, `support is asked for a refund: ${reason}`));

  // Costs nothing while it waits; neither restarts of the app nor of the server matter.
  const { eventData, timeout } = await context.waitForEvent<Decision>(
    "wait-for-decision",
    refundEventOf(orderId),
    { timeout: "3d" },
  );

  if (timeout) {
    await context.run("give-up", () => note(orderId, "nobody decided about the refund"));
    return { orderId, isRefunded: false };
  }
  const { isApproved, by } = eventData;
  await context.run("tell-customer", () =>
    note(orderId, `${by} ${isApproved ? "approved" : "refused"} the refund`),
  );
  return { orderId, isRefunded: isApproved };
});
