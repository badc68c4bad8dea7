import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { devServerConfig } from "./config.ts";
import { parseTraceparent } from "./core/trace.ts";
import { type Delivered, type HttpApp, openHttpApp } from "./http-app.suite.ts";
import { type RunningServer, startServer } from "./main.ts";

/** A whole server, a real collector of OTLP over HTTP, and what it has got when the server has stopped. See docs/tracing.md. */

const CANARY = "canary-80c1d";
const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER = { traceparent: `00-${TRACE_ID}-00f067aa0ba902b7-01`, tracestate: "shop=1" };

interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
  readonly status: { readonly code: number; readonly message?: string };
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly traceState?: string;
}

interface Collector {
  readonly url: string;
  readonly bodies: readonly string[];
  readonly spans: () => readonly SentSpan[];
  refuse(): void;
  close(): Promise<void>;
}

async function openCollector(): Promise<Collector> {
  const bodies: string[] = [];
  let status = 200;
  const server = createServer(async (request, response) => {
    bodies.push(await text(request));
    response.writeHead(status, { "content-type": "application/json" }).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // A server that listens on a port has one.
  return {
    url: `http://127.0.0.1:${port}/v1/traces`,
    bodies,
    spans: () =>
      bodies
        .flatMap((body) => JSON.parse(body).resourceSpans)
        .flatMap(({ scopeSpans }) => scopeSpans)
        .flatMap(({ spans }) => spans),
    refuse: () => {
      status = 400;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

let collector: Collector;
let app: HttpApp;
let server: RunningServer;
let lines: string[];

async function start(ratio = 1): Promise<RunningServer> {
  const config = devServerConfig({ port: 0, dataDir: ":memory:", logLevel: "warn" });
  const tracing = { url: collector.url, serviceName: "shop-queue", ratio };
  const writeLine = (line: string) => lines.push(line);
  // Every delivery is answered before the server stops, which need only read the answers: however long that takes.
  return startServer({ ...config, drainMs: 60_000, tracing }, { writeLine });
}

beforeEach(async () => {
  lines = [];
  collector = await openCollector();
  app = await openHttpApp();
  server = await start();
});

afterEach(async () => {
  await server.close();
  await app.close();
  await collector.close();
});

type Headers = Readonly<Record<string, string>>;

async function call(method: string, path: string, body?: unknown, headers: Headers = {}) {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${server.token}`, ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  expect(response.status).toBeLessThan(300);
  return JSON.parse((await response.text()) || "{}");
}

function item(runId: string, body: unknown, isInit: boolean, more: Headers = {}) {
  const headers = {
    "upstash-workflow-init": String(isInit),
    "upstash-workflow-runid": runId,
    "upstash-workflow-url": app.url,
    "upstash-feature-set": "WF_TriggerOnConfig",
    "upstash-forward-upstash-workflow-sdk-version": "1",
    "upstash-forward-x-secret": CANARY,
    "upstash-retries": "1",
    "upstash-retry-delay": "1",
    ...more,
  };
  return { destination: app.url, body: JSON.stringify(body), headers };
}

const trigger = (runId: string, headers: Headers = CALLER) =>
  call("POST", "/v2/batch", [item(runId, CANARY, true)], headers);

function submit(runId: string, stepId: number, more: Headers = {}) {
  const record = { stepId, stepName: CANARY, stepType: "Run", out: `"${CANARY}"`, concurrent: 1 };
  return call("POST", "/v2/batch", [item(runId, record, false, more)]);
}

async function delivery(number: number): Promise<Delivered> {
  const found = (await app.arrived(number))[number - 1];
  if (found === undefined) throw new Error(`delivery ${number} has arrived`);
  return found;
}

const placeOf = ({ headers }: Delivered) => parseTraceparent(String(headers.traceparent));

/** Stops the server, so that everything is sent. */
async function collected(): Promise<readonly SentSpan[]> {
  await server.close();
  return collector.spans();
}

function attributesOf({ attributes }: SentSpan): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

const msOf = (span: SentSpan) =>
  Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6;

async function until(path: string, found: (text: string) => boolean): Promise<string> {
  for (;;) {
    const answer = JSON.stringify(await call("GET", path));
    if (found(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
}

test("a run is one trace over retries, a sleep, its failure and its resume", async () => {
  await trigger("wfr_a");
  (await delivery(1)).answer(500, CANARY);
  const second = await delivery(2);
  await submit("wfr_a", 1, { "upstash-delay": "1s" });
  second.answer();
  (await delivery(3)).answer(503);
  (await delivery(4)).answer(503);
  const dead = await until("/v2/workflows/dlq", (answer) => answer.includes("wfr_a"));
  const { dlqId } = JSON.parse(dead).messages[0];
  const other = `00-${"ab".repeat(16)}-${"cd".repeat(8)}-01`;
  const { workflowRunId } = await call("POST", `/v2/workflows/dlq/resume/${dlqId}`, undefined, {
    traceparent: other,
  });
  const fifth = await delivery(5);
  await call("DELETE", `/v2/workflows/runs/${workflowRunId}?cancel=false`);
  fifth.answer();
  const spans = await collected();

  expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE_ID]));
  const accept = spans.find(({ name }) => name === "trigger");
  expect(accept).toMatchObject({ parentSpanId: "00f067aa0ba902b7", kind: 2 });
  expect(spans.filter(({ name }) => name !== "trigger").map((span) => span.parentSpanId)).toEqual(
    Array(spans.length - 1).fill(accept?.spanId),
  );

  const attempts = spans.filter(({ kind }) => kind === 3);
  expect(attempts.map(({ spanId }) => spanId).toSorted()).toEqual(
    app.deliveries.map((one) => placeOf(one)?.spanId).toSorted(),
  );
  for (const one of app.deliveries) {
    expect(placeOf(one)).toMatchObject({ traceId: TRACE_ID, isSampled: true });
    expect(one.headers.tracestate).toBe("shop=1");
  }
  const told = attempts.map((span) => attributesOf(span)["http.response.status_code"]);
  expect(told.toSorted()).toEqual([200, 200, 500, 503, 503]);
  expect(attempts.map(({ name }) => name).toSorted()).toEqual([
    "deliver",
    "deliver",
    "deliver",
    "deliver again",
    "deliver again",
  ]);
  const failed = attempts.filter(({ status }) => status.code === 2);
  expect(failed.map(({ status }) => status.message).toSorted()).toEqual(["500", "503", "503"]);

  const [sleep] = spans.filter(({ name }) => name === "wait for delivery");
  expect(sleep && msOf(sleep)).toBeGreaterThan(900);
  const runs = spans.filter(({ name }) => name === "run").map(attributesOf);
  expect(runs.map((one) => one["reprise.run.state"]).toSorted()).toEqual(["failed", "succeeded"]);
  const [resume] = spans.filter(({ name }) => name === "resume");
  expect(resume?.links).toMatchObject([{ traceId: "ab".repeat(16), spanId: "cd".repeat(8) }]);
  expect(resume && attributesOf(resume)).toEqual({
    "reprise.run.id": workflowRunId,
    "reprise.run.source": "wfr_a",
  });
  expect(collector.bodies.join()).not.toContain(CANARY);
  expect(collector.bodies.join()).toContain("shop-queue");
});

test("a wait for an event is a span from its beginning to its end", async () => {
  await trigger("wfr_w");
  const first = await delivery(1);
  const wait = {
    url: app.url,
    timeout: "1h",
    timeoutUrl: app.url,
    timeoutHeaders: {},
    step: { stepId: 1, stepName: "w", stepType: "Wait", waitEventId: "ready", concurrent: 1 },
  };
  const headers = {
    "upstash-workflow-init": "false",
    "upstash-workflow-runid": "wfr_w",
    "upstash-workflow-url": app.url,
  };
  await call("POST", "/v2/wait/ready", wait, headers);
  first.answer();
  await call("POST", "/v2/notify/ready", { done: CANARY });
  (await delivery(2)).answer();
  const spans = await collected();
  const [span] = spans.filter(({ name }) => name === "wait for event");
  expect(span).toMatchObject({ traceId: TRACE_ID });
  expect(span && attributesOf(span)).toMatchObject({ "reprise.run.id": "wfr_w" });
  expect(collector.bodies.join()).not.toContain(CANARY);
});

describe("a message", () => {
  test("goes on in the trace of its publisher, and so does its callback", async () => {
    const headers = { ...CALLER, "upstash-callback": app.url };
    await call("POST", `/v2/publish/${app.url}`, CANARY, headers);
    (await delivery(1)).answer();
    (await delivery(2)).answer();
    const spans = await collected();
    expect(spans.map(({ name }) => name).toSorted()).toEqual(["deliver", "deliver", "publish"]);
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE_ID]));
  });

  test("keeps a traceparent that its publisher forwards", async () => {
    const forwarded = `00-${"ef".repeat(16)}-${"12".repeat(8)}-01`;
    const headers = { ...CALLER, "upstash-forward-traceparent": forwarded };
    await call("POST", `/v2/publish/${app.url}`, "a", headers);
    const first = await delivery(1);
    expect([first.headers.traceparent, first.headers.tracestate]).toEqual([forwarded, undefined]);
    first.answer();
    expect((await collected()).map(({ traceId }) => traceId)).toEqual([TRACE_ID, TRACE_ID]);
  });

  test("without a valid traceparent begins a trace", async () => {
    await call("POST", `/v2/publish/${app.url}`, "a", {
      traceparent: "00-nonsense",
      tracestate: "a=1",
    });
    const first = await delivery(1);
    expect(first.headers.tracestate).toBeUndefined();
    first.answer();
    const spans = await collected();
    const [accept] = spans.filter(({ name }) => name === "publish");
    expect(accept?.parentSpanId ?? "").toBe("");
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(
      new Set([placeOf(first)?.traceId]),
    );
  });

  test("whose trace is not sampled is not sent, and says so to the app", async () => {
    await call("POST", `/v2/publish/${app.url}`, "a", {
      traceparent: `00-${TRACE_ID}-00f067aa0ba902b7-00`,
    });
    const first = await delivery(1);
    expect(placeOf(first)).toMatchObject({ traceId: TRACE_ID, isSampled: false });
    first.answer();
    expect(await collected()).toEqual([]);
  });

  test("of a trace that begins here is collected by chance", async () => {
    await server.close();
    server = await start(0);
    await call("POST", `/v2/publish/${app.url}`, "a");
    const first = await delivery(1);
    expect(placeOf(first)).toMatchObject({ isSampled: false });
    first.answer();
    expect(await collected()).toEqual([]);
  });
});

describe("a collector", () => {
  test("that is away holds nothing up", async () => {
    await collector.close();
    await call("POST", `/v2/publish/${app.url}`, "a");
    (await delivery(1)).answer();
    const startedAt = performance.now();
    await server.close();
    // Much longer than it waits for the collector, and much shorter than for ever.
    expect(performance.now() - startedAt).toBeLessThan(60_000);
  });

  test("that refuses what it gets is in the log", async () => {
    collector.refuse();
    await call("POST", `/v2/publish/${app.url}`, "a");
    (await delivery(1)).answer();
    await server.close();
    expect(lines.join()).toMatch(/"spans_lost".*"count":2/);
    expect(lines.join()).not.toContain(CANARY);
  });
});

test("without tracing nothing of it goes out, and what comes is not kept", async () => {
  await server.close();
  server = await startServer(devServerConfig({ port: 0, dataDir: ":memory:", logLevel: "error" }));
  await call("POST", `/v2/publish/${app.url}`, "a", CALLER);
  const first = await delivery(1);
  expect(first.headers.traceparent).toBeUndefined();
  first.answer();
  expect(await collected()).toEqual([]);
});
