import { hash } from "node:crypto";
import { expect, test } from "vitest";
import type { Envelope } from "../../core/envelope.ts";
import type { EnvelopeRow } from "../../core/rows.ts";
import { messageFields, viewOf } from "./message.ts";

const plain: Envelope = {
  method: "POST",
  headers: {},
  retries: 3,
  notBefore: 1_000,
  callerIp: "192.0.2.1",
};

function view(envelope: Partial<Envelope>, body = "") {
  return messageFields(viewOf(rowOf({ ...plain, ...envelope }, body)));
}

function rowOf(envelope: Envelope, body: string | Uint8Array): EnvelopeRow {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const config = JSON.stringify(envelope);
  return {
    key: 40,
    createdAt: 2_000,
    url: "https://app.test/a?b=1",
    config,
    body: bytes,
    bodyHash: "",
  };
}

const redacted = (text: string) => `REDACTED:${hash("sha256", text, "hex")}`;

test("a message without settings shows what is always there and nothing else", () => {
  expect(view({})).toEqual({
    messageId: "msg_14",
    url: "https://app.test/a?b=1",
    method: "POST",
    maxRetries: 3,
    // Not before it was published, whatever it said.
    notBefore: 2_000,
    createdAt: 2_000,
    callerIP: "192.0.2.1",
  });
});

test("a message shows everything that it was given", () => {
  const target = { method: "POST", headers: { "x-a": "1" } };
  const shown = view(
    {
      headers: { "content-type": "text/plain", "x-order": "7", connection: "close" },
      retryDelay: "1000 * retried",
      timeoutMs: 1_500,
      notBefore: 9_000,
      labels: ["a", "b"],
      flowControl: { key: "k", parallelism: 2, rate: 5, periodMs: 60_000 },
      callback: { ...target, url: "https://app.test/done" },
      failureCallback: { ...target, url: "https://app.test/failed", headers: {} },
      queueName: "q",
      scheduleId: "scd_1",
      topicName: "t",
      endpointName: "e",
    },
    "hello",
  );
  expect(shown).toEqual({
    messageId: "msg_14",
    url: "https://app.test/a?b=1",
    method: "POST",
    // What describes the connection does not reach the destination.
    header: { "Content-Type": ["text/plain"], "X-Order": ["7"] },
    body: "hello",
    maxRetries: 3,
    retryDelayExpression: "1000 * retried",
    notBefore: 9_000,
    createdAt: 2_000,
    timeout: 1_500,
    callerIP: "192.0.2.1",
    topicName: "t",
    endpointName: "e",
    queueName: "q",
    scheduleId: "scd_1",
    callback: "https://app.test/done",
    callbackHeader: { "X-A": ["1"] },
    failureCallback: "https://app.test/failed",
    label: "a",
    labels: ["a", "b"],
    flowControlKey: "k",
    rate: 5,
    parallelism: 2,
    period: 60,
  });
});

test("a limit that was not given is absent, and the period is always there", () => {
  const flowControl = { key: "k", parallelism: 1, rate: null, periodMs: 1_000 };
  expect(view({ flowControl })).toMatchObject({ flowControlKey: "k", parallelism: 1, period: 1 });
  expect(view({ flowControl })).not.toHaveProperty("rate");
});

test("bytes that are no text are base64", () => {
  const shown = messageFields(viewOf(rowOf(plain, new Uint8Array([0xff, 0xfe]))));
  expect(shown.bodyBase64).toBe("//4=");
  expect(shown).not.toHaveProperty("body");
});

test("what is redacted appears as its hash, and nothing else does", () => {
  const headers = { "x-secret": "s3cret", "x-open": "1" };
  const callback = { url: "https://app.test/done", method: "POST", headers };
  const one = { isBodyRedacted: true, headers: ["x-secret"] };
  const some = view({ headers, callback, redaction: one }, "payload");
  expect(some.body).toBe(redacted("payload"));
  const shown = { "X-Secret": [redacted("s3cret")], "X-Open": ["1"] };
  expect(some.header).toEqual(shown);
  expect(some.callbackHeader).toEqual(shown);
  const all = view({ headers, redaction: { isBodyRedacted: false, headers: "all" } }, "payload");
  expect(all.body).toBe("payload");
  expect(all.header).toEqual({ "X-Secret": [redacted("s3cret")], "X-Open": [redacted("1")] });
});

test("an envelope that cannot be read hides everything", () => {
  const row = { ...rowOf(plain, "payload"), config: "{broken" };
  expect(messageFields(viewOf(row))).toMatchObject({
    messageId: "msg_14",
    body: redacted("payload"),
  });
});
