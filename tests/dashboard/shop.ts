import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import {
  devServerConfig,
  type RunningServer,
  type ServerConfig,
  startServer,
} from "@reprise/server";
import { Client as QstashClient } from "@upstash/qstash";
import { Client } from "@upstash/workflow";
import { until } from "../conformance/until.ts";
import { shopWorkflows, type Workflow } from "./shop-workflows.ts";

const NGROK_PAGE = `<!DOCTYPE html>
<html><head><title>ERR_NGROK_3200</title><style>body{font-family:sans-serif;color:#333}</style></head>
<body><h1>The endpoint shop.tunnel.example is offline.</h1><p>ERR_NGROK_3200</p></body></html>`;

/** Where a shop is found: a host name and a port. */
export interface ShopPlace {
  readonly name: string;
  readonly port: number;
}

/** A shop whose workflows and messages run on a server of their own, with something of everything for the dashboard to show. */
export class Shop {
  #server: RunningServer;
  readonly #start: (port: number) => Promise<RunningServer>;
  readonly #closeApp: () => void;
  readonly appUrl: string;
  readonly client: Client;
  readonly messages: QstashClient;
  readonly #more = new Map<string, Workflow>();
  /** What a broken part of the shop answers; null: it works. */
  tunnel: "offline" | null = null;
  /** Lets the time pass that a piece of work takes, where a day is told: no time otherwise. */
  takes: (ms: number) => void = () => {};

  private constructor(
    server: RunningServer,
    start: (port: number) => Promise<RunningServer>,
    appUrl: string,
    closeApp: () => void,
  ) {
    this.#server = server;
    this.#start = start;
    this.appUrl = appUrl;
    this.#closeApp = closeApp;
    const own = { baseUrl: server.url, token: server.token };
    this.client = new Client(own);
    this.messages = new QstashClient(own);
  }

  /** At a place that is named, the server finds the shop under that name. */
  static async open(settings: Partial<ServerConfig>, place?: ShopPlace): Promise<Shop> {
    const base = devServerConfig({ port: 0, logLevel: "error" });
    const start = (port: number) =>
      startServer(
        { ...base, drainMs: 100, ...settings, port },
        place === undefined ? {} : { resolve: async () => [{ address: "127.0.0.1", family: 4 }] },
      );
    const server = await start(settings.port ?? 0);
    let shop: Shop | null = null;
    const http = createServer((request, response) => {
      // A request that its server gives up ends in an error of nobody's.
      shop?.answer(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => http.listen(place?.port ?? 0, "127.0.0.1", resolve));
    const address = http.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    shop = new Shop(server, start, `http://${place?.name ?? "127.0.0.1"}:${port}`, () => {
      http.closeAllConnections();
      http.close();
    });
    return shop;
  }

  get url(): string {
    return this.#server.url;
  }

  get token(): string {
    return this.#server.token;
  }

  async stopServer(): Promise<void> {
    await this.#server.close();
  }

  /** On the port and the directory of the one that was stopped: clients know it. */
  async startServer(): Promise<void> {
    this.#server = await this.#start(Number(new URL(this.url).port));
  }

  async close(): Promise<void> {
    await this.#server.close();
    this.#closeApp();
  }

  /** Asks the API; a refusal is an error. */
  async ask(method: string, path: string, init: RequestInit = {}): Promise<unknown> {
    const headers = { ...init.headers, authorization: `Bearer ${this.token}` };
    const response = await fetch(`${this.url}${path}`, { ...init, method, headers });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return text === "" ? null : JSON.parse(text);
  }

  async trigger(
    path: string,
    body: unknown,
    more: Readonly<Record<string, unknown>> = {},
  ): Promise<string> {
    const { workflowRunId } = await this.client.trigger({
      url: `${this.appUrl}${path}`,
      retries: 0,
      body,
      ...more,
    });
    return workflowRunId;
  }

  /** Serves one more workflow. */
  serve(path: string, make: (client: QstashClient) => Workflow): void {
    this.#more.set(path, make(this.messages));
  }

  async stateOf(runId: string): Promise<string> {
    const answer = await this.ask("GET", `/v2/workflows/logs?workflowRunId=${runId}`);
    // The answer of this server has this shape.
    const { runs } = answer as { readonly runs: readonly { readonly workflowState: string }[] };
    return runs[0]?.workflowState ?? "unknown";
  }

  async reaches(runId: string, state: string): Promise<void> {
    await until(
      `${runId} to be ${state}`,
      async () => (await this.stateOf(runId)) === state,
      60_000,
    );
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url = "/" } = request;
    const body = await buffer(request);
    const path = url.split("?")[0] ?? url;
    if (this.tunnel === "offline" && path.startsWith("/order")) {
      response.writeHead(404, {
        "content-type": "text/html",
        "ngrok-error-code": "ERR_NGROK_3200",
      });
      response.end(NGROK_PAGE);
      return;
    }
    const workflow = this.#more.get(path) ?? shopWorkflows(this).get(path);
    if (workflow === undefined) return answerPlain(path, response);
    const headers = Object.entries(request.headers).map(([name, value]): [string, string] => [
      name,
      String(value),
    ]);
    const answer = await workflow(new Request(`${this.appUrl}${url}`, { method, headers, body }));
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  }
}

/** Receivers of messages: what their path says. */
function answerPlain(path: string, response: ServerResponse): void {
  if (path.startsWith("/held")) return;
  if (path.startsWith("/broken")) {
    response.writeHead(503, { "content-type": "application/json", "retry-after": "30" });
    response.end(
      JSON.stringify({ error: "the warehouse is closed for stocktaking", code: "WH-7" }),
    );
    return;
  }
  if (path.startsWith("/echo/")) {
    // A page made of what somebody else has written.
    const text = decodeURIComponent(path.slice("/echo/".length));
    const header = text.replace(/[^\x20-\x7e]/g, "").trim();
    response.writeHead(500, { "content-type": "text/html", "x-hostile": header }).end(text);
    return;
  }
  if (path.startsWith("/login")) {
    response.writeHead(302, { location: "/signin?next=%2Flogin" }).end();
    return;
  }
  response.writeHead(200, { "content-type": "application/json" }).end('{"accepted":true}');
}
