/** Settings that a recovered run or message can be given in place of its own. */

import type { DeadLetterResource, DeadMessageResource } from "@reprise/protocol";
import type { DeadQueue } from "./recovery.ts";

export type OverrideName =
  | "retries"
  | "retryDelay"
  | "delay"
  | "timeout"
  | "label"
  | "flowControlKey"
  | "parallelism"
  | "rate"
  | "period"
  | "failureCallback"
  | "callback"
  | "redact";

/** What a person has typed; empty texts keep what is. */
export type OverrideValues = Readonly<Partial<Record<OverrideName, string>>>;

interface OverrideField {
  readonly name: OverrideName;
  readonly title: string;
  readonly hint: string;
  readonly isOfMessagesOnly?: true;
}

export const OVERRIDE_FIELDS: readonly OverrideField[] = [
  { name: "retries", title: "Retries", hint: "after the first attempt" },
  { name: "retryDelay", title: "Retry delay", hint: "milliseconds, such as 1000 * (1 + retried)" },
  { name: "delay", title: "Delay", hint: "before the first attempt: 10s, 5m, 1h30m" },
  { name: "timeout", title: "Timeout", hint: "of one attempt: 30s", isOfMessagesOnly: true },
  { name: "label", title: "Labels", hint: "with commas; in place of the old ones" },
  { name: "flowControlKey", title: "Flow-control key", hint: "with parallelism or rate" },
  { name: "parallelism", title: "Parallelism", hint: "in flight at once under the key" },
  { name: "rate", title: "Rate", hint: "starts in one period under the key" },
  { name: "period", title: "Period", hint: "of the rate: 1s, 1m" },
  { name: "failureCallback", title: "Failure callback", hint: "URL that is told of a failure" },
  {
    name: "callback",
    title: "Callback",
    hint: "URL that is told the answer",
    isOfMessagesOnly: true,
  },
  { name: "redact", title: "Redact", hint: "body, header, header[Name]", isOfMessagesOnly: true },
];

export function overrideFields(queue: DeadQueue): readonly OverrideField[] {
  return OVERRIDE_FIELDS.filter((field) => queue === "messages" || field.isOfMessagesOnly !== true);
}

const HEADERS = {
  retries: "Upstash-Retries",
  retryDelay: "Upstash-Retry-Delay",
  delay: "Upstash-Delay",
  timeout: "Upstash-Timeout",
  label: "Upstash-Label",
  flowControlKey: "Upstash-Flow-Control-Key",
  failureCallback: "Upstash-Failure-Callback",
  callback: "Upstash-Callback",
  redact: "Upstash-Redact-Fields",
} as const;

const FLOW_PARTS = ["parallelism", "rate", "period"] as const;

export interface OverrideHeaders {
  readonly headers: Readonly<Record<string, string>>;
  /** What cannot be sent, by field. The server checks everything else. */
  readonly problems: OverrideValues;
}

/** The headers of a request that sets `values`. */
export function toOverrideHeaders(values: OverrideValues): OverrideHeaders {
  const headers: Record<string, string> = {};
  const problems: Partial<Record<OverrideName, string>> = {};
  for (const [name, header] of Object.entries(HEADERS)) {
    const key = name as keyof typeof HEADERS; // The record's own key.
    const text = values[key]?.trim() ?? "";
    if (text === "") continue;
    if (/^[\x20-\x7e]+$/.test(text)) headers[header] = text;
    else problems[key] = "must be plain ASCII text in one line";
  }
  const parts = FLOW_PARTS.flatMap((name) => {
    const text = values[name]?.trim() ?? "";
    if (text === "") return [];
    // A comma or an equals sign would set another limit.
    if (!/^[\w.]+$/.test(text)) problems[name] = "must be a number or a duration";
    return [`${name}=${text}`];
  });
  const hasKey = headers[HEADERS.flowControlKey] !== undefined;
  if (hasKey && parts.length === 0) problems.flowControlKey = "needs parallelism or a rate";
  const [first] = FLOW_PARTS.filter((name) => (values[name]?.trim() ?? "") !== "");
  if (!hasKey && first !== undefined) problems[first] = "needs a flow-control key";
  if (parts.length > 0) headers["Upstash-Flow-Control-Value"] = parts.join(",");
  return { headers, problems };
}

export type DeadEntry = DeadLetterResource | DeadMessageResource;

/** The value that an entry has now, as a person would type it; empty when it has none. */
export function ownValue(entry: DeadEntry, name: OverrideName): string {
  switch (name) {
    case "retries":
      return String(entry.maxRetries);
    case "retryDelay":
      return entry.retryDelayExpression ?? "";
    case "timeout":
      return "timeout" in entry && entry.timeout !== undefined ? `${entry.timeout / 1000}s` : "";
    case "label":
      return (entry.labels ?? []).join(",");
    case "flowControlKey":
      return entry.flowControlKey ?? "";
    case "parallelism":
      return textOf(entry.parallelism);
    case "rate":
      return textOf(entry.rate);
    case "period":
      return entry.period === undefined ? "" : `${entry.period}s`;
    case "failureCallback":
      return entry.failureCallback ?? "";
    case "callback":
      return "callback" in entry ? (entry.callback ?? "") : "";
    default:
      return "";
  }
}

const textOf = (value: number | undefined): string => (value === undefined ? "" : String(value));

/** What a field shows while it is empty: the value that stays. `isComplete` says that the entries are all that are meant. */
export function placeholderOf(
  entries: readonly DeadEntry[],
  name: OverrideName,
  isComplete: boolean,
): string {
  const [first] = entries;
  if (first === undefined) return "";
  const own = ownValue(first, name);
  const isShared = entries.every((entry) => ownValue(entry, name) === own);
  if (!isShared) return "each keeps its own";
  if (isComplete) return own === "" ? "not set" : own;
  return own === "" ? "each keeps its own" : `each its own, such as ${own}`;
}
