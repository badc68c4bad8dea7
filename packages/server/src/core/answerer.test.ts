import { expect, test } from "vitest";
import { nameAnswerer, nameWorkflowAnswerer, withAnswerer } from "./answerer.ts";

test.each([
  [404, { "Ngrok-Error-Code": ["ERR_NGROK_3200"] }, /ngrok.*ERR_NGROK_3200.*offline/],
  [502, { "Ngrok-Error-Code": ["ERR_NGROK_8012"] }, /ngrok.*ERR_NGROK_8012.*nothing listens/],
  [429, { "ngrok-error-code": ["ERR_NGROK_999"] }, /^ngrok answered.*\(ERR_NGROK_999\)$/],
  [504, { "X-Vercel-Error": ["FUNCTION_INVOCATION_TIMEOUT"] }, /Vercel.*FUNCTION_INVOCATION/],
  [522, { Server: ["cloudflare"] }, /Cloudflare.*522/],
])("%i with %o is not the app's own answer", (status, headers, expected) => {
  expect(nameAnswerer({ status, headers })).toMatch(expected);
  expect(nameWorkflowAnswerer({ status, headers })).toMatch(expected);
});

test.each([
  [404, {}],
  // The app's own error behind Cloudflare.
  [500, { Server: ["cloudflare"] }],
  [522, { Server: ["nginx"] }],
  // A hidden value, and one that is no code.
  [404, { "Ngrok-Error-Code": ["REDACTED: sha256"] }],
  [404, { "Ngrok-Error-Code": ["x\nanother line"] }],
  [404, { "Ngrok-Error-Code": [] }],
])("%i with %o may be the app's own answer", (status, headers) => {
  expect(nameAnswerer({ status, headers })).toBeNull();
});

test("a page is no answer of a workflow endpoint, unless the SDK signs it", () => {
  const page = { "Content-Type": ["text/html; charset=utf-8"] };
  expect(nameAnswerer({ status: 404, headers: page })).toBeNull();
  expect(nameWorkflowAnswerer({ status: 404, headers: page })).toContain("HTML page");
  const signed = { ...page, "Upstash-Workflow-Sdk-Version": ["1"] };
  expect(nameWorkflowAnswerer({ status: 404, headers: signed })).toBeNull();
  const json = { "Content-Type": ["application/json"] };
  expect(nameWorkflowAnswerer({ status: 404, headers: json })).toBeNull();
});

test("the reason keeps what went wrong in front", () => {
  expect(withAnswerer("404 Not Found", null)).toBe("404 Not Found");
  expect(withAnswerer("404 Not Found", "ngrok answered")).toBe("404 Not Found; ngrok answered");
});
