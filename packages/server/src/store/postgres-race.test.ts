import { expect, test } from "vitest";
import { embeddedPostgres } from "./embedded-postgres.suite.ts";
import { fullRows } from "./full-rows.suite.ts";
import { openPostgresStore } from "./postgres.ts";
import { insert, keysOf, messageRow, runRow, update } from "./rows.suite.ts";
import { write } from "./store.suite.ts";
import type { Store } from "./store.ts";

/** Two stores on one database: what a transaction has read nobody changes, and who comes second sees what the first has done. */

async function openTwo(): Promise<{ first: Store; second: Store; url: string } & AsyncDisposable> {
  const server = await embeddedPostgres();
  const url = await server.createDatabase();
  const [first, second] = await Promise.all([
    openPostgresStore({ url }),
    openPostgresStore({ url }),
  ]);
  const [one, two] = [first, second];
  return {
    first: one,
    second: two,
    url,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([one.close(), two.close()]);
      await server.dropDatabase(url);
    },
  };
}

function gate(): { readonly isOpen: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { isOpen: promise, open: resolve };
}

/** Resolves when a session waits for a lock in the database. */
async function untilBlocked(url: string): Promise<void> {
  const server = await embeddedPostgres();
  const name = new URL(url).pathname.slice(1);
  for (;;) {
    const [row] = await server.query(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = '${name}' AND wait_event_type = 'Lock'`,
    );
    if (row?.n !== 0) return;
  }
}

test("two nodes that open an empty database at once make its tables once", async () => {
  const server = await embeddedPostgres();
  for (let round = 0; round < 3; round += 1) {
    const url = await server.createDatabase();
    const stores = await Promise.all([1, 2, 3, 4].map(() => openPostgresStore({ url })));
    await Promise.all(stores.map((store, key) => write(store, insert("runs", runRow(key + 1)))));
    expect(await stores[0]?.count("runs", [])).toBe(4);
    await Promise.all(stores.map((store) => store.close()));
    await server.dropDatabase(url);
  }
});

test("a row that a transaction has read is changed by nobody else before its end", async () => {
  await using world = await openTwo();
  const { first, second, url } = world;
  await write(first, insert("runs", runRow(1, { stepCount: 0 })));
  const read = gate();
  const go = gate();
  const counting = (store: Store, afterRead: () => Promise<void>) =>
    store.transaction(async (transaction) => {
      const [row] = await transaction.get("runs", [1]);
      await afterRead();
      await transaction.write([update("runs", 1, { stepCount: (row?.stepCount ?? 0) + 1 })]);
    });
  const slow = counting(first, async () => {
    read.open();
    await go.isOpen;
  });
  await read.isOpen;
  const other = counting(second, async () => {});
  await untilBlocked(url);
  go.open();
  await Promise.all([slow, other]);
  expect((await first.get("runs", [1]))[0]?.stepCount).toBe(2);
});

test.each(["get", "find", "list"] as const)(
  "%s locks the rows of tables that change",
  async (way) => {
    await using world = await openTwo();
    const { first, second, url } = world;
    await write(first, insert("queues", { ...fullRows.queues, key: 1, name: "a", openCount: 0 }));
    const read = gate();
    const go = gate();
    const slow = first.transaction(async (transaction) => {
      if (way === "get") await transaction.get("queues", [1]);
      if (way === "find") await transaction.find("queues", "byName", [["a"]]);
      if (way === "list") {
        await transaction.list("queues", { where: [], order: "ascending", limit: 9 });
      }
      read.open();
      await go.isOpen;
      await transaction.write([update("queues", 1, { openCount: 5 })]);
    });
    await read.isOpen;
    const seen = second.transaction(async (transaction) => {
      const [row] = await transaction.find("queues", "byName", [["a"]]);
      return row?.openCount;
    });
    await untilBlocked(url);
    // Reads outside of transactions wait for nobody.
    expect((await second.get("queues", [1]))[0]?.openCount).toBe(0);
    go.open();
    await slow;
    expect(await seen).toBe(5);
  },
);

test("records that never change are read without a lock", async () => {
  await using world = await openTwo();
  const { first, second } = world;
  await write(first, insert("runConfigs", { key: 1, config: "{}" }));
  await first.transaction(async (transaction) => {
    await transaction.get("runConfigs", [1]);
    const other = second.transaction(async (current) => {
      const rows = await current.get("runConfigs", [1]);
      await current.write([update("runConfigs", 1, { config: "[]" })]);
      return rows.length;
    });
    expect(await other).toBe(1);
  });
});

test("whoever loses the race for a name decides again on what is there now", async () => {
  await using world = await openTwo();
  const { first, second, url } = world;
  const take = (store: Store, key: number, afterRead: () => Promise<void>) => {
    let attempts = 0;
    return store.transaction(async (transaction) => {
      attempts += 1;
      const [taken] = await transaction.find("dedups", "byId", [["a"]]);
      if (taken !== undefined) return { attempts, messageKey: taken.messageKey };
      await afterRead();
      const row = { key, id: "a", messageKey: key, expiresAt: 1 };
      await transaction.write([insert("dedups", row)]);
      return { attempts, messageKey: key };
    });
  };
  const read = gate();
  const go = gate();
  const loser = take(first, 1, async () => {
    read.open();
    await go.isOpen;
  });
  await read.isOpen;
  expect(await take(second, 2, async () => {})).toEqual({ attempts: 1, messageKey: 2 });
  go.open();
  expect(await loser).toEqual({ attempts: 2, messageKey: 2 });
  expect(url).toContain("reprise_test");
});

test("of two transactions that wait for each other one is run again, and both are kept", async () => {
  await using world = await openTwo();
  const { first, second } = world;
  const rows = [1, 2].map((key) => insert("runs", runRow(key, { stepCount: 0 })));
  await write(first, ...rows);
  const both = [gate(), gate()] as const;
  let attempts = 0;
  const cross = (store: Store, keys: readonly [number, number], index: 0 | 1) =>
    store.transaction(async (transaction) => {
      attempts += 1;
      const [one] = await transaction.get("runs", [keys[0]]);
      both[index].open();
      await Promise.all(both.map(({ isOpen }) => isOpen));
      const [two] = await transaction.get("runs", [keys[1]]);
      await transaction.write([
        update("runs", keys[0], { stepCount: (one?.stepCount ?? 0) + 1 }),
        update("runs", keys[1], { stepCount: (two?.stepCount ?? 0) + 1 }),
      ]);
    });
  await Promise.all([cross(first, [1, 2], 0), cross(second, [2, 1], 1)]);
  expect(attempts).toBeGreaterThan(2);
  const found = await first.get("runs", [1, 2]);
  expect(found.map(({ stepCount }) => stepCount)).toEqual([2, 2]);
});

test("two nodes claim what is due once, and neither waits for the other", async () => {
  await using world = await openTwo();
  const { first, second } = world;
  const messages = Array.from({ length: 20 }, (_each, index) =>
    insert("messages", messageRow(index + 1, { dueAt: index })),
  );
  await write(first, ...messages);
  const claimed = await first.transaction(async (transaction) => {
    const own = await transaction.claimDue("messages", 100, 10, null);
    const others = await second.transaction(async (current) =>
      keysOf(await current.claimDue("messages", 100, 15, null)),
    );
    return [keysOf(own), others];
  });
  const [own = [], others = []] = claimed;
  expect(own).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(others).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
});

test("nobody passes a message of a line that somebody else has locked", async () => {
  await using world = await openTwo();
  const { first, second } = world;
  const line = [1, 2, 3].map((key) =>
    insert("messages", messageRow(key, { state: "waiting", gate: "queue:a", waitOrder: key })),
  );
  await write(first, ...line);
  const claim = (store: Store) =>
    store.transaction(async (transaction) => keysOf(await transaction.claimWaiting("queue:a", 3)));
  await first.transaction(async (transaction) => {
    await transaction.get("messages", [2]);
    expect(await claim(second)).toEqual([1]);
  });
  await first.transaction(async (transaction) => {
    await transaction.get("messages", [1]);
    expect(await claim(second)).toEqual([]);
  });
  expect(await claim(second)).toEqual([1, 2, 3]);
});

test("what the clock of the database does not call due is not claimed, whatever the caller's says", async () => {
  await using world = await openTwo();
  const { first } = world;
  const now = await first.now();
  await write(
    first,
    insert("messages", messageRow(1, { dueAt: now - 60_000 })),
    insert("messages", messageRow(2, { dueAt: now + 3_600_000 })),
  );
  const claimed = await first.transaction((transaction) =>
    transaction.claimDue("messages", now + 7_200_000, 9, null),
  );
  expect(keysOf(claimed)).toEqual([1]);
});

test("keys of two nodes never meet, and those of a later transaction are higher", async () => {
  await using world = await openTwo();
  const stores = [world.first, world.second];
  const taken = new Set<number>();
  const draw = (store: Store) =>
    store.transaction(async (transaction) => {
      const spans = await transaction.reserveKeys(30);
      for (const { first, end } of spans)
        for (let key = first; key < end; key += 1) {
          expect(taken.has(key)).toBe(false);
          taken.add(key);
        }
      return [spans[0]?.first ?? 0, spans.at(-1)?.end ?? 0] as const;
    });
  await Promise.all(Array.from({ length: 10 }, () => stores.map(draw)).flat());
  let before = 0;
  for (let round = 0; round < 6; round += 1) {
    const [first, end] = await draw(stores[round % 2] ?? world.first);
    expect(first).toBeGreaterThan(before);
    before = end - 1;
  }
  // Whatever is reserved, few keys are never used: they have to last for years.
  expect(Math.max(...taken)).toBeLessThan(26 * 32 + 16);
});

test("hints reach everybody who watches, and nobody who does not any more", async () => {
  await using world = await openTwo();
  const { first, second } = world;
  const heard: string[] = [];
  const last = gate();
  const unwatch = second.hints?.watch((hint) => heard.push(`second ${hint}`));
  const told = gate();
  first.hints?.watch((hint) => {
    heard.push(`first ${hint}`);
    if (hint === "ready") told.open();
    if (hint === "last") last.open();
  });
  // A watch takes a moment to stand; until then hints may be lost.
  for (let isHeard = false; !isHeard; ) {
    first.hints?.send("ready");
    const answer = await Promise.race([
      told.isOpen.then(() => true),
      first.now().then(() => false),
    ]);
    isHeard = answer && heard.includes("second ready");
    if (answer && !isHeard) await second.now();
  }
  heard.length = 0;
  second.hints?.send("cancel \u{1F600} 'a\"");
  unwatch?.();
  second.hints?.send("last");
  await last.isOpen;
  expect(heard.filter((each) => each.startsWith("first") && !each.endsWith("ready"))).toEqual([
    "first cancel \u{1F600} 'a\"",
    "first last",
  ]);
  expect(heard).not.toContain("second last");
});
