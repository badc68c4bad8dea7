/** The same recovery by curl, at the shell, and with the SDK. The token is never part of it. */

import { type Query, toSearch } from "../api/client.ts";
import { quotedText } from "../parts/visible.ts";
import { type OverrideValues, toOverrideHeaders } from "./overrides.ts";
import {
  callOf,
  type DeadQueue,
  filterOf,
  hasOverrides,
  type Verb,
  type What,
} from "./recovery.ts";
import { shellWord } from "./shell.ts";

export interface Recovery {
  readonly queue: DeadQueue;
  readonly verb: Verb;
  readonly what: What;
  readonly overrides: OverrideValues;
}

/** Longer lists of ids go into the body, as addresses have a limit. */
const QUERY_IDS_MAX = 20;

const AUTHORIZATION = '-H "Authorization: Bearer $REPRISE_TOKEN"';
const NEXT_LINE = " \\\n  ";

export function curlOf(server: string, recovery: Recovery): string {
  const { queue, verb, what } = recovery;
  const base = server.replace(/\/$/, "");
  if (verb === "callback") return curlCallback(base, recovery);
  const one = what.kind === "ids" && what.dlqIds.length === 1 ? what.dlqIds[0] : undefined;
  const { method, path } = callOf(queue, verb, one);
  if (what.kind === "ids") {
    const isLong = what.dlqIds.length > QUERY_IDS_MAX;
    const search = one === undefined && !isLong ? `?dlqIds=${what.dlqIds.join(",")}` : "";
    const body = isLong
      ? [
          "-H 'Content-Type: application/json'",
          `-d ${shellWord(JSON.stringify({ dlqIds: what.dlqIds }))}`,
        ]
      : [];
    return curl(method, `${base}${path}${search}`, [...headerFlags(recovery), ...body]);
  }
  const search = toSearch(filterOf(what, verb) ?? {});
  const call = curl(
    method,
    `${base}${path}${search === "" ? "" : `?${search}`}`,
    headerFlags(recovery),
  );
  return `${call}\n# 1,000 a request: while the answer has a cursor, again with &cursor=...`;
}

function curlCallback(base: string, { queue, verb, what }: Recovery): string {
  if (what.kind === "ids") {
    const calls = what.dlqIds.map((dlqId) => {
      const { method, path } = callOf(queue, verb, dlqId);
      return curl(method, `${base}${path}`, []);
    });
    return calls.join("\n");
  }
  const search = toSearch(filterOf(what, verb) ?? {});
  const list = `curl ${AUTHORIZATION}${NEXT_LINE}${shellWord(`${base}/v2/workflows/dlq?${search}`)}`;
  const { method, path } = callOf(queue, verb);
  return `${list}\n# and for each dlqId of the answer\n${curl(method, `${base}${path}/DLQ_ID`, [])}`;
}

function curl(method: string, url: string, flags: readonly string[]): string {
  return [`curl -X ${method} ${shellWord(url)}`, AUTHORIZATION, ...flags].join(NEXT_LINE);
}

function headerFlags({ verb, overrides }: Recovery): readonly string[] {
  if (!hasOverrides(verb)) return [];
  const { headers } = toOverrideHeaders(overrides);
  return Object.entries(headers).map(([name, value]) => `-H ${shellWord(`${name}: ${value}`)}`);
}

/** Filters of the API and the flags of the same meaning. */
const FLAGS: Readonly<Record<string, string>> = {
  groupId: "group",
  workflowUrl: "url",
  url: "url",
  workflowRunId: "run",
  workflowCreatedAt: "created-at",
  messageId: "message-id",
  label: "label",
  topicName: "url-group",
  queueName: "queue",
  scheduleId: "schedule",
  flowControlKey: "flow-control-key",
  callerIp: "caller-ip",
  responseStatus: "status",
  failureFunctionState: "state",
  fromDate: "from",
  toDate: "to",
};

const OVERRIDE_FLAGS: Readonly<Record<string, string>> = {
  retryDelay: "retry-delay",
  flowControlKey: "flow-control-key",
  failureCallback: "failure-callback",
};

export function cliOf(server: string, recovery: Recovery): string {
  const { queue, verb, what, overrides } = recovery;
  const words = ["reprise", "dlq", verb];
  if (what.kind === "ids") words.push(...what.dlqIds.map(shellWord));
  else words.push(...filterFlags(filterOf(what, verb) ?? {}));
  if (what.kind !== "ids" && verb === "delete") {
    words.push(queue === "workflows" ? "--runs" : "--messages");
  }
  if (hasOverrides(verb)) {
    for (const [name, value] of Object.entries(overrides)) {
      if (value.trim() !== "")
        words.push(flag(`set-${OVERRIDE_FLAGS[name] ?? name}`, value.trim()));
    }
  }
  const address = shellWord(server.replace(/\/$/, ""));
  return `export QSTASH_URL=${address} QSTASH_TOKEN="$REPRISE_TOKEN"\n${words.join(" ")}`;
}

function filterFlags(query: Query): readonly string[] {
  const flags = pairsOf(query).map(([name, value]) => flag(FLAGS[name] ?? name, value));
  return flags.length === 0 ? ["--all"] : flags;
}

function flag(name: string, value: string): string {
  const word = shellWord(value);
  return value.startsWith("-") ? `--${name}=${word}` : `--${name} ${word}`;
}

function pairsOf(query: Query): readonly (readonly [string, string])[] {
  return [...new URLSearchParams(toSearch(query))];
}

const NUMBERS: ReadonlySet<string> = new Set([
  "fromDate",
  "toDate",
  "responseStatus",
  "workflowCreatedAt",
]);

export function sdkOf(server: string, recovery: Recovery): string {
  const { queue, what } = recovery;
  const library = queue === "workflows" ? "@reprise/sdk" : "@reprise/sdk/messages";
  const head = [
    `import { Client } from "${library}";`,
    "",
    "const client = new Client({",
    `  baseUrl: ${quotedText(server.replace(/\/$/, ""))},`,
    "  token: process.env.REPRISE_TOKEN,",
    "});",
  ];
  const call = what.kind === "ids" ? sdkNamed(what.dlqIds, recovery) : sdkMatching(recovery);
  return [...head, ...call].join("\n");
}

function sdkNamed(dlqIds: readonly string[], { verb, ...recovery }: Recovery): readonly string[] {
  const [first = "", ...others] = dlqIds;
  if (verb === "callback") {
    return dlqIds.map(
      (dlqId) => `await client.dlq.retryFailureFunction({ dlqId: ${quotedText(dlqId)} });`,
    );
  }
  const ids = others.length === 0 ? quotedText(first) : literal(dlqIds);
  return [`await client.dlq.${verb}(${ids}${sdkOptions({ verb, ...recovery })});`];
}

function sdkMatching(recovery: Recovery): readonly string[] {
  const { verb, what } = recovery;
  const filter = sdkFilter(filterOf(what, verb) ?? {});
  const isAll = Object.keys(filter).length === 0;
  const chosen = isAll ? "all: true" : `filter: ${literal(filter)}`;
  if (verb === "callback") {
    return [
      `for await (const { dlqId } of client.dlq.all(${literal(filter)})) {`,
      "  await client.dlq.retryFailureFunction({ dlqId });",
      "}",
    ];
  }
  if (verb === "delete") {
    return [
      "let cursor: string | undefined;",
      "do {",
      `  ({ cursor } = await client.dlq.delete({ ${chosen}, cursor }));`,
      "} while (cursor !== undefined);",
    ];
  }
  const one = verb === "retry" ? "{ messageId }" : "{ workflowRunId }";
  const name = verb === "retry" ? "messageId" : "workflowRunId";
  return [
    `for await (const ${one} of client.dlq.${verb}All({ ${chosen} }${sdkOptions(recovery)})) {`,
    `  console.log(${name});`,
    "}",
  ];
}

type SdkFilter = Record<string, string | number | (string | number)[]>;

function sdkFilter(query: Query): SdkFilter {
  const filter: SdkFilter = {};
  for (const [name, text] of pairsOf(query)) {
    const key = name === "topicName" ? "urlGroup" : name;
    const value = NUMBERS.has(name) ? Number(text) : text;
    const before = filter[key];
    filter[key] = before === undefined ? value : [before, value].flat();
  }
  return filter;
}

/** What follows the choice: `, { retries: 5 }`, or nothing. */
function sdkOptions({ queue, verb, overrides }: Omit<Recovery, "what">): string {
  if (!hasOverrides(verb)) return "";
  const typed = (name: keyof OverrideValues) => overrides[name]?.trim() ?? "";
  const list = (text: string) => {
    const values = text.split(",").map((value) => value.trim());
    return values.length === 1 ? values[0] : values;
  };
  const limits = {
    ...numberField("parallelism", typed("parallelism")),
    ...numberField("rate", typed("rate")),
    ...textField("period", typed("period")),
  };
  const options = {
    ...numberField("retries", typed("retries")),
    ...textField("retryDelay", typed("retryDelay")),
    ...textField("delay", typed("delay")),
    ...textField("timeout", typed("timeout")),
    ...(typed("label") === "" ? {} : { label: list(typed("label")) }),
    ...(typed("flowControlKey") === ""
      ? {}
      : { flowControl: { key: typed("flowControlKey"), ...limits } }),
    ...textField(
      queue === "workflows" ? "failureUrl" : "failureCallback",
      typed("failureCallback"),
    ),
    ...textField("callback", typed("callback")),
    ...(typed("redact") === "" ? {} : { redact: redactionOf(typed("redact")) }),
  };
  return Object.keys(options).length === 0 ? "" : `, ${literal(options)}`;
}

const textField = (name: string, text: string) => (text === "" ? {} : { [name]: text });
const numberField = (name: string, text: string) =>
  text === "" ? {} : { [name]: /^\d+$/.test(text) ? Number(text) : text };

/** `body,header[Authorization]` as the SDK takes it. */
function redactionOf(text: string): object {
  const parts = text.split(",").map((part) => part.trim());
  const names = parts.flatMap((part) => /^header\[(.+)\]$/.exec(part)?.[1] ?? []);
  return {
    ...(parts.includes("body") ? { body: true } : {}),
    ...(parts.includes("header") ? { header: true } : names.length > 0 ? { header: names } : {}),
  };
}

/** A value as code: names without quotes where they need none. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value !== "object" || value === null)
    return typeof value === "string" ? quotedText(value) : JSON.stringify(value);
  const fields = Object.entries(value).map(([name, field]) => {
    const key = /^[A-Za-z_]\w*$/.test(name) ? name : quotedText(name);
    return `${key}: ${literal(field)}`;
  });
  return `{ ${fields.join(", ")} }`;
}
