import { QstashError, WorkflowError } from "../errors.ts";
import { Http } from "../wire/http.ts";
import { Connector } from "./connector.ts";
import { Routes, type RouteTarget } from "./routes.ts";
import { connectUrl, findWebSocket, type WebSocketConstructor } from "./web-socket.ts";

export type { ConnectionState, StateFacts } from "./connector.ts";
export type { RequestHandler, RouteTarget } from "./routes.ts";
export type { CloseFacts, WebSocketConstructor, WebSocketLike } from "./web-socket.ts";

import type { ConnectionState, StateFacts } from "./connector.ts";

/** Where to connect, and what is served over the connection. */
export interface ConnectOptions<Route extends string = string> {
  /** URL of the server; `QSTASH_URL` when not given. */
  readonly server?: string | undefined;
  /** A token that may send messages; `QSTASH_TOKEN` when not given. */
  readonly token?: string | undefined;
  /** Name of the app: all of its processes have the same. Of `a-z`, `0-9` and `-`. */
  readonly app: string;
  /** What is served, by its path. */
  readonly workflows: Readonly<Record<Route, RouteTarget>>;
  /** Deliveries that this process takes at once. Default: 100. */
  readonly parallelism?: number | undefined;
  /** In place of the global one, such as that of the package ws. */
  readonly WebSocket?: WebSocketConstructor | undefined;
  readonly onStateChange?: ((state: ConnectionState, facts: StateFacts) => void) | undefined;
  /** Drains the connection when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Drains the connection when the process is told to end; the process has to end itself. Default: false. */
  readonly drainOnSigterm?: boolean | undefined;
}

/** An app that is connected, or is about to be again. */
export interface Connection<Route extends string = string> {
  /** Under which a route is known to the server: to trigger runs, and for messages. */
  url(route: Route): string;
  readonly state: ConnectionState;
  /** Resolves when the connection has ended because it was asked to. Rejects when the server never let the app in. */
  readonly closed: Promise<void>;
  /** Takes nothing more, lets deliveries end, and closes. */
  drain(): Promise<void>;
  /** Ends at once: other processes do what was under way again. */
  close(): void;
}

const PARALLELISM_DEFAULT = 100;

const APP_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Opens a connection to the server, over which deliveries come and results go: no port, no URL that can be reached, no signature. It
 * is opened again whenever it is lost.
 * @throws QstashError when an option is wrong, or the platform has no WebSocket.
 */
export function connect<Route extends string>(options: ConnectOptions<Route>): Connection<Route> {
  const { app, workflows, parallelism = PARALLELISM_DEFAULT } = options;
  // Whoever names a server means it, also where the environment asks for the one of development.
  const devMode = options.server === undefined ? undefined : false;
  const http = new Http({ baseUrl: options.server, token: options.token, devMode });
  const { baseUrl: server, token } = http;
  checkOptions({ app, parallelism, token });
  const origin = `http://${app}.connected.alt`;
  const routes = new Routes(workflows, {
    origin,
    http: { baseUrl: server, token, devMode: false },
  });
  const connector = new Connector({
    url: connectUrl(server),
    hello: { token, app, sdk: "@reprise/sdk" },
    parallelism,
    routes,
    WebSocket: findWebSocket(options.WebSocket),
    onStateChange: options.onStateChange ?? (() => {}),
  });
  connector.start();
  drainWhenAsked(connector, options);
  return {
    url: (route) => routes.url(route),
    get state() {
      return connector.state;
    },
    closed: connector.closed,
    drain: () => connector.drain(),
    close: () => connector.close(),
  };
}

function checkOptions({
  app,
  parallelism,
  token,
}: {
  readonly app: string;
  readonly parallelism: number;
  readonly token: string;
}): void {
  if (!APP_NAME.test(app)) {
    throw new WorkflowError(
      `app must be 1 to 63 of a-z, 0-9 and -, with a letter or a digit at either end, got ${JSON.stringify(app)}`,
    );
  }
  if (!Number.isSafeInteger(parallelism) || parallelism < 1) {
    throw new WorkflowError(`parallelism must be a whole number of 1 or more, got ${parallelism}`);
  }
  if (token === "") {
    throw new QstashError(
      "there is no token: set QSTASH_TOKEN, or pass one, as in connect({ token })",
    );
  }
}

interface ProcessLike {
  once(event: "SIGTERM", listener: () => void): unknown;
  removeListener(event: "SIGTERM", listener: () => void): unknown;
}

function drainWhenAsked(
  connector: Connector,
  { signal, drainOnSigterm = false }: Pick<ConnectOptions, "signal" | "drainOnSigterm">,
): void {
  const drain = () => void connector.drain();
  if (signal?.aborted === true) drain();
  signal?.addEventListener("abort", drain, { once: true });
  // A global of Node and its likes.
  const { process } = globalThis as { readonly process?: ProcessLike };
  if (drainOnSigterm) process?.once("SIGTERM", drain);
  const forget = () => {
    signal?.removeEventListener("abort", drain);
    if (drainOnSigterm) process?.removeListener("SIGTERM", drain);
  };
  connector.closed.then(forget, forget);
}
