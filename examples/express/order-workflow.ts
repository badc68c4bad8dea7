// An order: steps of our own, a request to somebody else, a pause, and a step that can fail.

import { serve } from "@upstash/workflow/express";
import { bookCarrier, note, type Order, type Receipt, releaseStock, reserveStock } from "./shop.ts";

export const orderWorkflow = serve<Order>(
  async (context) => {
    const order = context.requestPayload;

    const { shelf } = await context.run("reserve-stock", () => reserveStock(order));

    // The server makes this request and keeps the answer. Meanwhile the app does not wait, however long it takes.
    const payment = await context.call<Receipt>("charge-card", {
      url: new URL("/payments", context.url).href,
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(order),
      retries: 2,
      retryDelay: "500",
    });
    // An answer that says no is a result like any other; only the workflow knows what it means.
    if (payment.status !== 200) {
      await context.run("release-stock", () => releaseStock(order));
      return { orderId: order.orderId, isPaid: false };
    }

    await context.sleep("wait-for-pickup", "1s");

    // While the carrier is offline this step throws. It is retried, and then the run has failed.
    const { trackingCode } = await context.run("book-carrier", () => bookCarrier(order, shelf));

    await context.run("tell-customer", () => note(order.orderId, `sent ${trackingCode}`));

    return { orderId: order.orderId, isPaid: true, ...payment.body, trackingCode };
  },
  {
    // Runs once when no retry is left. The customer has paid, so nothing is undone: the run is kept with all its
    // results, and is resumed when the carrier is back. The text that is returned is kept with it.
    failureFunction: ({ context, failStatus, failResponse }) => {
      const { orderId } = context.requestPayload;
      const text = `order ${orderId} is on hold (${failStatus}): ${failResponse}`;
      note(orderId, text);
      return text;
    },
  },
);
