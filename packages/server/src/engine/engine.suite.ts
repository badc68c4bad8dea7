import { expect, onTestFinished } from "vitest";
import type { ReviveRun, StartRun, SubmitStep } from "../core/commands.ts";
import { runConfig, startRun, submitStep } from "../core/rows.suite.ts";
import type { MessageRow, RunRow } from "../core/rows.ts";
import { withLockCheck } from "../store/lock-check.ts";
import { passOnStore } from "../store/pass-on.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import type { Store, Transaction } from "../store/store.ts";
import { Engine } from "./engine.ts";
import type { EngineLimits, ReadAnswer } from "./engine-options.ts";
import { ScriptedHost } from "./scripted-host.suite.ts";

/** A whole engine over a real store in memory; the clock and the network are the test's. */
export interface World {
  readonly host: ScriptedHost;
  readonly store: Store;
  readonly faults: Faults;
  readonly engine: Engine;
  /** Another process over the same store: the first one is as good as dead. */
  readonly restart: (limits?: Partial<EngineLimits>) => Engine;
}

/** What goes wrong with the next transactions. */
export interface Faults {
  /** `before`: nothing is kept; `after`: everything is kept and the caller does not learn it. */
  next: ("before" | "after")[];
  /** While they are pending, a transaction does not begin, or does not commit. */
  beginGate: Promise<void> | null;
  commitGate: Promise<void> | null;
  /** So many reads outside transactions fail. */
  reads: number;
}

export const limits: EngineLimits = {
  attemptTimeoutMs: 60_000,
  groupRequestsMax: 512,
  groupBytesMax: 32 * 1024 * 1024,
  inboxRequestsMax: 10_000,
  configCacheEntriesMax: 10_000,
  historyCharsMax: 8 * 1024 * 1024,
  perOriginWaitingMax: 1_000,
  inlineCharsMax: 4 * 1024 * 1024,
  lingerMs: 20,
  storeRetryMs: 1_000,
  pollMs: 1_000,
  claimMax: 500,
  perOriginMax: 50,
  parallelismMax: 2_000,
  responseBytesMax: 1024 * 1024,
};

const keys = { current: "sig_current", next: "sig_next" };

export async function openWorld(
  own: Partial<EngineLimits> = {},
  toReader?: (host: ScriptedHost) => ReadAnswer,
): Promise<World> {
  const host = new ScriptedHost();
  const reading = toReader === undefined ? {} : { readAnswer: toReader(host) };
  const store = await openSqliteStore({ path: ":memory:" });
  const faults: Faults = { next: [], beginGate: null, commitGate: null, reads: 0 };
  const violations: string[] = [];
  const wrapped = withFaults(
    withLockCheck(store, (text) => violations.push(text)),
    faults,
  );
  onTestFinished(() => expect(violations).toEqual([]));
  const restart = (more: Partial<EngineLimits> = {}) =>
    new Engine({
      host,
      store: wrapped,
      keys: () => keys,
      ...reading,
      limits: { ...limits, ...own, ...more },
    });
  return { host, store, faults, engine: restart(), restart };
}

function withFaults(store: Store, faults: Faults): Store {
  return passOnStore(store, {
    find: async (table, lookup, values) => {
      if (faults.reads > 0) {
        faults.reads -= 1;
        throw new Error("the disk cannot be read on purpose");
      }
      return store.find(table, lookup, values);
    },
    transaction: async <R>(work: (transaction: Transaction) => Promise<R>) => {
      await faults.beginGate;
      const fault = faults.next.shift();
      const result = await store.transaction(async (transaction) => {
        const made = await work(transaction);
        await faults.commitGate;
        if (fault === "before") throw new Error("the disk is full on purpose");
        return made;
      });
      if (fault === "after") throw new Error("the answer to the commit is lost on purpose");
      return result;
    },
  });
}

export function allMessages(store: Store): Promise<readonly MessageRow[]> {
  return store.list("messages", { where: [], order: "ascending", limit: 100_000 });
}

export async function runById(store: Store, id: string): Promise<RunRow | undefined> {
  const runs = await store.find("runs", "byId", [[id]]);
  return runs.toSorted((a, b) => b.key - a.key)[0];
}

/** A run that starts now; `id` makes it one of many. */
export function newRun(host: ScriptedHost, id: string, more: Partial<StartRun> = {}): StartRun {
  return startRun({
    runId: id,
    dueAt: host.now(),
    config: runConfig({ isDetecting: false, failureCallback: null }),
    ...more,
  });
}

/** The result of a sequential step. */
export function newStep(
  host: ScriptedHost,
  runId: string,
  stepId: number,
  more: Partial<SubmitStep> = {},
): SubmitStep {
  return submitStep({
    runId,
    facts: { stepId, isPlan: false, concurrent: 1 },
    body: stepBody({ stepId, concurrent: 1 }),
    dueAt: host.now(),
    ...more,
  });
}

/** One batch of plans for steps `first` to `first + count - 1`. */
export function newPlans(
  host: ScriptedHost,
  runId: string,
  group: { readonly first: number; readonly count: number },
): readonly SubmitStep[] {
  return Array.from({ length: group.count }, (_, index) =>
    submitStep({
      runId,
      facts: { stepId: group.first + index, isPlan: true, concurrent: group.count },
      groupNextStepId: group.first + group.count,
      body: stepBody({ stepId: 0, targetStep: group.first + index, concurrent: group.count }),
      dueAt: host.now(),
    }),
  );
}

function stepBody(fields: Readonly<Record<string, unknown>>): Uint8Array {
  return new TextEncoder().encode(
    JSON.stringify({ stepName: "step", stepType: "Run", out: '"ok"', ...fields }),
  );
}

export function revive(deadLetterKey: number, more: Partial<ReviveRun> = {}): ReviveRun {
  return {
    type: "reviveRun",
    mode: "resume",
    deadLetterKey,
    newRunId: "wfr_revived",
    overrides: {},
    ...more,
  };
}
