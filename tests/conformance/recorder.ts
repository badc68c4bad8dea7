import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";

/** One request that went through, and the status that it was answered with. */
export interface Exchange {
  readonly method: string;
  readonly target: string;
  readonly body: string;
  readonly status: number;
}

/** Stands between an app and the server: hands everything on and lets a test look at each answer before the app gets it. */
export class Recorder {
  readonly #target: string;
  readonly #look: (exchange: Exchange) => Promise<void>;
  #server: Server | null = null;
  #port = 0;

  constructor(target: string, look: (exchange: Exchange) => Promise<void>) {
    this.#target = target;
    this.#look = look;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const server = createServer((incoming, outgoing) => {
      // A server that closes answers no more, and neither does this one.
      this.#pass(incoming, outgoing).catch(() => outgoing.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (typeof address === "object" && address !== null) this.#port = address.port;
    this.#server = server;
  }

  async #pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = "GET", url: target = "/", headers } = incoming;
    const body = await buffer(incoming);
    const answer = await fetch(this.#target + target, {
      method,
      headers: pick(headers, FORWARDED),
      ...(body.byteLength === 0 ? {} : { body }),
    });
    const text = await answer.text();
    await this.#look({ method, target, body: body.toString("utf8"), status: answer.status });
    outgoing.writeHead(answer.status, { "content-type": "application/json" }).end(text);
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }
}

/** What the server reads of the requests of an app. */
const FORWARDED = [
  "authorization",
  "content-type",
  "upstash-workflow-init",
  "upstash-message-id",
  "reprise-hold",
];

function pick(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  names: readonly string[],
): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of names) {
    const value = headers[name];
    if (typeof value === "string") picked[name] = value;
  }
  return picked;
}
