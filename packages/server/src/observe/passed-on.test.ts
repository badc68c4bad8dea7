import { expect, onTestFinished, test } from "vitest";
import { ScriptedHost } from "../engine/scripted-host.suite.ts";
import { encrypt, payloads } from "../store/encrypted.suite.ts";
import { withLockCheck } from "../store/lock-check.ts";
import { passOnStore } from "../store/pass-on.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import type { Store, TransactionOptions } from "../store/store.ts";
import { createChangeLog } from "./change-log.ts";
import { createMeter } from "./meter.ts";
import { observeStore } from "./observed-store.ts";

function observe(store: Store): Store {
  const host = new ScriptedHost();
  const now = () => host.now();
  const meter = createMeter({ now, clock: now, changeLog: createChangeLog(() => {}) });
  return observeStore(store, meter.store);
}

const LAYERS: readonly (readonly [string, (store: Store) => Store | Promise<Store>])[] = [
  ["nothing", (store) => passOnStore(store, {})],
  ["a watch on its locks", (store) => withLockCheck(store, () => {})],
  ["an observer", observe],
  ["encryption", (store) => encrypt(store, payloads)],
];

test.each(LAYERS)(
  "behind %s everything of a store is there, and what is urgent stays so",
  async (_, put) => {
    const real = await openSqliteStore({ path: ":memory:", now: () => 1 });
    onTestFinished(() => real.close());
    const asked: (TransactionOptions | undefined)[] = [];
    const inner = passOnStore(real, {
      transaction: (work, options) => {
        asked.push(options);
        return real.transaction(work, options);
      },
      bytesUsed: async () => 17,
      space: { use: async () => ({ bytesUsed: 1, bytesFree: 2 }), release: async () => {} },
    });
    const store = await put(inner);
    await store.transaction(async () => {}, { isUrgent: true });
    expect(asked.at(-1)).toEqual({ isUrgent: true });
    expect(await store.bytesUsed?.()).toBe(17);
    expect(await store.space?.use()).toEqual({ bytesUsed: 1, bytesFree: 2 });
    const { commits } = store.counters;
    await store.transaction((transaction) =>
      transaction.write([
        { type: "insert", table: "settings", row: { key: 1, name: "a", value: "b" } },
      ]),
    );
    expect(store.counters.commits).toBe(commits + 1);
  },
);
