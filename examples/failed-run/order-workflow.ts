// The workflow: what you would write in your own app. Each `context.run` is recorded by the server when it
// finishes, so it never runs again, whatever happens to the steps after it.

import { serve } from "@upstash/workflow/hono";
import {
  bookCourier,
  chargeCard,
  type Order,
  packParcel,
  reserveStock,
  sendConfirmation,
  writeInvoice,
} from "./shop.ts";

export const orderWorkflow = serve<Order>(
  async (context) => {
    const order = context.requestPayload;

    const reservation = await context.run("reserve-stock", () => reserveStock(order));

    const [payment, invoice, parcel] = await Promise.all([
      context.run("charge-card", () => chargeCard(order)),
      context.run("write-invoice", () => writeInvoice(order)),
      context.run("pack-parcel", () => packParcel(order, reservation)),
    ]);

    await context.sleep("wait-for-pickup-window", order.pickupInSeconds ?? 1);

    // The courier is another company's server behind a tunnel. While the tunnel is offline this step throws.
    const booking = await context.run("book-courier", () => bookCourier(order, parcel));

    await context.run("send-confirmation", () => sendConfirmation(order, booking));

    return { orderId: order.orderId, payment, invoice, trackingCode: booking.trackingCode };
  },
  {
    // Runs once all retries of a step have failed. The text it returns is kept with the run and its dead letter.
    failureFunction: ({ context, failStatus, failResponse, failHeaders }) => {
      const { orderId } = context.requestPayload;
      // A tunnel or proxy answers with a page instead of the message of an error; its header says more.
      const cause = failHeaders["Ngrok-Error-Code"]?.[0] ?? failResponse;
      return `order ${orderId} is on hold, support was told (${failStatus}: ${cause})`;
    },
  },
);
