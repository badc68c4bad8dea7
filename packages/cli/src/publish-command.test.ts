import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageResource } from "@reprise/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "./failing-app.test.fixture.ts";
import {
  type MessageWorld,
  openMessageWorld,
  type Received,
} from "./message-target.test.fixture.ts";

let world: MessageWorld;

beforeEach(async () => {
  world = await openMessageWorld();
});

afterEach(() => world.close());

const delivery = (index = 0): Promise<Received> =>
  until("the delivery", () => world.received[index] ?? null);

const shown = (id: string) => world.json<MessageResource>(["messages", "show", id]);

test("a publish prints the id alone, and the body arrives", async () => {
  const { exitCode, out, err } = await world.run(["publish", world.url, "--body", "hello"]);
  expect([exitCode, out, err]).toEqual([
    0,
    expect.stringMatching(/^msg_[0-9a-z]+\n$/),
    "1 message\n",
  ]);
  const { method, body, headers } = await delivery();
  expect([method, body]).toEqual(["POST", "hello"]);
  expect(headers["content-type"]).toBeUndefined();
  expect(headers["upstash-message-id"]).toBe(out.trim());
});

test("as JSON it prints what the API answered", async () => {
  const answer = await world.json(["publish", world.url]);
  expect(answer).toEqual({ messageId: expect.stringMatching(/^msg_/), url: world.url });
});

test("a body of JSON says so, unless the person says what it is", async () => {
  await world.publish("--body", '{"order":7}');
  expect((await delivery(0)).headers["content-type"]).toBe("application/json");
  await world.publish("--body", '{"order":7}', "--header", "Content-Type: text/x-order");
  expect((await delivery(1)).headers["content-type"]).toBe("text/x-order");
});

test("a body comes from a file or from standard input, byte for byte", async () => {
  const directory = mkdtempSync(join(tmpdir(), "reprise-cli-"));
  const file = join(directory, "body");
  writeFileSync(file, "a\r\nb\u00e9");
  await world.publish("--file", file);
  expect((await delivery(0)).body).toBe("a\r\nb\u00e9");
  rmSync(directory, { recursive: true });
  const { exitCode } = await world.run(["publish", world.url, "--file", "-"], { input: "piped" });
  expect([exitCode, (await delivery(1)).body]).toEqual([0, "piped"]);
  const missing = await world.run(["publish", world.url, "--file", file]);
  expect([missing.exitCode, missing.out]).toEqual([1, ""]);
  expect(missing.err).toMatch(/^reprise: .*body cannot be read \(ENOENT\)\n$/);
});

test("every option reaches the message", async () => {
  const id = await world.publish(
    ...["--method", "put", "--header", "X-Order: 7", "--delay", "1h", "--retries", "5"],
    ...["--retry-delay", "1000 * retried", "--timeout", "9s", "--label", "a", "--label", "b"],
    ...["--callback", "http://127.0.0.1:9/done", "--failure-callback", "http://127.0.0.1:9/bad"],
    ...["--header", "Upstash-Callback-Retries: 1"],
    ...["--flow-control-key", "k", "--parallelism", "2", "--rate", "5", "--period", "1m"],
    ...["--queue", "orders", "--redact", "header[X-Order]", "--body", "x"],
  );
  const message = await shown(id);
  expect(message).toMatchObject({
    method: "PUT",
    maxRetries: 5,
    retryDelayExpression: "1000 * retried",
    timeout: 9_000,
    labels: ["a", "b"],
    callback: "http://127.0.0.1:9/done",
    failureCallback: "http://127.0.0.1:9/bad",
    queueName: "orders",
    flowControlKey: "k",
    parallelism: 2,
    rate: 5,
    period: 60,
    body: "x",
  });
  expect(message.header?.["X-Order"]?.[0]).toMatch(/^REDACTED:/);
  // The delay begins when the request has come, the message is made a moment later.
  expect(Math.round((message.notBefore - message.createdAt) / 10_000)).toBe(360);
});

test("an instant to come is kept, never a moment early", async () => {
  const at = 1_000 * Math.floor(Date.now() / 1_000) + 3_600_500;
  expect((await shown(await world.publish("--not-before", String(at)))).notBefore).toBe(at + 500);
  const text = new Date(at - 500).toISOString();
  expect((await shown(await world.publish("--not-before", text))).notBefore).toBe(at - 500);
  const seconds = String((at - 500) / 1_000);
  expect((await shown(await world.publish("--not-before", seconds))).notBefore).toBe(at - 500);
});

test("the destination goes as it was written: dots, blanks and parameters", async () => {
  const url = `${world.url}/a/../b%2Fc?x=1&y=%20z&upstash-retries=0`;
  const { messageId } = await world.json<MessageResource>(["publish", url]);
  const message = await shown(messageId);
  expect([message.url, message.maxRetries]).toEqual([`${world.url}/a/../b%2Fc?x=1&y=%20z`, 0]);
});

test("a message to a group prints an id for each endpoint", async () => {
  await world.run(["url-groups", "add", "orders", `one=${world.url}/1`, `${world.url}/2`]);
  const { out, err } = await world.run(["publish", "orders", "--body", "x"]);
  expect(out.trimEnd().split("\n")).toEqual([
    expect.stringMatching(/^msg_/),
    expect.stringMatching(/^msg_/),
  ]);
  expect(err).toBe("2 messages\n");
  await delivery(1);
  expect(world.received.map(({ path }) => path).toSorted()).toEqual(["/hook/1", "/hook/2"]);
});

test("what was accepted before is named", async () => {
  const first = await world.publish("--dedup-id", "order-7");
  const again = await world.run(["publish", world.url, "--dedup-id", "order-7"]);
  expect([again.exitCode, again.out]).toEqual([0, `${first}\n`]);
  expect(again.err).toBe("1 message, 1 accepted before (deduplicated)\n");
  await world.publish("--content-dedup", "--body", "same");
  const same = await world.run(["publish", world.url, "--content-dedup", "--body", "same"]);
  expect(same.err).toContain("deduplicated");
});

test.each([
  [["example.com/hook"]],
  [["../../v2/keys/rotate"]],
  [[""]],
  [["http://127.0.0.1:9/", "--body", "x", "--file", "y"]],
  [["http://127.0.0.1:9/", "--header", "no-colon"]],
  [["http://127.0.0.1:9/", "--header", "X: a\nb"]],
  [["http://127.0.0.1:9/", "--label", "a\nb"]],
  [["http://127.0.0.1:9/", "--rate", "5"]],
  [["http://127.0.0.1:9/", "--flow-control-key", "k"]],
  [["http://127.0.0.1:9/", "--flow-control-key", "k", "--rate", "5,parallelism=1"]],
  [["http://127.0.0.1:9/", "--not-before", "10m"]],
  [["http://127.0.0.1:9/", "--queue", "../topics"]],
])("%j is a wrong use, and nothing is sent", async (args) => {
  const { exitCode, out, err } = await world.run(["publish", ...args]);
  expect([exitCode, out]).toEqual([2, ""]);
  expect(err).not.toBe("");
  const { out: logs } = await world.run(["logs", "--json"]);
  expect(JSON.parse(logs)).toEqual([]);
});

test("what the server refuses fails with its words", async () => {
  const { exitCode, out, err } = await world.run(["publish", world.url, "--retries", "many"]);
  expect([exitCode, out]).toEqual([1, ""]);
  expect(err).toMatch(/^reprise: Upstash-Retries must be .*"many"\n$/);
});
