import { once } from "node:events";
import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
  request as sendRequest,
} from "node:http";
import { type AddressInfo, connect } from "node:net";
import type { Duplex } from "node:stream";

/** A node that does not answer in time is as good as dead to whoever asks. */
const ANSWER_MS_MAX = 6_000;

export interface Upstream {
  readonly number: number;
  readonly url: string | null;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * Stands in front of all nodes, as a load balancer does: each request goes to the next one. Where no node answers, or one answers
 * that it cannot now (503), the caller's connection breaks, so that all callers know is that they do not know.
 */
export class Balancer {
  readonly faults: string[] = [];
  readonly #upstreams: readonly Upstream[];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #listener = createServer((request, response) => void this.#serve(request, response));
  readonly #answered = new Map<number, number>();
  #turn = 0;
  #inFlight = 0;
  #unavailable = 0;

  constructor(upstreams: readonly Upstream[]) {
    this.#upstreams = upstreams;
  }

  get url(): string {
    const { port } = this.#listener.address() as AddressInfo; // It listens on TCP from `start` on.
    return `http://127.0.0.1:${port}`;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Answers 503 so far. */
  get unavailable(): number {
    return this.#unavailable;
  }

  /** Requests that the node has answered with a success. */
  answeredBy(number: number): number {
    return this.#answered.get(number) ?? 0;
  }

  async start(): Promise<void> {
    this.#listener.on("upgrade", (request, socket, head) => this.#tunnel(request, socket, head));
    this.#listener.listen(0, "127.0.0.1");
    await once(this.#listener, "listening");
  }

  stop(): void {
    this.#listener.close();
    this.#listener.closeAllConnections();
    this.#agent.destroy();
  }

  /** A connection that stays: it ends when its node does. */
  #tunnel(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const node = this.#nextUp();
    socket.on("error", () => socket.destroy());
    if (node === null) {
      socket.destroy();
      return;
    }
    const { hostname, port } = new URL(node);
    const upstream = connect(Number(port), hostname, () => {
      const names = request.rawHeaders.map((text, at) =>
        at % 2 === 0 ? `${text}: ` : `${text}\r\n`,
      );
      upstream.write(`${request.method} ${request.url} HTTP/1.1\r\n${names.join("")}\r\n`);
      upstream.write(head);
      socket.pipe(upstream).pipe(socket);
    });
    upstream.on("error", () => socket.destroy());
    upstream.on("close", () => socket.destroy());
    socket.on("close", () => upstream.destroy());
  }

  #nextUp(): string | null {
    for (let tries = 0; tries < this.#upstreams.length; tries++) {
      const node = this.#upstreams[this.#turn++ % this.#upstreams.length];
      if (typeof node?.url === "string") return node.url;
    }
    return null;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#inFlight++;
    response.on("error", () => {});
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const answer = await this.#forward(request, Buffer.concat(chunks));
      response.writeHead(answer.status, answer.headers).end(answer.body);
    } catch {
      request.socket.destroy(); // Nobody knows what has become of it.
    } finally {
      this.#inFlight--;
    }
  }

  async #forward(request: IncomingMessage, body: Buffer): Promise<Answer> {
    for (let tries = 0; tries < this.#upstreams.length; tries++) {
      const node = this.#upstreams[this.#turn++ % this.#upstreams.length];
      if (node === undefined || node.url === null) continue;
      const answer = await this.#ask(node.url, request, body).catch((error: unknown) => {
        // Nobody has heard it, so it may go to the next one.
        if (isRefused(error)) return null;
        throw error;
      });
      if (answer === null) continue;
      if (answer.status < 300) this.#answered.set(node.number, this.answeredBy(node.number) + 1);
      if (answer.status === 503) this.#noteUnavailable(request, answer);
      return answer;
    }
    throw new Error("no node listens");
  }

  #noteUnavailable(request: IncomingMessage, { headers, body }: Answer): never {
    this.#unavailable++;
    const after = Number(headers["retry-after"]);
    if (!(after >= 1)) {
      const name = `${request.method} ${request.url}`;
      this.faults.push(`${name}: 503 without Retry-After: ${body.toString()}`);
    }
    throw new Error("unavailable");
  }

  #ask(origin: string, incoming: IncomingMessage, body: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { method, url, headers } = incoming;
      const path = url ?? "/";
      const { hostname, port } = new URL(origin);
      const agent = this.#agent;
      const outgoing = sendRequest({ hostname, port, path, method, headers, agent });
      outgoing.setTimeout(ANSWER_MS_MAX, () => outgoing.destroy(new Error("no answer in time")));
      outgoing.on("error", reject);
      outgoing.on("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          if (!response.complete) reject(new Error("the answer broke off"));
          const status = response.statusCode ?? 0;
          const { "transfer-encoding": _framing, ...rest } = response.headers;
          resolve({ status, headers: rest, body: Buffer.concat(chunks) });
        });
      });
      outgoing.end(body);
    });
  }
}

function isRefused(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ECONNREFUSED";
}
