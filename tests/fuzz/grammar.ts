import fc from "fast-check";
import { type Body, json, record, text } from "./json-values.ts";
import {
  callItem,
  eventId,
  initItem,
  invokeHeaders,
  invokeText,
  keptEvent,
  ownRunId,
  step,
  stepItem,
  waitHeaders,
  waitText,
} from "./step-values.ts";
import {
  destination,
  filters,
  flowKey,
  hostile,
  idOf,
  mostly,
  name,
  settings,
  url,
} from "./values.ts";

/** Requests that look like those of clients, more or less. */

export interface FuzzRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
  readonly isChunked: boolean;
  /** Whose token goes along. */
  readonly token: "good" | "wrong" | "none";
}

type Pairs = readonly (readonly [string, string])[];

interface Shape {
  readonly method: string;
  /** Its path, the parts still as texts. */
  readonly path: fc.Arbitrary<string>;
  readonly body: Body;
  readonly headers: fc.Arbitrary<Pairs>;
  readonly hasQuery: boolean;
}

const NO_BODY: Body = fc.constant(new Uint8Array());
const NO_HEADERS: fc.Arbitrary<Pairs> = fc.constant([]);

const bytes: Body = fc.oneof(
  text(hostile),
  fc.uint8Array({ maxLength: 64 }),
  NO_BODY,
  fc.constant(new Uint8Array(70_000).fill(0x61)),
);

const itemHeaders = settings.map((pairs) => Object.fromEntries(pairs));

const plainItem = record({
  destination,
  headers: itemHeaders,
  body: fc.oneof(
    hostile,
    fc.constant(null),
    step.map((one) => JSON.stringify(one) ?? ""),
  ),
  queue: fc.oneof(name, fc.constant(null)),
});

const item = fc.oneof(
  { weight: 4, arbitrary: plainItem },
  { weight: 1, arbitrary: initItem },
  { weight: 1, arbitrary: callItem },
  { weight: 1, arbitrary: stepItem },
);

const endpoint = record({ name, url });
const ids = (kind: "messageId" | "dlqId") => fc.array(idOf(kind), { maxLength: 4 });

const segment = (value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(value, fc.boolean()).map(([one, isRaw]) => (isRaw ? one : encode(one)));

function encode(value: string): string {
  return value.startsWith("{") ? value : encodeURIComponent(value.toWellFormed());
}

/** A path of fixed text and one part. */
const path = (before: string, part: fc.Arbitrary<string>, after = ""): fc.Arbitrary<string> =>
  part.map((one) => `${before}${one}${after}`);

const SEND = { headers: settings, hasQuery: true, body: bytes } as const;
const READ = { headers: NO_HEADERS, hasQuery: true, body: NO_BODY } as const;

function shape(
  method: string,
  at: fc.Arbitrary<string> | string,
  rest: Partial<Shape> = {},
): Shape {
  return { method, path: typeof at === "string" ? fc.constant(at) : at, ...READ, ...rest };
}

const messageId = segment(idOf("messageId"));
const dlqId = segment(idOf("dlqId"));
const scheduleId = segment(fc.oneof(idOf("scheduleId"), mostly(["s1", "s2"])));
const runId = segment(idOf("runId"));
const queueName = segment(name);
const queued = fc.tuple(queueName, destination).map(([queue, to]) => `/v2/enqueue/${queue}/${to}`);
const group = (after: string) => path("/v2/topics/", segment(name), after);
const flow = (after: string) => path("/v2/flowControl/", segment(flowKey), after);

/** Every endpoint of the wire, weighted by how much there is to it. */
const SHAPES: readonly (readonly [weight: number, Shape])[] = [
  [12, shape("POST", path("/v2/publish/", destination), SEND)],
  [6, shape("POST", queued, SEND)],
  [10, shape("POST", "/v2/batch", { body: json(fc.array(item, { maxLength: 4 })) })],
  [4, shape("POST", "/v2/batch", { body: json(fc.tuple(initItem)) })],
  [3, shape("POST", "/v2/batch", { body: json(fc.tuple(callItem)) })],
  [4, shape("POST", path("/v2/schedules/", destination), SEND)],
  [3, shape("GET", path("/v2/messages/", messageId))],
  [3, shape("DELETE", path("/v2/messages/", messageId))],
  [2, shape("POST", path("/v2/messages/", messageId, "/retry"))],
  [2, shape("DELETE", "/v2/messages", { body: json(record({ messageIds: ids("messageId") })) })],
  [1, shape("DELETE", "/v2/messages")],
  [2, shape("GET", "/v2/bulkActions")],
  [1, shape("GET", path("/v2/bulkActions/", segment(idOf("actionId"))))],
  [3, shape("POST", "/v2/queues", { body: json(queueBody()) })],
  [1, shape("GET", "/v2/queues")],
  [1, shape("GET", path("/v2/queues/", queueName))],
  [1, shape("DELETE", path("/v2/queues/", queueName))],
  [1, shape("POST", path("/v2/queues/", queueName, "/pause"))],
  [1, shape("POST", path("/v2/queues/", queueName, "/resume"))],
  [1, shape("GET", "/v2/schedules")],
  [2, shape("GET", path("/v2/schedules/", scheduleId))],
  [1, shape("DELETE", path("/v2/schedules/", scheduleId))],
  [1, shape("PATCH", path("/v2/schedules/", scheduleId, "/pause"))],
  [1, shape("POST", path("/v2/Schedules/", scheduleId, "/resume"))],
  [1, shape("GET", "/v2/topics")],
  [1, shape("GET", group(""))],
  [1, shape("DELETE", group(""))],
  [2, shape("PATCH", group(""), { body: json(record({ headers: itemHeaders })) })],
  [3, shape("POST", group("/endpoints"), { body: json(endpointsBody()) })],
  [1, shape("DELETE", group("/endpoints"), { body: json(endpointsBody()) })],
  [3, shape("GET", "/v2/dlq")],
  [1, shape("GET", path("/v2/dlq/", dlqId))],
  [1, shape("DELETE", path("/v2/dlq/", dlqId))],
  [2, shape("DELETE", "/v2/dlq", { body: json(record({ dlqIds: ids("dlqId") })) })],
  [2, shape("POST", path("/v2/dlq/retry/", dlqId), { headers: settings })],
  [2, shape("POST", "/v2/dlq/retry", { headers: settings })],
  [1, shape("GET", "/v2/flowControl")],
  [2, shape("GET", flow(""))],
  [2, shape("POST", path("/v2/flowControl/", segment(flowKey), "/pin"))],
  [
    3,
    shape(
      "POST",
      fc
        .constantFrom("pause", "resume", "unpin", "resetRate", "reset")
        .chain((verb) => flow(`/${verb}`)),
    ),
  ],
  [1, shape("GET", "/v2/globalParallelism")],
  [3, shape("GET", "/v2/logs")],
  [3, shape("GET", "/v2/events")],
  [1, shape("GET", "/v2/keys")],
  [1, shape("POST", "/v2/keys/rotate")],
  [1, shape("GET", "/v2/tokens")],
  [
    1,
    shape("POST", "/v2/tokens", {
      body: json(record({ name, scope: mostly(["read-only", "publish-only"]) })),
    }),
  ],
  [1, shape("DELETE", path("/v2/tokens/", segment(hostile)))],
  // Workflows.
  [4, shape("POST", path("/v2/trigger/", url), SEND)],
  [3, shape("POST", "/v2/batch/trigger", { body: json(fc.array(item, { maxLength: 3 })) })],
  [2, shape("GET", "/v2/workflows/logs")],
  [1, shape("GET", "/v2/workflows/events")],
  [1, shape("GET", path("/v2/workflows/runs/", runId))],
  [2, shape("DELETE", path("/v2/workflows/runs/", runId), { body: bytes })],
  [
    2,
    shape("DELETE", "/v2/workflows/runs", {
      body: json(record({ workflowRunIds: fc.array(idOf("runId"), { maxLength: 3 }) })),
    }),
  ],
  [2, shape("GET", "/v2/workflows/dlq")],
  [1, shape("GET", path("/v2/workflows/dlq/", dlqId))],
  [2, shape("POST", path("/v2/workflows/dlq/resume/", dlqId), { headers: settings })],
  [1, shape("POST", "/v2/workflows/dlq/restart", { headers: settings })],
  [1, shape("POST", path("/v2/workflows/dlq/callback/", dlqId))],
  [1, shape("POST", path("/v2/workflows/dlq/hold/", dlqId))],
  [1, shape("POST", path("/v2/dlq/release/", dlqId))],
  [1, shape("POST", "/v2/dlq/hold", { body: json(record({ dlqIds: ids("dlqId") })) })],
  [1, shape("DELETE", "/v2/workflows/dlq", { body: json(record({ dlqIds: ids("dlqId") })) })],
  [3, shape("POST", path("/v2/notify/", segment(eventId)), { body: bytes })],
  [3, shape("POST", path("/v2/notify/", keptEvent), { body: bytes })],
  [5, shape("POST", path("/v2/wait/", segment(eventId)), { headers: waitHeaders, body: waitText })],
  [2, shape("GET", path("/v2/waiters/", segment(eventId)))],
  [4, shape("POST", path("/v2/workflows/hooks/u/", keptEvent), { hasQuery: true, body: bytes })],
  [1, shape("GET", path("/v2/workflows/hooks/", hostile))],
  [2, shape("POST", path("/v2/workflows/runs/", segment(ownRunId), "/nudge"))],
  [5, shape("POST", path("/v2/publish/", url), { headers: invokeHeaders, body: invokeText })],
  // Nothing of the wire.
  [2, shape("GET", path("/", hostile))],
  [1, shape("GET", fc.constantFrom("/livez", "/readyz", "/v1/publish/x", "/v2", "/v2/"))],
];

function queueBody() {
  const parallelism = fc.oneof(fc.integer({ min: -1, max: 9 }), fc.double());
  return record({ queueName: name, parallelism, paused: fc.boolean() });
}

function endpointsBody() {
  return record({ endpoints: fc.array(endpoint, { maxLength: 4 }) });
}

const shapes = fc.oneof(
  ...SHAPES.map(([weight, one]) => ({ weight, arbitrary: fc.constant(one) })),
);

const METHODS = [
  "GET",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "FOO",
] as const;

/** Headers of no setting that servers have tripped over. */
const oddHeaders: fc.Arbitrary<Pairs> = fc.array(
  fc.oneof(
    fc.constantFrom(
      ["Expect", "100-continue"] as const,
      ["Content-Encoding", "gzip"] as const,
      ["X-Forwarded-For", "1.2.3.4, ::1"] as const,
      ["Origin", "http://evil.test"] as const,
      ["Upgrade", "websocket"] as const,
      ["Range", "bytes=0-"] as const,
      ["Cookie", "a=b"] as const,
    ),
    fc.tuple(fc.constantFrom("Content-Type", "Accept", "X-Odd", "Host"), hostile),
  ),
  { maxLength: 2 },
);

/** One request, now and then with another method, another body, odd headers or without a token. */
export const fuzzRequest: fc.Arbitrary<FuzzRequest> = shapes.chain((one) =>
  fc
    .record({
      method: fc.oneof(
        { weight: 19, arbitrary: fc.constant(one.method) },
        { weight: 1, arbitrary: fc.constantFrom(...METHODS) },
      ),
      path: one.path,
      query: one.hasQuery ? filters : fc.constant<Pairs>([]),
      headers: one.headers,
      odd: fc.oneof({ weight: 9, arbitrary: NO_HEADERS }, { weight: 1, arbitrary: oddHeaders }),
      body: fc.oneof({ weight: 19, arbitrary: one.body }, { weight: 1, arbitrary: bytes }),
      isChunked: fc.integer({ min: 0, max: 9 }).map((digit) => digit === 0),
      token: fc.integer({ min: 0, max: 39 }).map((digit) => TOKENS[digit] ?? "good"),
    })
    .map(({ path: at, query, headers, odd, ...rest }) => ({
      ...rest,
      target: at + queryOf(at, query),
      headers: [...headers, ...odd],
    })),
);

const TOKENS = ["wrong", "none"] as const;

function queryOf(at: string, query: Pairs): string {
  if (query.length === 0) return "";
  const parts = query.map(([key, value]) => `${key}=${encode(value)}`);
  return `${at.includes("?") ? "&" : "?"}${parts.join("&")}`;
}
