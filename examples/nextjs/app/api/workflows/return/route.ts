// A return: the money goes back when the parcel has arrived.

import { serve } from "@upstash/workflow/nextjs";
import { note } from "../../../../shop/orders.ts";

export const { POST } = serve<{ readonly orderId: string }>(async (context) => {
  const { orderId } = context.requestPayload;

  await context.run("send-label", () => note(orderId, "sent a label for the return"));

  const { eventData, timeout } = await context.waitForEvent<{ readonly isIntact: boolean }>(
    "wait-for-parcel",
    `returned-${orderId}`,
    { timeout: "30d" },
  );

  const isRefunded = !timeout && eventData.isIntact;
  await context.run("settle", () =>
    note(orderId, isRefunded ? "paid the money back" : "kept the money"),
  );
  return { orderId, isRefunded };
});
