// When the next attempt comes: what the destination asks for, then the expression, then the default backoff; read from the log,
// because nobody waits for it.

import type { LogResource } from "@reprise/protocol";
import { expect, test } from "vitest";
import { deadMessageOf, logUntil, qstash } from "./publisher.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

let pathCount = 0;

interface Failure {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly retryDelay?: string;
}

/** A message whose first attempt fails like this; gives its log up to the retry that follows. */
async function logOfFailure(failure: Failure): Promise<readonly LogResource[]> {
  const { status = 500, headers = {}, retryDelay } = failure;
  pathCount += 1;
  const url = world.app.on(`/fail-${pathCount}`, () => new Response("no", { status, headers }));
  const { messageId } = await qstash(world).publish({
    url,
    ...(retryDelay === undefined ? {} : { retryDelay }),
  });
  return logUntil(world, messageId, "RETRY");
}

/** Milliseconds from the failed attempt to the next one. */
async function delayMsAfter(failure: Failure): Promise<number> {
  // A delay of a second may be over before the log is read: then it has a second retry.
  const first = (await logOfFailure(failure)).find(({ state }) => state === "RETRY");
  const { time, nextDeliveryTime = 0 } = first ?? { time: 0 };
  return nextDeliveryTime - time;
}

const DAY_SECONDS = 86_400;

test("seconds, durations and dates in Retry-After", async () => {
  const values = {
    "1": 1_000,
    "120": 120_000,
    "1.5": 1_500,
    [String(DAY_SECONDS)]: DAY_SECONDS * 1000,
    "6m5s": 365_000,
    "1h0m0s": 3_600_000,
    "2500ms": 2_500,
    "24h": DAY_SECONDS * 1000,
  };
  for (const [value, delayMs] of Object.entries(values)) {
    const headers = { "Retry-After": value };
    expect([value, await delayMsAfter({ headers })]).toEqual([value, delayMs]);
  }
  const at = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3_600_000);
  const log = await logOfFailure({ headers: { "Retry-After": at.toUTCString() } });
  expect(log.at(-1)?.nextDeliveryTime).toBe(at.getTime());
});

test("what cannot be read, is negative or lies more than a day ahead is ignored", async () => {
  const inTwoDays = new Date(Date.now() + 2 * DAY_SECONDS * 1000).toUTCString();
  const values = ["soon", "-5", "", "1e3", "86401", "25h", "1700000000", inTwoDays, "5 minutes"];
  for (const value of values) {
    const headers = { "Retry-After": value };
    expect([value, await delayMsAfter({ headers })]).toEqual([value, 12_000]);
  }
});

test.each(["X-RateLimit-Reset", "X-RateLimit-Reset-Requests", "X-RateLimit-Reset-Tokens"])(
  "%s counts too, on any failure, and a better header before it wins",
  async (name) => {
    expect(await delayMsAfter({ status: 429, headers: { [name]: "90s" } })).toBe(90_000);
    expect(await delayMsAfter({ status: 400, headers: { [name]: "90" } })).toBe(90_000);
    const both = { [name]: "90", "Retry-After": "30" };
    expect(await delayMsAfter({ headers: both })).toBe(30_000);
    const unusable = { [name]: "90", "Retry-After": "99999999" };
    expect(await delayMsAfter({ headers: unusable })).toBe(90_000);
  },
);

test("the expression counts from zero and is in milliseconds; headers go before it", async () => {
  const values = {
    "7000 * (1 + retried)": 7_000,
    "pow(2, retried) * 1000": 1_000,
    "max(10, min(5000, 60000))": 5_000,
    "round(1234.5) + floor(0.9) + ceil(0.1) + abs(-1) + sqrt(4) + exp(0)": 1_240,
    "1000 * 60 * 60 * 24 * 30": DAY_SECONDS * 1000,
  };
  for (const [retryDelay, delayMs] of Object.entries(values)) {
    expect([retryDelay, await delayMsAfter({ retryDelay })]).toEqual([retryDelay, delayMs]);
  }
  const headers = { "Retry-After": "30" };
  expect(await delayMsAfter({ retryDelay: "7000", headers })).toBe(30_000);
});

test("2000 * retried retries at once the first time, and waits the second time", async () => {
  const url = world.app.on("/expression", () => new Response("", { status: 500 }));
  const { messageId } = await qstash(world).publish({ url, retryDelay: "2000000 * retried" });
  const log = await logUntil(world, messageId, "RETRY");
  expect(log.filter(({ state }) => state === "ACTIVE").length).toBeLessThanOrEqual(2);
  const all = await logUntilRetries(messageId, 2);
  const waits = all
    .filter(({ state }) => state === "RETRY")
    .map(({ time, nextDeliveryTime = 0 }) => nextDeliveryTime - time);
  expect(waits).toEqual([0, 2_000_000]);
});

async function logUntilRetries(messageId: string, count: number): Promise<readonly LogResource[]> {
  for (;;) {
    const log = await logUntil(world, messageId, "RETRY");
    if (log.filter(({ state }) => state === "RETRY").length >= count) return log;
  }
}

test("retry now walks through the default backoff: 12 s, 148 s, 1808 s, 22026 s, a day, a day", async () => {
  const url = world.app.on("/backoff", () => new Response("", { status: 500 }));
  const { messageId } = await qstash(world).publish({ url, retries: 6 });
  for (let count = 1; count <= 6; count += 1) {
    await logUntilRetries(messageId, count);
    const answer = await world.call("POST", `/v2/messages/${messageId}/retry`);
    expect(answer.status, answer.text).toBe(200);
  }
  const log = await logUntil(world, messageId, "FAILED");
  const waits = log
    .filter(({ state }) => state === "RETRY")
    .map(({ time, nextDeliveryTime = 0 }) => (nextDeliveryTime - time) / 1000);
  expect(waits).toEqual([12, 148, 1_808, 22_026, 86_400, 86_400]);
  expect(world.app.at("/backoff").map(({ headers }) => headers["upstash-retried"])).toEqual([
    ...["0", "1", "2", "3", "4", "5", "6"],
  ]);
});

test("retries: 0 is one attempt, and its log has four entries", async () => {
  const url = world.app.on("/once", () => new Response("broken", { status: 500 }));
  const { messageId } = await qstash(world).publish({ url, retries: 0, retryDelay: "1000" });
  const log = await logUntil(world, messageId, "FAILED");
  expect(log.map(({ state }) => state)).toEqual(["CREATED", "ACTIVE", "ERROR", "FAILED"]);
  expect(await deadMessageOf(world, messageId)).toMatchObject({
    responseStatus: 500,
    responseBody: "broken",
    retryDelayExpression: "1000",
  });
  expect(world.app.at("/once")).toHaveLength(1);
});

test("one failure and then success", async () => {
  const url = world.app.on("/second", (_request, { headers }) => {
    const isFirst = headers["upstash-retried"] === "0";
    return new Response("", { status: isFirst ? 500 : 202, headers: { "Retry-After": "0" } });
  });
  const { messageId } = await qstash(world).publish({ url });
  const log = await logUntil(world, messageId, "DELIVERED");
  const states = ["CREATED", "ACTIVE", "ERROR", "RETRY", "ACTIVE", "DELIVERED"];
  expect(log.map(({ state }) => state)).toEqual(states);
});

test("the header ends it at once on any failure; 489 alone does not, and a success stays one", async () => {
  const endings = [
    [489, "true", "FAILED"],
    [400, "True", "FAILED"],
    [500, " true ", "FAILED"],
    [489, undefined, "RETRY"],
    [489, "false", "RETRY"],
    [200, "true", "DELIVERED"],
  ] as const;
  for (const [status, value, state] of endings) {
    pathCount += 1;
    const headers = value === undefined ? {} : { "Upstash-NonRetryable-Error": value };
    const url = world.app.on(`/end-${pathCount}`, () => new Response("", { status, headers }));
    const { messageId } = await qstash(world).publish({ url });
    const log = await logUntil(world, messageId, state);
    expect(log.filter(({ state: one }) => one === "ACTIVE")).toHaveLength(1);
  }
});
