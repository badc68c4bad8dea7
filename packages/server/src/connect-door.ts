import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { CONNECT_PATH, isRepriseError, RepriseError } from "@reprise/protocol";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import type { ConnectedRegistry } from "./api/connected/registry.ts";
import type { ConnectedSocket } from "./api/connected/socket.ts";
import { callerIp, checkLoopback, checkTransport } from "./api/request.ts";
import type { ApiSettings, Peer } from "./api/room.ts";
import type { Host } from "./host/host.ts";

/** The one file that knows WebSockets: it lets apps in that want to connect, and makes a socket without a protocol of each. */

export interface DoorLimits {
  /** One frame of an app, at most. */
  readonly frameBytesMax: number;
  /** What may come from an app that has not been let in. */
  readonly helloBytesMax: number;
}

export interface ConnectDoorOptions {
  readonly host: Host;
  readonly registry: ConnectedRegistry;
  readonly settings: Pick<ApiSettings, "isLoopbackOnly" | "trustedProxies">;
  readonly limits: DoorLimits;
  /** Answers on a connection that stays without WebSocket, and ends it. */
  readonly answer: (socket: Duplex, refusal: RepriseError) => void;
}

/** Whether a request is for the door; every other upgrade is answered as if it had not asked for one. */
export function isConnectRequest({ url = "", headers }: IncomingMessage): boolean {
  const path = url.split("?")[0];
  return path === CONNECT_PATH && headers.upgrade?.toLowerCase() === "websocket";
}

export class ConnectDoor {
  readonly #options: ConnectDoorOptions;
  readonly #sockets: WebSocketServer;
  #isClosed = false;

  constructor(options: ConnectDoorOptions) {
    this.#options = options;
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: options.limits.frameBytesMax,
      // A few bytes less on a wire inside one data centre are not worth the time, nor the memory of every connection.
      perMessageDeflate: false,
    });
    // What is no WebSocket handshake: without this it is answered with a page.
    this.#sockets.on("wsClientError", (error, socket) => {
      const message = `this is no WebSocket handshake: ${error.message}`;
      options.answer(socket, new RepriseError("invalid_request", { message, cause: error }));
    });
  }

  attach(server: Server): void {
    server.on("upgrade", (incoming, socket, head) => this.#enter(incoming, socket, head));
  }

  /** Apps have been told to leave; who has not done so within `graceMs` is cut. */
  async close(graceMs: number): Promise<void> {
    // An app that comes back at once would be a connection for whose end the HTTP server waits.
    this.#isClosed = true;
    const { host } = this.#options;
    const { clients } = this.#sockets;
    const timer = host.setTimer(host.now() + graceMs, () => {
      for (const socket of clients) socket.terminate();
    });
    const closed = [...clients].map(
      (socket) => new Promise<void>((resolve) => socket.once("close", () => resolve())),
    );
    await Promise.all(closed);
    timer.cancel();
  }

  #enter(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { registry, settings, answer, limits } = this.#options;
    const peer: Peer = {
      address: incoming.socket.remoteAddress?.replace(/^::ffff:/, "") ?? "",
      rawTarget: incoming.url ?? "/",
      rawHeaders: incoming.rawHeaders,
    };
    let address: string;
    try {
      if (this.#isClosed) {
        throw new RepriseError("shutting_down", { message: "the server is stopping; try again" });
      }
      const request = toRequest(incoming);
      checkTransport(peer);
      if (settings.isLoopbackOnly) checkLoopback(request);
      refuseBrowsers(request);
      address = callerIp(request, peer, settings);
    } catch (error) {
      if (!isRepriseError(error)) throw error;
      answer(socket, error);
      return;
    }
    this.#sockets.handleUpgrade(incoming, socket, head, (webSocket) => {
      cutTalkers(webSocket, socket, limits.helloBytesMax);
      registry.accept(toSocket(webSocket, socket), address);
    });
  }
}

/** For the checks that other requests go through. */
function toRequest({ headers }: IncomingMessage): Request {
  const names = ["host", "origin", "x-forwarded-for"] as const;
  const given = names.flatMap((name) => {
    const value = headers[name];
    return typeof value === "string" ? [{ name, value }] : [];
  });
  const own = Object.fromEntries(given.map(({ name, value }) => [name, value]));
  return new Request(`http://localhost${CONNECT_PATH}`, { headers: own });
}

/** A page may open WebSockets to anybody, and needs no permission for it; only `Origin` tells it from a program. */
function refuseBrowsers(request: Request): void {
  const origin = request.headers.get("origin");
  if (origin === null) return;
  throw new RepriseError("forbidden", {
    message: "web pages may not connect; an app connects without the header Origin",
  });
}

/** Until an app has said who it is, it may send little: a frame may be long, and is kept in memory until its end. */
function cutTalkers(webSocket: WebSocket, socket: Duplex, bytesMax: number): void {
  let bytes = 0;
  const count = (chunk: Buffer) => {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) webSocket.terminate();
  };
  socket.on("data", count);
  webSocket.once("message", () => socket.off("data", count));
}

function toSocket(webSocket: WebSocket, socket: Duplex): ConnectedSocket {
  // Every error of a connection ends it, and its end is what counts.
  webSocket.on("error", () => {});
  return {
    send: (text) => webSocket.send(text, { binary: false }),
    onText: (listener) => {
      webSocket.on("message", (data, isBinary) => {
        listener(isBinary ? NOT_TEXT : toBytes(data));
      });
    },
    onSign: (listener) => {
      webSocket.on("pong", listener);
      webSocket.on("ping", listener);
    },
    onDrain: (listener) => socket.on("drain", listener),
    onClose: (listener) => webSocket.once("close", listener),
    ping: () => {
      if (webSocket.readyState === webSocket.OPEN) webSocket.ping();
    },
    pause: () => webSocket.pause(),
    resume: () => webSocket.resume(),
    close: (code, reason) => webSocket.close(code, reason),
    cut: () => webSocket.terminate(),
    get bufferedAmount() {
      return webSocket.bufferedAmount;
    },
  };
}

/** Is refused like any other text that is no message. */
const NOT_TEXT = Buffer.from("binary");

function toBytes(data: RawData): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return Array.isArray(data) ? Buffer.concat(data) : data;
}
