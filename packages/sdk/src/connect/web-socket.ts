import { QstashError } from "../errors.ts";

/** As much of a `WebSocket` as connections need: the global one, and those of packages, have it. */
export interface WebSocketLike {
  readonly readyState: number;
  send(text: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: CloseFacts) => void): void;
  addEventListener(type: "error", listener: (event: unknown) => void): void;
}

/** How a connection was closed. */
export interface CloseFacts {
  readonly code: number;
  readonly reason: string;
}

/** Opens a WebSocket: the global one, or that of a package. */
export type WebSocketConstructor = new (url: string) => WebSocketLike;

/** @throws QstashError when the platform has none. */
export function findWebSocket(given: WebSocketConstructor | undefined): WebSocketConstructor {
  const own = given ?? globalWebSocket();
  if (own !== undefined) return own;
  throw new QstashError(
    "this platform has no WebSocket: use Node 22 or later, Bun or Deno, or pass one, as in connect({ WebSocket }) with the one of the package ws",
  );
}

function globalWebSocket(): WebSocketConstructor | undefined {
  return (globalThis as { readonly WebSocket?: WebSocketConstructor }).WebSocket; // Older platforms have none.
}

/** Where a server takes connections. @throws QstashError when the URL is not one of a server. */
export function connectUrl(server: string): string {
  const url = URL.canParse(server) ? new URL(server) : null;
  const scheme = url === null ? undefined : SCHEMES[url.protocol];
  if (url === null || scheme === undefined) {
    throw new QstashError(
      `server must be the http:// or https:// URL of a Reprise server, got ${JSON.stringify(server)}`,
    );
  }
  return `${scheme}//${url.host}${url.pathname.replace(/\/+$/, "")}/v2/connect`;
}

const SCHEMES: Readonly<Record<string, string>> = {
  "http:": "ws:",
  "https:": "wss:",
  "ws:": "ws:",
  "wss:": "wss:",
};
