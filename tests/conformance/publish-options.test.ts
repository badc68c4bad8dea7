// Every option of the JavaScript client's `publish` and `publishJSON`, read back from the message and seen at the destination.

import { expect, test } from "vitest";
import { deliveryAt, logUntil, messageOf, qstash } from "./publisher.ts";
import { useWorld } from "./world.ts";

const world = useWorld();
const URL_LATER = "https://example.com/later";

/** Fields that tell where a message stands. */
const STANDING = ["state", "waitingFor", "retried", "nextDeliveryTime"];

/** A message without them: what its publisher has given. */
async function givenOf(messageId: string) {
  const fields = Object.entries(await messageOf(world, messageId));
  return Object.fromEntries(fields.filter(([name]) => !STANDING.includes(name)));
}

test("an option that is not given leaves no field behind", async () => {
  const { messageId } = await qstash(world).publish({ url: URL_LATER, delay: "1d" });
  const message = await givenOf(messageId);
  expect(message).toEqual({
    messageId,
    url: URL_LATER,
    method: "POST",
    maxRetries: 3,
    notBefore: message.createdAt + 86_400_000,
    createdAt: expect.any(Number),
    callerIP: "127.0.0.1",
  });
});

test("all options of one message", async () => {
  const { messageId } = await qstash(world).publishJSON({
    url: URL_LATER,
    body: { n: 1 },
    headers: { "X-Order": "42" },
    method: "PUT",
    delay: 90,
    timeout: 1.5,
    retries: 5,
    retryDelay: "pow(2, retried) * 1000",
    callback: "https://example.com/callback?a=b%20c",
    failureCallback: "https://example.com/failure",
    deduplicationId: "order-42",
    label: ["first", "second"],
    flowControl: { key: "k/1 x", parallelism: 3, rate: 5, period: 5_403 },
  });
  const message = await givenOf(messageId);
  expect(message).toEqual({
    messageId,
    url: URL_LATER,
    method: "PUT",
    header: { "X-Order": ["42"], "Content-Type": ["application/json"] },
    body: '{"n":1}',
    maxRetries: 5,
    retryDelayExpression: "pow(2, retried) * 1000",
    notBefore: message.createdAt + 90_000,
    createdAt: expect.any(Number),
    timeout: 1_500,
    callerIP: "127.0.0.1",
    callback: "https://example.com/callback?a=b%20c",
    failureCallback: "https://example.com/failure",
    label: "first",
    labels: ["first", "second"],
    flowControlKey: "k/1 x",
    parallelism: 3,
    rate: 5,
    period: 5_403,
  });
});

test("settings of callbacks are prefixed headers; what they forward is shown", async () => {
  const { messageId } = await qstash(world).publish({
    url: URL_LATER,
    delay: "1d",
    callback: "https://example.com/callback",
    failureCallback: "https://example.com/failure",
    headers: {
      "Upstash-Callback-Method": "PUT",
      "Upstash-Callback-Retries": "1",
      "Upstash-Callback-Forward-X-Callback": "c",
      "Upstash-Failure-Callback-Forward-X-Failure": "f",
      "Upstash-Failure-Callback-Timeout": "5s",
    },
  });
  const message = await messageOf(world, messageId);
  expect(message).toMatchObject({
    callback: "https://example.com/callback",
    callbackHeader: { "X-Callback": ["c"] },
    failureCallback: "https://example.com/failure",
    failureCallbackHeader: { "X-Failure": ["f"] },
  });
  expect(message).not.toHaveProperty("header");
});

test.each([
  [
    { key: "k", parallelism: 2 },
    { flowControlKey: "k", parallelism: 2, period: 1 },
  ],
  [
    { key: "k", rate: 2, period: "1d" },
    { flowControlKey: "k", rate: 2, period: 86_400 },
  ],
  [
    { key: "k", ratePerSecond: 7 },
    { flowControlKey: "k", rate: 7, period: 1 },
  ],
  [
    { key: "k", rate: 1, period: 60 },
    { flowControlKey: "k", rate: 1, period: 60 },
  ],
] as const)("flow control %j is shown as %j", async (flowControl, shown) => {
  const client = qstash(world);
  // One variant of the client's type wants what another one calls deprecated.
  const { messageId } = await client.publish({ url: URL_LATER, delay: "1d", flowControl } as never);
  const { flowControlKey, parallelism, rate, period } = await messageOf(world, messageId);
  expect({ flowControlKey, parallelism, rate, period }).toEqual({
    parallelism: undefined,
    rate: undefined,
    ...shown,
  });
});

test("not before is Unix time in seconds and wins over a delay; the past is now", async () => {
  const client = qstash(world);
  const seconds = Math.floor(Date.now() / 1000) + 3_600;
  const later = await client.publish({ url: URL_LATER, notBefore: seconds, delay: "2d" });
  expect((await messageOf(world, later.messageId)).notBefore).toBe(seconds * 1000);
  world.app.on("/now", () => new Response());
  const past = await client.publish({ url: `${world.app.url}/now`, notBefore: 1 });
  await deliveryAt(world, "/now");
  const { notBefore, createdAt } = await messageOf(world, past.messageId);
  expect(notBefore).toBe(createdAt);
});

const DELAYS: readonly (readonly [delay: string | number, delayMs: number])[] = [
  ["1d10h30m", 124_200_000],
  ["10d", 864_000_000],
  ["50s", 50_000],
  [10, 10_000],
];

test.each(DELAYS)("a delay of %s is %i ms", async (delay, delayMs) => {
  // The client's type knows a single unit; what it sends has no such limit.
  const { messageId } = await qstash(world).publish({ url: URL_LATER, delay: delay as "50s" });
  const { notBefore, createdAt } = await messageOf(world, messageId);
  expect(notBefore - createdAt).toBe(delayMs);
});

test("a message comes with the log of a delayed one until it is cancelled", async () => {
  const client = qstash(world);
  const { messageId } = await client.publish({ url: URL_LATER, delay: "1d", label: "l" });
  await client.messages.cancel(messageId);
  const entries = await logUntil(world, messageId, "CANCELED");
  expect(entries.map(({ state, label }) => [state, label])).toEqual([
    ["CREATED", "l"],
    ["CANCEL_REQUESTED", "l"],
    ["CANCELED", "l"],
  ]);
  const [{ time, nextDeliveryTime } = { time: 0 }] = entries;
  expect(nextDeliveryTime).toBe(time + 86_400_000);
});

test("destinations of API providers are plain URLs with the provider's headers", async () => {
  const client = qstash(world);
  const { openai, anthropic, custom, resend } = await import("@upstash/qstash");
  const callback = "https://example.com/callback";
  const chat = { model: "m", messages: [{ role: "user", content: "hi" }] };
  const providers = [
    openai({ token: "secret" }),
    anthropic({ token: "secret" }),
    custom({ baseUrl: "https://llm.example.com", token: "secret" }),
  ];
  const shown: unknown[] = [];
  for (const provider of providers) {
    const api = { name: "llm", provider } as const;
    const { messageId } = await client.publishJSON({ api, callback, body: chat, delay: "1d" });
    const { url, header } = await messageOf(world, messageId);
    shown.push([url, Object.keys(header ?? {}).toSorted()]);
  }
  const email = await client.publishJSON({
    api: { name: "email", provider: resend({ token: "secret", batch: true }) },
    body: [],
    delay: "1d",
  });
  shown.push((await messageOf(world, email.messageId)).url);
  expect(shown).toEqual([
    ["https://api.openai.com/v1/chat/completions", ["Authorization", "Content-Type"]],
    ["https://api.anthropic.com/v1/messages", ["Anthropic-Version", "Content-Type", "X-Api-Key"]],
    ["https://llm.example.com/v1/chat/completions", ["Authorization", "Content-Type"]],
    "https://api.resend.com/emails/batch",
  ]);
});

test("the retired LLM destination is refused and says what to give instead", async () => {
  const { upstash } = await import("@upstash/qstash");
  await expect(
    qstash(world).publishJSON({
      api: { name: "llm", provider: upstash() },
      callback: "https://example.com/callback",
      body: { model: "m", messages: [] },
    }),
  ).rejects.toMatchObject({ status: 400, message: expect.stringMatching(/api\/.*URL/) });
});

test("redacted fields are hashes wherever they are shown, and originals at the destination", async () => {
  world.app.on("/redacted", () => new Response());
  const { messageId } = await qstash(world).publish({
    url: `${world.app.url}/redacted`,
    body: "the secret body",
    headers: { "X-Secret": "the secret header", "X-Open": "open" },
    redact: { body: true, header: ["X-Secret"] },
  });
  const delivery = await deliveryAt(world, "/redacted");
  expect(delivery.body).toBe("the secret body");
  expect(delivery.headers).toMatchObject({ "x-secret": "the secret header", "x-open": "open" });
  const message = await messageOf(world, messageId);
  const hash = expect.stringMatching(/^REDACTED:[0-9a-f]{64}$/);
  expect(message.body).toEqual(hash);
  expect(message.header).toMatchObject({ "X-Secret": [hash], "X-Open": ["open"] });
  const log = await logUntil(world, messageId, "DELIVERED");
  expect(JSON.stringify([log, message])).not.toContain("secret header");
  const bodies = log.map(({ body = "" }) => Buffer.from(body, "base64").toString());
  expect(bodies).toEqual([hash, hash, hash]);
});

test("redacting all headers keeps their names", async () => {
  const { messageId } = await qstash(world).publish({
    url: URL_LATER,
    delay: "1d",
    headers: { "X-One": "1", "Content-Type": "text/plain" },
    redact: { header: true },
  });
  const { header } = await messageOf(world, messageId);
  const hidden = [expect.stringMatching(/^REDACTED:/)];
  expect(header).toEqual({ "X-One": hidden, "Content-Type": hidden });
});
