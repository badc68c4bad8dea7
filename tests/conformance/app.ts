import { isUtf8 } from "node:buffer";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Receiver } from "@upstash/qstash";
import { ConnectedRoutes, handleRequestOf, type ServerAddress } from "./connected-routes.ts";
import { onSamePort } from "./same-port.ts";

/** The fault of a request whose signature is being looked at. */
export const NOT_CHECKED = "not checked yet";

/** One request that the app has got, with the answer that it gave. */
export interface Received {
  readonly path: string;
  /** The path with its query, as it stood in the request. */
  readonly target: string;
  readonly method: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Every header as it was sent, one pair after the other. */
  readonly rawHeaders: readonly string[];
  readonly body: string;
  readonly bytes: Buffer;
  /** Epoch milliseconds. */
  readonly at: number;
  /** What the official receiver says against signature, body or URL; null when it accepts them. */
  signatureFault: string | null;
  /** 0 until there is an answer, and when the connection was cut. */
  status: number;
  answer: string;
  answerHeaders: Readonly<Record<string, string>>;
}

export type Handler = (request: Request, received: Received) => Response | Promise<Response>;
/** For answers that a `Response` cannot express: cut connections, silence. The body has been read. */
export type RawHandler = (request: IncomingMessage, response: ServerResponse) => void;

type Route =
  | { readonly type: "web"; readonly handler: Handler }
  | { readonly type: "raw"; readonly handler: RawHandler };

export interface SigningKeys {
  readonly current: string;
  readonly next: string;
}

/**
 * A user's app: a real HTTP server whose address stays the same when it goes down and comes back. It keeps a list of
 * everything that it has got, and has every signature checked by the official receiver.
 */
export class App {
  readonly received: Received[] = [];
  readonly #routes = new Map<string, Route>();
  readonly #receiver: Receiver;
  /** Where workflows of our SDK are served in the mode "connected". */
  readonly connected: ConnectedRoutes | null;
  #server: Server | null = null;
  #port = 0;

  /** Deliveries must be signed with one of the keys. */
  constructor(keys: SigningKeys, server: ServerAddress | null = null) {
    this.connected = server === null ? null : new ConnectedRoutes(server, this.received);
    this.#receiver = new Receiver({ currentSigningKey: keys.current, nextSigningKey: keys.next });
  }

  get receiver(): Receiver {
    return this.#receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Answers requests to `path` and gives its URL. */
  on(path: string, handler: Handler): string {
    this.#routes.set(path, { type: "web", handler });
    const handleRequest = handleRequestOf(handler);
    if (this.connected === null || handleRequest === null) return this.url + path;
    return this.connected.add({ [path]: handleRequest }) + path;
  }

  onRaw(path: string, handler: RawHandler): string {
    this.#routes.set(path, { type: "raw", handler });
    return this.url + path;
  }

  /** What has arrived at `path`, in order of arrival. */
  at(path: string): readonly Received[] {
    return this.received.filter((one) => one.path === path);
  }

  /** Listens; on the same port as before when it has been down. */
  async start(): Promise<void> {
    const server = await onSamePort(() => this.#listen());
    const address = server.address();
    if (typeof address === "object" && address !== null) this.#port = address.port;
    this.#server = server;
    this.connected?.start();
  }

  async #listen(): Promise<Server> {
    const server = createServer((request, response) => void this.#serve(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    return server;
  }

  /** Refuses connections from now on and cuts those that are open. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    this.connected?.stop();
    if (server === null) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    try {
      await this.#handle(incoming, outgoing);
    } catch (error) {
      // Whoever asked is gone in the middle of it, as when a test ends.
      if (incoming.complete) throw error;
    }
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const target = incoming.url ?? "/";
    const received = note(incoming, target, await readBody(incoming));
    this.received.push(received);
    received.signatureFault = await this.#check(this.url + target, received);
    const route = this.#routes.get(received.path);
    if (route?.type === "raw") return route.handler(incoming, outgoing);
    const request = toRequest(this.url + target, received);
    const response = await respond(route?.handler ?? nothingHere, request, received);
    const bytes = Buffer.from(await response.arrayBuffer());
    received.status = response.status;
    received.answer = bytes.toString("utf8");
    received.answerHeaders = Object.fromEntries(response.headers);
    outgoing.writeHead(response.status, [...response.headers].flat());
    outgoing.end(bytes);
  }

  async #check(url: string, { headers, body, bytes }: Received): Promise<string | null> {
    const signature = headers["upstash-signature"] ?? "";
    // The receiver takes bodies as text, and these bytes are none: the test that sends them looks at the claim itself.
    if (!isUtf8(bytes)) return null;
    try {
      await this.#receiver.verify({ signature, body, url });
      return null;
    } catch (error) {
      return String(error);
    }
  }
}

function note(incoming: IncomingMessage, target: string, body: Buffer): Received {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) headers[name] = String(value);
  return {
    path: target.split("?")[0] ?? target,
    target,
    method: incoming.method ?? "",
    headers,
    rawHeaders: incoming.rawHeaders,
    body: body.toString("utf8"),
    bytes: body,
    at: Date.now(),
    signatureFault: NOT_CHECKED,
    status: 0,
    answer: "",
    answerHeaders: {},
  };
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function toRequest(url: string, { method, headers, body }: Received): Request {
  const hasBody = method !== "GET" && method !== "HEAD";
  return new Request(url, { method, headers, ...(hasBody ? { body } : {}) });
}

/** As frameworks do it: an error that the app does not catch is a 500. */
async function respond(handler: Handler, request: Request, received: Received): Promise<Response> {
  try {
    return await handler(request, received);
  } catch (error) {
    return new Response(String(error), { status: 500 });
  }
}

const nothingHere: Handler = () => new Response("nothing here", { status: 404 });
