// `reprise dlq` for messages without a run, alone and beside failed runs.

import type { DeadMessageResource, MessageResource } from "@reprise/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startApp, until } from "./failing-app.test.fixture.ts";
import { type MessageWorld, openMessageWorld } from "./message-target.test.fixture.ts";

let world: MessageWorld;

beforeEach(async () => {
  world = await openMessageWorld();
  world.answer(500, "out of order\u001b[2J\nFAKE");
});

afterEach(() => world.close());

const dlq = (...args: readonly string[]) => world.run(["dlq", ...args]);

const listed = async (...args: readonly string[]): Promise<readonly string[]> => {
  const letters = await world.json<readonly DeadMessageResource[]>(["dlq", "list", ...args]);
  return letters.map(({ dlqId }) => dlqId);
};

/** Fails a run as well; returns the id of its dead letter. */
async function failRun(label: string): Promise<string> {
  const app = await startApp(() => world.server);
  const headers = { authorization: `Bearer ${world.server.token}` };
  await fetch(`${world.server.url}/v2/trigger/${app.url}`, {
    method: "POST",
    headers: { ...headers, "Upstash-Retries": "0", "Upstash-Label": label },
  });
  const dlqId = await until("the failure call", () => app.reported[0] ?? null);
  await app.close();
  return dlqId;
}

test("failed messages and failed runs stand in one list, newest first", async () => {
  const first = await world.fail("--label", "x");
  const run = await failRun("x");
  const second = await world.fail("--label", "x");
  const { exitCode, out, err } = await dlq("list");
  expect([exitCode, err]).toEqual([0, "3 dead letters\n"]);
  const lines = out.trimEnd().split("\n").slice(1);
  expect(lines.map((line) => line.split(/ +/).slice(0, 2))).toEqual([
    [second, "message"],
    [run, "run"],
    [first, "message"],
  ]);
  expect(lines[0]).toMatch(/ 500 +server_error +msg_\S+ +http:\S+ +out of order\uFFFD\[2J FAKE$/);
  expect(await listed("--label", "x")).toEqual([second, run, first]);
  expect(await listed("--messages")).toEqual([second, first]);
  expect(await listed("--runs")).toEqual([run]);
  const short = await dlq("list", "--limit", "1");
  expect(short.err).toBe("1 dead letter; there are more, see --limit\n");
  expect(short.out.trimEnd().split("\n")[1]).toContain(second);
});

test("what failed last stands first, however long before it was made", async () => {
  const release = world.hold();
  const early = world.fail();
  await until("the attempt", () => world.received[0] ?? null);
  const run = await failRun("x");
  release();
  const late = await early;
  expect(await listed()).toEqual([late, run]);
});

test("a filter that only one kind has chooses that kind", async () => {
  const inQueue = await world.fail("--queue", "q");
  const run = await failRun("x");
  expect(await listed("--queue", "q")).toEqual([inQueue]);
  expect(await listed("--state", "success", "--state", "inprogress", "--state", "fail")).toEqual([
    run,
  ]);
  expect(await listed("--status", "500")).toEqual([inQueue]);
  expect(await listed("--status", "404")).toEqual([run]);
  const both = await dlq("list", "--queue", "q", "--run-id", "wfr_1");
  expect([both.exitCode, both.out]).toEqual([2, ""]);
  expect(both.err).toBe(
    "reprise: no dead letter can match: --queue is no filter of runs; --run-id is no filter of messages\n",
  );
});

test("every filter of messages narrows the list", async () => {
  await world.run(["url-groups", "add", "group", world.url]);
  const plain = await world.fail("--label", "a", "--flow-control-key", "k", "--rate", "9");
  await world.run(["publish", "group", "--retries", "0"]);
  const [grouped] = await until("the other", async () => {
    const ids = await listed("--url-group", "group");
    return ids.length === 1 ? ids : null;
  });
  expect(await listed("--label", "a")).toEqual([plain]);
  expect(await listed("--flow-control-key", "k")).toEqual([plain]);
  expect(await listed("--url", world.url)).toEqual([grouped, plain]);
  expect(await listed("--caller-ip", "127.0.0.1", "--from", "1h")).toEqual([grouped, plain]);
  expect(await listed("--schedule", "none")).toEqual([]);
  expect(await listed("--to", "1h")).toEqual([]);
});

test("a failed message is shown with payload and answer, whatever it said", async () => {
  const id = await world.fail("--body", "hello\u0007", "--header", "X-Order: 7");
  const { exitCode, out } = await dlq("show", id);
  expect(exitCode).toBe(0);
  for (const line of [
    new RegExp(`^dead letter +${id}$`, "m"),
    /^message +msg_\S+$/m,
    /^why +\S/m,
    /^ {2}X-Order: 7$/m,
    /^payload\n {2}hello\uFFFD$/m,
    /^response status\n {2}500$/m,
    /^response body\n {2}out of order\uFFFD\[2J\n {2}FAKE$/m,
  ]) {
    expect(out).toMatch(line);
  }
  const letter = await world.json<DeadMessageResource>(["dlq", "show", id]);
  expect(letter).toMatchObject({ dlqId: id, responseStatus: 500, body: "hello\u0007" });
});

test("a message is retried as a new one, with overrides", async () => {
  const id = await world.fail("--body", "again");
  world.answer(200);
  const { exitCode, out, err } = await dlq("retry", id, "--set-label", "second");
  expect([exitCode, err]).toEqual([0, "retried: 1 of 1 dead letter\n"]);
  const [dlqId, messageId = ""] = out.trimEnd().split("  ");
  expect(dlqId).toBe(id);
  const delivery = await until("the second delivery", () => world.received[1] ?? null);
  expect([delivery.body, delivery.headers["upstash-message-id"]]).toEqual(["again", messageId]);
  const message = await world.json<MessageResource>(["messages", "show", messageId]);
  expect(message.labels).toEqual(["second"]);
  expect(await listed()).toEqual([]);
});

test("many are retried after a question that counts them, runs not among them", async () => {
  const run = await failRun("x");
  const total = 60;
  const urls = Array.from({ length: total }, () => world.publish("--retries", "0"));
  await Promise.all(urls);
  await until("all of them", async () => {
    const ids = await listed("--messages", "--limit", "100");
    return ids.length === total ? true : null;
  });
  world.answer(200);
  const refused = await dlq("retry", "--all");
  expect([refused.exitCode, refused.err]).toEqual([
    2,
    "reprise: this would retry 60 dead letters; add --yes to do it without a question\n",
  ]);
  const agreed = await world.run(["dlq", "retry", "--all", "--json"], { answer: "y" });
  expect(agreed.exitCode).toBe(0);
  const { responses, failed } = JSON.parse(agreed.out);
  expect([responses.length, failed]).toEqual([total, []]);
  expect(responses[0]).toMatchObject({ messageId: expect.stringMatching(/^msg_/) });
  expect(await listed()).toEqual([run]);
});

test("an action of the other kind says which one is meant", async () => {
  const [message, run] = [await world.fail(), await failRun("x")];
  const resumed = await dlq("resume", message);
  expect(resumed.exitCode).toBe(1);
  expect(resumed.err).toContain(`is of a message, not of a run; use: reprise dlq retry ${message}`);
  const retried = await dlq("retry", run);
  expect(retried.exitCode).toBe(1);
  expect(retried.err).toContain(`is of a run, not of a message; use: reprise dlq resume ${run}`);
  const unknown = await dlq("retry", "1-1");
  expect([unknown.exitCode, unknown.out]).toEqual([1, ""]);
  expect(unknown.err).toMatch(/^1-1 {2}there is no dead letter "1-1"/);
  expect(await listed()).toHaveLength(2);
});

test("a deletion takes both kinds, by ids or by filters", async () => {
  const ids = [
    await world.fail("--label", "x"),
    await failRun("x"),
    await world.fail("--label", "x"),
  ];
  const kept = await world.fail("--label", "y");
  const refused = await dlq("delete", "--label", "x");
  expect(refused.err).toContain("this would delete 3 dead letters;");
  const two = await dlq("delete", ids[0] ?? "", ids[1] ?? "", "--yes");
  expect(two).toEqual({ exitCode: 0, out: "", err: "deleted 2 dead letters\n" });
  const messages = await dlq("delete", "--label", "x", "--messages", "--yes", "--json");
  expect(JSON.parse(messages.out)).toEqual({ deleted: 1 });
  expect(await listed()).toEqual([kept]);
});

test("a failure call that is still tried is given up", async () => {
  const headers = {
    authorization: `Bearer ${world.server.token}`,
    "Upstash-Retries": "0",
    "Upstash-Failure-Callback": `${world.url}/failed`,
    "Upstash-Failure-Callback-Retries": "3",
    "Upstash-Failure-Callback-Retry-Delay": "600000",
  };
  await fetch(`${world.server.url}/v2/trigger/${world.url}`, { method: "POST", headers });
  await until(
    "the failure call",
    () => world.received.find(({ path }) => path.endsWith("/failed")) ?? null,
  );
  const pending = ["--state", "inprogress"];
  const [dlqId = ""] = await until("the state", async () => {
    const ids = await listed(...pending);
    return ids.length > 0 ? ids : null;
  });
  const refused = await dlq("cancel-callback", "--all");
  expect(refused.err).toContain("no longer call the failure function of 1 dead letter;");
  const { exitCode, err } = await dlq("cancel-callback", "--all", "--yes");
  expect([exitCode, err]).toEqual([0, "no longer called: 1 of 1 dead letter\n"]);
  await until("the end of the call", async () => {
    const ids = await listed("--state", "canceled");
    return ids.includes(dlqId) ? true : null;
  });
});

test("both kinds are held and released, and a list and an entry say when they go", async () => {
  const message = await world.fail("--label", "x");
  const run = await failRun("x");
  const expiries = async () => {
    const letters = await world.json<readonly DeadMessageResource[]>(["dlq", "list"]);
    return letters.map(({ expiresAt }) => expiresAt);
  };
  const before = await expiries();
  expect(before).toEqual([expect.any(Number), expect.any(Number)]);
  expect((await dlq("list")).out).toMatch(/ run +\S+ \S+ +\d{4}-\S+ \S+ +404 /);
  expect((await dlq("show", message)).out).toMatch(/^ *expires +\d{4}-/m);
  const held = await dlq("hold", run, message, "--yes");
  expect([held.exitCode, held.err]).toEqual([0, "held 2 dead letters\n"]);
  expect(await expiries()).toEqual([null, null]);
  expect((await dlq("list")).out).toMatch(/ run +\S+ \S+ +held +404 /);
  for (const id of [run, message]) {
    expect((await dlq("show", id)).out).toMatch(/^ *expires +never, as it is held$/m);
  }
  const released = await dlq("release", "--label", "x", "--yes", "--json");
  expect(JSON.parse(released.out)).toEqual({ released: 2 });
  expect(await expiries()).toEqual(before);
  const gone = await dlq("hold", "1-1");
  expect(gone.exitCode).toBe(1);
  expect(gone.err).toContain("nothing was held");
});
