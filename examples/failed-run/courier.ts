// The courier: another company's server, reached through a tunnel. When the tunnel is offline, the tunnel's
// provider answers in its place, with the page that everyone who ever shared a laptop's port knows.

import { Hono } from "hono";

const tunnelHost = "courier.tunnel.example";

export interface Courier {
  readonly app: Hono;
  readonly isOnline: () => boolean;
  readonly setOnline: (isOnline: boolean) => void;
}

export function createCourier(): Courier {
  let isOnline = false;
  const app = new Hono();
  app.use(async (context, next) => {
    if (isOnline) return next();
    return context.html(offlinePage, 404, { "Ngrok-Error-Code": "ERR_NGROK_3200" });
  });
  app.post("/bookings", async (context) => {
    const { parcelId } = await context.req.json();
    return context.json({ trackingCode: `track-${parcelId}` });
  });
  return {
    app,
    isOnline: () => isOnline,
    setOnline: (value) => {
      isOnline = value;
    },
  };
}

const offlinePage = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>The endpoint ${tunnelHost} is offline</title>
  </head>
  <body>
    <h1>Nobody is at the other end of this tunnel</h1>
    <p>The endpoint <b>${tunnelHost}</b> is offline: no agent is connected to it at the moment.</p>
    <p>Error code: <b>ERR_NGROK_3200</b></p>
  </body>
</html>
`;
