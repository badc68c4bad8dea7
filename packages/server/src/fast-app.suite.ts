import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, vi } from "vitest";
import { devServerConfig, type ServerConfig } from "./config.ts";
import { type Delivered, type HttpApp, openHttpApp } from "./http-app.suite.ts";
import { type RunningServer, type Surroundings, startServer } from "./main.ts";

/** A real server, and a workflow app without an SDK that knows the fast modes. */
export interface FastWorld {
  readonly app: HttpApp;
  readonly server: () => RunningServer;
  /** The delivery of this number, from 1. */
  readonly delivery: (count: number) => Promise<FastDelivery>;
  readonly trigger: (runId: string, headers?: Readonly<Record<string, string>>) => Promise<void>;
  /** Ends the server at once, and starts another one over the same data. */
  readonly restart: () => Promise<void>;
  readonly call: (method: string, path: string, more?: Sent) => Promise<Called>;
  /** What an invocation submits while it goes on. */
  readonly proceed: (runId: string, hold: Held, lines: readonly unknown[]) => Promise<Called>;
  /** The run's records as they were submitted, the payload included. */
  readonly records: (runId: string) => Promise<readonly string[]>;
  /** The item of a batch that submits a record on the public wire. */
  readonly item: (runId: string, record: unknown) => unknown;
  readonly deadLetters: () => Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Resolves when all that has been submitted is on disk. */
  readonly settled: () => Promise<void>;
  /** The run as the logs show it, once it is in this state. */
  readonly runIn: (state: string, runId: string) => Promise<Readonly<Record<string, unknown>>>;
}

interface Sent {
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Called {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What an app is told to hold. */
export interface Held {
  readonly messageId: string;
  readonly hold: number;
}

export interface FastDelivery extends Delivered {
  readonly held: Held;
  readonly offer: string;
  /** Bodies of the records that it carries. */
  readonly list: readonly string[];
  /** Ends the delivery with these lines. */
  readonly submit: (lines: readonly unknown[], field?: string) => void;
}

/** After this a fact that is waited for is taken to be missing. */
const WAITING = { timeout: 60_000, interval: 4 };

export async function openFastWorld(
  own: Partial<ServerConfig> = {},
  surroundings: Surroundings = {},
): Promise<FastWorld> {
  const dataDir = mkdtempSync(join(tmpdir(), "reprise-fast-"));
  const app = await openHttpApp();
  const start = () =>
    startServer(
      { ...devServerConfig({ port: 0, dataDir }), drainMs: 0, ...own },
      { writeLine: () => {}, ...surroundings },
    );
  let server = await start();
  onTestFinished(async () => {
    await server.close();
    await app.close();
    rmSync(dataDir, { recursive: true });
  });
  const call: FastWorld["call"] = (method, path, more) => send(server, method, path, more);
  return {
    app,
    call,
    server: () => server,
    delivery: async (count) => toFastDelivery((await app.arrived(count))[count - 1]),
    trigger: async (runId, headers) => {
      const items = [triggerItem(app.url, runId, headers)];
      const { status, body } = await call("POST", "/v2/batch", { body: JSON.stringify(items) });
      expect([status, body]).toEqual([200, expect.anything()]);
    },
    restart: async () => {
      await server.close();
      server = await start();
    },
    proceed: (runId, { messageId, hold }, lines) =>
      call("POST", `/v2/workflows/runs/${runId}/steps`, {
        body: linesOf(lines),
        headers: { "upstash-message-id": messageId, "reprise-hold": String(hold) },
      }),
    records: async (runId) => {
      const { body } = await call("GET", `/v2/workflows/runs/${runId}`);
      return listOf(JSON.stringify(body));
    },
    item: (runId, record) => ({
      ...triggerItem(app.url, runId, { "upstash-workflow-init": "false" }),
      body: JSON.stringify(record),
    }),
    deadLetters: async () => {
      const { body } = await call("GET", "/v2/workflows/dlq");
      return body.messages as readonly Readonly<Record<string, unknown>>[]; // The wire's shape.
    },
    settled: async () => {
      // Its commit has everything before it.
      await call("POST", "/v2/queues", {
        body: JSON.stringify({ queueName: "q", parallelism: 1 }),
      });
    },
    runIn: (state, runId) =>
      vi.waitFor(async () => {
        const { body } = await call("GET", `/v2/workflows/logs?workflowRunId=${runId}`);
        // The shape of the answer is the wire's.
        const runs = body.runs as readonly Readonly<Record<string, unknown>>[];
        const run = runs.find(({ workflowState }) => workflowState === state);
        if (run === undefined) throw new Error(`run ${runId} is not ${state}`);
        return run;
      }, WAITING),
  };
}

async function send(
  { url, token }: RunningServer,
  method: string,
  path: string,
  { body, headers = {} }: Sent = {},
): Promise<Called> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...headers },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  // Every answer of the API is a JSON object, a list, or nothing.
  return { status: response.status, body: text === "" ? {} : JSON.parse(text) };
}

export function triggerItem(
  url: string,
  runId: string,
  more: Readonly<Record<string, string>> = {},
) {
  return {
    destination: url,
    body: "payload",
    headers: {
      "upstash-workflow-init": "true",
      "upstash-workflow-runid": runId,
      "upstash-workflow-url": url,
      "upstash-feature-set": "WF_TriggerOnConfig,WF_DetectTrigger",
      "upstash-forward-upstash-workflow-sdk-version": "1",
      ...more,
    },
  };
}

function toFastDelivery(delivered: Delivered | undefined): FastDelivery {
  if (delivered === undefined) throw new Error("the delivery has come: it has been waited for");
  const offer = String(delivered.headers["reprise-delivery"]);
  return {
    ...delivered,
    offer,
    held: {
      messageId: String(delivered.headers["upstash-message-id"]),
      hold: Number(/hold=(\d+)/.exec(offer)?.[1]),
    },
    list: listOf(delivered.body),
    submit: (lines, field = "v=1") =>
      delivered.answer(200, linesOf(lines), { "reprise-answer": field }),
  };
}

function listOf(json: string): readonly string[] {
  const value = JSON.parse(json);
  // A delivery carries the list, or a part of it under `records`.
  const items = (Array.isArray(value) ? value : value.records) as readonly { body: string }[];
  return items.map(({ body }) => Buffer.from(body, "base64").toString());
}

/** Lines as they go over the wire; texts as they are. */
export function linesOf(lines: readonly unknown[]): string {
  return lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");
}

/** The result of a step, as a line. */
export function result(stepId: number, more: Readonly<Record<string, unknown>> = {}) {
  return { stepId, stepName: `s${stepId}`, stepType: "Run", out: '"ok"', concurrent: 1, ...more };
}

/** The plan of a step within a group, as a line. */
export function plan(targetStep: number, concurrent: number, more = {}) {
  const step = { stepId: 0, stepName: `s${targetStep}`, stepType: "Run", targetStep, concurrent };
  return { ...step, ...more };
}
