import type { LogResource } from "@reprise/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "./failing-app.test.fixture.ts";
import { startFollowing } from "./following.test.fixture.ts";
import { type MessageWorld, openMessageWorld } from "./message-target.test.fixture.ts";

let world: MessageWorld;

beforeEach(async () => {
  world = await openMessageWorld();
});

afterEach(() => world.close());

const entries = (...args: readonly string[]) =>
  world.json<readonly LogResource[]>(["logs", ...args]);

const delivered = (id: string) =>
  until("the delivery", async () => {
    const log = await entries("--message-id", id, "--state", "delivered");
    return log.length > 0 ? true : null;
  });

const follow = (...args: readonly string[]) =>
  startFollowing(world.run, ["logs", "--follow", ...args]);

test("the log is printed newest last, and a limit keeps its end", async () => {
  const id = await world.publish();
  await delivered(id);
  const { exitCode, out, err } = await world.run(["logs"]);
  expect([exitCode, err]).toEqual([0, "3 log lines\n"]);
  expect(
    out
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/ +/)[2]),
  ).toEqual([...["CREATED", "ACTIVE", "DELIVERED"]]);
  expect(out).toMatch(
    new RegExp(`Z {2}DELIVERED +${id} {2}${world.url} {2}200 after [\\d.]+ m?s$`, "m"),
  );
  const last = await world.run(["logs", "--limit", "1"]);
  expect(last.out).toBe(`${out.trimEnd().split("\n").at(-1)}\n`);
  expect(last.err).toBe("1 log line; there are more, see --limit\n");
});

test("filters narrow the log", async () => {
  const first = await world.publish("--label", "a", "--queue", "q");
  const second = await world.publish("--label", "b");
  await delivered(first);
  await delivered(second);
  const ids = async (...args: readonly string[]) =>
    (await entries(...args)).map(({ messageId }) => messageId);
  const created = ["--state", "created"];
  expect(await ids(...created, "--label", "a")).toEqual([first]);
  expect(await ids(...created, "--queue", "q")).toEqual([first]);
  expect(await ids(...created, "--label", "a", "--label", "b")).toEqual([first, second]);
  expect(await ids(...created, "--message-id", second)).toEqual([second]);
  expect(await ids(...created, "--url", "http://127.0.0.1:1/other")).toEqual([]);
  expect(await ids(...created, "--from", "1h", "--host", "127.0.0.1")).toEqual([first, second]);
  expect(await ids("--to", "1h")).toEqual([]);
});

test("following prints each entry once, in order, and a signal ends it with 0", async () => {
  const before = await world.publish();
  await delivered(before);
  const following = follow();
  await following.awaitLine(before);
  const ids: string[] = [];
  for (let round = 0; round < 3; round++) {
    const id = await world.publish();
    ids.push(id);
    await until(
      "its delivery",
      () => following.lines().find((line) => /DELIVERED/.test(line) && line.includes(id)) ?? null,
    );
  }
  const { exitCode, err } = await following.stop();
  expect([exitCode, err]).toEqual([0, ""]);
  const seen = following.lines().map((line) => line.split(/ +/).slice(2, 4).join(" "));
  const all = [before, ...ids].flatMap((id) =>
    ["CREATED", "ACTIVE", "DELIVERED"].map((state) => `${state} ${id}`),
  );
  expect(seen).toEqual(all);
});

test("following begins with an empty log, and filters hold", async () => {
  const following = follow("--label", "a", "--state", "delivered", "--json");
  await world.publish("--label", "b");
  const id = await world.publish("--label", "a");
  const line = await following.awaitLine(id);
  expect(JSON.parse(line)).toMatchObject({ messageId: id, state: "DELIVERED", labels: ["a"] });
  expect((await following.stop()).exitCode).toBe(0);
  expect(following.lines()).toHaveLength(1);
});

test("a log without an end takes no end, and a wrong state is a wrong use", async () => {
  expect((await world.run(["logs", "--follow", "--to", "1h"])).exitCode).toBe(2);
  expect((await world.run(["logs", "--state", "finished"])).exitCode).toBe(2);
});

test("what a destination said never reaches the terminal as control characters", async () => {
  world.answer(500, "\u001b]0;owned\u0007\u202edne\nFAKE LINE");
  const id = await world.publish("--retries", "0");
  await until("the failure", async () => {
    const log = await entries("--message-id", id, "--state", "failed");
    return log.length > 0 ? true : null;
  });
  const { out } = await world.run(["logs"]);
  expect(out).toContain("owned");
  expect(out).not.toMatch(/^FAKE/m);
  for (const character of ["\u001b", "\u0007", "\u202e"]) expect(out).not.toContain(character);
});
