// The exchange of a running workflow as the official SDK puts it on the wire, reduced to texts that are made once.

export const STEPS_PER_RUN = 10;

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

/** The body of `POST /v2/batch` that triggers a run. */
export function triggerTemplate(appUrl: string): Template {
  const headers = itemHeaders(RUN_ID_MARK, appUrl, true);
  return template(JSON.stringify([{ destination: appUrl, headers, body: PAYLOAD }]));
}

/** The bodies of `POST /v2/batch` that submit the result of step 1, 2, ... of a run. */
export function stepTemplates(appUrl: string): readonly Template[] {
  const headers = itemHeaders(RUN_ID_MARK, appUrl, false);
  return Array.from({ length: STEPS_PER_RUN }, (_, index) => {
    const record = {
      stepId: index + 1,
      stepName: `step-${index + 1}`,
      stepType: "Run",
      out: JSON.stringify(STEP_RESULT),
      concurrent: 1,
    };
    const body = JSON.stringify(record);
    return template(JSON.stringify([{ destination: appUrl, headers, body }]));
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
export function countItems(list: string): number {
  let count = 0;
  for (let at = list.indexOf(ITEM_MARK); at >= 0; at = list.indexOf(ITEM_MARK, at + 1)) count++;
  return count;
}
