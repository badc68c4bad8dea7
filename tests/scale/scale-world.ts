import { devServerConfig, type RunningServer, type Store, startServer } from "@reprise/server";
import { afterEach } from "vitest";
import { quietSdk } from "../conformance/quiet-sdk.ts";

type Surroundings = NonNullable<Parameters<typeof startServer>[1]>;

/** The real server with its store in memory: nothing is measured here but what does not depend on the machine. */
export interface ScaleWorld {
  readonly server: RunningServer;
  readonly store: Store;
  /** Closes when the test is over. */
  onEnd(close: () => Promise<unknown>): void;
}

/** Opens worlds of their own for the tests of a file. */
export function useScaleWorlds(): (limits?: Surroundings["limits"]) => Promise<ScaleWorld> {
  const closers: (() => Promise<unknown>)[] = [];
  quietSdk();
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  return async (limits = {}) => {
    const opened: Store[] = [];
    const wrapStore = (store: Store): Store => {
      opened.push(store);
      return store;
    };
    const config = devServerConfig({ port: 0, dataDir: ":memory:", logLevel: "error" });
    const server = await startServer({ ...config, drainMs: 2_000 }, { limits, wrapStore });
    closers.push(() => server.close());
    const [store] = opened;
    if (store === undefined) throw new Error("a server that has started has opened its store");
    return { server, store, onEnd: (close) => void closers.push(close) };
  };
}

/** Rows and commits of the store while `work` runs. */
export async function costOf({ store }: ScaleWorld, work: () => Promise<unknown>) {
  const before = { ...store.counters };
  await work();
  const { rowsRead, rowsWritten, commits } = store.counters;
  return {
    read: rowsRead - before.rowsRead,
    written: rowsWritten - before.rowsWritten,
    commits: commits - before.commits,
  };
}

/** How a run stands, as the logs show it. */
export async function stateOf({ server }: ScaleWorld, runId: string): Promise<string | undefined> {
  const response = await fetch(`${server.url}/v2/workflows/events?workflowRunId=${runId}`, {
    headers: { authorization: `Bearer ${server.token}` },
  });
  // The shape is what the conformance tests check.
  const { events } = (await response.json()) as { readonly events: readonly { state: string }[] };
  return events[0]?.state;
}
