import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { parseServerConfig, type RunningServer, startServer } from "@reprise/server";
import { type EmbeddedPostgres, embeddedPostgres } from "@reprise/server/embedded-postgres.suite";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { ANSWER_HEADERS } from "../bench/wire.ts";
import { Gatekeeper, type Held } from "./gatekeeper.ts";

const TOKEN = Buffer.from(
  JSON.stringify({ UserID: "races", Password: "0123456789abcdef0123456789abcdef" }),
).toString("base64");
const SIGNING_KEYS = {
  current: "sig_races_current_0123456789abcdef",
  next: "sig_races_next_0123456789abcdef000",
};
const LOOK_MS = 5;
/** Only what never happens takes so long. */
const WAIT_MS_MAX = 60_000;

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly json: unknown;
}

/** A request that a node has made. */
export interface Delivered {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly messageId: string;
  /** Answers it, once. */
  answer(status?: number): void;
  /** Answers it with what an app of our SDK submits. */
  submit(lines: string): void;
}

export interface RaceNode {
  readonly server: RunningServer;
  readonly gatekeeper: Gatekeeper;
}

export interface RaceOptions {
  /** The way of the nodes to the database; theirs alone. */
  readonly wayTo?: (databaseUrl: string) => Promise<string>;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Two nodes on one real PostgreSQL, and an app that answers when the test says so. */
export class RaceCluster {
  readonly #options: RaceOptions;
  readonly #listener = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const path = request.url ?? "";
      const delivered = toDelivered(path, request.headers, Buffer.concat(chunks), response);
      this.#deliveries.push(delivered);
      if (!path.startsWith("/held")) delivered.answer(path.startsWith("/failing") ? 500 : 200);
    });
  });
  readonly #deliveries: Delivered[] = [];
  readonly #nodes: RaceNode[] = [];
  #postgres: EmbeddedPostgres | null = null;
  #databaseUrl = "";
  #names = 0;

  constructor(options: RaceOptions = {}) {
    this.#options = options;
  }

  async open(): Promise<void> {
    this.#postgres = await embeddedPostgres();
    this.#databaseUrl = await this.#postgres.createDatabase();
    this.#listener.listen(0, "127.0.0.1");
    await once(this.#listener, "listening");
    const { wayTo, environment = {} } = this.#options;
    const way = (await wayTo?.(this.#databaseUrl)) ?? this.#databaseUrl;
    for (let number = 0; number < 2; number++) {
      const gatekeeper = new Gatekeeper();
      const server = await startServer(configOf(way, environment), {
        wrapStore: gatekeeper.wrap,
        writeLine: () => {},
        limits: { lingerMs: 1 },
      });
      this.#nodes.push({ server, gatekeeper });
    }
  }

  releaseAll(): void {
    for (const { gatekeeper } of this.#nodes) gatekeeper.releaseAll();
  }

  async close(): Promise<void> {
    this.#listener.close();
    this.#listener.closeAllConnections();
    for (const { server } of this.#nodes) await server.close();
    await this.#postgres?.remove();
  }

  node(number: 0 | 1): RaceNode {
    const node = this.#nodes[number];
    if (node === undefined) throw new Error("the cluster is not open");
    return node;
  }

  /** A name that no other test uses. */
  name(prefix: string): string {
    return `${prefix}-${this.#names++}`;
  }

  url(path: string): string {
    const { port } = this.#listener.address() as AddressInfo; // It listens on TCP while the cluster is open.
    return `http://127.0.0.1:${port}${path}`;
  }

  async call(
    number: 0 | 1,
    request: {
      readonly method: "GET" | "POST" | "DELETE";
      readonly path: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    },
  ): Promise<Answer> {
    const { method, path, headers = {}, body } = request;
    const response = await fetch(this.node(number).server.url + path, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    return { status: response.status, text, json: parseOrNull(text) };
  }

  /** Reads the stream of changes of a node until the signal ends it; resolves when it is open. */
  async changesOf(
    number: 0 | 1,
    { signal, heard }: { readonly signal: AbortSignal; readonly heard: (text: string) => void },
  ): Promise<void> {
    const url = `${this.node(number).server.url}/v2/changes`;
    const headers = { authorization: `Bearer ${TOKEN}` };
    const { body } = await fetch(url, { headers, signal });
    const reader = (body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
    await reader.read();
    void (async () => {
      for (let read = await reader.read(); !read.done; read = await reader.read())
        heard(read.value);
    })().catch(() => {
      // The signal has ended it.
    });
  }

  deliveriesOf(path: string): readonly Delivered[] {
    return this.#deliveries.filter((one) => one.path === path);
  }

  /** Resolves when the app has been asked so often. */
  async delivered(path: string, count = 1): Promise<readonly Delivered[]> {
    await this.until(`${count} deliveries to ${path}`, () => {
      return Promise.resolve(this.deliveriesOf(path).length >= count);
    });
    return this.deliveriesOf(path);
  }

  async query<T>(sql: string): Promise<readonly T[]> {
    const rows = await this.#postgres?.query(sql, this.#databaseUrl);
    return (rows ?? []) as unknown as readonly T[]; // Each caller names its columns.
  }

  /** One number, as the query gives it. */
  async count(sql: string): Promise<number> {
    const [row] = await this.query<Readonly<Record<string, unknown>>>(sql);
    return Number(Object.values(row ?? {})[0]);
  }

  async until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
    const startedAt = performance.now();
    while (!(await isTrue())) {
      if (performance.now() - startedAt > WAIT_MS_MAX) throw new Error(`${what}: not in time`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** Resolves when no node works under a row that a test has ended behind its back: each sees so when it renews its lease. */
  allHoldLeases(): Promise<void> {
    return this.until("a lease for each node", async () => {
      const now = "extract(epoch FROM clock_timestamp()) * 1000";
      const count = await this.count(`SELECT count(*) FROM nodes WHERE "leaseUntil" > ${now}`);
      return count === this.#nodes.length;
    });
  }

  /** Resolves when a session stands in front of a lock of another one. */
  waitsForLock(): Promise<void> {
    return this.until("a session that waits for a lock", async () => {
      const waiting = await this.count(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      );
      return waiting > 0;
    });
  }

  /** Holds what `first` does on the way to its commit, lets `second` run into it, and lets both end. */
  async collide<A, B>(
    held: Held,
    first: () => Promise<A>,
    second: () => Promise<B>,
  ): Promise<readonly [A, B]> {
    const one = first();
    await Promise.race([held.entered, one.then(() => held.entered)]);
    const other = second();
    try {
      await Promise.race([
        this.waitsForLock(),
        other.then((answer) => {
          throw new Error(`the second did not wait for the first: ${JSON.stringify(answer)}`);
        }),
      ]);
    } finally {
      held.release();
    }
    return [await one, await other];
  }
}

function configOf(databaseUrl: string, more: Readonly<Record<string, string>>) {
  return parseServerConfig({
    REPRISE_HOST: "127.0.0.1",
    REPRISE_PORT: "0",
    REPRISE_DATABASE_URL: databaseUrl,
    REPRISE_POLL_INTERVAL: "100ms",
    REPRISE_NODE_LEASE: "6s",
    REPRISE_TOKEN: TOKEN,
    REPRISE_CURRENT_SIGNING_KEY: SIGNING_KEYS.current,
    REPRISE_NEXT_SIGNING_KEY: SIGNING_KEYS.next,
    REPRISE_KEY_ROTATION_GUARD: "1ms",
    REPRISE_EGRESS: "allow-private",
    REPRISE_LOG_LEVEL: "error",
    REPRISE_DRAIN_TIMEOUT: "1s",
    ...more,
  });
}

function toDelivered(
  path: string,
  headers: IncomingHttpHeaders,
  body: Buffer,
  response: ServerResponse,
): Delivered {
  return {
    path,
    headers,
    body: body.toString("utf8"),
    messageId: String(headers["upstash-message-id"]),
    answer: (status = 200) => {
      // Those of the SDK: without them the server would ask once more, as somebody that it does not know.
      response.writeHead(status, ANSWER_HEADERS).end("{}");
    },
    submit: (lines) => {
      response.writeHead(200, { ...ANSWER_HEADERS, "reprise-answer": "v=1" }).end(lines);
    },
  };
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** One cluster for all races of a file. */
export function useRaceCluster(options: RaceOptions = {}): RaceCluster {
  const cluster = new RaceCluster(options);
  beforeAll(() => cluster.open(), 120_000);
  afterEach(() => cluster.releaseAll());
  afterAll(() => cluster.close(), 120_000);
  return cluster;
}

/** Both nodes take both parts. */
export const BOTH_ORDERS = [
  [0, 1],
  [1, 0],
] as const;

/** An answer that must be a success, as JSON. */
export function okOf<T>(answer: Answer): T {
  expect(answer.status, answer.text).toBeLessThan(300);
  return answer.json as T; // Each caller knows the form of its answer.
}
