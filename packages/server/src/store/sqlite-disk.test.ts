import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type DiskCall, type DiskFault, type DiskRun, runWatched } from "./disk-calls.suite.ts";

// Several processes each, one after the other.
vi.setConfig({ testTimeout: 800_000 });

const COMMITS = 20;
const storeUrl = new URL("./sqlite.ts", import.meta.url).href;

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "reprise-disk-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** Opens a store in a new directory and writes one setting a transaction; prints what became of each. */
function program(name: string, commits: number = COMMITS): string {
  return `
    import { openSqliteStore } from ${JSON.stringify(storeUrl)};
    let broken = 0;
    const store = await openSqliteStore({
      path: ${JSON.stringify(join(directory, name, "reprise.db"))},
      onBroken: () => { broken += 1; },
    });
    const results = [];
    for (let key = 1; key <= ${commits}; key += 1) {
      const row = { key, name: "name " + key, value: "x".repeat(1000) };
      await store
        .transaction((current) => current.write([{ type: "insert", table: "settings", row }]))
        .then(() => results.push("kept"), (error) => results.push(error.code));
    }
    const rows = await store
      .list("settings", { where: [], order: "ascending", limit: 1000 })
      .then((found) => found.map(({ key }) => key), (error) => error.code);
    await store.close();
    console.log(JSON.stringify({ results, rows, broken }));
  `;
}

interface Answer {
  readonly results: readonly string[];
  readonly rows: readonly number[] | string;
  readonly broken: number;
}

function answerOf({ output }: DiskRun): Answer {
  return JSON.parse(output);
}

/** The position, among the calls of its kind from 1, of the n-th one to a file. */
function positionOf(calls: readonly DiskCall[], call: DiskCall, n: number): number {
  let found = 0;
  const same = calls.filter((each) => each.call === call.call);
  const index = same.findIndex((each) => {
    if (each.file === call.file) found += 1;
    return found === n;
  });
  return index + 1;
}

interface FaultPlan {
  readonly call: DiskCall["call"];
  readonly file: string;
  /** The first of the calls to this file that fails, from 1, behind those that a store without a commit makes. */
  readonly n: number;
  readonly error: DiskFault["error"];
  readonly count?: number;
  readonly commits?: number;
}

/** The same program again, on another new directory, with calls failing that the first run has shown. */
async function runFailing(plan: FaultPlan): Promise<Answer> {
  const { call, file, n, error, count = 1, commits } = plan;
  const { calls: idle } = await runWatched(program("idle", 0), directory);
  const { calls } = await runWatched(program("healthy", commits), directory);
  const ownCalls = idle.filter((each) => each.call === call && each.file === file).length;
  const from = positionOf(calls, { call, file }, ownCalls + n);
  expect(from).toBeGreaterThan(0);
  const fault = { call, error, from, to: from + count - 1 };
  return answerOf(await runWatched(program("failing", commits), directory, fault));
}

// Which calls reach the disk can be seen on Linux only.
if (process.platform === "linux") {
  test("every commit waits for a flush of the log", async () => {
    const few = await runWatched(program("few", 1), directory);
    const many = await runWatched(program("many", 1 + COMMITS), directory);
    expect(answerOf(many).results).toEqual(Array(1 + COMMITS).fill("kept"));
    const flushes = ({ calls }: DiskRun) =>
      calls.filter(({ call, file }) => call === "sync" && file === "reprise.db-wal").length;
    // What opening and closing needs is in both, so the difference belongs to the commits.
    expect(flushes(many) - flushes(few)).toBe(COMMITS);
  });

  test("a new database and its directory are flushed before they are used", async () => {
    const { calls } = await runWatched(program("new", 1), directory);
    const firstWrite = calls.findIndex(({ call }) => call === "write");
    const before = calls.slice(0, firstWrite).filter(({ call }) => call === "sync");
    const parent = directory.slice(directory.lastIndexOf("/") + 1);
    expect(before.map(({ file }) => file)).toEqual([parent, "new", "new"]);
  });

  // Behind the calls that opening and closing need, so these hit a commit or a checkpoint in the middle.
  test.each<[string, FaultPlan]>([
    ["flush of a commit", { call: "sync", file: "reprise.db-wal", n: 5, error: "EIO" }],
    ["write of a commit", { call: "write", file: "reprise.db-wal", n: 10, error: "EIO" }],
    [
      "flush of a checkpoint",
      { call: "sync", file: "reprise.db", n: 1, error: "EIO", commits: 1_000 },
    ],
  ])(
    "after a failed %s nothing is acknowledged, and the owner hears it once",
    async (_name, plan) => {
      const { results, rows, broken } = await runFailing(plan);
      const firstFailure = results.indexOf("storage_unavailable");
      expect(firstFailure).toBeGreaterThan(0);
      expect(results.slice(firstFailure).every((result) => result !== "kept")).toBe(true);
      expect(rows).toBe("storage_unavailable");
      expect(broken).toBe(1);
    },
  );

  test("a full disk refuses what does not fit and goes on when there is room", async () => {
    const full = { call: "write", file: "reprise.db-wal", error: "ENOSPC" } as const;
    const { results, rows, broken } = await runFailing({ ...full, n: 10, count: 3 });
    const kept = results.flatMap((result, index) => (result === "kept" ? [index + 1] : []));
    expect(results).toContain("storage_unavailable");
    expect(results[0]).toBe("kept");
    expect(results.at(-1)).toBe("kept");
    expect(rows).toEqual(kept);
    expect(broken).toBe(0);
  });
}
