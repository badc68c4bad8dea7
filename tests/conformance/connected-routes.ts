import type { WebHandler } from "@reprise/sdk";
import { type Connection, connect, type RouteTarget } from "@reprise/sdk/connect";
import type { Received } from "./app.ts";
import { sdkMode } from "./sdk.ts";

type HandleRequest = WebHandler["handleRequest"];
type Answer = Awaited<ReturnType<HandleRequest>>;

/** What our `serve` makes can take deliveries of a connection; whatever wraps it cannot. */
export function handleRequestOf(handler: unknown): HandleRequest | null {
  const isOwn = sdkMode === "connected" && typeof handler === "function";
  if (!isOwn || !("handleRequest" in handler)) return null;
  return handler.handleRequest as HandleRequest; // The property is that of a `WebHandler`.
}

/** Stands around the work of each delivery, as a framework does. */
export type Around = (work: () => Promise<Response>) => Promise<Response>;

export function around(handle: HandleRequest, wrap: Around): HandleRequest {
  return async (request, more) => {
    const response = await wrap(async () => {
      const { status, headers, body } = await handle(request, more);
      return new Response(body, { status, headers });
    });
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: await response.text(),
    };
  };
}

export interface ServerAddress {
  readonly server: string;
  readonly token: string;
}

/** The workflows of an app that is connected; each group of routes is an app of its own by its name. */
export class ConnectedRoutes {
  readonly #server: ServerAddress;
  readonly #received: Received[];
  readonly #groups: Readonly<Record<string, RouteTarget>>[] = [];
  readonly #connections = new Map<number, Connection>();

  /** @param received gets what arrives. */
  constructor(server: ServerAddress, received: Received[]) {
    this.#server = server;
    this.#received = received;
  }

  /** Serves these paths together; gives the origin of their URLs. */
  add(handles: Readonly<Record<string, HandleRequest>>): string {
    const entries = Object.entries(handles).map(([path, handle]) => [path, this.#target(handle)]);
    // Workflows that invoke each other are siblings below one directory, and served by one app.
    const directories = Object.keys(handles).map(directoryOf);
    const beside = this.#groups.findIndex((group) =>
      Object.keys(group).some(
        (path) => path.lastIndexOf("/") > 0 && directories.includes(directoryOf(path)),
      ),
    );
    const index = beside === -1 ? this.#groups.length : beside;
    this.#groups[index] = { ...this.#groups[index], ...Object.fromEntries(entries) };
    this.#connections.get(index)?.close();
    return this.#connect(index);
  }

  start(): void {
    for (const index of this.#groups.keys()) this.#connect(index);
  }

  stop(): void {
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }

  #connect(index: number): string {
    const app = `app-${index}`;
    const workflows = this.#groups[index] ?? {};
    this.#connections.set(index, connect({ ...this.#server, app, workflows }));
    return `http://${app}.connected.alt`;
  }

  #target(handle: HandleRequest): RouteTarget {
    const handleRequest: HandleRequest = async (request, more) => {
      const body = await request.text();
      const received = note(request, body);
      this.#received.push(received);
      const answer = await handle(
        { ...request, headers: request.headers, url: request.url, text: async () => body },
        more,
      );
      noteAnswer(received, answer);
      return answer;
    };
    // All that is used of a handler behind a connection.
    return Object.assign(() => new Response(), { handleRequest }) as unknown as WebHandler;
  }
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function note({ url, headers }: Parameters<HandleRequest>[0], body: string): Received {
  const { pathname, search } = new URL(url);
  const pairs: [string, string][] = [];
  headers.forEach((value, name) => {
    pairs.push([name, value]);
  });
  return {
    path: pathname,
    target: pathname + search,
    method: "POST",
    headers: Object.fromEntries(pairs),
    rawHeaders: pairs.flat(),
    body,
    bytes: Buffer.from(body),
    at: Date.now(),
    signatureFault: null, // The connection vouches for what it brings.
    status: 0,
    answer: "",
    answerHeaders: {},
  };
}

function noteAnswer(received: Received, { status, headers, body }: Answer): void {
  received.status = status;
  received.answer = body;
  received.answerHeaders = headers;
}
