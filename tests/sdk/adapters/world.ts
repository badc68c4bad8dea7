// What an app under test is surrounded by: a server, a service that it calls, and a proxy that takes a part off the path.

import {
  request as ask,
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from "node:http";
import { devServerConfig, type RunningServer, startServer } from "@reprise/server";
import type { AppEnvironment } from "./routes.ts";

export interface Listening {
  readonly url: string;
  close(): Promise<void>;
}

/** Listens on a free port of this machine. */
export async function listen(server: Server): Promise<Listening> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("it listens on no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function listenTo(listener: RequestListener): Promise<Listening> {
  return listen(createServer(listener));
}

/** Longer lists are not sent: the app gets an empty body, and fetches them. */
export const INLINE_CHARS_MAX = 2_000_000;

export interface World {
  readonly server: RunningServer;
  readonly env: AppEnvironment;
  readonly echoUrl: string;
  /** The proxy: `/shop/x` there is `/x` of the app. */
  readonly proxyUrl: string;
  readonly setApp: (url: string) => void;
  close(): Promise<void>;
}

export async function openWorld(): Promise<World> {
  const config = devServerConfig({ port: 0, dataDir: ":memory:", logLevel: "error" });
  const server = await keepingGlobals(() =>
    startServer({ ...config, drainMs: 1_000 }, { limits: { inlineCharsMax: INLINE_CHARS_MAX } }),
  );
  const echo = await listenTo((request, response) => {
    response.setHeader("content-type", request.headers["content-type"] ?? "text/plain");
    request.pipe(response);
  });
  let appUrl = "";
  const proxy = await listenTo((request, response) => {
    const path = request.url?.replace(/^\/shop/, "") ?? "/";
    const { method, headers } = request;
    const onward = ask(new URL(path, appUrl), { method, headers }, (answer: IncomingMessage) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.once("error", () => response.destroy());
    request.pipe(onward);
  });
  const { current, next } = server.signingKeys;
  return {
    server,
    env: {
      QSTASH_URL: server.url,
      QSTASH_TOKEN: server.token,
      QSTASH_CURRENT_SIGNING_KEY: current,
      QSTASH_NEXT_SIGNING_KEY: next,
      GREETING: "grüß dich 👋",
      PREFIXED_URL: `${proxy.url}/shop/prefixed`,
    },
    echoUrl: echo.url,
    proxyUrl: proxy.url,
    setApp: (url) => {
      appUrl = url;
    },
    close: async () => {
      await Promise.all([proxy.close(), server.close()]);
      await echo.close();
    },
  };
}

/** The server's HTTP adapter puts classes of its own in the place of `Request` and `Response`; apps have a process to themselves. */
async function keepingGlobals<T>(work: () => Promise<T>): Promise<T> {
  const { Request, Response } = globalThis;
  const result = await work();
  Object.defineProperty(globalThis, "Request", { value: Request });
  Object.defineProperty(globalThis, "Response", { value: Response });
  return result;
}
