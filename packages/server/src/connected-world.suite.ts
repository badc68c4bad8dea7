import { afterEach, beforeEach } from "vitest";
import { devServerConfig, type ServerConfig } from "./config.ts";
import type { ConnectedLimits } from "./connected.ts";
import { type HelloOptions, openApp, type RawApp } from "./connected-app.suite.ts";
import { type HttpApp, openHttpApp } from "./http-app.suite.ts";
import { type RunningServer, startServer } from "./main.ts";

/** A real server and the apps that are connected to it, one for each test of a file. */
export interface ConnectedWorld {
  readonly server: RunningServer;
  readonly http: HttpApp;
  start(limits?: Partial<ConnectedLimits>, own?: Partial<ServerConfig>): Promise<void>;
  connect(hello?: HelloOptions): Promise<RawApp>;
  call(method: string, path: string, init?: RequestInit): Promise<Answer>;
  publish(
    url: string,
    body?: Uint8Array<ArrayBuffer> | string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>;
  trigger(url: string, runId: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  messageOf(messageId: string): Promise<AnswerFields>;
  /** Waits until the log of a message has this state. */
  logged(messageId: string, state: string): Promise<AnswerFields["logs"][number]>;
  run(runId: string): Promise<AnswerFields["runs"][number] | undefined>;
}

export interface Answer {
  readonly status: number;
  readonly body: AnswerFields;
}

/** The fields of all answers together: a test reads those of the request that it has sent. */
export interface AnswerFields {
  readonly code: string;
  readonly error: string;
  readonly messageId: string;
  readonly state: string;
  readonly waitingFor: string;
  readonly id: string;
  readonly token: string;
  readonly logs: readonly {
    readonly state: string;
    readonly error?: string;
    readonly responseStatus?: number;
  }[];
  readonly messages: readonly {
    readonly messageId: string;
    readonly workflowRunId?: string;
    readonly waitingFor?: string;
  }[];
  readonly runs: readonly {
    readonly workflowState: string;
    readonly waitingFor?: string;
    readonly workflowRunResponse?: string;
    readonly steps: readonly { readonly steps: readonly { readonly stepName?: string }[] }[];
  }[];
}

/** Waits until `fact` gives something. */
export async function until<T>(fact: () => Promise<T | null | undefined | false>): Promise<T> {
  for (;;) {
    const found = await fact();
    if (found !== null && found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
}

/** What every answer of an SDK says. */
export const SDK_HEADERS = {
  "upstash-workflow-sdk-version": "1",
  "upstash-workflow-sdk": "v1.3.3",
} as const;

export function createConnectedWorld(): ConnectedWorld {
  let apps: RawApp[] = [];
  let servers: RunningServer[] = [];
  let http: HttpApp;
  beforeEach(async () => {
    apps = [];
    servers = [];
    http = await openHttpApp();
  });
  afterEach(async () => {
    for (const app of apps) app.close();
    for (const server of servers) await server.close();
    await http.close();
  });
  const current = () => {
    const server = servers.at(-1);
    if (server === undefined) throw new Error("a test starts the server first");
    return server;
  };
  const call: ConnectedWorld["call"] = async (method, path, init = {}) => {
    const server = current();
    const response = await fetch(`${server.url}${path}`, {
      method,
      ...init,
      headers: { authorization: `Bearer ${server.token}`, ...init.headers },
    });
    const text = await response.text();
    return { status: response.status, body: JSON.parse(text === "" ? "{}" : text) };
  };
  return {
    get server() {
      return current();
    },
    get http() {
      return http;
    },
    start: async (connectedLimits = {}, own = {}) => {
      const config = { ...devServerConfig({ port: 0, dataDir: ":memory:" }), drainMs: 200, ...own };
      servers.push(await startServer(config, { connectedLimits, writeLine: () => {} }));
    },
    connect: async (hello = {}) => {
      const app = await openApp(current(), hello);
      apps.push(app);
      return app;
    },
    call,
    publish: (url, body = "hello", headers = {}) =>
      call("POST", `/v2/publish/${url}`, { body, headers }),
    trigger: (url, runId, headers = {}) =>
      call("POST", `/v2/trigger/${url}`, {
        body: '"payload"',
        headers: { "upstash-workflow-runid": runId, ...headers },
      }),
    messageOf: async (messageId) => (await call("GET", `/v2/messages/${messageId}`)).body,
    logged: (messageId, state) =>
      until(async () => {
        const { body } = await call("GET", `/v2/logs?messageId=${messageId}`);
        return body.logs.find((entry) => entry.state === state);
      }),
    run: async (runId) =>
      (await call("GET", `/v2/workflows/logs?workflowRunId=${runId}`)).body.runs[0],
  };
}
