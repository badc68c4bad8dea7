// A real server, and a destination of plain messages whose answer a test decides.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import {
  devServerConfig,
  type RunningServer,
  type ServerConfig,
  startServer,
} from "@reprise/server";
import {
  call,
  type Outcome,
  type RunOptions,
  runCommand,
  until,
} from "./failing-app.test.fixture.ts";

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

export interface MessageWorld {
  readonly server: RunningServer;
  readonly url: string;
  /** Deliveries so far, in order. */
  readonly received: readonly Received[];
  /** From now on the destination answers like this. */
  answer(status: number, body?: string): void;
  /** From now on the destination answers no delivery before the returned function is called. */
  hold(): () => void;
  /** Runs a command against the server of this world. */
  run(args: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** Runs a command with --json that has to succeed. */
  json<T>(args: readonly string[]): Promise<T>;
  /** Publishes to the destination and returns the id. */
  publish(...args: readonly string[]): Promise<string>;
  /** Publishes what fails at once; returns the id of its dead letter. */
  fail(...args: readonly string[]): Promise<string>;
  close(): Promise<void>;
}

export async function openMessageWorld(
  settings: Partial<ServerConfig> = {},
): Promise<MessageWorld> {
  const received: Received[] = [];
  let status = 200;
  let answerBody = "";
  let gate = Promise.resolve();
  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "", url: path = "", headers } = request;
    received.push({ method, path, headers, body: await text(request) });
    await gate;
    response.writeHead(status).end(answerBody);
  };
  // A server that stops may break a delivery off while it comes: that is no fault of the test.
  const http = createServer((request, response) => {
    receive(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const address = http.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const url = `http://127.0.0.1:${port}/hook`;
  const config = devServerConfig({ port: 0, dataDir: ":memory:", logLevel: "error" });
  const server = await startServer({ ...config, drainMs: 1_000, ...settings });
  const run: MessageWorld["run"] = (args, options = {}) => {
    const env = { QSTASH_URL: server.url, QSTASH_TOKEN: server.token, ...options.env };
    return runCommand(args, { ...options, env });
  };
  const publish = async (...args: readonly string[]): Promise<string> => {
    const { exitCode, out, err } = await run(["publish", url, ...args]);
    if (exitCode !== 0) throw new Error(`publish ended with ${exitCode}: ${err}`);
    return out.trim();
  };
  return {
    server,
    url,
    received,
    answer: (newStatus, newBody = "") => {
      status = newStatus;
      answerBody = newBody;
    },
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
    run,
    json: async <T>(args: readonly string[]) => {
      const { exitCode, out, err } = await run([...args, "--json"]);
      if (exitCode !== 0) throw new Error(`${args.join(" ")} ended with ${exitCode}: ${err}`);
      // The test names the shape that it reads.
      return JSON.parse(out) as T;
    },
    publish,
    fail: async (...args) => {
      const id = await publish("--retries", "0", ...args);
      return until("the dead letter", async () => {
        const answer = await call(server, `/v2/dlq?messageId=${id}`);
        // The answer of this server has this shape.
        const { messages } = answer as { readonly messages: readonly { readonly dlqId: string }[] };
        return messages[0]?.dlqId ?? null;
      });
    },
    close: async () => {
      await server.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
