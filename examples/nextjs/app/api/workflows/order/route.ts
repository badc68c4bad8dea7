// An order: steps of our own, a request to somebody else, a webhook, a pause, and a step that can fail.

import { serve } from "@upstash/workflow/nextjs";
import {
  bookCarrier,
  note,
  type Order,
  releaseStock,
  reserveStock,
} from "../../../../shop/orders.ts";

export const { POST } = serve<Order>(
  async (context) => {
    const order = context.requestPayload;

    const { shelf } = await context.run("reserve-stock", () => reserveStock(order));

    // The server makes this request and keeps the answer. The provider gets a URL that continues this run.
    const webhook = await context.createWebhook("create-payment-webhook");
    await context.call("ask-for-payment", {
      url: new URL("/api/payments", context.url).href,
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ orderId: order.orderId, webhookUrl: webhook.webhookUrl }),
      retries: 2,
      retryDelay: "500",
    });

    // Costs nothing while it waits; neither restarts of the app nor of the server matter.
    const payment = await context.waitForWebhook("wait-for-payment", webhook, "1d");
    if (payment.timeout) {
      await context.run("release-stock", () => releaseStock(order));
      return { orderId: order.orderId, isPaid: false };
    }

    await context.sleep("wait-for-pickup", "1s");

    // While the carrier is offline this step throws. It is retried, and then the run has failed.
    const { trackingCode } = await context.run("book-carrier", () => bookCarrier(order, shelf));

    await context.run("tell-customer", () => note(order.orderId, `sent ${trackingCode}`));

    return { orderId: order.orderId, isPaid: true, trackingCode };
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
