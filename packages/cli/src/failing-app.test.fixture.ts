// A real server and an app that speaks the raw protocol: its only step fails until the app is healed.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { devServerConfig, type RunningServer, startServer } from "@reprise/server";
import { runCommandLine } from "./command-line.ts";
import type { Terminal } from "./terminal.ts";

const WAIT_MS_MAX = 60_000;
const PAUSE_MS = 5;

export const offlinePage =
  "<html><head><title>offline\u001b[31m</title></head><body>ERR_NGROK_3200</body></html>";

/** Asks until the answer is not null; a test awaits facts with it instead of sleeping. */
export async function until<T>(what: string, ask: () => Promise<T | null> | T | null): Promise<T> {
  const deadlineAt = Date.now() + WAIT_MS_MAX;
  while (Date.now() < deadlineAt) {
    const answer = await ask();
    if (answer !== null) return answer;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw new Error(`waited ${WAIT_MS_MAX} ms in vain for: ${what}`);
}

/** What a caller of the API has to know. */
export type Reachable = Pick<RunningServer, "url" | "token">;

export interface FailingApp {
  readonly url: string;
  /** Ids of the dead letters that the failure function was called for, in order. */
  readonly reported: readonly string[];
  /** Ids of the runs that got a delivery after the app was healed, in order. */
  readonly finished: readonly string[];
  /** Deliveries so far, failure calls not counted. */
  readonly deliveries: number;
  /** From now on a delivery finishes its run. */
  heal(): void;
  /** From now on the failure function answers with this status. */
  answerFailureCalls(status: number): void;
  /** From now on deliveries get no answer. */
  hang(): void;
  /** From now on deliveries are answered, and nothing follows: their runs are stuck. */
  idle(): void;
  close(): Promise<void>;
}

/** Starts the app; `server` is asked late, because the app may be there first. */
export async function startApp(server: () => Reachable): Promise<FailingApp> {
  const reported: string[] = [];
  const finished: string[] = [];
  let mode: "broken" | "healed" | "hanging" | "idle" = "broken";
  let failureStatus = 200;
  let deliveries = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request);
    response.setHeader("Upstash-Workflow-Sdk-Version", "1");
    response.setHeader("Upstash-Workflow-Sdk", "v1.3.3");
    if (request.headers["upstash-workflow-is-failure"] === "true") {
      reported.push(readDlqId(body));
      response.writeHead(failureStatus).end('{"result":"support was told"}');
      return;
    }
    deliveries++;
    if (mode === "hanging") return;
    if (mode === "idle") return void response.end("{}");
    if (mode === "broken") {
      const headers = { "Ngrok-Error-Code": "ERR_NGROK_3200", "Content-Type": "text/html" };
      response.writeHead(404, headers).end(offlinePage);
      return;
    }
    const runId = String(request.headers["upstash-workflow-runid"]);
    await call(server(), `/v2/workflows/runs/${runId}?cancel=false`, { method: "DELETE" });
    finished.push(runId);
    response.end("{}");
  };
  // A server that has stopped breaks deliveries off, and answers no more: that is no fault of the test, and such a delivery fails.
  const http = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  const port = await listen(http);
  return {
    url: `http://127.0.0.1:${port}/order`,
    reported,
    finished,
    get deliveries() {
      return deliveries;
    },
    heal: () => {
      mode = "healed";
    },
    answerFailureCalls: (status) => {
      failureStatus = status;
    },
    hang: () => {
      mode = "hanging";
    },
    idle: () => {
      mode = "idle";
    },
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
}

function readDlqId(body: string): string {
  // The failure call of this server has this field.
  const { dlqId } = JSON.parse(body) as { readonly dlqId: string };
  return dlqId;
}

function listen(http: Server): Promise<number> {
  return new Promise((resolve) => {
    http.listen(0, "127.0.0.1", () => {
      const address = http.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}

/** Calls the public API with the server's token. */
export async function call(
  server: Reachable,
  path: string,
  init: RequestInit = {},
): Promise<unknown> {
  const headers = { ...init.headers, authorization: `Bearer ${server.token}` };
  const response = await fetch(`${server.url}${path}`, { ...init, headers });
  const body = await response.text();
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${body}`);
  return body === "" ? null : JSON.parse(body);
}

/** What a command printed, and how it ended. */
export interface Outcome {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What the person answers, or does first; nobody is there when it is not given. */
  readonly answer?: string | (() => Promise<string>);
  /** What standard input has. */
  readonly input?: string;
  /** Gets what the command prints, as it prints it. */
  readonly onOutput?: (part: string) => void;
  /** The same for standard error. */
  readonly onRemark?: (part: string) => void;
  /** Gets what a stop signal would call. */
  readonly onListen?: (stop: (name: string) => void) => void;
}

/** Runs a command in this process against the given environment. */
export async function runCommand(
  args: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  let out = "";
  let err = "";
  const terminal: Terminal = {
    env: options.env ?? {},
    now: () => Date.now(),
    write: (part) => {
      out += part;
      options.onOutput?.(part);
    },
    writeError: (part) => {
      err += part;
      options.onRemark?.(part);
    },
    isInteractive: options.answer !== undefined,
    ask: async (question) => {
      err += question;
      return typeof options.answer === "function" ? options.answer() : (options.answer ?? "");
    },
    readInput: async () => new TextEncoder().encode(options.input ?? ""),
    onStopSignal: (listener) => {
      options.onListen?.(listener);
      return () => {};
    },
    exit: (code) => {
      throw new Error(`the command ended the process with ${code}`);
    },
  };
  const exitCode = await runCommandLine(args, terminal);
  return { exitCode, out, err };
}

export interface World {
  readonly server: RunningServer;
  readonly app: FailingApp;
  /** Runs a command against the server of this world. */
  run(args: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** Triggers a run without retries, and waits until its dead letter was reported. Returns the dead letter's id. */
  fail(label: string): Promise<string>;
  /** The same for many runs at once. */
  failMany(label: string, count: number): Promise<void>;
  close(): Promise<void>;
}

function trigger(server: RunningServer, app: FailingApp, label: string): Promise<unknown> {
  const headers = { "Upstash-Retries": "0", "Upstash-Label": label };
  return call(server, `/v2/trigger/${app.url}`, { method: "POST", headers, body: label });
}

export async function openWorld(): Promise<World> {
  const config = devServerConfig({ port: 0, dataDir: ":memory:", logLevel: "error" });
  const server = await startServer({ ...config, drainMs: 1_000 });
  const app = await startApp(() => server);
  return {
    server,
    app,
    run: (args, options = {}) => {
      const env = { QSTASH_URL: server.url, QSTASH_TOKEN: server.token, ...options.env };
      return runCommand(args, { ...options, env });
    },
    fail: async (label) => {
      const count = app.reported.length;
      await trigger(server, app, label);
      return until("the failure call", () => app.reported[count] ?? null);
    },
    failMany: async (label, count) => {
      const total = app.reported.length + count;
      await Promise.all(Array.from({ length: count }, () => trigger(server, app, label)));
      await until("the failure calls", () => (app.reported.length >= total ? true : null));
    },
    close: async () => {
      await server.close();
      await app.close();
    },
  };
}
