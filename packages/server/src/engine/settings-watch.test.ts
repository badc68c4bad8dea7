import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestStore } from "../store/postgres-databases.suite.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import type { Store } from "../store/store.ts";
import { ScriptedHost } from "./scripted-host.suite.ts";
import { SettingsWatch, tellSettings } from "./settings-watch.ts";

/** Hints come over a real PostgreSQL; the clock is the test's. */

let store: Store;
let host: ScriptedHost;
let refreshes: number;

beforeEach(async () => {
  // A database of its own: hints of another test would be heard.
  store = await openTestStore();
  host = new ScriptedHost();
  refreshes = 0;
});

afterEach(() => store.close());

function watch(more: { everyMs?: number; store?: Store; refresh?: () => Promise<void> } = {}) {
  const refresh = async () => {
    refreshes += 1;
  };
  return new SettingsWatch({ host, store, everyMs: 1_000, refresh, ...more });
}

test("keys and tokens are read again at every poll, and after the stop never more", async () => {
  const watching = watch();
  watching.start();
  await host.advance(3_000);
  expect(refreshes).toBe(3);
  await watching.stop();
  await host.advance(10_000);
  expect(refreshes).toBe(3);
});

test("however rarely a node polls, a revoked token is nobody's after five seconds", async () => {
  const watching = watch({ everyMs: 60_000 });
  watching.start();
  await host.advance(5_000);
  expect(refreshes).toBe(1);
  await watching.stop();
});

test("a hint makes it read at once; other hints do not", async () => {
  const refreshed = Promise.withResolvers<void>();
  const watching = watch({
    refresh: async () => {
      refreshes += 1;
      refreshed.resolve();
    },
  });
  watching.start();
  await othersAreHeard();
  expect(refreshes).toBe(0);
  tellSettings(store);
  await refreshed.promise;
  await watching.stop();
});

/** Sends what is about no settings, and waits until it was heard: a watch takes a moment to stand, and until then hints are lost. */
async function othersAreHeard(): Promise<void> {
  const others = ['{"type":"gate","gate":"origin:a"}', "what nobody understands"];
  const heard = new Set<string>();
  const unwatch = store.hints?.watch((hint) => void heard.add(hint));
  for (; heard.size < others.length; await store.now()) {
    for (const hint of others) store.hints?.send(hint);
  }
  unwatch?.();
}

test("a refresh that fails is logged, and the next one comes", async () => {
  let count = 0;
  const watching = watch({
    refresh: () => {
      count += 1;
      return count === 1 ? Promise.reject(new Error("no database")) : Promise.resolve();
    },
  });
  watching.start();
  await host.advance(2_000);
  await watching.stop();
  expect(count).toBe(2);
  expect(host.logs.map(({ event }) => event)).toEqual(["settings_not_refreshed"]);
});

test("an older answer never comes behind a newer one: one refresh waits for the other", async () => {
  const first = Promise.withResolvers<void>();
  let begun = 0;
  const watching = watch({
    refresh: async () => {
      begun += 1;
      if (begun === 1) await first.promise;
    },
  });
  watching.start();
  const heard: string[] = [];
  const unwatch = store.hints?.watch((hint) => heard.push(hint));
  for (; begun === 0; await store.now()) tellSettings(store);
  tellSettings(store);
  for (; !heard.includes("behind it"); await store.now()) store.hints?.send("behind it");
  unwatch?.();
  // The next hint has come, and its refresh waits.
  expect(begun).toBe(1);
  first.resolve();
  await watching.stop();
  expect(begun).toBeGreaterThan(1);
});

test("a server that is alone has nobody to ask", async () => {
  const alone = await openSqliteStore({ path: ":memory:" });
  const watching = watch({ store: alone });
  watching.start();
  expect(host.alarms).toEqual([]);
  tellSettings(alone);
  await watching.stop();
  await alone.close();
});
