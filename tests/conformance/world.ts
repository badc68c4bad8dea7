import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CallbackState, DeadLetterResource, RunResource } from "@reprise/protocol";
import { devServerConfig, type RunningServer, type Store, startServer } from "@reprise/server";
import { Client as QstashClient } from "@upstash/qstash";
import { Client, serve } from "@upstash/workflow";
import { afterEach, beforeEach, expect } from "vitest";
import { App, NOT_CHECKED } from "./app.ts";
import { quietSdk } from "./quiet-sdk.ts";
import { onSamePort } from "./same-port.ts";
import { sdkOptions } from "./sdk.ts";
import { until } from "./until.ts";

export type RouteFunction<T = unknown> = Parameters<typeof serve<T>>[0];
export type ServeOptions<T = unknown> = NonNullable<Parameters<typeof serve<T>>[1]>;
/** The client takes one of these, or a list of them. */
export type TriggerOptions = Parameters<Client["trigger"]>[0][number];

type Config = ReturnType<typeof devServerConfig>;
type Surroundings = NonNullable<Parameters<typeof startServer>[1]>;

export interface WorldOptions {
  /** Keeps the data in a directory of its own, so that the server can be started again; else in memory. */
  readonly isOnDisk?: boolean;
  readonly config?: Partial<Config>;
  readonly surroundings?: Surroundings;
}

/** An answer of the server to a request that no client made. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: unknown;
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** Null sends none. */
  readonly token?: string | null;
}

/** The real server, the official clients and a user's app, each reached over HTTP. */
export class World {
  readonly #options: WorldOptions;
  #server: RunningServer | null = null;
  #store: Store | null = null;
  #app: App | null = null;
  #client: Client | null = null;
  #dataDir = ":memory:";
  #token = "";

  constructor(options: WorldOptions = {}) {
    this.#options = options;
  }

  get server(): RunningServer {
    return present(this.#server);
  }

  /** The token of the first start; later ones know no more than its digest. */
  get token(): string {
    return this.#token;
  }

  /** What the server keeps, to look at behind its back. */
  get store(): Store {
    return present(this.#store);
  }

  get app(): App {
    return present(this.#app);
  }

  get client(): Client {
    return present(this.#client);
  }

  async open(): Promise<void> {
    if (this.#options.isOnDisk === true) {
      this.#dataDir = await mkdtemp(join(tmpdir(), "reprise-conformance-"));
    }
    this.#server = await this.#startServer(0);
    const { url, token, signingKeys } = this.server;
    this.#token = token;
    this.#client = new Client({ baseUrl: url, token });
    this.#app = new App(signingKeys, { server: url, token });
    await this.app.start();
  }

  /** Lets attempts in flight end, so that nothing can arrive any more. */
  async close(): Promise<void> {
    await this.#server?.close();
    this.#server = null;
    await this.#app?.stop();
    if (this.#options.isOnDisk === true) await rm(this.#dataDir, { recursive: true, force: true });
  }

  /** Stops the server and starts another one on the same data and the same port. */
  async restartServer(): Promise<void> {
    const { port } = this.server;
    await this.server.close();
    // Clients of this process see their connections end, and take new ones.
    await new Promise((resolve) => setImmediate(resolve));
    this.#server = await onSamePort(() => this.#startServer(port));
  }

  async #startServer(port: number): Promise<RunningServer> {
    const { config = {}, surroundings = {} } = this.#options;
    const base = devServerConfig({ port, dataDir: this.#dataDir, logLevel: "error" });
    const wrapStore = (opened: Store): Store => {
      this.#store = opened;
      return surroundings.wrapStore?.(opened) ?? opened;
    };
    return startServer({ ...base, drainMs: 2_000, ...config }, { ...surroundings, wrapStore });
  }

  /** A workflow endpoint written with the official SDK; gives its URL. */
  serve<T>(path: string, route: RouteFunction<T>, options: Partial<ServeOptions<T>> = {}): string {
    return this.app.on(path, this.workflow<T>(route, options));
  }

  /** The handler of such an endpoint alone, for apps that do something before or after it. */
  workflow<T>(
    route: RouteFunction<T>,
    options: Partial<ServeOptions<T>> = {},
  ): (request: Request) => Promise<Response> {
    const qstashClient = new QstashClient({ baseUrl: this.server.url, token: this.token });
    const own = { qstashClient, receiver: this.app.receiver, ...sdkOptions };
    // The options of one kind of validation exclude those of the other, which a spread cannot show.
    const all = { ...own, ...options } as ServeOptions<T>;
    return serve<T>(route, all).handler;
  }

  async trigger(options: TriggerOptions): Promise<string> {
    const { workflowRunId } = await this.client.trigger(options);
    return workflowRunId;
  }

  /** A request as it is, with the token unless told otherwise. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const { headers = {}, body, token = this.token } = options;
    const response = await fetch(this.server.url + path, {
      method,
      headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parse(text) };
  }

  /** The newest run with this id, as the logs show it; null when there is none. */
  async log(runId: string): Promise<RunResource | null> {
    const answer = await this.call("GET", `/v2/workflows/logs?workflowRunId=${runId}`);
    // The shape is what the tests of the logs check.
    const { runs } = answer.json as { readonly runs: readonly RunResource[] };
    return runs[0] ?? null;
  }

  /** Waits until the run has ended, and says how. */
  async ended(runId: string): Promise<RunResource> {
    const hasEnded = async () => {
      const run = await this.log(runId);
      return run !== null && run.workflowState !== "RUN_STARTED" && run;
    };
    // A run of hundreds of steps needs the processor that questions about it would take.
    return until(`the end of ${runId}`, hasEnded, undefined, 10);
  }

  async succeeded(runId: string): Promise<RunResource> {
    const run = await this.ended(runId);
    expect(run.workflowState, JSON.stringify(run.steps.at(-1))).toBe("RUN_SUCCESS");
    return run;
  }

  async failed(runId: string): Promise<RunResource> {
    const run = await this.ended(runId);
    expect(run.workflowState).toBe("RUN_FAILED");
    return run;
  }

  /** The dead letter of a run, once it has failed. */
  async deadLetter(runId: string): Promise<DeadLetterResource> {
    const { dlqId } = await this.failed(runId);
    const answer = await this.call("GET", `/v2/workflows/dlq/${dlqId}`);
    expect(answer.status, answer.text).toBe(200);
    // The shape is what the tests of failures check.
    return answer.json as DeadLetterResource;
  }

  /** The dead letter of a run, once its failure callback is in this state; null is the state of none. */
  async deadLetterIn(runId: string, state: CallbackState | null): Promise<DeadLetterResource> {
    return until(`${state} of ${runId}`, async () => {
      const entry = await this.deadLetter(runId);
      return (entry.failureFunctionState ?? null) === state && entry;
    });
  }
}

/** A world of its own for each test of a file. After a test every delivery must have had a valid signature. */
export function useWorld(options: WorldOptions = {}): World {
  const world = new World(options);
  quietSdk();
  beforeEach(() => world.open());
  afterEach(async () => {
    const { received } = world.app;
    await world.close();
    // Whoever was cut off in the middle of a delivery has got it nevertheless, and may still be at its signature.
    await until("every signature's check", () =>
      received.every(({ signatureFault }) => signatureFault !== NOT_CHECKED),
    );
    const unsigned = received.filter(
      ({ headers, signatureFault }) =>
        headers["upstash-message-id"] !== undefined && signatureFault !== null,
    );
    expect(unsigned).toEqual([]);
  });
  return world;
}

function present<T>(value: T | null): T {
  if (value === null) throw new Error("the world is not open");
  return value;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // Not JSON: the test looks at the text.
  }
}
