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
import { keptPort } from "../dashboard/kept-port.ts";

/**
 * A server with something in every state: runs that sleep, wait, call, invoke, have failed, were resumed; messages that are late, wait in
 * lines, are in flight, are dead. It can be stopped and started again elsewhere, and brought to its end.
 */
export class BusyWorld {
  /** How long delays, pauses between retries and periods last, in seconds; sleeps as well, unless `napSeconds` says otherwise. */
  readonly patience: number;
  readonly #napSeconds: number;
  #server: RunningServer | null = null;
  #port = 0;
  #appUrl = "";
  #closeApp = (): void => {};
  readonly #held: { readonly url: string; readonly response: ServerResponse }[] = [];
  #isHolding = true;
  #isHealed = false;
  /** Paths of the app with the bodies that they got, in order. */
  readonly delivered: { readonly path: string; readonly body: string }[] = [];
  /** Ids of runs, by what they were made for. */
  readonly runs = new Map<string, string>();
  #settings: Partial<ServerConfig> = {};

  constructor(patience: number, { napSeconds = patience } = {}) {
    this.patience = patience;
    this.#napSeconds = napSeconds;
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
    if (this.#port === 0) this.#port = await keptPort();
    this.#settings = settings;
    const base = devServerConfig({ port: this.#port, logLevel: "error" });
    this.#server = await startServer({ ...base, drainMs: 100, ...settings });
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
    for (const { response } of this.#held.splice(0)) response.end("late");
  }

  /** Answers one request that is held. */
  answer(path: string): void {
    const index = this.#held.findIndex(({ url }) => url === path);
    if (index === -1) throw new Error(`no request to ${path} is held`);
    this.#held.splice(index, 1)[0]?.response.end("answered");
  }

  #holds(path: string): boolean {
    return this.#held.some(({ url }) => url === path);
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
      this.#held.push({ url, response });
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
        await context.sleep("nap", this.#napSeconds);
        await context.run("after", () => "done");
      }),
      "/event": own(async (context) => {
        await context.waitForEvent("wait", `event ${context.workflowRunId}`, { timeout: "1h" });
      }),
      "/kept": own(async (context) => {
        // However slow the machine is, its event comes before it waits for one.
        await context.call("call", { url: `${appUrl}/held/kept`, method: "POST", body: "ask" });
        await context.waitForEvent("wait", `event ${context.workflowRunId}`, { timeout: "1h" });
      }),
      "/calling": own(async (context) => {
        await context.call("call", { url: `${appUrl}/held/call`, method: "POST", body: "ask" });
      }),
      "/branching": own(async (context) => {
        await Promise.all([
          context.call("call", { url: `${appUrl}/held/branch`, method: "POST", body: "ask" }),
          context.run("bad", async () => {
            if (isHealed()) return "healed";
            await until("the call of the other branch", async () => this.#holds("/held/branch"));
            throw new Error("broken on purpose");
          }),
        ]);
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
