import { randomBytes } from "node:crypto";
import type { App } from "./load.ts";
import { MeasuredProcess } from "./measured-process.ts";
import { startRawApp } from "./raw-app.ts";
import { withTemporaryDirectory } from "./temporary-directory.ts";

const STARTS = 3;
/** Time after which a server without work has finished what it does at its start. */
const SETTLE_MS = 1_000;

export interface StartUp {
  /** From the start of the process to the answer to its first trigger; median of several. */
  readonly coldStartMs: number;
  readonly idleRssBytes: number;
}

/** Measures a server that has just been started, on an empty directory. */
export async function measureStartUp(): Promise<StartUp> {
  const times: number[] = [];
  for (let start = 0; start < STARTS; start++) times.push(await coldStartMs());
  const coldStart = times.toSorted((a, b) => a - b)[Math.floor(STARTS / 2)] ?? 0;
  return { coldStartMs: coldStart, idleRssBytes: await idleRssBytes() };
}

async function coldStartMs(): Promise<number> {
  return withTemporaryDirectory(async (directory) => {
    const startedAt = performance.now();
    const server = await MeasuredProcess.start(["--serve-real", directory]);
    const app = await startRawApp(server);
    const runId = `wfr_${randomBytes(16).toString("base64url")}`;
    const finished = finishOf(app);
    await app.trigger(runId);
    const elapsedMs = performance.now() - startedAt;
    await finished;
    await server.stop();
    await app.close();
    return elapsedMs;
  });
}

/** The run goes to its end, so that the server stops without an attempt in flight. */
function finishOf(app: App): Promise<void> {
  return new Promise((resolve, reject) => {
    app.onFinish = () => resolve();
    app.onFault = reject;
  });
}

async function idleRssBytes(): Promise<number> {
  return withTemporaryDirectory(async (directory) => {
    const server = await MeasuredProcess.start(["--serve-real", directory]);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const { rssBytes } = await server.usage();
    await server.stop();
    return rssBytes;
  });
}
