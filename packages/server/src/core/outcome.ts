import { type AnswerField, HEADER, parseAnswerField } from "@reprise/protocol";

/** What one HTTP request led to. */
export type Outcome = ResponseOutcome | ErrorOutcome;

export interface ResponseOutcome {
  readonly type: "response";
  readonly status: number;
  /** Lower-case names; several values of one name in order. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly body: Uint8Array;
  /** True when the body was longer than what is kept of it. */
  readonly isTruncated: boolean;
  /** Why what the answer submits is refused; then it is no success, whatever its status says. */
  readonly refusal?: string;
}

export interface ErrorOutcome {
  readonly type: "error";
  readonly cause: ErrorCause;
  readonly message: string;
}

/** Why no response arrived, for machines. */
export type ErrorCause =
  | "dns"
  | "refused"
  | "reset"
  | "tls"
  | "timeout"
  | "protocol"
  | "unreachable"
  | "invalid_request"
  /** The server is not allowed to connect there: a decision of its operator. */
  | "egress_denied"
  /** The connection that the app had opened is gone. */
  | "disconnected"
  /** The stored body is not the one that was accepted: the disk has damaged it. */
  | "corrupt_body"
  | "unknown";

export function isSuccess(outcome: Outcome): outcome is ResponseOutcome {
  if (outcome.type !== "response" || outcome.refusal !== undefined) return false;
  return outcome.status >= 200 && outcome.status < 300;
}

/** First value of a response header, or null. */
export function responseHeader(outcome: ResponseOutcome, lowerCaseName: string): string | null {
  return outcome.headers[lowerCaseName]?.[0] ?? null;
}

/** What the app says by `Reprise-Answer`; null when it says nothing. */
export function answerFieldOf(outcome: Outcome): AnswerField | null {
  if (outcome.type === "error") return null;
  return parseAnswerField(responseHeader(outcome, HEADER.repriseAnswer));
}

/** The retries that an app gives a step that has failed, in place of the message's; null when it gives none. */
export function retriesSaid(outcome: Outcome): number | null {
  return isSuccess(outcome) ? null : (answerFieldOf(outcome)?.retries ?? null);
}

/** Whether the body is what the app submits. See docs/fast-modes.md#answered. */
export function isAnswer(outcome: Outcome): boolean {
  return isSuccess(outcome) && answerFieldOf(outcome) !== null;
}
