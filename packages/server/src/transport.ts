import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import type { Duplex } from "node:stream";
import { getRequestListener, RequestError } from "@hono/node-server";
import { errorBody, HEADER_BYTES_MAX, HEADER_COUNT_MAX, RepriseError } from "@reprise/protocol";
import type { Api } from "./api/app.ts";
import { errorResponse } from "./api/errors.ts";
import { isConnectRequest } from "./connect-door.ts";
import type { Host } from "./host/host.ts";
import { SlowBodies } from "./slow-bodies.ts";

/** HTTP/1.1 before a request reaches the API: what is unreadable, too slow or too much is answered or cut here. */

export interface TransportLimits {
  /** Of one request, its target among them. */
  readonly headerBytesMax: number;
  /** From the first byte of a connection, or the end of the request before. */
  readonly headersMs: number;
  readonly requestMs: number;
  /** How often the two above are looked at. */
  readonly checkMs: number;
  /** Time in which a body may be slow. */
  readonly slowBodyMs: number;
  readonly bodyBytesPerSecondMin: number;
  readonly connectionsMax: number;
  readonly requestsPerConnectionMax: number;
}

export const TRANSPORT_LIMITS: TransportLimits = {
  headerBytesMax: HEADER_BYTES_MAX,
  headersMs: 10_000,
  requestMs: 300_000,
  checkMs: 1_000,
  slowBodyMs: 10_000,
  bodyBytesPerSecondMin: 1_024,
  connectionsMax: 10_000,
  requestsPerConnectionMax: 10_000,
};

export function createHttpServer(
  api: Api,
  host: Host,
  limits: TransportLimits = TRANSPORT_LIMITS,
): Server {
  const listener = getRequestListener(
    (request, env) => {
      // The adapter's bindings for HTTP/1.1 hold Node's request.
      const { incoming } = env as { readonly incoming: IncomingMessage };
      return api.fetch(request, {
        address: incoming.socket.remoteAddress?.replace(/^::ffff:/, "") ?? "",
        rawTarget: incoming.url ?? "/",
        rawHeaders: incoming.rawHeaders,
      });
    },
    { errorHandler: (error) => refuseUnusable(error, host) },
  );
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      connectionsCheckingInterval: limits.checkMs,
      requireHostHeader: true,
      shouldUpgradeCallback: isConnectRequest,
    },
    listener,
  );
  server.maxHeadersCount = HEADER_COUNT_MAX;
  server.maxConnections = limits.connectionsMax;
  server.maxRequestsPerSocket = limits.requestsPerConnectionMax;
  const slowBodies = new SlowBodies({
    host,
    graceMs: limits.slowBodyMs,
    bytesPerSecondMin: limits.bodyBytesPerSecondMin,
    cut: (socket, message) => answer(socket, new RepriseError("request_timeout", { message })),
  });
  server.prependListener("request", (incoming) => slowBodies.watch(incoming));
  server.on("clientError", (error, socket) => refuseUnreadable(error, socket, limits));
  server.on("connect", (_, socket) => answer(socket, NO_TUNNEL));
  server.on("checkContinue", continueWhenWanted(server));
  server.on("checkExpectation", refuseExpectation);
  return server;
}

const NO_TUNNEL = new RepriseError("method_not_allowed", {
  message: "the method CONNECT is not allowed; this is no proxy",
  details: { allow: "GET, POST, PUT, PATCH, DELETE" },
});

/** Node's parser lets targets and hosts pass that make no URL; without this they are answered with an empty body. */
function refuseUnusable(error: unknown, host: Host): Response {
  if (!(error instanceof RequestError)) return errorResponse(error, host);
  const message =
    "the request target must be a path without backslashes, and Host a valid name with an optional port";
  return errorResponse(new RepriseError("invalid_request", { message, cause: error }), host);
}

/** What Node's parser refuses never becomes a request; without this it is answered with an empty body. */
function refuseUnreadable(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  limits: TransportLimits,
): void {
  if (!socket.writable || error.code === "ECONNRESET") socket.destroy();
  else answer(socket, unreadable(error.code ?? "", limits));
}

function unreadable(code: string, limits: TransportLimits): RepriseError {
  const { headerBytesMax, headersMs, requestMs } = limits;
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return new RepriseError("headers_too_large", {
        message: `the headers must have at most ${headerBytesMax} bytes`,
      });
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new RepriseError("request_timeout", {
        message: `the headers must arrive within ${headersMs / 1000} seconds, the request within ${requestMs / 1000}`,
      });
    default:
      return new RepriseError("invalid_request", { message: "the request is not valid HTTP/1.1" });
  }
}

/** Answers on a connection that has no request, and ends it. */
export function answer(socket: Duplex, refusal: RepriseError): void {
  const body = JSON.stringify(errorBody(refusal));
  const { allow } = refusal.details;
  const head = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ""}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    ...(typeof allow === "string" ? [`allow: ${allow}`] : []),
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}

/** `Expect: 100-continue`: the body is asked for when somebody reads it, which is behind the checks of token and size. */
function continueWhenWanted(server: Server): RequestListener {
  return (incoming, outgoing) => {
    let isAsked = false;
    incoming.on("newListener", (event) => {
      if (isAsked || outgoing.headersSent || (event !== "data" && event !== "readable")) return;
      isAsked = true;
      outgoing.writeContinue();
    });
    server.emit("request", incoming, outgoing);
  };
}

function refuseExpectation(_incoming: IncomingMessage, outgoing: ServerResponse): void {
  const refusal = new RepriseError("expectation_failed", {
    message: "the header Expect must be 100-continue or absent",
  });
  const headers = { "content-type": "application/json", connection: "close" };
  outgoing.writeHead(refusal.status, headers).end(JSON.stringify(errorBody(refusal)));
}

export function listen(server: Server, host: string, port: number): Promise<number> {
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
export function closeServer(server: Server, host: Host): Promise<void> {
  return new Promise((resolve) => {
    const timer = host.setTimer(host.now() + CLOSE_MS, () => server.closeAllConnections());
    server.close(() => {
      timer.cancel();
      resolve();
    });
    server.closeIdleConnections();
  });
}
