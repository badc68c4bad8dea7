import { afterEach, beforeEach, expect, test } from "vitest";
import { createSystemHost } from "../host/system-host.ts";
import { passOnStore } from "../store/pass-on.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import type { Store } from "../store/store.ts";
import { TOKENS_MAX, TokenRing } from "./token-ring.ts";

const host = createSystemHost();
let store: Store;

beforeEach(async () => {
  store = await openSqliteStore({ path: ":memory:" });
});

afterEach(() => store.close());

const open = () => TokenRing.open({ store, host, given: [] });

test("every token is another one, and each has its own scope", async () => {
  const ring = await open();
  const full = await ring.create("a", "full");
  const reader = await ring.create("a", "read-only");
  expect(full.text).not.toBe(reader.text);
  expect([ring.scopeOf(full.text), ring.scopeOf(reader.text)]).toEqual(["full", "read-only"]);
  expect((await open()).list()).toEqual([full.token, reader.token]);
});

test("the last token that may do everything cannot be revoked", async () => {
  const ring = await open();
  await ring.keepStartToken("the first", "first");
  const { token } = await ring.create("reader", "read-only");
  await expect(ring.revoke("start")).rejects.toMatchObject({ code: "invalid_request" });
  expect(ring.scopeOf("the first")).toBe("full");
  const second = await ring.create("second", "full");
  await ring.revoke("start");
  expect(ring.scopeOf("the first")).toBeNull();
  await ring.revoke(token.id);
  await expect(ring.revoke(second.token.id)).rejects.toMatchObject({ code: "invalid_request" });
  await expect(ring.revoke(token.id)).rejects.toMatchObject({ code: "token_not_found" });
  expect((await open()).list()).toEqual([second.token]);
});

test("of two that are revoked at once the last one stays", async () => {
  const ring = await open();
  const [a, b] = [await ring.create("a", "full"), await ring.create("b", "full")];
  const both = await Promise.allSettled([ring.revoke(a.token.id), ring.revoke(b.token.id)]);
  expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  expect(ring.list()).toEqual([b.token]);
});

test("what could not be stored does not hold, and what could not be deleted still does", async () => {
  const failing = passOnStore(store, {
    transaction: () => Promise.reject(new Error("the disk is full")),
  });
  const made = await (await open()).create("a", "full");
  await (await open()).create("b", "full");
  const ring = await TokenRing.open({ store: failing, host, given: [] });
  const before = ring.list();
  await expect(ring.create("c", "full")).rejects.toThrow("the disk is full");
  await expect(ring.revoke(made.token.id)).rejects.toThrow("the disk is full");
  expect(ring.list()).toEqual(before);
  expect(ring.scopeOf(made.text)).toBe("full");
});

test("there are no more than every request can be compared with", async () => {
  const ring = await open();
  for (let count = 0; count < TOKENS_MAX; count += 1) await ring.create("a", "publish-only");
  await expect(ring.create("one more", "full")).rejects.toMatchObject({ code: "quota_exceeded" });
});

test("a stored token that somebody has changed opens nothing", async () => {
  const row = { key: 7, name: "token:tok_a", value: '{"name":"a","scope":"root"}' };
  await store.transaction((current) => current.write([{ type: "insert", table: "settings", row }]));
  await expect(open()).rejects.toMatchObject({ code: "storage_unavailable" });
});
