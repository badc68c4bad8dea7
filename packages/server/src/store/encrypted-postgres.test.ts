import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { canaryRows, keyA, keyB, payloads } from "./encrypted.suite.ts";
import { openEncrypted } from "./encrypted.ts";
import { rotateEncryption } from "./encrypted-rotation.ts";
import { openTestStore } from "./postgres-databases.suite.ts";
import { write } from "./store.suite.ts";

test("a database of several nodes is encrypted while it is in use, and its key changes", async () => {
  const raw = await openTestStore();
  const rows = canaryRows("canary", 100);
  await write(raw, ...rows);
  const report = await rotateEncryption(raw, {
    settings: payloads,
    isDecrypting: false,
    randomBytes,
  });
  expect(report.damaged).toEqual([]);
  const both = { hasPayloads: true, keys: [keyB, keyA] as const };
  await openEncrypted(raw, { settings: { ...payloads, keys: [keyA, keyB] }, randomBytes });
  const { store } = await openEncrypted(raw, { settings: both, randomBytes });
  await rotateEncryption(raw, { settings: both, isDecrypting: false, randomBytes });
  for (const change of rows) {
    if (change.type !== "insert") continue;
    expect(await store.get(change.table, [change.row.key])).toEqual([change.row]);
    const [stored] = await raw.get(change.table, [change.row.key]);
    const text = JSON.stringify(stored, (_, value) =>
      value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value,
    );
    expect(text).not.toContain("canary");
  }
  await raw.close();
});
