// A real server, and an app whose workflows are written with the official SDK.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { devServerConfig, type RunningServer, startServer } from "@reprise/server";
import { Client } from "@upstash/qstash";
import { serve } from "@upstash/workflow";
import { afterAll, beforeAll } from "vitest";
import { type Outcome, type RunOptions, runCommand, until } from "./failing-app.test.fixture.ts";

export type Route = Parameters<typeof serve>[0];
type Options = Pick<NonNullable<Parameters<typeof serve>[1]>, "failureFunction">;

export interface WorkflowWorld {
  readonly server: RunningServer;
  /** Serves a workflow and gives its URL. */
  serve(path: string, route: Route, options?: Options): string;
  /** Runs a command against the server of this world. */
  run(args: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** Starts a run and gives its id. */
  trigger(url: string, ...args: readonly string[]): Promise<string>;
  /** Shows a run again and again until it looks like this. */
  shown(runId: string, look: RegExp): Promise<Outcome>;
  close(): Promise<void>;
}

/** Keeps lines of the SDK about failures, which tests cause on purpose, out of the report. */
export function quietSdk(): void {
  const { error, warn } = console;
  const quieter =
    (print: typeof error): typeof error =>
    (first: unknown, ...rest: unknown[]) => {
      if (!/^\s*\[?Upstash/.test(String(first))) print(first, ...rest);
    };
  beforeAll(() => {
    Object.assign(console, { error: quieter(error), warn: quieter(warn) });
  });
  afterAll(() => {
    Object.assign(console, { error, warn });
  });
}

type Handler = (request: Request) => Promise<Response>;

export async function openWorkflowWorld(): Promise<WorkflowWorld> {
  // A service that steps can call: it answers with what it gets.
  const handlers = new Map<string, Handler>([
    ["/echo", async (request) => new Response(await request.text())],
  ]);
  const config = devServerConfig({ port: 0, dataDir: ":memory:", logLevel: "error" });
  const server = await startServer({ ...config, drainMs: 1_000 });
  const qstashClient = new Client({ baseUrl: server.url, token: server.token });
  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { method = "GET", url = "/", headers } = incoming;
    const body = new Uint8Array(await buffer(incoming));
    const given = Object.entries(headers).map(([name, value]): [string, string] => [
      name,
      String(value),
    ]);
    const request = new Request(`${origin}${url}`, {
      method,
      headers: given,
      ...(body.length === 0 ? {} : { body }),
    });
    const response =
      (await handlers.get(url)?.(request)) ?? new Response("nothing here", { status: 404 });
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    outgoing.end(Buffer.from(await response.arrayBuffer()));
  };
  // A server that stops may break a delivery off while it comes: that is no fault of the test.
  const http = createServer((incoming, outgoing) => {
    answer(incoming, outgoing).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const address = http.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const origin = `http://127.0.0.1:${port}`;
  const run: WorkflowWorld["run"] = (args, options = {}) => {
    const env = { QSTASH_URL: server.url, QSTASH_TOKEN: server.token, ...options.env };
    return runCommand(args, { ...options, env });
  };
  return {
    server,
    serve: (path, route, options = {}) => {
      handlers.set(path, serve(route, { qstashClient, ...options }).handler);
      return `${origin}${path}`;
    },
    run,
    trigger: async (url, ...args) => {
      const { exitCode, out, err } = await run(["runs", "trigger", url, ...args]);
      if (exitCode !== 0) throw new Error(`the trigger ended with ${exitCode}: ${err}`);
      return out.trim();
    },
    shown: (runId, look) =>
      until(String(look), async () => {
        const outcome = await run(["runs", "show", runId]);
        return look.test(outcome.out) ? outcome : null;
      }),
    close: async () => {
      await server.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
