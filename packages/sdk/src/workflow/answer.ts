import { isNamed } from "../errors.ts";
import { type AnswerFields, answerHeader } from "../wire/fast-modes.ts";
import { HEADER, PROTOCOL_VERSION, SDK_GENERATION } from "../wire/headers.ts";

/** An answer to a request, before a framework makes its own form of it. */
export interface Answer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const OWN_HEADERS = {
  [HEADER.workflowSdkVersion]: PROTOCOL_VERSION,
  [HEADER.workflowSdk]: SDK_GENERATION,
};

export function jsonAnswer(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status,
    headers: { ...OWN_HEADERS, [HEADER.contentType]: "application/json", ...headers },
    body: JSON.stringify(body),
  };
}

/** 200 with the reason why this delivery is done. */
export function doneAnswer(workflowRunId: string, finishCondition: string): Answer {
  return jsonAnswer(200, { workflowRunId, finishCondition });
}

/** 200 with what the app submits. */
export function linesAnswer(lines: readonly string[], fields: AnswerFields): Answer {
  return {
    status: 200,
    headers: {
      ...OWN_HEADERS,
      [HEADER.contentType]: "application/x-ndjson",
      [HEADER.answer]: answerHeader(fields),
    },
    body: lines.join("\n"),
  };
}

/** What surrounds an error of a run. */
export interface ErrorFacts {
  /** The step that threw. */
  readonly stepName?: string | undefined;
  /** Retries of that step, in place of the message's. */
  readonly retries?: number | undefined;
  /** Pause before the next attempt, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** No attempt may follow. */
  readonly isFinal?: boolean | undefined;
  /** The server has offered more than the public wire. */
  readonly isFast: boolean;
}

/** The status by which a server knows what to do with the error, and what people are shown of it. */
export function errorAnswer(error: unknown, facts: ErrorFacts): Answer {
  const { stepName, retries, retryAfterMs, isFast } = facts;
  const isNonRetryable = isNamed(error, "WorkflowNonRetryableError") || facts.isFinal === true;
  const isPaused = isNamed(error, "WorkflowRetryAfterError");
  const status = isNonRetryable ? 489 : isPaused ? 429 : 500;
  const name = stepName === undefined ? "" : headerText(stepName);
  return jsonAnswer(status, errorBody(error), {
    ...(isNonRetryable ? { [HEADER.nonRetryable]: "true" } : {}),
    ...(name === "" ? {} : { [HEADER.errorStepName]: name }),
    ...(retryAfterMs === undefined || isNonRetryable
      ? {}
      : { [HEADER.retryAfter]: durationText(retryAfterMs) }),
    ...(isFast ? { [HEADER.answer]: answerHeader({ retries }) } : {}),
  });
}

/** The form that failure functions, dead letters and logs read. */
function errorBody(error: unknown): object {
  if (!(error instanceof Error)) {
    return { error: "Error", message: typeof error === "string" ? error : JSON.stringify(error) };
  }
  return { error: error.name, message: error.message, stack: error.stack };
}

/** Header values have no control characters and nothing above U+00FF; the name of a step may. */
function headerText(text: string): string {
  return text
    .replace(/[^\u0020-\u00ff]/g, (character) => (character < " " ? " " : "?"))
    .replace(/[\u007f-\u009f]/g, " ")
    .trim();
}

function durationText(ms: number): string {
  return ms % 1_000 === 0 ? String(ms / 1_000) : `${Math.ceil(ms)}ms`;
}
