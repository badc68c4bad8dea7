import { DAY_MS } from "@reprise/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openWorld, type World } from "./engine.suite.ts";
import { answerOne, flowOf, newMessage, newMessages } from "./gates.suite.ts";
import { deleteIdleFlowControls } from "./idle-flow-controls.ts";
import { accepted } from "./scripted-host.suite.ts";

let world: World;

beforeEach(async () => {
  world = await openWorld();
});

afterEach(() => world.store.close());

const limit = (key: string) => ({
  flowControl: { key, parallelism: 1, rate: null, periodMs: 1_000 },
});

/** Deletes what is idle, and gives the names of the keys that are left. */
async function left(): Promise<readonly string[]> {
  const { store, host } = world;
  let after: number | null = 0;
  while (after !== null) after = await deleteIdleFlowControls(store, host.now(), after);
  const flows = await store.list("flowControls", { where: [], order: "ascending", limit: 1_000 });
  return flows.map(({ name }) => name);
}

test("a key that nobody uses for a day is forgotten, and made again when it is named", async () => {
  const { host, engine, store } = world;
  await engine.execute([newMessage(host, "a", limit("k"))]);
  await answerOne(host, "a");
  await host.advance(DAY_MS);
  expect(await left()).toEqual(["k"]);
  await host.advance(1_000);
  expect(await left()).toEqual([]);
  await engine.execute([newMessage(host, "b", limit("k"))]);
  expect(await flowOf(store, "k")).toMatchObject({ inFlightCount: 1, parallelism: 1 });
});

test("every use counts, also without a change of the limits", async () => {
  const { host, engine } = world;
  for (const name of ["a", "b"]) {
    await engine.execute([newMessage(host, name, limit("k"))]);
    await answerOne(host, name);
    await host.advance(DAY_MS - 60_000);
  }
  expect(await left()).toEqual(["k"]);
});

test("keys stay that are paused or pinned, in use, waited for, or named by delayed messages", async () => {
  const { host, engine, store } = world;
  const notBefore = host.now() + 10 * DAY_MS;
  await engine.execute([
    ...newMessages(host, ["a", "b"], limit("used")),
    newMessage(host, "c", { ...limit("delayed"), notBefore }),
    { type: "pauseFlowControl", key: "paused" },
    { type: "pinFlowControl", key: "pinned", rate: 5 },
    { type: "pinFlowControl", key: "pinned-too", parallelism: 5 },
  ]);
  await host.advance(5 * DAY_MS);
  expect(await left()).toEqual(["used", "delayed", "paused", "pinned", "pinned-too"]);
  expect(await flowOf(store, "used")).toMatchObject({ inFlightCount: 1, waitingCount: 1 });
});

test("any number of keys is gone through", async () => {
  const { host, engine } = world;
  const names = Array.from({ length: 250 }, (_, index) => `k${index}`);
  const pin = { type: "pinFlowControl", key: "k120", parallelism: 1 } as const;
  host.respond = () => accepted();
  await engine.execute([...names.map((name) => newMessage(host, name, limit(name))), pin]);
  await host.advance(2 * DAY_MS);
  expect(await left()).toEqual(["k120"]);
});
