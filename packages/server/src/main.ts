import { type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { createAdaptorServer } from "@hono/node-server";
import { errorBody, HEADER_BYTES_MAX, HEADER_COUNT_MAX, RepriseError } from "@reprise/protocol";
import { type Api, createApi } from "./api/app.ts";
import { LIMITS, type ServerConfig } from "./config.ts";
import { openCredentials, type TokenSource } from "./credentials.ts";
import { Engine, type EngineLimits } from "./engine/engine.ts";
import { createEgress, destinationCheck } from "./host/egress.ts";
import type { Host } from "./host/host.ts";
import type { Resolve } from "./host/system-dial.ts";
import { createSystemHost } from "./host/system-host.ts";
import { openSqliteStore } from "./store/sqlite.ts";
import type { Store } from "./store/store.ts";

export interface RunningServer {
  /** Base URL for clients. */
  readonly url: string;
  readonly port: number;
  readonly config: ServerConfig;
  /** The token that may do everything; empty when it was made at an earlier start and only its digest is known. */
  readonly token: string;
  readonly tokenSource: TokenSource;
  readonly signingKeys: { readonly current: string; readonly next: string };
  /** Stops taking requests, lets attempts in flight end, and closes the store. */
  close(): Promise<void>;
}

/** What surrounds the server; tests and tools replace parts of it. */
export interface Surroundings {
  /** Called when the storage cannot be trusted any more: the process has to end. */
  readonly onBroken?: (error: RepriseError) => void;
  /** Stands between the server and its store, to make calls of the store fail. */
  readonly wrapStore?: (store: Store) => Store;
  /** Takes the place of single limits, to reach them without waiting or gigabytes. */
  readonly limits?: Partial<EngineLimits>;
  /** Takes the lines of the log; standard error when not given. */
  readonly writeLine?: (line: string) => void;
  /** Answers for the addresses of a destination's name; the system's resolver when not given. */
  readonly resolve?: Resolve;
}

/**
 * Opens the store, takes over what an earlier process left, and listens.
 * @throws RepriseError when the data directory is in use or unusable; the system's error when the port is.
 */
export async function startServer(
  config: ServerConfig,
  surroundings: Surroundings = {},
): Promise<RunningServer> {
  const { writeLine, resolve } = surroundings;
  const host = createSystemHost({
    logLevel: config.logLevel,
    connectionsPerOrigin: config.perOriginMax,
    egress: config.egress,
    ...(writeLine === undefined ? {} : { writeLine }),
    ...(resolve === undefined ? {} : { resolve }),
  });
  const path = config.dataDir === ":memory:" ? ":memory:" : join(config.dataDir, "reprise.db");
  const store = await openSqliteStore({
    path,
    ...(surroundings.onBroken === undefined ? {} : { onBroken: surroundings.onBroken }),
  });
  try {
    const { wrapStore = (unwrapped: Store) => unwrapped, limits = {} } = surroundings;
    return await serve({ config, host, store: wrapStore(store), limits });
  } catch (error) {
    await store.close();
    await host.close();
    throw error;
  }
}

interface Parts {
  readonly config: ServerConfig;
  readonly host: Host & { close(): Promise<void> };
  readonly store: Store;
  readonly limits: Partial<EngineLimits>;
}

async function serve({ config, host, store, limits }: Parts): Promise<RunningServer> {
  const credentials = await openCredentials(config, store, host);
  const engine = createEngine({ config, host, store, limits }, credentials.signingKeys);
  const api = createApi({
    engine,
    store,
    host,
    credentials,
    settings: {
      bodyBytesMax: config.bodyBytesMax,
      batchBytesMax: LIMITS.batchBytesMax,
      retriesMax: config.retriesMax,
      authFailuresMax: config.authFailuresMax,
      trustedProxies: config.trustedProxies,
      isLoopbackOnly: config.mode === "development",
      checkEgress: destinationCheck(createEgress(config.egress)),
    },
  });
  const server = createHttpServer(api);
  const port = await listen(server, config);
  await credentials.keepToken();
  engine.start();
  const { current, next } = credentials.signingKeys();
  return {
    url: `http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${port}`,
    port,
    config,
    token: credentials.token,
    tokenSource: credentials.tokenSource,
    signingKeys: { current, next },
    close: async () => {
      // Requests are answered while attempts end: a step that finishes now must still be recorded.
      await engine.stop(config.drainMs);
      await closeServer(server, host);
      await store.close();
      await host.close();
    },
  };
}

/** The engine with the limits of a configuration; the simulation builds its own. */
export function createEngine(
  {
    config,
    host,
    store,
    limits,
  }: { config: ServerConfig; host: Host; store: Store; limits?: Partial<EngineLimits> },
  keys: () => { readonly current: string; readonly next: string },
): Engine {
  return new Engine({
    host,
    store,
    keys,
    limits: {
      ...LIMITS,
      attemptTimeoutMs: config.attemptTimeoutMs,
      perOriginMax: config.perOriginMax,
      responseBytesMax: config.responseBytesMax,
      ...limits,
    },
  });
}

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 300_000;

function createHttpServer(api: Api): Server {
  const server = createAdaptorServer({
    fetch: (request, env) => {
      // The adapter's bindings for HTTP/1.1 hold Node's request.
      const { incoming } = env as { readonly incoming: IncomingMessage };
      return api.fetch(request, {
        address: incoming.socket.remoteAddress?.replace(/^::ffff:/, "") ?? "",
        rawTarget: incoming.url ?? "/",
        rawHeaders: incoming.rawHeaders,
      });
    },
    serverOptions: {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      requireHostHeader: true,
    },
  }) as Server; // Without a `createServer` of another kind the adapter makes a node:http server.
  server.maxHeadersCount = HEADER_COUNT_MAX;
  server.on("clientError", refuseUnreadable);
  return server;
}

/** What Node's parser refuses never becomes a request; without this it is answered with an empty body. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const refusal = unreadable(error.code ?? "");
  const body = JSON.stringify(errorBody(refusal));
  const status = `${refusal.status} ${STATUS_CODES[refusal.status] ?? ""}`;
  const headers = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}`;
  socket.end(`HTTP/1.1 ${status}\r\n${headers}\r\nconnection: close\r\n\r\n${body}`);
}

function unreadable(code: string): RepriseError {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return new RepriseError("headers_too_large", {
        message: `the headers must have at most ${HEADER_BYTES_MAX} bytes`,
      });
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new RepriseError("request_timeout", {
        message: `the headers must arrive within ${HEADERS_TIMEOUT_MS / 1000} seconds, the request within ${REQUEST_TIMEOUT_MS / 1000}`,
      });
    default:
      return new RepriseError("invalid_request", { message: "the request is not valid HTTP/1.1" });
  }
}

function listen(server: Server, { host, port }: ServerConfig): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

const CLOSE_MS = 1_000;

/** Answers that are on their way are finished; connections that clients keep open are cut. */
function closeServer(server: Server, host: Host): Promise<void> {
  return new Promise((resolve) => {
    const timer = host.setTimer(host.now() + CLOSE_MS, () => server.closeAllConnections());
    server.close(() => {
      timer.cancel();
      resolve();
    });
    server.closeIdleConnections();
  });
}
