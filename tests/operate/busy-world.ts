import { createServer, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { DEV_IDENTITY } from "@reprise/protocol";
import {
  devServerConfig,
  type RunningServer,
  type ServerConfig,
  startServer,
} from "@reprise/server";
import { Client as QstashClient } from "@upstash/qstash";
import { Client, serve } from "@upstash/workflow";
import { until } from "../conformance/until.ts";

/**
 * A server with something in every state: runs that sleep, wait, call, invoke, have failed, were resumed; messages that are late, wait in
 * lines, are in flight, are dead. It can be stopped and started again elsewhere, and brought to its end.
 */
export class BusyWorld {
  /** How long sleeps, delays and pauses between retries last, in seconds. */
  readonly patience: number;
  #server: RunningServer | null = null;
  #port = 0;
  #appUrl = "";
  #closeApp = (): void => {};
  readonly #held: ServerResponse[] = [];
  #isHolding = true;
  #isHealed = false;
  /** Paths of the app with the bodies that they got, in order. */
  readonly delivered: { readonly path: string; readonly body: string }[] = [];
  /** Ids of runs, by what they were made for. */
  readonly runs = new Map<string, string>();
  #settings: Partial<ServerConfig> = {};

  constructor(patience: number) {
    this.patience = patience;
  }

  get server(): RunningServer {
    if (this.#server === null) throw new Error("the server is stopped");
    return this.#server;
  }

  get appUrl(): string {
    return this.#appUrl;
  }

  /** Starts a server; the next one listens at the same address. */
  async start(settings: Partial<ServerConfig>): Promise<void> {
    if (this.#appUrl === "") await this.#startApp();
    this.#settings = settings;
    const base = devServerConfig({ port: this.#port, logLevel: "error" });
    this.#server = await startServer({ ...base, drainMs: 100, ...settings });
    this.#port = this.server.port;
  }

  async stop(): Promise<void> {
    const stopping = this.#server;
    this.#server = null;
    await stopping?.close();
    // Clients of this process see their connections end, and take new ones.
    await new Promise((resolve) => setImmediate(resolve));
  }

  async restart(settings: Partial<ServerConfig> = this.#settings): Promise<void> {
    await this.stop();
    await this.start(settings);
  }

  async close(): Promise<void> {
    this.release();
    await this.stop();
    this.#closeApp();
  }

  /** From now on the app answers everything, and what it has kept waiting. */
  release(): void {
    this.#isHolding = false;
    this.#isHealed = true;
    for (const response of this.#held.splice(0)) response.end("late");
  }

  async ask(path: string, init: RequestInit = {}): Promise<unknown> {
    const headers = { ...init.headers, authorization: `Bearer ${DEV_IDENTITY.token}` };
    const response = await fetch(`http://127.0.0.1:${this.#port}${path}`, { ...init, headers });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
    return text === "" ? null : JSON.parse(text);
  }

  async publish(path: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const answer = await this.ask(`/v2/publish/${this.#appUrl}${path}`, {
      method: "POST",
      headers,
      body: `body of ${path}`,
    });
    return idOf(answer);
  }

  enqueue(queue: string, path: string, headers: Readonly<Record<string, string>> = {}) {
    const url = `/v2/enqueue/${queue}/${this.#appUrl}${path}`;
    return this.ask(url, { method: "POST", headers, body: `body of ${path}` }).then(idOf);
  }

  async trigger(path: string, name = path.slice(1)): Promise<string> {
    const client = new Client({ baseUrl: this.#serverUrl, token: DEV_IDENTITY.token });
    const url = `${this.#appUrl}${path}`;
    const { workflowRunId } = await client.trigger({ url, retries: 0, body: { name } });
    this.runs.set(name, workflowRunId);
    return workflowRunId;
  }

  async stateOf(name: string): Promise<string> {
    const answer = await this.ask(`/v2/workflows/logs?workflowRunId=${this.runs.get(name)}`);
    // The answer of this server has this shape.
    const { runs } = answer as { readonly runs: readonly { readonly workflowState: string }[] };
    return runs[0]?.workflowState ?? "unknown";
  }

  get #serverUrl(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async #startApp(): Promise<void> {
    const http = createServer(async (request, response) => {
      const { method = "GET", url = "/", headers } = request;
      const body = await buffer(request);
      this.delivered.push({ path: url, body: body.toString() });
      const workflow = this.#workflows()[url];
      if (workflow === undefined) return this.#answerPlain(url, response);
      const given = Object.entries(headers).map(([name, value]): [string, string] => [
        name,
        String(value),
      ]);
      const answer = await workflow(
        new Request(`${this.#appUrl}${url}`, { method, headers: given, body }),
      );
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      response.end(Buffer.from(await answer.arrayBuffer()));
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    const address = http.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    this.#appUrl = `http://127.0.0.1:${port}`;
    this.#closeApp = () => {
      http.closeAllConnections();
      http.close();
    };
  }

  #answerPlain(url: string, response: ServerResponse): void {
    if (url.startsWith("/broken") && !this.#isHealed) {
      response.writeHead(500).end("out of order");
    } else if (url.startsWith("/held") && this.#isHolding) {
      this.#held.push(response);
    } else {
      response.end(`answer of ${url}`);
    }
  }

  #workflows(): Readonly<Record<string, (request: Request) => Promise<Response>>> {
    const qstashClient = new QstashClient({ baseUrl: this.#serverUrl, token: DEV_IDENTITY.token });
    const own = (route: Parameters<typeof serve>[0]) => serve(route, { qstashClient }).handler;
    const appUrl = this.#appUrl;
    const isHealed = () => this.#isHealed;
    return {
      "/quick": own(async (context) => {
        await context.run("one", () => 1);
        await Promise.all([context.run("two", () => 2), context.run("three", () => 3)]);
      }),
      "/sleeping": own(async (context) => {
        await context.run("before", () => "kept");
        await context.sleep("nap", this.patience);
        await context.run("after", () => "done");
      }),
      "/event": own(async (context) => {
        await context.waitForEvent("wait", `event ${context.workflowRunId}`, { timeout: "1h" });
      }),
      "/kept": own(async (context) => {
        await context.sleep("nap", this.patience);
        await context.waitForEvent("wait", `event ${context.workflowRunId}`, { timeout: "1h" });
      }),
      "/calling": own(async (context) => {
        await context.call("call", { url: `${appUrl}/held/call`, method: "POST", body: "ask" });
      }),
      "/parent": own(async (context) => {
        // The endpoint behind the last part of the URL.
        await context.invoke("child", { workflow: { workflowId: "child" } as never, body: "go" });
      }),
      "/child": own(async (context) => {
        await context.waitForEvent("wait", "children", { timeout: "1h" });
      }),
      "/failing": serve(
        async (context) => {
          await context.run("good", () => "kept");
          await context.run("bad", () => {
            if (!isHealed()) throw new Error("broken on purpose");
            return "healed";
          });
        },
        { qstashClient, failureFunction: async () => "told" },
      ).handler,
    };
  }
}

function idOf(answer: unknown): string {
  // A publish to one URL is answered with one message.
  return (answer as { readonly messageId: string }).messageId;
}

const names = (kind: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${kind}-${index}`);

/** Brings a world into every state; nothing in it ends before `finish`. */
export async function fill(world: BusyWorld): Promise<void> {
  await fillMessages(world);
  await fillRuns(world);
}

async function fillMessages(world: BusyWorld): Promise<void> {
  const { appUrl } = world;
  for (const _ of names("done", 3)) await world.publish("/hook/done");
  await world.publish("/hook/delayed", {
    "Upstash-Delay": `${world.patience}s`,
    "Upstash-Label": "winter",
  });
  await world.publish("/hook/late", { "Upstash-Delay": "1d" });
  await world.publish("/hook/unwanted", { "Upstash-Delay": "1d", "Upstash-Label": "summer" });
  await world.ask("/v2/messages?label=summer&async=true", { method: "DELETE" });
  await until("the end of the bulk action", async () => {
    return JSON.stringify(await world.ask("/v2/bulkActions")).includes("FINISHED");
  });
  await world.publish("/hook/once", { "Upstash-Deduplication-Id": "once" });
  await world.publish("/broken/retrying", {
    "Upstash-Retries": "3",
    "Upstash-Retry-Delay": `${world.patience * 1000}`,
  });
  await world.publish("/broken/dead", { "Upstash-Retries": "0" });
  await world.publish("/broken/told", {
    "Upstash-Retries": "0",
    "Upstash-Callback": `${appUrl}/held/callback`,
    "Upstash-Failure-Callback": `${appUrl}/hook/failure`,
  });
  await world.publish("/held/flight");
  await fillGates(world);
  await world.ask("/v2/topics/group/endpoints", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ endpoints: [{ url: `${appUrl}/hook/a` }, { url: `${appUrl}/hook/b` }] }),
  });
  await world.ask("/v2/publish/group", { method: "POST", body: "to both" });
  for (const [id, cron] of [
    ["often", "* * * * *"],
    ["resting", "0 0 1 1 *"],
  ] as const) {
    const headers = { "Upstash-Cron": cron, "Upstash-Schedule-Id": id };
    await world.ask(`/v2/schedules/${appUrl}/hook/tick-${id}`, {
      method: "POST",
      headers,
      body: id,
    });
  }
  await world.ask("/v2/schedules/resting/pause", { method: "POST" });
  await world.publish("/broken/again", { "Upstash-Retries": "0" });
  await until("dead messages", async () => (await deadLettersOf(world, "/v2/dlq")).length >= 3);
  const [first] = await deadLettersOf(world, "/v2/dlq");
  await world.ask(`/v2/dlq/retry/${first}`, { method: "POST" });
}

/** Lines in front of queues and flow controls. */
async function fillGates(world: BusyWorld): Promise<void> {
  const { appUrl } = world;
  for (const name of names("queued", 4)) await world.enqueue("line", `/held/${name}`);
  for (const name of names("reported", 2)) {
    await world.enqueue("reports", `/hook/${name}`, {
      "Upstash-Callback": `${appUrl}/held/report`,
    });
  }
  await world.ask("/v2/queues", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ queueName: "stopped", parallelism: 2 }),
  });
  await world.ask("/v2/queues/stopped/pause", { method: "POST" });
  for (const name of names("stopped", 2)) await world.enqueue("stopped", `/hook/${name}`);
  const flow = {
    "Upstash-Flow-Control-Key": "shop",
    "Upstash-Flow-Control-Value": "parallelism=2",
  };
  for (const name of names("shop", 4)) await world.publish(`/held/${name}`, flow);
  const rate = {
    "Upstash-Flow-Control-Key": "slow",
    "Upstash-Flow-Control-Value": `rate=2, period=${world.patience}s`,
  };
  for (const name of names("slow", 5)) await world.publish(`/hook/${name}`, rate);
}

async function fillRuns(world: BusyWorld): Promise<void> {
  for (const name of [
    "quick",
    "sleeping",
    "event",
    "kept",
    "calling",
    "parent",
    "canceled",
    "failing",
  ]) {
    await world.trigger(name === "canceled" ? "/event" : `/${name}`, name);
  }
  for (const name of ["resumed", "restarted", "given-up"]) await world.trigger("/failing", name);
  const id = (name: string) => world.runs.get(name) ?? "";
  await until("the failures", async () => {
    const states = await Promise.all(
      ["failing", "resumed", "restarted", "given-up"].map((name) => world.stateOf(name)),
    );
    return states.every((state) => state === "RUN_FAILED");
  });
  await until("the quick run", async () => (await world.stateOf("quick")) === "RUN_SUCCESS");
  await until("the waits", async () => {
    const waiting = await world.ask("/v2/waiters/children");
    return Array.isArray(waiting) && waiting.length === 1;
  });
  await world.ask(`/v2/workflows/runs/${id("canceled")}`, { method: "DELETE" });
  const body = JSON.stringify({ eventId: `event ${id("kept")}`, workflowRunId: id("kept") });
  await world.ask(`/v2/notify/${id("kept")}/${encodeURIComponent(`event ${id("kept")}`)}`, {
    method: "POST",
    body,
  });
  for (const [name, verb] of [
    ["resumed", "resume"],
    ["restarted", "restart"],
  ] as const) {
    const [dlqId] = await deadLettersOf(world, `/v2/workflows/dlq?workflowRunId=${id(name)}`);
    await world.ask(`/v2/workflows/dlq/${verb}/${dlqId}`, { method: "POST" });
  }
  const [dlqId] = await deadLettersOf(world, `/v2/workflows/dlq?workflowRunId=${id("given-up")}`);
  await world.ask(`/v2/workflows/dlq/${dlqId}`, { method: "DELETE" });
}

/** Lets everything end that can: what is left are the message of tomorrow, the schedules, and what has ended. */
export async function finish(world: BusyWorld): Promise<void> {
  world.release();
  await world.ask("/v2/queues/stopped/resume", { method: "POST" });
  for (const event of [`event ${world.runs.get("event")}`, "children"]) {
    await world.ask(`/v2/notify/${encodeURIComponent(event)}`, { method: "POST" });
  }
  await until(
    "the end of everything",
    async () => {
      for (const id of await deadLettersOf(world, "/v2/workflows/dlq")) {
        await world.ask(`/v2/workflows/dlq/resume/${id}`, { method: "POST" });
      }
      for (const id of await deadLettersOf(world, "/v2/dlq")) {
        await world.ask(`/v2/dlq/retry/${id}`, { method: "POST" });
      }
      return (await countOf(world, "messages?count=100")) === 1 && (await liveRunsOf(world)) === 0;
    },
    40_000,
    50,
  );
}

async function countOf(world: BusyWorld, list: string): Promise<number> {
  // The answer of this server has this shape.
  const { messages } = (await world.ask(`/v2/${list}`)) as { readonly messages: readonly object[] };
  return messages.length;
}

async function liveRunsOf(world: BusyWorld): Promise<number> {
  const answer = await world.ask("/v2/workflows/logs?state=RUN_STARTED&trimBody=-1");
  // As above.
  return (answer as { readonly runs: readonly object[] }).runs.length;
}

/** What every world has delivered once it has come to its end, whatever happened in between. */
export const wantedPaths: readonly string[] = [
  "/hook/done",
  "/hook/delayed",
  "/hook/once",
  "/broken/retrying",
  "/broken/dead",
  "/broken/told",
  "/broken/again",
  "/held/flight",
  "/held/callback",
  "/hook/failure",
  "/held/report",
  "/hook/a",
  "/hook/b",
  ...names("queued", 4).map((name) => `/held/${name}`),
  ...names("reported", 2).map((name) => `/hook/${name}`),
  ...names("stopped", 2).map((name) => `/hook/${name}`),
  ...names("shop", 4).map((name) => `/held/${name}`),
  ...names("slow", 5).map((name) => `/hook/${name}`),
];

export async function deadLettersOf(world: BusyWorld, path: string): Promise<readonly string[]> {
  const answer = await world.ask(path);
  // The answer of this server has this shape.
  const { messages } = answer as { readonly messages: readonly { readonly dlqId: string }[] };
  return messages.map(({ dlqId }) => dlqId);
}
