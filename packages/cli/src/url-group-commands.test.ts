import type { UrlGroupResource } from "@reprise/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type MessageWorld, openMessageWorld } from "./message-target.test.fixture.ts";

const [FIRST, SECOND] = ["http://127.0.0.1:9/1?a=b", "http://127.0.0.1:9/2"] as const;

let world: MessageWorld;

beforeEach(async () => {
  world = await openMessageWorld();
});

afterEach(() => world.close());

const groups = (...args: readonly string[]) => world.run(["url-groups", ...args]);
const show = () => world.json<UrlGroupResource>(["url-groups", "show", "orders"]);

test("endpoints are added with and without a name, and shown", async () => {
  const added = await groups("add", "orders", FIRST, `second=${SECOND}`);
  expect(added).toEqual({ exitCode: 0, out: "", err: "orders: 2 endpoints added\n" });
  expect((await show()).endpoints).toEqual([{ url: FIRST }, { name: "second", url: SECOND }]);
  const { out } = await groups("show", "orders");
  expect(out).toContain(`endpoints\n  ${FIRST}\n  second=${SECOND}\n`);
  const list = await groups("list");
  expect(list.out).toMatch(/^URL group +endpoints +changed\norders +2 +\d{4}-/);
  expect(await world.json(["url-groups", "list"])).toMatchObject([{ name: "orders" }]);
});

test("endpoints are removed by URL or by name", async () => {
  await groups("add", "orders", FIRST, `second=${SECOND}`, "http://127.0.0.1:9/3");
  expect((await groups("remove", "orders", FIRST, "second")).exitCode).toBe(0);
  expect((await show()).endpoints).toEqual([{ url: "http://127.0.0.1:9/3" }]);
});

test("a deletion says how many endpoints go with the group", async () => {
  await groups("add", "orders", FIRST, SECOND);
  const refused = await groups("delete", "orders");
  expect(refused.exitCode).toBe(2);
  expect(refused.err).toContain("delete the URL group orders with 2 endpoints;");
  expect((await show()).endpoints).toHaveLength(2);
  expect((await groups("delete", "orders", "--yes")).err).toBe("orders: deleted\n");
  expect((await groups("delete", "orders", "--yes")).exitCode).toBe(1);
});

test("wrong uses are refused here, wrong endpoints by the server", async () => {
  expect((await groups("add", "orders")).exitCode).toBe(2);
  expect((await groups("remove", "..", FIRST)).exitCode).toBe(2);
  const wrong = await groups("add", "orders", "example.com");
  expect([wrong.exitCode, wrong.out]).toEqual([1, ""]);
  expect(wrong.err).toMatch(/^reprise: .*endpoints\[0\]\.url/);
});
