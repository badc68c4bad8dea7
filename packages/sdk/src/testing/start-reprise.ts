// For `await using`, in projects whose settings do not have it.
/// <reference lib="esnext.disposable" preserve="true" />

import { answerNode } from "../adapters/handle.ts";
import { Client } from "../client/client.ts";
import type { RunState, WorkflowRunLog } from "../client/run-log.ts";
import { WorkflowError } from "../errors.ts";
import { Client as MessagesClient } from "../messages/client.ts";
import type { RequestLike } from "../workflow/request.ts";
import { type ListeningApp, listenOnFreePort } from "./app-server.ts";
import { deliverTo, type Testable } from "./testable.ts";

/** How the server of a test is started. */
export interface StartRepriseOptions {
  /** Directory of the database, for tests that start the server again; in memory when not given. */
  readonly dataDir?: string;
  /** A free one when not given. */
  readonly port?: number;
  /** Time that deliveries under way get to end when the server stops, in milliseconds; 1,000 when not given. */
  readonly drainMs?: number;
}

/** How long a test waits. */
export interface UntilOptions {
  /** 20,000 when not given. */
  readonly timeoutMs?: number;
}

/** What an app reads from its environment. */
export interface RepriseEnvironment {
  readonly QSTASH_URL: string;
  readonly QSTASH_TOKEN: string;
  readonly QSTASH_CURRENT_SIGNING_KEY: string;
  readonly QSTASH_NEXT_SIGNING_KEY: string;
}

/** A real server in this process. */
export interface Reprise extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly signingKeys: { readonly current: string; readonly next: string };
  /** For runs. */
  readonly client: Client;
  /** For messages, queues, schedules and whatever else has no run. */
  readonly messages: MessagesClient;
  readonly env: RepriseEnvironment;
  /** Serves a workflow on a free port. @returns its URL, for `client.trigger`. */
  serve<Payload, Result>(
    target: Testable<Payload, Result>,
    options?: { readonly path?: string },
  ): Promise<string>;
  /** Waits until the run is in this state. @throws WorkflowError when it ends in another one, or the time is up. */
  until(runId: string, state: RunState, options?: UntilOptions): Promise<WorkflowRunLog>;
  /** Stops the server and starts it again on the same data and the same port. */
  restart(): Promise<void>;
  /** Stops the server alone; the apps of `serve` go on listening. */
  stop(): Promise<void>;
  /** Starts a stopped server again on the same data and the same port. */
  start(): Promise<void>;
  close(): Promise<void>;
}

const DRAIN_MS_DEFAULT = 1_000;
const UNTIL_MS_DEFAULT = 20_000;
const POLL_MS = 10;
const MEMORY = ":memory:";

/** As much of the server's package as the kit needs. */
interface ServerPackage {
  readonly devServerConfig: (options: {
    readonly port: number;
    readonly dataDir: string;
    readonly logLevel: "error";
  }) => object;
  readonly startServer: (config: object) => Promise<RunningServer>;
}

interface RunningServer {
  readonly url: string;
  readonly port: number;
  readonly token: string;
  readonly signingKeys: { readonly current: string; readonly next: string };
  close(): Promise<void>;
}

/**
 * Starts a real server for integration tests; it needs the package `@reprise/server`.
 * @throws WorkflowError when that is not installed.
 */
export async function startReprise(options: StartRepriseOptions = {}): Promise<Reprise> {
  const { dataDir = MEMORY, drainMs = DRAIN_MS_DEFAULT } = options;
  const { devServerConfig, startServer } = await importServer();
  const start = (port: number) =>
    keepingGlobals(() =>
      startServer({ ...devServerConfig({ port, dataDir, logLevel: "error" }), drainMs }),
    );
  let server: RunningServer | null = await start(options.port ?? 0);
  const { url, port, token, signingKeys } = server;
  const env: RepriseEnvironment = {
    QSTASH_URL: url,
    QSTASH_TOKEN: token,
    QSTASH_CURRENT_SIGNING_KEY: signingKeys.current,
    QSTASH_NEXT_SIGNING_KEY: signingKeys.next,
  };
  const apps: ListeningApp[] = [];
  const client = new Client({ baseUrl: url, token });
  const stop = async () => {
    const stopped = server;
    server = null;
    await stopped?.close();
  };
  const checkKept = () => {
    if (dataDir !== MEMORY) return;
    throw new WorkflowError(
      "a server in memory has nothing to start again with: give startReprise a dataDir",
    );
  };
  const startAgain = async () => {
    checkKept();
    server ??= await start(port);
  };
  const close = async () => {
    // Deliveries under way end by themselves as long as their apps listen.
    await stop();
    await Promise.all(apps.splice(0).map((app) => app.close()));
  };
  return {
    url,
    token,
    signingKeys,
    client,
    messages: new MessagesClient({ baseUrl: url, token }),
    env,
    serve: async (target, { path = "workflow" } = {}) => {
      const deliver = deliverTo(target, undefined);
      const handle = (request: RequestLike) =>
        deliver(request, { env: { ...process.env, ...env } });
      const app = await listenOnFreePort((request, response) => {
        void answerNode(handle, request, response);
      });
      apps.push(app);
      return `${app.url}/${path}`;
    },
    until: (runId, state, given) => until(client, { runId, state, ...given }),
    restart: async () => {
      checkKept();
      await stop();
      await startAgain();
    },
    stop,
    start: startAgain,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function importServer(): Promise<ServerPackage> {
  try {
    // It has these two, and more: the types of the server stay out of those of the SDK.
    return (await import("@reprise/server")) as never;
  } catch (cause) {
    const isMissing =
      cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND";
    if (!isMissing) throw cause;
    throw new WorkflowError(
      "startReprise needs the server's package: npm install --save-dev @reprise/server (Node 24 or later)",
      undefined,
      { cause },
    );
  }
}

/** The server's HTTP adapter puts classes of its own in the place of `Request` and `Response`; the code under test keeps its own. */
async function keepingGlobals<T>(work: () => Promise<T>): Promise<T> {
  const { Request, Response } = globalThis;
  try {
    return await work();
  } finally {
    Object.defineProperty(globalThis, "Request", { value: Request });
    Object.defineProperty(globalThis, "Response", { value: Response });
  }
}

async function until(
  client: Client,
  wanted: { readonly runId: string; readonly state: RunState } & UntilOptions,
): Promise<WorkflowRunLog> {
  const { runId, state, timeoutMs = UNTIL_MS_DEFAULT } = wanted;
  const endsAt = Date.now() + timeoutMs;
  for (;;) {
    const { runs } = await client.logs({ filter: { workflowRunId: runId } });
    const [run] = runs;
    if (run?.workflowState === state) return run;
    const hasEnded = run !== undefined && run.workflowState !== "RUN_STARTED";
    if (hasEnded || Date.now() > endsAt) {
      const why = hasEnded ? "it ended" : `after ${timeoutMs} ms it is`;
      throw new WorkflowError(
        `run ${runId} did not get to ${state}: ${why} in ${run?.workflowState ?? "no state, for there is no such run"}${shownFailure(run)}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function shownFailure(run: WorkflowRunLog | undefined): string {
  const response = run?.failureFunction?.failResponse;
  return response === undefined ? "" : `: ${response}`;
}
