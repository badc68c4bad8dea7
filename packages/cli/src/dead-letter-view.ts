import type { AttemptResource, DeadLetterResource, HeaderMap } from "@reprise/protocol";
import { formatInstant, formatMs } from "./instant.ts";
import { describeBody } from "./run-view.ts";
import { formatFields, formatTable, ifGiven, indent, oneLine, plain } from "./text.ts";

export function formatDeadLetterTable(letters: readonly DeadLetterResource[]): string {
  const rows = letters.map((letter) => [
    letter.dlqId,
    formatInstant(letter.createdAt),
    String(letter.responseStatus),
    letter.failureFunctionState ?? "-",
    letter.workflowRunId,
    oneLine(describeBody(letter.responseBody ?? ""), 80),
  ]);
  return formatTable(["dead letter", "failed", "status", "callback", "run", "answer"], rows);
}

/** Everything that is kept of a failed run. */
export function formatDeadLetter(letter: DeadLetterResource): string {
  const callback = letter.failureCallbackInfo;
  const facts = formatFields([
    ["dead letter", letter.dlqId],
    ["run", letter.workflowRunId],
    ["workflow", oneLine(letter.workflowUrl)],
    ["created", formatInstant(letter.workflowCreatedAt)],
    ["failed", formatInstant(letter.createdAt)],
    ["why", ifGiven(letter.reason, (reason) => oneLine(reason, 500))],
    ["retries", `${letter.maxRetries}${retryDelayOf(letter)}`],
    ["labels", letter.labels?.join(", ") ?? letter.label],
    ["flow control", flowControlOf(letter)],
    ["triggered from", letter.callerIP],
    ["failure call", ifGiven(letter.failureCallback, oneLine)],
    ["  state", letter.failureFunctionState],
    [
      "  answer",
      ifGiven(
        callback?.responseBody,
        (body) => `${callback?.responseStatus} ${oneLine(body, 500)}`,
      ),
    ],
  ]);
  const cut = letter.isResponseTruncated === true ? " (cut: longer than the server keeps)" : "";
  return [
    plain(facts),
    ...(letter.attempts === undefined
      ? []
      : [section("attempts", formatAttempts(letter.attempts))]),
    section("request headers", formatHeaders(letter.header)),
    section("payload", bodyOf(letter.body, letter.bodyBase64)),
    section(`response status`, String(letter.responseStatus)),
    section("response headers", formatHeaders(letter.responseHeader)),
    section(`response body${cut}`, bodyOf(letter.responseBody, letter.responseBodyBase64)),
  ].join("\n\n");
}

function retryDelayOf({ retryDelayExpression }: DeadLetterResource): string {
  return retryDelayExpression === undefined ? "" : `, delay ${oneLine(retryDelayExpression)} ms`;
}

function flowControlOf(letter: DeadLetterResource): string | undefined {
  if (letter.flowControlKey === undefined) return undefined;
  const limits = [
    letter.parallelism && `parallelism=${letter.parallelism}`,
    letter.rate && `rate=${letter.rate}`,
    letter.period && `period=${letter.period}s`,
  ];
  return `${letter.flowControlKey} (${limits.filter(Boolean).join(", ")})`;
}

function formatAttempts(attempts: readonly AttemptResource[]): string {
  const lines = attempts.map((attempt) => {
    const took = formatMs(attempt.endedAt - attempt.startedAt);
    const answer = attempt.error ?? attempt.cause ?? String(attempt.responseStatus);
    const head = `${formatInstant(attempt.startedAt)}  ${oneLine(answer)} after ${took}`;
    return `${head}\n${indent(oneLine(attempt.move, 500))}`;
  });
  return lines.join("\n");
}

function section(heading: string, text: string): string {
  return `${heading}\n${indent(text === "" ? "(none)" : text)}`;
}

function formatHeaders(headers: HeaderMap): string {
  const lines = Object.entries(headers).flatMap(([name, values]) =>
    values.map((value) => `${name}: ${value}`),
  );
  return plain(lines.join("\n"));
}

function bodyOf(text: string | undefined, base64: string | undefined): string {
  if (text !== undefined && text !== "") return plain(text);
  return base64 === undefined || base64 === "" ? "" : `base64: ${base64}`;
}
