import { join } from "node:path";
import {
  type Change,
  DEFAULT_LIMITS,
  type Host,
  openSqliteStore,
  passOnStore,
  type Store,
  Sweeper,
} from "@reprise/server";
import { percentilesOf } from "./percentiles.ts";
import type { Fact } from "./report.ts";
import { withTemporaryDirectory } from "./temporary-directory.ts";

/** Records, and results of them, of each run. */
const STEPS = 2;
/** Rows of a run: itself, its configuration, and each record with its attempt. */
const ROWS_OF_RUN = 2 + 2 * STEPS;
/** Rows of a message: its envelope and its log. */
const ROWS_OF_MESSAGE = 3;
const BODY = new Uint8Array(300).fill(7);
const FILL_ROWS = 6_000;
const OLD = 1;

/**
 * Measures retention over a table of `rows` rows, half of which may go: what each step takes while nothing else could run, and how long
 * a commit takes meanwhile.
 */
export async function measureRetention(rows: number): Promise<readonly Fact[]> {
  return withTemporaryDirectory(async (directory) => {
    const store = await openSqliteStore({ path: join(directory, "reprise.db") });
    try {
      await fill(store, rows);
      const alone = await measureCommits(store, () => pause(5_000));
      const calls: Calls = { listMs: [], transactionMs: [], transactionCpuMs: [] };
      let tookMs = 0;
      const beside = await measureCommits(store, async () => {
        const startedAt = performance.now();
        await sweepOnce(timed(store, calls));
        tookMs = performance.now() - startedAt;
      });
      const left = (await store.count("runs", [])) + (await store.count("envelopes", []));
      return [
        fact("rows", rows, "rows"),
        fact("rows deleted a second, pauses included", rows / 2 / (tookMs / 1000), "/s"),
        fact("runs and messages left", left, "rows"),
        fact("longest read of a step", Math.max(...calls.listMs), "ms"),
        ...percentiles("transaction of a step", calls.transactionMs),
        ...percentiles("CPU time of such a transaction", calls.transactionCpuMs),
        ...percentiles("commit of others before", alone),
        ...percentiles("commit of others beside it", beside),
      ];
    } finally {
      await store.close();
    }
  });
}

function fact(what: string, value: number, unit: string): Fact {
  return { name: "retention", what, value, unit, ceiling: null };
}

function percentiles(what: string, values: readonly number[]): readonly Fact[] {
  const { p50, p99 } = percentilesOf(values);
  return [
    fact(`${what}, p50`, p50, "ms"),
    fact(`${what}, p99`, p99, "ms"),
    fact(`${what}, longest`, Math.max(...values), "ms"),
  ];
}

/** Two thirds of the rows belong to runs, a third to messages; every second one of both has ended long ago. */
async function fill(store: Store, rows: number): Promise<void> {
  const runs = Math.floor((rows * 2) / 3 / ROWS_OF_RUN);
  const messages = Math.floor(rows / 3 / ROWS_OF_MESSAGE);
  let key = 1;
  let changes: Change[] = [];
  for (let index = 0; index < Math.max(runs, messages); index += 1) {
    const isOld = index % 2 === 0;
    if (index < runs) changes.push(...run(key, isOld));
    if (index < messages) changes.push(...message(key + 10, isOld));
    key += 20;
    if (changes.length < FILL_ROWS && index < Math.max(runs, messages) - 1) continue;
    const some = changes;
    changes = [];
    await store.transaction((transaction) => transaction.write(some));
  }
}

function run(key: number, isOld: boolean): readonly Change[] {
  const ended = { state: "succeeded", completedAt: OLD } as const;
  const live = { state: "started", completedAt: null } as const;
  return [
    {
      type: "insert",
      table: "runs",
      row: {
        ...{ key, id: `wfr_${key}`, url: "https://app.example/order", createdAt: OLD },
        ...(isOld ? ended : live),
        ...{ stepCount: STEPS, bodyBytes: STEPS * BODY.byteLength, callerIp: "", labels: null },
        ...{ flowControlKey: null, response: null, deadLetterKey: null, sourceRunKey: null },
        invoker: null,
      },
    },
    { type: "insert", table: "runConfigs", row: { key, config: "{}" } },
    ...Array.from({ length: STEPS }, (_, index) => step(key, key + 1 + index, index)).flat(),
  ];
}

function step(runKey: number, key: number, position: number): readonly Change[] {
  const times = { createdAt: OLD, dueAt: OLD };
  const outcome = {
    status: 200,
    error: null,
    cause: null,
    isTruncated: 0,
    move: "delivered",
  } as const;
  return [
    {
      type: "insert",
      table: "steps",
      row: {
        ...{ key, runKey, position, slot: position, nextStepId: position + 1, ...times },
        ...{ callType: "step", config: "{}", body: BODY },
      },
    },
    {
      type: "insert",
      table: "attempts",
      row: {
        ...{
          key: key * 1024,
          messageKey: key,
          number: 0,
          startedAt: OLD,
          endedAt: OLD,
          ...outcome,
        },
        ...{ requestHeaders: "{}", responseHeaders: "{}", responseBody: null, runKey: null },
      },
    },
  ];
}

function message(key: number, isOld: boolean): readonly Change[] {
  const url = "https://app.example/hook";
  const at = isOld ? OLD : NOW;
  const log = { startedAt: OLD, nextAt: null, status: 200, error: null, cause: null } as const;
  const rest = { responseHeaders: null, responseBody: null, isTruncated: 0, move: null } as const;
  const logs = (["acceptedActive", "delivered"] as const).map(
    (moment, index): Change => ({
      type: "insert",
      table: "logs",
      row: { key: key + 1 + index, messageKey: key, at, moment, retried: 0, ...log, ...rest },
    }),
  );
  const envelope = { key, createdAt: OLD, url, config: "{}", body: BODY, bodyHash: "" };
  return [{ type: "insert", table: "envelopes", row: envelope }, ...logs];
}

const NOW = Date.now();

/** One whole round, as fast as its pauses allow: only the wait for its begin is left out. */
async function sweepOnce(store: Store): Promise<void> {
  let ended: () => void = () => {};
  const end = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const engine = { execute: () => Promise.reject(new Error("no entry is there to expire")) };
  const sweeper = new Sweeper({
    host: createHost(() => ended()),
    store,
    engine,
    limits: DEFAULT_LIMITS,
  });
  sweeper.start();
  await end;
  await sweeper.stop();
}

function createHost(onRetention: () => void): Host {
  return {
    now: () => Date.now(),
    setTimer: (dueAt, callback) => {
      const timer = setTimeout(callback, Math.min(dueAt - Date.now(), 25));
      return { cancel: () => clearTimeout(timer) };
    },
    setDelay: (delayMs, callback) => {
      const timer = setTimeout(callback, Math.min(delayMs, 25));
      return { cancel: () => clearTimeout(timer) };
    },
    nextTurn: () => new Promise((resolve) => setImmediate(resolve)),
    randomBytes: (count) => new Uint8Array(count),
    fetch: () => Promise.reject(new Error("retention asks nobody")),
    log: (_level, event) => {
      if (event === "retention") onRetention();
    },
  };
}

interface Calls {
  readonly listMs: number[];
  readonly transactionMs: number[];
  /** What is left of it on a machine that has nothing else to do. */
  readonly transactionCpuMs: number[];
}

/** The calls of this store hold up the thread from their begin to their end. */
function timed(store: Store, { listMs, transactionMs, transactionCpuMs }: Calls): Store {
  return passOnStore(store, {
    list: (table, query) => {
      const startedAt = performance.now();
      const found = store.list(table, query);
      listMs.push(performance.now() - startedAt);
      return found;
    },
    transaction: (work) =>
      store.transaction(async (transaction) => {
        const startedAt = performance.now();
        const cpuBefore = threadCpuMs();
        const result = await work(transaction);
        transactionMs.push(performance.now() - startedAt);
        transactionCpuMs.push(threadCpuMs() - cpuBefore);
        return result;
      }),
  });
}

/** Small commits one after the other as long as `work` goes on: what each takes in all, the wait for its turn included. */
async function measureCommits(
  store: Store,
  work: () => Promise<unknown>,
): Promise<readonly number[]> {
  const tookMs: number[] = [];
  let isOver = false;
  const measuring = (async () => {
    for (let key = 900_000_000_000 + tookMs.length; !isOver; key += 1) {
      const startedAt = performance.now();
      await store.transaction(async (transaction) => {
        await transaction.claimDue("messages", NOW, 100, null);
        const row = { key, name: `bench-${key}-${NOW}-${Math.random()}`, value: "x".repeat(500) };
        await transaction.write([
          { type: "insert", table: "settings", row },
          { type: "delete", table: "settings", key },
        ]);
      });
      tookMs.push(performance.now() - startedAt);
      await pause(1);
    }
  })();
  await work();
  isOver = true;
  await measuring;
  return tookMs;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
