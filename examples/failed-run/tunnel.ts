// A tunnel as developers use it to share a local port. While it is offline, its provider answers in place of the
// server behind it, with the page that everyone who ever closed a laptop too early knows.

import { Hono } from "hono";

export interface Tunnel {
  /** What the tunnel's public end answers. */
  readonly app: Hono;
  readonly isOnline: () => boolean;
  readonly setOnline: (isOnline: boolean) => void;
}

/** Puts a tunnel with the public name `host` before `target`. */
export function createTunnel(host: string, target: Hono): Tunnel {
  let isOnline = true;
  const app = new Hono();
  app.all("*", (context) => {
    if (isOnline) return target.fetch(context.req.raw, context.env);
    return context.html(offlinePage(host), 404, { "Ngrok-Error-Code": "ERR_NGROK_3200" });
  });
  return {
    app,
    isOnline: () => isOnline,
    setOnline: (value) => {
      isOnline = value;
    },
  };
}

const offlinePage = (host: string): string => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>The endpoint ${host} is offline</title>
  </head>
  <body>
    <h1>Nobody is at the other end of this tunnel</h1>
    <p>The endpoint <b>${host}</b> is offline: no agent is connected to it at the moment.</p>
    <p>Error code: <b>ERR_NGROK_3200</b></p>
  </body>
</html>
`;
