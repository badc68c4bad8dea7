// What the model of a server knows about runs, and how it refuses.

export interface Run {
  readonly runId: string;
  readonly url: string;
  readonly list: { readonly messageId: string; readonly body: string; readonly callType: string }[];
  /** What is accepted already: plans by their target, results by their id. */
  readonly known: Set<string>;
  /** Headers that every delivery of the run has. */
  readonly forwarded: Readonly<Record<string, string>>;
  /** The call that is made when the run fails. */
  readonly failure: Pick<Due, "url" | "headers" | "retriesLeft"> | null;
  /** Of each delivery. */
  readonly retries: number;
  isOver: boolean;
}

export interface Due {
  readonly run: Run;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly retriesLeft: number;
  readonly retried: number;
}

/** A step that somebody else ends. */
export interface Waiter {
  readonly run: Run;
  readonly step: Readonly<Record<string, unknown>>;
}

const STEP_TYPES: ReadonlySet<unknown> = new Set(
  ["Run", "SleepFor", "SleepUntil", "Call", "Wait", "Notify", "Invoke"].concat([
    "CreateWebhook",
    "WaitForWebhook",
  ]),
);

export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

type Headers = Readonly<Record<string, string>>;

export function demand(headers: Headers, name: string): string {
  const value = headers[name];
  if (value === undefined) throw new Refusal(412, `header ${name} is missing`);
  return value;
}

/** What every message to a workflow has. */
export function demandStep(headers: Headers): void {
  demand(headers, "upstash-feature-set");
  for (const name of [
    "upstash-workflow-sdk-version",
    "upstash-forward-upstash-workflow-sdk-version",
  ]) {
    if (demand(headers, name) !== "1") throw new Refusal(412, `header ${name} must be 1`);
  }
}

/** The headers that have this prefix, without it. */
export function withPrefix(headers: Headers, prefix: string): Record<string, string> {
  const entries = Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith(prefix) ? [[name.slice(prefix.length), value] as const] : [],
  );
  return Object.fromEntries(entries);
}

/** Forwarded headers that every delivery of a run has: the version is that of lists alone. */
export function lasting(headers: Headers): Record<string, string> {
  const { "upstash-workflow-sdk-version": _, ...others } = withPrefix(headers, "upstash-forward-");
  return others;
}

/** What a record is told apart by: the first one of its kind is kept. */
export function keyOfRecord(text: string): string {
  const step = JSON.parse(text) as Readonly<Record<string, unknown>>; // Each field is checked.
  const { stepId, stepName, stepType, concurrent, targetStep, out } = step;
  const isPlan = stepId === 0;
  const isSound =
    Number.isInteger(stepId) &&
    typeof stepName === "string" &&
    STEP_TYPES.has(stepType) &&
    Number(concurrent) >= 1 &&
    (isPlan ? Number(targetStep) > 0 : targetStep === undefined) &&
    (out === undefined || typeof out === "string");
  if (!isSound) throw new Refusal(412, `no step record: ${text}`);
  return `${isPlan} ${isPlan ? targetStep : stepId}`;
}

const FAILURE = "upstash-failure-callback";

/** The failure call that the message which starts a run asks for. */
export function failureOf(headers: Headers): Run["failure"] {
  const url = headers[FAILURE];
  if (url === undefined) return null;
  const retriesLeft = Number(headers[`${FAILURE}-retries`] ?? 3);
  return { url, headers: withPrefix(headers, `${FAILURE}-forward-`), retriesLeft };
}
