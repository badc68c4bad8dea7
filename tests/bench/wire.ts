// The exchange of a running workflow as the official SDK puts it on the wire, reduced to texts that are made once.

import { randomBytes } from "node:crypto";

export const STEPS_PER_RUN = 10;

export function newRunId(): string {
  return `wfr_${randomBytes(16).toString("base64url")}`;
}

/** Headers that the SDK's HTTP client adds to every request of its own. */
const CLIENT_HEADERS = [
  ["accept", "*/*"],
  ["accept-language", "*"],
  ["sec-fetch-mode", "cors"],
  ["user-agent", "node"],
  ["accept-encoding", "gzip, deflate"],
] as const;

/** Header pairs of a request to the server, flat as undici sends them. */
export function clientHeaders(token: string, contentType: string): string[] {
  return [
    "content-type",
    contentType,
    "authorization",
    `Bearer ${token}`,
    ...CLIENT_HEADERS.flat(),
  ];
}

const FEATURES = "LazyFetch,InitialBody,WF_DetectTrigger,WF_TriggerOnConfig";

const TELEMETRY = {
  "upstash-telemetry-framework": "unknown",
  "upstash-telemetry-runtime": "unknown, node@v24.21.0",
  "upstash-telemetry-sdk": "@upstash/workflow@v1.3.2, upstash-qstash-js@2.12.0",
} as const;

/** Headers of one batch item, as `client.trigger` and a step send them; in the order of the SDK. */
export function itemHeaders(runId: string, appUrl: string, isInit: boolean): object {
  const failure = "upstash-failure-callback";
  const failureCall = {
    [failure]: appUrl,
    [`${failure}-feature-set`]: FEATURES,
    [`${failure}-forward-upstash-workflow-failure-callback`]: "true",
    [`${failure}-forward-upstash-workflow-is-failure`]: "true",
    [`${failure}-workflow-calltype`]: "failureCall",
    [`${failure}-workflow-init`]: "false",
    [`${failure}-workflow-runid`]: runId,
    [`${failure}-workflow-url`]: appUrl,
  };
  return {
    "content-type": "application/json",
    ...(isInit ? failureCall : {}),
    "upstash-feature-set": FEATURES,
    "upstash-forward-upstash-workflow-sdk-version": "1",
    "upstash-method": "POST",
    ...TELEMETRY,
    "upstash-workflow-init": String(isInit),
    "upstash-workflow-runid": runId,
    "upstash-workflow-sdk-version": "1",
    "upstash-workflow-url": appUrl,
  };
}

/** What every step returns: a small object with about 200 bytes of text. */
export const STEP_RESULT = {
  ok: true,
  order: "order_1837",
  total: 129.9,
  note: "abcdefghij ".repeat(15).trim(),
} as const;

const PAYLOAD = JSON.stringify({ order: "order_1837" });
const RUN_ID_MARK = "\u0001RUN\u0001";

/** A text with a hole for the run id, so that a request costs one concatenation for each hole. */
export type Template = (runId: string) => string;

function template(text: string): Template {
  const parts = text.split(JSON.stringify(RUN_ID_MARK).slice(1, -1));
  return (runId) => parts.join(runId);
}

/** The body of `POST /v2/batch` that triggers a run; `more` are headers that configure it. */
export function triggerTemplate(appUrl: string, more: object = {}): Template {
  return template(JSON.stringify([triggerItem(appUrl, RUN_ID_MARK, more)]));
}

/** One item of the above, for several runs in one batch. */
export function triggerItem(appUrl: string, runId: string, more: object = {}): object {
  const headers = { ...itemHeaders(runId, appUrl, true), ...more };
  return { destination: appUrl, headers, body: PAYLOAD };
}

/** The bodies of `POST /v2/batch` that submit the result of step 1, 2, ... of a run. */
export function stepTemplates(appUrl: string): readonly Template[] {
  return Array.from({ length: STEPS_PER_RUN }, (_, index) =>
    recordsTemplate(appUrl, [resultRecord(index + 1)]),
  );
}

/** The body of `POST /v2/batch` that submits records of a run together. */
export function recordsTemplate(appUrl: string, records: readonly StepRecord[]): Template {
  const headers = itemHeaders(RUN_ID_MARK, appUrl, false);
  const items = records.map((record) => {
    return { destination: appUrl, headers, body: JSON.stringify(record) };
  });
  return template(JSON.stringify(items));
}

/** What an app submits, in the order of the SDK. */
export interface StepRecord {
  /** 0 in a plan. */
  readonly stepId: number;
  readonly stepName: string;
  readonly stepType: "Run";
  readonly out?: string;
  readonly concurrent: number;
  /** The step that a plan is for. */
  readonly targetStep?: number;
}

/** `concurrent` is the size of the parallel group. */
export function resultRecord(stepId: number, concurrent = 1): StepRecord {
  const out = JSON.stringify(STEP_RESULT);
  return { stepId, stepName: `step-${stepId}`, stepType: "Run", out, concurrent };
}

/** The plan of a parallel group that begins with the first step. */
export function planRecords(concurrent: number): readonly StepRecord[] {
  return Array.from({ length: concurrent }, (_, index) => {
    const targetStep = index + 1;
    const stepName = `step-${targetStep}`;
    return { stepId: 0, stepName, stepType: "Run", concurrent, targetStep };
  });
}

/** Answer of the SDK to a delivery that it has handled. */
export const ANSWER_HEADERS = {
  "content-type": "text/plain;charset=UTF-8",
  "upstash-workflow-sdk": "v1.3.3",
  "upstash-workflow-sdk-version": "1",
} as const;

export function answerBody(runId: string): string {
  return `{"workflowRunId":"${runId}","finishCondition":"success"}`;
}

const ITEM_MARK = '"callType":';

/** Number of records in a delivery's list. The rest is base64 and ids, in which a quote cannot stand. */
export function countItems(list: string | Buffer): number {
  let count = 0;
  for (let at = list.indexOf(ITEM_MARK); at >= 0; at = list.indexOf(ITEM_MARK, at + 1)) count++;
  return count;
}

const LAST_BODY_MARK = '"body":"';

/** The record that a delivery is about: the last one of its list. Null is the payload, which stands alone. */
export function lastRecord(list: Buffer): StepRecord | null {
  const start = list.lastIndexOf(LAST_BODY_MARK) + LAST_BODY_MARK.length;
  const body = list.toString("latin1", start, list.indexOf('"', start));
  // An app of this very program wrote it; its payload alone has no such field.
  const record = JSON.parse(Buffer.from(body, "base64").toString("utf8")) as StepRecord | object;
  return "stepId" in record ? record : null;
}
