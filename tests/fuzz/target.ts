import { createServer, type Server } from "node:http";
import { devServerConfig, type RunningServer, type Store, startServer } from "@reprise/server";

/** What is fuzzed: the real server, and a server on this machine that takes its deliveries. */
export interface Target {
  readonly server: RunningServer;
  readonly store: Store;
  readonly sinkUrl: string;
  /** Lines of the log that tell of faults. */
  readonly faults: readonly string[];
  close(): Promise<void>;
}

export interface TargetOptions {
  /** False makes no attempt at all: then only requests write. */
  readonly isDelivering: boolean;
  /** In memory when not given. */
  readonly dataDir?: string;
}

type Config = Parameters<typeof startServer>[0];

export async function openTarget({
  isDelivering,
  dataDir = ":memory:",
}: TargetOptions): Promise<Target> {
  const sink = await openSink();
  const faults: string[] = [];
  let store: Store | null = null;
  const config: Config = {
    ...devServerConfig({ port: 0, dataDir, logLevel: "error" }),
    // Names and addresses of others are never dialled.
    egress: { mode: "allow-list", allow: [loopback(sink.port)] },
    authFailuresMax: 1_000_000,
    bodyBytesMax: 64 * 1024,
    logPageMax: 100,
    drainMs: 2_000,
    ...(isDelivering ? {} : { parallelismMax: 0 }),
  };
  const server = await startServer(config, {
    writeLine: (line) => faults.push(line),
    resolve: async () => [{ address: "127.0.0.1", family: 4 }],
    wrapStore: (opened) => {
      store = opened;
      return opened;
    },
  });
  if (store === null) throw new Error("the server has opened no store");
  return {
    server,
    store,
    sinkUrl: `http://127.0.0.1:${sink.port}`,
    faults,
    close: async () => {
      await server.close();
      await sink.close();
    },
  };
}

function loopback(port: number): Config["egress"]["allow"][number] {
  return { type: "host", name: "127.0.0.1", port };
}

interface Sink {
  readonly port: number;
  close(): Promise<void>;
}

/** Answers by path: `/ok`, `/fail`, `/later` with a wait, `/never-again` with the end of all attempts. */
async function openSink(): Promise<Sink> {
  const server = createServer((request, response) => {
    request.resume();
    const path = request.url?.split("?")[0] ?? "";
    if (path === "/fail") response.writeHead(500);
    if (path === "/later") response.writeHead(503, { "retry-after": "3600" });
    if (path === "/never-again") response.writeHead(489, { "upstash-nonretryable-error": "true" });
    response.end(path);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: portOf(server), close: () => close(server) };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
