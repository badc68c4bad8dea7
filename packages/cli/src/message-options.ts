// What a message can be given, as flags of `publish` and of `schedules create`, and as `--set-...` of a retry, resume
// or restart: there `--label` and `--flow-control-key` choose dead letters already. The server checks the values.

import { HEADER } from "@reprise/protocol";
import { type Command, InvalidArgumentError } from "commander";
import { usageFault } from "./fault.ts";

type Headers = Readonly<Record<string, string>>;

/** Options that become one header each, by their flag without dashes. */
const PLAIN = {
  retries: [HEADER.retries, "<number>", "retries after the first attempt"],
  "retry-delay": [
    HEADER.retryDelay,
    "<expression>",
    "milliseconds between retries, such as '1000 * (1 + retried)'",
  ],
  delay: [HEADER.delay, "<duration>", "wait before the first attempt, such as 10s or 1h30m"],
  timeout: [HEADER.timeout, "<duration>", "limit of one attempt"],
  label: [HEADER.label, "<label>", "label (repeatable)"],
  "flow-control-key": [HEADER.flowControlKey, "<key>", "flow-control key"],
  callback: [HEADER.callback, "<url>", "where the answer of the destination is reported"],
  "failure-callback": [HEADER.failureCallback, "<url>", "where a failure is reported"],
  redact: [HEADER.redactFields, "<field>", "hide body, header or header[Name] (repeatable)"],
  method: [HEADER.method, "<method>", "method of the delivery (POST when not given)"],
  "dedup-id": [HEADER.deduplicationId, "<id>", "messages with the same id are accepted once"],
} as const;

/** The three parts of a flow-control value. */
const FLOW = {
  parallelism: ["<number>", "attempts in flight at once under the flow-control key"],
  rate: ["<number>", "attempts that start in one period under the flow-control key"],
  period: ["<duration>", "the period (1s when not given)"],
} as const;

type PlainName = keyof typeof PLAIN;

/** Options of one message, as commander names them. */
type Values = Readonly<Record<string, unknown>>;

/** Settings of a delivery, which a stored message can be given anew. */
const OVERRIDABLE_OF_RUNS: readonly PlainName[] = [
  "retries",
  "retry-delay",
  "delay",
  "label",
  "flow-control-key",
  "failure-callback",
];
/** Settings of a run that is started without an SDK. */
const SETTINGS_OF_RUNS: readonly PlainName[] = [...OVERRIDABLE_OF_RUNS, "redact"];
const OVERRIDABLE_OF_MESSAGES: readonly PlainName[] = [
  ...OVERRIDABLE_OF_RUNS,
  "timeout",
  "callback",
  "redact",
];

export interface MessageOptions {
  readonly header?: readonly string[];
  readonly notBefore?: number;
  readonly contentDedup?: true;
}

/** Everything that a new message takes. */
export function addMessageOptions(command: Command): Command {
  // The record has exactly these names as its keys.
  addAll(command, "", Object.keys(PLAIN) as PlainName[]);
  return addHeaderOption(command).option(
    "--content-dedup",
    "accept the same content to the same destination once",
  );
}

/** Everything that a new run takes. */
export function addRunOptions(command: Command): Command {
  return addNotBefore(addHeaderOption(addAll(command, "", SETTINGS_OF_RUNS)));
}

function addHeaderOption(command: Command): Command {
  return command.option(
    "--header <name: value>",
    "header for the destination; names that start with Upstash- are for Reprise (repeatable)",
    append,
  );
}

/** Schedules know when themselves. */
export function addNotBefore(command: Command): Command {
  return command.option(
    "--not-before <when>",
    "first attempt then: 2026-01-31T10:00Z or epoch s",
    parseNotBefore,
  );
}

/** Adds what a retry, resume or restart can change. */
export function addOverrides(command: Command, kind: "run" | "message"): Command {
  return addAll(command, "set-", kind === "run" ? OVERRIDABLE_OF_RUNS : OVERRIDABLE_OF_MESSAGES);
}

function addAll(command: Command, prefix: string, names: readonly PlainName[]): Command {
  for (const name of names) {
    const [, value, description] = PLAIN[name];
    const flags = `--${prefix}${name} ${value}`;
    if (name === "label" || name === "redact") command.option(flags, description, append);
    else command.option(flags, description);
  }
  for (const [name, [value, description]] of Object.entries(FLOW)) {
    command.option(`--${prefix}${name} ${value}`, description);
  }
  return command;
}

function append(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** Reads an instant to come: an instant of the past would only mean "now". */
function parseNotBefore(text: string): number {
  if (/^\d{1,15}$/.test(text))
    return Number(text) < EPOCH_MS_MIN ? Number(text) * 1000 : Number(text);
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw new InvalidArgumentError(
    "Allowed are 2026-01-31T10:00Z, epoch seconds and epoch milliseconds; for a duration use --delay.",
  );
}

/** From here on a number is milliseconds; as seconds it would be the year 5138. */
const EPOCH_MS_MIN = 100_000_000_000;

/** The headers of a new message. */
export function toMessageHeaders(options: MessageOptions): Headers {
  const { header = [], notBefore, contentDedup } = options;
  return {
    ...Object.fromEntries(header.map(parseHeader)),
    ...toHeaders({ ...options }, ""),
    // Whole seconds on the wire: rather late than early.
    ...(notBefore === undefined ? {} : { [HEADER.notBefore]: String(Math.ceil(notBefore / 1000)) }),
    ...(contentDedup === true ? { [HEADER.contentBasedDeduplication]: "true" } : {}),
  };
}

/** The headers of a retry, resume or restart. */
export function toOverrideHeaders(options: object): Headers {
  return toHeaders({ ...options }, "set-");
}

function toHeaders(values: Values, prefix: string): Headers {
  const headers: Record<string, string> = {};
  for (const [name, [header]] of Object.entries(PLAIN)) {
    const text = textOf(values[camelCase(`${prefix}${name}`)]);
    if (text !== undefined) headers[header] = checkHeaderValue(`--${prefix}${name}`, text);
  }
  const limits = Object.keys(FLOW).flatMap((name) => {
    const text = textOf(values[camelCase(`${prefix}${name}`)]);
    return text === undefined ? [] : [`${name}=${checkPart(`--${prefix}${name}`, text)}`];
  });
  const hasKey = HEADER.flowControlKey in headers;
  if (hasKey && limits.length === 0) {
    throw usageFault(`--${prefix}flow-control-key needs --${prefix}parallelism or --${prefix}rate`);
  }
  if (!hasKey && limits.length > 0) {
    const names = `--${prefix}parallelism, --${prefix}rate and --${prefix}period`;
    throw usageFault(`${names} need --${prefix}flow-control-key`);
  }
  return limits.length === 0
    ? headers
    : { ...headers, [HEADER.flowControlValue]: limits.join(",") };
}

function textOf(value: unknown): string | undefined {
  if (Array.isArray(value)) return value.join(",");
  return typeof value === "string" ? value : undefined;
}

function camelCase(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** A comma or an equals sign would set another limit. */
function checkPart(flag: string, text: string): string {
  if (/^[\w.]+$/.test(text)) return text;
  throw usageFault(`${flag} must be a number or a duration, got ${JSON.stringify(text)}`);
}

/** `Name: value`. A content type describes the body; what is for Reprise goes as it is, all else to the destination. */
function parseHeader(text: string): readonly [string, string] {
  const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):[ \t]*(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw usageFault(`--header must be like "Name: value", got ${JSON.stringify(text)}`);
  }
  const isOurs = /^(?:content-type$|upstash-)/i.test(name);
  return [isOurs ? name : `Upstash-Forward-${name}`, checkHeaderValue(`--header ${name}`, value)];
}

/** `fetch` refuses other values too, but its error would read as if no server answered. */
function checkHeaderValue(flag: string, value: string): string {
  if (/^[\x20-\x7e]+$/.test(value)) return value;
  throw usageFault(
    `${flag} must be plain ASCII text without line breaks, got ${JSON.stringify(value)}`,
  );
}
