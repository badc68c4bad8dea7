import type { Client, TriggerOptions } from "@reprise/sdk";

/** Calls that both workflow clients take. */

export type RunCall = (client: Client) => Promise<unknown>;
export type RunCalls = Readonly<Record<string, RunCall>>;

const url = "https://app.test/order";
const DATE = new Date(1_800_000_000_000);

const TRIGGER_OPTIONS: Readonly<Record<string, Omit<TriggerOptions, "url">>> = {
  nothing: {},
  "a text": { body: "hello" },
  "an empty text": { body: "" },
  "an object": { body: { a: [1, "ä"] } },
  "a number": { body: 0 },
  null: { body: null },
  "an own id": { workflowRunId: "order-1" },
  retries: { retries: 5 },
  "no retries": { retries: 0 },
  "the usual retries": { retries: 3 },
  "a retry delay": { retryDelay: "1000" },
  "an empty retry delay": { retryDelay: "" },
  "a delay": { delay: 10 },
  "a delay as a duration": { delay: "1h" },
  "an instant": { notBefore: 1_900_000_000 },
  "a label": { label: "winter" },
  labels: { label: ["winter", "a.b-c_d"] },
  "a failure URL": { failureUrl: "https://app.test/failed" },
  "flow control": { flowControl: { key: "k", rate: 1, period: "10s", parallelism: 4 } },
  "redacted fields": { redact: { body: true, header: ["Authorization"] } },
  headers: { headers: { Authorization: "Bearer u", "X-Shop": "1" } },
  "a content type": { headers: { "Content-Type": "text/csv" }, body: "a;b" },
  "settings among headers": { headers: { "Upstash-Label": "x", "upstash-foo": "y" }, label: "z" },
  "no telemetry": { disableTelemetry: true },
  everything: {
    body: { a: 1 },
    workflowRunId: "all",
    retries: 1,
    retryDelay: "pow(2, retried)",
    delay: "5m",
    notBefore: 1_900_000_000,
    label: ["a", "b"],
    failureUrl: "https://other.test/f?x=1",
    flowControl: { key: "k", parallelism: 2 },
    redact: { header: true },
    headers: { "X-All": "1" },
  },
};

export const TRIGGER_CALLS: RunCalls = {
  ...Object.fromEntries(
    Object.entries(TRIGGER_OPTIONS).map(([name, options]): readonly [string, RunCall] => [
      `trigger with ${name}`,
      (client) => client.trigger({ url, ...options }),
    ]),
  ),
  "trigger of many": (client) =>
    client.trigger(Object.values(TRIGGER_OPTIONS).map((options) => ({ url, ...options }))),
};

export const RUN_CALLS: RunCalls = {
  "cancel of one": (client) => client.cancel("wfr_1"),
  "cancel of several": (client) => client.cancel(["wfr_1", "wfr_2"]),
  "cancel by ids": (client) => client.cancel({ workflowRunIds: ["wfr_1"] }),
  "cancel by URL": (client) => client.cancel({ filter: { workflowUrl: url } }),
  "cancel by URLs": (client) =>
    client.cancel({ filter: { workflowUrl: [url, "https://b.test"] }, count: 4 }),
  "cancel by the begin of a URL": (client) =>
    client.cancel({ filter: { workflowUrlStartingWith: url } }),
  "cancel by other filters": (client) =>
    client.cancel({
      filter: {
        label: ["a", "b"],
        fromDate: DATE,
        toDate: 9,
        callerIp: "::1",
        flowControlKey: "k",
        host: "h",
        path: "/p",
      },
    }),
  "cancel of all": (client) => client.cancel({ all: true }),
  "cancel of some": (client) => client.cancel({ all: true, count: 5 }),
  "cancel by older ids": (client) => client.cancel({ ids: ["wfr_1", "wfr_2"] }),
  "cancel by an older id": (client) => client.cancel({ ids: "wfr_1" }),
  "cancel by an older URL": (client) => client.cancel({ urlStartingWith: url }),
  "notify with a text": (client) => client.notify({ eventId: "paid", eventData: "yes" }),
  "notify with an object": (client) => client.notify({ eventId: "paid", eventData: { n: 1 } }),
  "notify with nothing": (client) => client.notify({ eventId: "paid" }),
  "notify of one run": (client) =>
    client.notify({ eventId: "paid", eventData: 1, workflowRunId: "wfr_1" }),
  getWaiters: (client) => client.getWaiters({ eventId: "order-1_paid" }),
  logs: (client) => client.logs(),
  "logs by older filters": (client) =>
    client.logs({
      workflowRunId: "wfr_1",
      state: "RUN_FAILED",
      workflowUrl: url,
      label: "a",
      workflowCreatedAt: 3,
    }),
  "logs by filters": (client) =>
    client.logs({
      cursor: "c",
      count: 2,
      filter: {
        workflowUrl: [url],
        state: "RUN_STARTED",
        messageId: "msg_1",
        fromDate: DATE,
        host: ["a", "b"],
      },
    }),
  "logs where the filter wins": (client) => client.logs({ label: "old", filter: { label: "new" } }),
  "dlq.list": (client) => client.dlq.list(),
  "dlq.list by filters": (client) =>
    client.dlq.list({
      cursor: "c",
      count: 3,
      filter: {
        workflowUrl: [url, "https://b.test"],
        label: "a",
        failureFunctionState: "CALLBACK_FAIL",
        toDate: DATE,
      },
    }),
  "dlq.list by older filters": (client) =>
    client.dlq.list({ filter: { url, responseStatus: 500 } }),
  "dlq.retryFailureFunction": (client) => client.dlq.retryFailureFunction({ dlqId: "1-1" }),
  "dlq.delete of one": (client) => client.dlq.delete("1-1"),
  "dlq.delete of several": (client) => client.dlq.delete(["1-1", "2-2"]),
  "dlq.delete by ids": (client) => client.dlq.delete({ dlqIds: ["1-1"] }),
  "dlq.delete by filter": (client) =>
    client.dlq.delete({ filter: { label: "a" }, count: 2, cursor: "c" }),
  "dlq.delete of all": (client) => client.dlq.delete({ all: true }),
  ...revivals("resume"),
  ...revivals("restart"),
};

function revivals(mode: "resume" | "restart"): RunCalls {
  const flowControl = { key: "k", rate: 2, period: 60 };
  return {
    [`dlq.${mode} of one`]: ({ dlq }) => dlq[mode]("1-1"),
    [`dlq.${mode} with other settings`]: ({ dlq }) => dlq[mode]("1-1", { retries: 4, flowControl }),
    [`dlq.${mode} of several`]: ({ dlq }) => dlq[mode](["1-1", "2-2"], { retries: 0 }),
    [`dlq.${mode} by ids`]: ({ dlq }) => dlq[mode]({ dlqIds: "1-1" }),
    [`dlq.${mode} by filter`]: ({ dlq }) =>
      dlq[mode]({
        filter: { workflowUrl: url, workflowRunId: "wfr_1", workflowCreatedAt: 1 },
        count: 5,
      }),
    [`dlq.${mode} of all`]: ({ dlq }) => dlq[mode]({ all: true, cursor: "c" }),
    [`dlq.${mode} of an older kind`]: ({ dlq }) => dlq[mode]({ dlqId: "1-1", retries: 2 }),
    [`dlq.${mode} of older kinds`]: ({ dlq }) => dlq[mode]({ dlqId: ["1-1", "2-2"], flowControl }),
  };
}
