import fc from "fast-check";
import { expect, test } from "vitest";
import { isRepriseError, RepriseError } from "./errors.ts";
import { flatHeaders, HEADER } from "./headers.ts";
import { type MessageContext, parseMessageOptions } from "./publish.ts";

const NOW = 1_700_000_000_000;
const DAY_MS = 86_400_000;

const context: MessageContext = {
  now: NOW,
  checkRetryDelay: (expression) => {
    if (expression.includes("!"))
      throw new RepriseError("invalid_retry_delay", { message: "bad expression" });
  },
};

function parse(headers: Record<string, string>) {
  return parseMessageOptions(flatHeaders(Object.entries(headers)), context);
}

test("a message without configuration has the defaults and null for what is not given", () => {
  expect(parse({})).toEqual({
    method: "POST",
    dueAt: NOW,
    delayMs: null,
    timeoutMs: null,
    retries: null,
    retryDelay: null,
    labels: [],
    flowControl: null,
    redaction: null,
    contentType: null,
    forwardHeaders: {},
    callback: null,
    failureCallback: null,
    workflow: {
      isInit: null,
      runId: null,
      url: null,
      callType: "step",
      features: new Set(),
      sdkVersion: null,
      isTriggeredBySdk: false,
      isSdkUnknown: false,
      isInvoke: false,
    },
  });
});

test("the trigger of the workflow SDK is read whole", () => {
  const features = "LazyFetch,InitialBody,WF_DetectTrigger,WF_TriggerOnConfig";
  const options = parse({
    "content-type": "application/json",
    "upstash-method": "POST",
    "upstash-workflow-init": "true",
    "upstash-workflow-runid": "wfr_demo1",
    "upstash-workflow-url": "https://app.test/api/wf",
    "upstash-workflow-sdk-version": "1",
    "upstash-forward-upstash-workflow-sdk-version": "1",
    "upstash-feature-set": features,
    "upstash-retries": "5",
    "upstash-retry-delay": "1000",
    "upstash-delay": "10s",
    "upstash-label": "a, b,,a",
    "upstash-forward-authorization": "Bearer u",
    "upstash-flow-control-key": "fk",
    "upstash-flow-control-value": "rate=1, period=10s",
    "upstash-redact-fields": "body,header[Authorization]",
    "upstash-failure-callback": "https://app.test/api/wf",
    "upstash-failure-callback-feature-set": features,
    "upstash-failure-callback-workflow-runid": "wfr_demo1",
    "upstash-failure-callback-workflow-init": "false",
    "upstash-failure-callback-workflow-calltype": "failureCall",
    "upstash-failure-callback-forward-upstash-workflow-is-failure": "true",
    "upstash-failure-callback-retries": "5",
    "upstash-telemetry-sdk": "@upstash/workflow@v1.3.2",
  });
  expect(options).toEqual({
    method: "POST",
    dueAt: NOW + 10_000,
    delayMs: 10_000,
    timeoutMs: null,
    retries: 5,
    retryDelay: "1000",
    labels: ["a", "b"],
    flowControl: { key: "fk", parallelism: null, rate: 1, periodMs: 10_000 },
    redaction: { isBodyRedacted: true, headers: ["authorization"] },
    contentType: "application/json",
    forwardHeaders: { "upstash-workflow-sdk-version": "1", authorization: "Bearer u" },
    callback: null,
    failureCallback: {
      url: "https://app.test/api/wf",
      headers: {
        "upstash-feature-set": features,
        "upstash-workflow-runid": "wfr_demo1",
        "upstash-workflow-init": "false",
        "upstash-workflow-calltype": "failureCall",
        "upstash-forward-upstash-workflow-is-failure": "true",
        "upstash-retries": "5",
      },
    },
    workflow: {
      isInit: true,
      runId: "wfr_demo1",
      url: "https://app.test/api/wf",
      callType: "step",
      features: new Set(features.split(",")),
      sdkVersion: "1",
      isTriggeredBySdk: false,
      isSdkUnknown: false,
      isInvoke: false,
    },
  });
});

test("Not-Before wins over Delay, is in seconds, and the past is now", () => {
  expect(parse({ "upstash-not-before": "1700000010", "upstash-delay": "1h" })).toMatchObject({
    dueAt: NOW + 10_000,
    delayMs: null,
  });
  expect(parse({ "upstash-not-before": "0" }).dueAt).toBe(NOW);
});

test("a delay of a year is the longest", () => {
  expect(parse({ "upstash-delay": "365d" }).dueAt).toBe(NOW + 365 * DAY_MS);
  for (const headers of [
    { "upstash-delay": "366d" },
    { "upstash-not-before": String(NOW / 1000 + 366 * 86_400) },
  ]) {
    expect(() => parse(headers)).toThrow("quota maxDelay exceeded, current limit: 365d");
  }
});

test("a timeout is a duration or seconds, and is cut to the longest attempt", () => {
  expect(parse({ "upstash-timeout": "30" }).timeoutMs).toBe(30_000);
  expect(parse({ "upstash-timeout": "1.5s" }).timeoutMs).toBe(1500);
  expect(parse({ "upstash-timeout": "12h" }).timeoutMs).toBe(43_200_000);
  expect(parse({ "upstash-timeout": "13h" }).timeoutMs).toBe(43_200_000);
});

test("retries go from 0 to 100", () => {
  expect(parse({ "upstash-retries": "0" }).retries).toBe(0);
  expect(parse({ "upstash-retries": "100" }).retries).toBe(100);
  for (const text of ["101", "1000000"]) {
    expect(() => parse({ "upstash-retries": text })).toThrow(
      /^quota maxRetries exceeded, current limit: 100/,
    );
  }
});

test("methods are taken in any case", () => {
  expect(parse({ "upstash-method": "patch" }).method).toBe("PATCH");
});

test("a forwarded content type wins, and what may not pass is left out", () => {
  const options = parse({
    "content-type": "application/json",
    "upstash-forward-content-type": "text/plain",
    "upstash-forward-host": "evil",
    "upstash-forward-upstash-signature": "forged",
    "upstash-forward-x-a": "ü",
    "user-agent": "undici",
  });
  expect(options.contentType).toBe("text/plain");
  expect(options.forwardHeaders).toEqual({ "x-a": "ü" });
});

test("flow control takes its values in any order", () => {
  const value = (text: string) =>
    parse({ "upstash-flow-control-key": "k /x", "upstash-flow-control-value": text }).flowControl;
  expect(value("period=1m,rate=5 , parallelism=3")).toEqual({
    key: "k /x",
    parallelism: 3,
    rate: 5,
    periodMs: 60_000,
  });
  expect(value("parallelism=3")).toEqual({
    key: "k /x",
    parallelism: 3,
    rate: null,
    periodMs: 1000,
  });
  expect(value("rate=2, period=1d")?.periodMs).toBe(DAY_MS);
});

test("configuration of a callback without its URL is ignored", () => {
  const options = parse({
    "upstash-failure-callback-retries": "nonsense",
    "upstash-callback-delay": "x",
  });
  expect([options.callback, options.failureCallback]).toEqual([null, null]);
});

test("the configuration of a callback is checked at acceptance, also the failure callback of a callback", () => {
  const callback = { "upstash-callback": "https://c" };
  expect(() => parse({ ...callback, "upstash-callback-retries": "x" })).toThrow(
    /Upstash-Retries must be/,
  );
  expect(() => parse({ ...callback, "upstash-callback-retry-delay": "!" })).toThrow(
    /bad expression/,
  );
  const nested = { ...callback, "upstash-callback-failure-callback": "https://f" };
  expect(parse(nested).callback?.headers).toEqual({ "upstash-failure-callback": "https://f" });
  expect(() => parse({ ...nested, "upstash-callback-failure-callback-retries": "x" })).toThrow(
    /Upstash-Retries/,
  );
  const deepest = { ...nested, "upstash-callback-failure-callback-callback": "https://d" };
  expect(() => parse(deepest)).toThrow(/callbacks nest no deeper/);
});

test("booleans are taken in any case, features in any order", () => {
  const { workflow } = parse({
    "upstash-workflow-init": "False",
    "upstash-workflow-invoke": "true",
    "upstash-workflow-trigger-by-sdk": "True",
    "upstash-workflow-unknown-sdk": "true",
    "upstash-workflow-calltype": "fromCallback",
    "upstash-feature-set": " Future , LazyFetch,",
  });
  expect(workflow).toMatchObject({
    isInit: false,
    isInvoke: true,
    isTriggeredBySdk: true,
    isSdkUnknown: true,
    callType: "fromCallback",
  });
  expect([...workflow.features]).toEqual(["Future", "LazyFetch"]);
});

test.each([
  [
    "upstash-method",
    ["FOO", "CONNECT", "TRACE", "", "POST, POST"],
    /^Upstash-Method must be one of GET, POST/,
  ],
  [
    "upstash-retries",
    ["-1", "3.5", "1e3", "0x3", " 3", "٣", "NaN", "", "3, 3", "1".repeat(30)],
    /^Upstash-Retries must be a whole number from 0 to 100, got/,
  ],
  ["upstash-delay", ["-5s", "5 s", "PT5S", "", "1s, 2s"], /^Upstash-Delay must be/],
  [
    "upstash-not-before",
    ["-1", "1.5", "1e20", "", "soon"],
    /^Upstash-Not-Before must be Unix time in whole seconds/,
  ],
  ["upstash-not-before", ["1700000000000", "9".repeat(20)], /not milliseconds/],
  ["upstash-timeout", ["-1s", "x", ""], /^Upstash-Timeout must be/],
  ["upstash-timeout", ["0", "0s"], /longer than 0/],
  ["upstash-label", [Array.from({ length: 17 }, (_, i) => `l${i}`).join()], /at most 16 labels/],
  ["upstash-label", ["x".repeat(65), "a,\u0100", "a\nb"], /at most 64 visible characters/],
  ["upstash-flow-control-key", ["k"], /needs Upstash-Flow-Control-Value/],
  ["upstash-flow-control-value", ["rate=1"], /needs Upstash-Flow-Control-Key/],
  [
    "upstash-redact-fields",
    ["foo", "", "header[]", "header[a", "header[a b]", "body,,header"],
    /^Upstash-Redact-Fields must be a list of/,
  ],
  ["upstash-redact-fields", ["body,".repeat(65)], /at most 64 items/],
  ["upstash-forward-", ["x"], /header name "" is not allowed/],
  ["upstash-forward-a b", ["x"], /header name "a b" is not allowed/],
  ["upstash-forward-x", ["a\r\nb", "\u0100", "\0"], /header x has a control character/],
  ["content-type", ["a\r\nb"], /^Content-Type must be/],
  [
    "upstash-callback",
    ["my-group", "", "ftp://x", "https://a, https://b"],
    /^invalid Upstash-Callback url/,
  ],
  ["upstash-failure-callback", ["/path"], /^invalid Upstash-Failure-Callback url/],
  [
    "upstash-workflow-init",
    ["yes", "", "1", "true, true"],
    /^Upstash-Workflow-Init must be true or false/,
  ],
  ["upstash-workflow-runid", ["", "a/b", "wfr_1, wfr_1"], /^workflow run id must be/],
  ["upstash-workflow-url", ["app"], /^invalid Upstash-Workflow-Url url/],
  ["upstash-workflow-calltype", ["STEP", ""], /^Upstash-Workflow-Calltype must be one of step/],
  ["upstash-retry-delay", ["!"], /bad expression/],
])("a bad %s is refused by name", (name, values, fault) => {
  for (const value of values) expect(() => parse({ [name]: value })).toThrow(fault);
});

test.each([
  "",
  "rate=0",
  "rate=-1",
  "rate=1.5",
  "parallelism=10000000000",
  "parallelism=1e3",
  "period=1s",
  "rate=1,rate=1",
  "rate=1,speed=2",
  "rate=1=2",
  "rate",
  "rate=1,",
  "rate=1,period=0",
  "rate=1,period=8d",
  "rate=1,period=0.5s",
])("the flow-control value %j is refused", (value) => {
  const headers = { "upstash-flow-control-key": "k", "upstash-flow-control-value": value };
  expect(() => parse(headers)).toThrow(/Upstash-Flow-Control-Value/);
});

test("a callback cannot be delayed", () => {
  for (const name of ["upstash-callback-delay", "upstash-callback-not-before"]) {
    expect(() => parse({ "upstash-callback": "https://c", [name]: "1" })).toThrow(
      /a callback is sent at once/,
    );
  }
});

test("headers of more than 64 KiB are refused before they are read", () => {
  expect(() => parse({ "upstash-forward-x": "x".repeat(65_536) })).toThrow(/at most 65536 bytes/);
});

test("any headers make options or a refusal", () => {
  const anyName = fc.oneof(
    fc.constantFrom(...Object.values(HEADER)),
    fc
      .constantFrom(...Object.values(HEADER))
      .map((name) => name.replace("upstash-", "upstash-callback-")),
    fc.string(),
  );
  const anyValue = fc.oneof(
    fc.constantFrom("true", "https://a.b/c", "1", "10s", "rate=1", "body", "step", "POST"),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(fc.dictionary(anyName, anyValue), (headers) => {
      try {
        const options = parse(headers);
        expect(options.dueAt).toBeGreaterThanOrEqual(NOW);
        new Headers(Object.entries(options.forwardHeaders));
      } catch (error) {
        expect(isRepriseError(error) && error.status).toBeGreaterThanOrEqual(400);
      }
    }),
    { numRuns: 500 },
  );
});
