import { mkdtempSync, rmSync } from "node:fs";
import { createServer, connect as dial, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "@reprise/sdk";
import { type Connection, type ConnectOptions, connect } from "@reprise/sdk/connect";
import { type Reprise, startReprise } from "@reprise/sdk/testing";
import { afterEach, beforeEach } from "vitest";

/** A server and apps of the SDK that are connected to it, each over a path of its own that a test can cut. */
export interface World {
  readonly server: Reprise;
  readonly client: Client;
  /** A process of an app; resolves once it is connected. */
  app(workflows: ConnectOptions["workflows"], own?: Partial<ConnectOptions>): Promise<App>;
  /** Stops the server; `start` starts another one on the same data and the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
  succeeded(runId: string): Promise<string | undefined>;
  /** Names of the recorded steps, in order. */
  stepNames(runId: string): Promise<readonly string[]>;
}

export interface App {
  readonly connection: Connection;
  readonly states: readonly string[];
  /** Cuts the way to the server as the end of a process or of a network does: without a goodbye. It stays cut until `mend`. */
  cut(): void;
  /** Whoever has dialled meanwhile gets through. */
  mend(): void;
}

/** Waits until `fact` gives something. */
export async function until<T>(
  fact: () => Promise<T | null | undefined | false> | T | null | undefined | false,
): Promise<T> {
  for (;;) {
    const found = await fact();
    if (found !== null && found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
}

/** Something that a test waits for, or lets happen. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: () => resolve() };
}

export function createWorld(): World {
  let dataDir: string;
  let server: Reprise | null = null;
  let ends: (() => void | Promise<void>)[] = [];

  const current = () => {
    if (server === null) throw new Error("the server has not been started");
    return server;
  };
  const client = () => current().client;

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), "reprise-connected-"));
    ends = [];
    server = await startReprise({ dataDir, drainMs: 2_000 });
  });
  afterEach(async () => {
    for (const end of ends) await end();
    await server?.close();
    rmSync(dataDir, { recursive: true });
  });

  return {
    get server() {
      return current();
    },
    get client() {
      return client();
    },
    start: () => current().start(),
    stop: () => current().stop(),
    app: async (workflows, own = {}) => {
      const path = await openPath(() => Number(new URL(current().url).port));
      const options = { server: path.url, token: current().token, app: "shop", ...own };
      const app = openApp({ ...options, workflows }, path);
      ends.push(async () => {
        app.connection.close();
        await path.close();
      });
      await until(() => app.connection.state === "connected");
      return app;
    },
    succeeded: async (runId) => {
      const run = await until(async () => {
        const found = await logOf(runId, client());
        return found?.workflowState === "RUN_SUCCESS" ? found : null;
      });
      return run.workflowRunResponse;
    },
    stepNames: async (runId) => {
      const run = await logOf(runId, client());
      return (run?.steps ?? []).flatMap(({ steps }) =>
        Array.from<object>(steps).flatMap((step) =>
          "stepName" in step && typeof step.stepName === "string" ? step.stepName : [],
        ),
      );
    },
  };
}

async function logOf(runId: string, client: Client) {
  const { runs } = await client.logs({ filter: { workflowRunId: runId } });
  return runs[0];
}

function openApp(options: ConnectOptions, { cut, mend }: Path): App {
  const states: string[] = [];
  const onStateChange = (state: string) => states.push(state);
  return { connection: connect({ onStateChange, ...options }), states, cut, mend };
}

interface Path {
  readonly url: string;
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

/** A wire to the server that can be cut. */
async function openPath(portNow: () => number): Promise<Path> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  };
  let way = gate();
  way.open();
  const wire = createServer(async (near) => {
    keep(near);
    await way.opened;
    if (near.destroyed) return;
    const far = dial({ port: portNow(), host: "127.0.0.1" });
    keep(far);
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>((resolve) => wire.listen(0, "127.0.0.1", resolve));
  const address = wire.address();
  if (typeof address !== "object" || address === null) throw new Error("it listens on no port");
  const cut = () => {
    way = gate();
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${address.port}`,
    cut,
    mend: () => way.open(),
    close: () =>
      new Promise((resolve) => {
        wire.close(() => resolve());
        cut();
      }),
  };
}
