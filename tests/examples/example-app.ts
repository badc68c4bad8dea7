// One of the examples as a person runs it: in a process of its own, started by the command of the documentation,
// against a real server.

import { devServerConfig, type RunningServer, startServer } from "@reprise/server";
import { Client, type WorkflowRunLog } from "@upstash/workflow";
import { afterAll, beforeAll, expect } from "vitest";
import { addressOf, type Program, startProgram, stopProgram, untilSeen } from "./program.ts";

const startMsMax = 180_000;

export class ExampleApp {
  readonly #name: string;
  #server: RunningServer | null = null;
  #program: Program | null = null;
  #client: Client | null = null;
  #url = "";

  constructor(name: string) {
    this.#name = name;
  }

  get url(): string {
    return this.#url;
  }

  /** The official client of the server that the app uses. */
  get client(): Client {
    return present(this.#client);
  }

  async start(): Promise<void> {
    const config = devServerConfig({ port: 0, dataDir: ":memory:", logLevel: "error" });
    this.#server = await startServer({ ...config, drainMs: 1_000 });
    const { url, token } = this.#server;
    this.#client = new Client({ baseUrl: url, token });
    // Where a copy of the examples lies that is meant instead.
    const { REPRISE_EXAMPLES } = process.env;
    const copy = REPRISE_EXAMPLES === undefined ? {} : { REPRISE_EXAMPLES };
    const settings = { PORT: "0", QSTASH_URL: url, QSTASH_TOKEN: token, ...copy };
    this.#program = startProgram("scripts/example.mjs", [this.#name], settings);
    this.#url = await addressOf(this.#program);
  }

  async stop(): Promise<void> {
    if (this.#program !== null) await stopProgram(this.#program);
    await this.#server?.close();
  }

  /** Sends JSON, or nothing, and gives the JSON of the answer. */
  async post(path: string, body?: unknown): Promise<unknown> {
    const headers = { "content-type": "application/json" };
    const content = body === undefined ? {} : { headers, body: JSON.stringify(body) };
    return this.#ask(path, { method: "POST", ...content });
  }

  async get(path: string): Promise<unknown> {
    return this.#ask(path, {});
  }

  /** What the app says happened, line by line. */
  async lines(path: string): Promise<readonly string[]> {
    const lines = await this.get(path);
    expect(lines).toBeInstanceOf(Array);
    // The tests compare each line with a text.
    return lines as readonly string[];
  }

  /** Expects that a workflow cannot be called by who does not have the signing keys. */
  async refusesStrangers(path: string): Promise<void> {
    const headers = { "content-type": "application/json" };
    const response = await fetch(this.#url + path, { method: "POST", headers, body: "{}" });
    expect(response.status).toBe(500);
    expect(await response.text()).toContain("Upstash-Signature");
  }

  async #ask(path: string, init: RequestInit): Promise<unknown> {
    const response = await fetch(this.#url + path, init);
    const text = await response.text();
    expect(response.status, `${path}: ${text}`).toBe(200);
    return JSON.parse(text);
  }

  /** Starts a run by a request to the app, and gives its id. */
  async trigger(path: string, body: unknown): Promise<string> {
    const answer = await this.post(path, body);
    expect(answer).toEqual({ workflowRunId: expect.stringMatching(/^wfr_/) });
    // The line before has seen it.
    return (answer as { readonly workflowRunId: string }).workflowRunId;
  }

  async run(workflowRunId: string): Promise<WorkflowRunLog | null> {
    const { runs } = await this.client.logs({ filter: { workflowRunId } });
    return runs[0] ?? null;
  }

  /** The run, once it has ended in this way. */
  async ended(workflowRunId: string, state: "RUN_SUCCESS" | "RUN_FAILED"): Promise<WorkflowRunLog> {
    const log = await untilSeen(
      `the end of ${workflowRunId}; the example says:\n${present(this.#program).output()}`,
      async () => {
        const found = await this.run(workflowRunId);
        return found !== null && found.workflowState !== "RUN_STARTED" && found;
      },
    );
    expect(log.workflowState, JSON.stringify(log.steps.at(-1))).toBe(state);
    return log;
  }

  /** The id of the dead letter of a failed run, once its failure function has run. */
  async deadLetter(workflowRunId: string): Promise<string> {
    return untilSeen(`the failure function of ${workflowRunId}`, async () => {
      const { messages } = await this.client.dlq.list({ filter: { workflowRunId } });
      const [entry] = messages;
      return entry?.failureCallbackInfo?.state === "CALLBACK_SUCCESS" && entry.dlqId;
    });
  }

  async resume(dlqId: string): Promise<string> {
    const { workflowRunId } = await this.client.dlq.resume({ dlqId });
    return workflowRunId;
  }
}

/** Starts the server and the example before the tests of a file, and ends both after them. */
export function useExample(name: string): ExampleApp {
  const app = new ExampleApp(name);
  beforeAll(() => app.start(), startMsMax);
  afterAll(() => app.stop());
  return app;
}

/** What the workflow function returned. */
export function resultOf({ workflowRunResponse }: WorkflowRunLog): unknown {
  return JSON.parse(workflowRunResponse ?? "null");
}

function present<T>(value: T | null): T {
  if (value === null) throw new Error("the example has not been started");
  return value;
}
