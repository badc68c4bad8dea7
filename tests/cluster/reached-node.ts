import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { TOKEN } from "./cluster.ts";
import type { ServerNode } from "./server-node.ts";

const ANSWER_MS_MAX = 10_000;

export interface Heard {
  readonly status: number;
  readonly text: string;
  readonly retryAfter: string | null;
  readonly tookMs: number;
}

/** A server process, and what clients hear of it. */
export class Reached {
  readonly process: ServerNode;
  readonly url: string;

  constructor(process: ServerNode, url: string) {
    this.process = process;
    this.url = url;
  }

  /** Null when nobody listens or answers. */
  async ask(method: string, path: string, body?: string | Buffer): Promise<Heard | null> {
    const startedAt = Date.now();
    try {
      const response = await fetch(this.url + path, {
        method,
        headers: { authorization: `Bearer ${TOKEN}` },
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
        ...(body === undefined ? {} : { body: new Uint8Array(Buffer.from(body)) }),
      });
      const text = await response.text();
      const retryAfter = response.headers.get("retry-after");
      return { status: response.status, text, retryAfter, tookMs: Date.now() - startedAt };
    } catch {
      return null;
    }
  }

  publish(sink: Sink, name: string, body = name): Promise<Heard | null> {
    return this.ask("POST", `/v2/publish/${sink.url}/${name}`, body);
  }
}

/** Counts what arrives, by path. */
export class Sink {
  readonly counts = new Map<string, number>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const name = (request.url ?? "").slice(1);
      request.resume();
      request.on("end", () => {
        this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
        response.end();
      });
    });
  }

  static async open(): Promise<Sink> {
    const sink = new Sink();
    sink.#server.listen(0, "127.0.0.1");
    await once(sink.#server, "listening");
    return sink;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo; // It listens on TCP.
    return `http://127.0.0.1:${port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

export async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // It listens on TCP.
  server.close();
  await once(server, "close");
  return port;
}
