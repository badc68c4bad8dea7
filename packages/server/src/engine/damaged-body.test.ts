import { afterEach, beforeEach, expect, test } from "vitest";
import { openWorld, type World } from "./engine.suite.ts";
import { newMessage, sentTo } from "./gates.suite.ts";

let world: World;

beforeEach(async () => {
  world = await openWorld();
});

afterEach(() => world.store.close());

/** Changes one bit of every stored body behind the engine's back, as a bad disk does. */
async function flipBits(at: number): Promise<void> {
  const { store } = world;
  const envelopes = await store.list("envelopes", { where: [], order: "ascending", limit: 10 });
  await store.transaction((transaction) =>
    transaction.write(
      envelopes.map(({ key, body }) => {
        const damaged = Uint8Array.from(body);
        damaged[at] = (damaged[at] ?? 0) ^ 1;
        return { type: "update", table: "envelopes", key, set: { body: damaged } };
      }),
    ),
  );
}

test.each([0, 1, 2])("a body whose byte %i was damaged on the disk is not sent", async (at) => {
  const { host, engine, store } = world;
  const later = host.now() + 60_000;
  const message = newMessage(host, "a", { notBefore: later, retries: 3 });
  await engine.execute([{ ...message, body: new TextEncoder().encode("abc") }]);
  await flipBits(at);
  await host.advance(61_000);
  expect(sentTo(host)).toEqual([]);
  const dead = await store.list("deadMessages", { where: [], order: "ascending", limit: 2 });
  expect(dead).toMatchObject([{ state: "open", cause: "corrupt_body" }]);
  expect(dead[0]?.reason).toMatch(/damaged/);
});

test("a body that is whole is sent, from the disk as well", async () => {
  const { host, engine } = world;
  await engine.execute([newMessage(host, "a", { notBefore: host.now() + 60_000 })]);
  await host.advance(61_000);
  expect(sentTo(host)).toEqual(["a"]);
});
