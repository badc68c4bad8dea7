import { expect, test } from "vitest";
import { EndedSessions } from "../engine/ended-sessions.ts";
import { listSettings } from "../engine/settings.ts";
import { createWorld } from "./test-world.suite.ts";

const WHOLE_MS = 1_000;

test("what is over anyway is forgotten, and no more is kept than there is room for", async () => {
  const { store, host } = await createWorld();
  const ended = await EndedSessions.open({ store, host, max: 20 });
  const keptNames = async () =>
    (await listSettings(store, "endedSession:")).map(({ name }) => name);
  await ended.end("first", host.now() + WHOLE_MS);
  await ended.end("second", host.now() + 2 * WHOLE_MS);
  await host.advance(WHOLE_MS);
  await ended.end("third", host.now() + 3 * WHOLE_MS);
  expect(await keptNames()).toEqual(["endedSession:second", "endedSession:third"]);
  const ends = Array.from({ length: 20 }, (_, index) =>
    ended.end(`s${index}`, host.now() + 10 * WHOLE_MS + index),
  );
  await Promise.all(ends);
  expect((await keptNames()).length).toBe(20);
  expect([ended.has("third"), ended.has("s0"), ended.has("s19")]).toEqual([false, true, true]);
});
