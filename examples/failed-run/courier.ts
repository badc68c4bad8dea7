// The courier: another company's server, which the shop reaches through a tunnel.

import { Hono } from "hono";

export const courier = new Hono();

courier.post("/bookings", async (context) => {
  const { parcelId } = await context.req.json();
  return context.json({ trackingCode: `track-${parcelId}` });
});
