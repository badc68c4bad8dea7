import { hash } from "node:crypto";
import { expect, test } from "vitest";
import { NOT_A_WORKFLOW, NOT_FROM_SDK, SDK_TOO_OLD } from "./delivery-faults.ts";
import { type FailureFacts, kindOfFailure, readFailureCause } from "./failure.ts";
import { normalizeMessage, readError } from "./failure-text.ts";

const sha256 = (bytes: Uint8Array) => hash("sha256", bytes, "base64url");

interface Given extends Partial<Omit<FailureFacts, "headers" | "body">> {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

function kindOf({ headers = {}, body = "", ...facts }: Given) {
  const lists = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, [text]]));
  return kindOfFailure(
    {
      url: "https://app.test/order",
      isWorkflow: true,
      stepName: null,
      status: 500,
      headers: JSON.stringify(lists),
      body: new TextEncoder().encode(body),
      reason: "500 Internal Server Error",
      errorCause: null,
      ...facts,
    },
    sha256,
  );
}

const SDK = { "upstash-workflow-sdk-version": "1" };
const NGROK = "<!DOCTYPE html><html><body>The endpoint is offline. ERR_NGROK_3200</body></html>";

const CASES: readonly (readonly [string, Given])[] = [
  ["unreachable", { status: 0, errorCause: "refused", reason: "connect ECONNREFUSED" }],
  ["unreachable", { status: 0, errorCause: "dns", reason: "getaddrinfo ENOTFOUND app.test" }],
  ["timeout", { status: 0, errorCause: "timeout", reason: "no answer within 2s" }],
  ["timeout", { status: 0, reason: "the request timed out" }],
  ["unknown", { status: 0, errorCause: "corrupt_body", reason: "the stored body is damaged" }],
  ["cancelled", { status: 0, reason: "cancelled: no further attempt" }],
  ["timeout", { status: 504 }],
  ["tunnel_page", { status: 404, headers: { "ngrok-error-code": "ERR_NGROK_3200" } }],
  ["tunnel_page", { status: 404, body: NGROK, reason: NOT_A_WORKFLOW }],
  ["tunnel_page", { status: 502, headers: { "x-vercel-error": "DEPLOYMENT_NOT_FOUND" } }],
  ["redirect_to_login", { status: 307, headers: { location: "https://app.test/login?next=/" } }],
  ["redirect_to_login", { status: 302, headers: { location: "/api/auth/signin" } }],
  ["redirect_to_login", { status: 401, body: '<html><input type="password"></html>' }],
  ["unknown", { status: 308, headers: { location: "https://app.test/order/" } }],
  ["not_a_workflow", { status: 200, reason: NOT_A_WORKFLOW, body: "OK" }],
  ["not_a_workflow", { status: 200, reason: NOT_FROM_SDK, body: "OK" }],
  ["not_a_workflow", { status: 405 }],
  ["not_a_workflow", { status: 404, body: "<!doctype html><title>404</title>" }],
  ["old_sdk", { status: 200, reason: SDK_TOO_OLD }],
  ["signature_mismatch", { status: 401, body: "the signature of the request is not valid" }],
  [
    "signature_mismatch",
    {
      headers: SDK,
      body: '{"error":"WorkflowError","message":"Failed to verify that the Workflow request comes from QStash: x"}',
    },
  ],
  ["non_retryable", { status: 489, headers: { ...SDK, "upstash-nonretryable-error": "true" } }],
  ["payload_refused", { status: 422, body: "amount is missing" }],
  ["payload_refused", { status: 413 }],
  ["payload_refused", { headers: SDK, body: '{"error":"ZodError","message":"amount"}' }],
  ["payload_refused", { status: 200, headers: SDK, reason: "line 1 of the answer is no JSON" }],
  ["step_error", { headers: SDK, body: '{"error":"Error","message":"card declined"}' }],
  ["step_error", { body: '{"error":"TypeError","message":"x is undefined"}' }],
  ["server_error", { body: "boom" }],
  ["server_error", { isWorkflow: false, body: '{"error":"Error","message":"boom"}' }],
  ["client_error", { status: 404, isWorkflow: false, body: "<html>not here</html>" }],
  ["client_error", { status: 403, body: "forbidden" }],
];

test.each(CASES)("%s: %j", (cause, given) => {
  expect(kindOf(given).failureCause).toBe(cause);
});

test("failures that differ in numbers, ids, addresses and quoted parts alone are one group", () => {
  const one = kindOf({
    body: '{"error":"Error","message":"order 17 of user_8Fk2 (ann@a.test) at https://a.test/1: \'x\' failed"}',
  });
  const other = kindOf({
    body: '{"error":"Error","message":"order 4,200 of user_9Zz1 (bob@b.test) at http://b.test/2?q=3: \'why\' failed"}',
  });
  expect(other).toEqual(one);
  expect(one.failureText).toBe("Error: order <n> of <id> (<address>) at <url> <text> failed");
});

test.each<[string, Given]>([
  ["url", { url: "https://app.test/other" }],
  ["step", { stepName: "charge" }],
  ["status", { status: 501 }],
  ["cause", { headers: { "ngrok-error-code": "ERR_NGROK_3200" } }],
  ["message", { body: "something else" }],
])("another %s is another group", (_name, given) => {
  expect(kindOf({ body: "boom", ...given }).groupId).not.toBe(kindOf({ body: "boom" }).groupId);
});

test("a group has an id that tells nothing of what was said", () => {
  expect(kindOf({ body: "boom" }).groupId).toMatch(/^grp_[\w-]{24}$/);
});

test.each([
  ["8b0d3f6e-1c9d-4a83-9d2a-1f6f1f1f1f1f and 0xFF", "<id> and <id>"],
  ["ip 10.0.0.1:80, took 12.5s", "ip <n>, took <n>s"],
  ["can't and won't", "can't and won't"],
  ["wfr_AbC123 is gone", "<id> is gone"],
  ['key "a" of `b`', "key <text> of <text>"],
])("normalises %j", (message, normal) => {
  expect(normalizeMessage(message)).toBe(normal);
});

test("a text made to be slow is read at once", () => {
  for (const text of ["a".repeat(1_000), "'".repeat(1_000), "1.".repeat(500), "a@".repeat(500)]) {
    expect(normalizeMessage(text).length).toBeLessThanOrEqual(300);
  }
  const page = `<html><title ${"<title ".repeat(5_000)}`;
  expect(readError(new TextEncoder().encode(page)).message).toBeNull();
});

test.each([
  ['{"error":{"message":"inner"}}', null, "inner"],
  ['{"error":"E","message":"m"}', "E", "m"],
  ['{"error":"only"}', null, "only"],
  ['{"title":"Bad","status":400}', null, "Bad"],
  ["first\nsecond", null, "first"],
  ["<html><head><title>502 Bad Gateway</title>", null, "502 Bad Gateway"],
  ["{broken", null, "{broken"],
  ["", null, null],
])("reads %j", (body, name, message) => {
  expect(readError(new TextEncoder().encode(body))).toMatchObject({ name, message });
});

test("a cause of a later version is unknown, and none is none", () => {
  expect(readFailureCause("not_yet")).toBe("unknown");
  expect(readFailureCause("timeout")).toBe("timeout");
  expect(readFailureCause(null)).toBeNull();
});
