import type { AttemptResource, DeadLetterResource, DeadMessageResource } from "@reprise/protocol";
import { type DeadResource, failedAt, isOfRun } from "./dead-letter-lists.ts";
import { formatInstant, formatMs } from "./instant.ts";
import { bodyOf, flowControlOf, formatHeaders, messageFacts, section } from "./message-view.ts";
import { describeBody } from "./step-view.ts";
import { formatFields, formatTable, ifGiven, indent, oneLine, plain } from "./text.ts";

export function formatDeadTable(letters: readonly DeadResource[]): string {
  const rows = letters.map((letter) => [
    letter.dlqId,
    isOfRun(letter) ? "run" : "message",
    formatInstant(failedAt(letter)),
    letter.expiresAt === null ? "held" : (formatExpiry(letter) ?? ""),
    String(letter.responseStatus),
    letter.cause ?? "",
    isOfRun(letter) ? letter.workflowRunId : letter.messageId,
    oneLine(letter.url, 60),
    answerOf(letter),
  ]);
  const heading = [
    "dead letter",
    "kind",
    "failed",
    "expires",
    "status",
    "cause",
    "run or message",
    "url",
    "answer",
  ];
  return formatTable(heading, rows);
}

/** A server before retention says nothing about it. */
function formatExpiry({ expiresAt }: { readonly expiresAt?: number | null }): string | undefined {
  if (expiresAt === undefined) return undefined;
  return expiresAt === null ? "never, as it is held" : formatInstant(expiresAt);
}

/** What the app said, or why it said nothing. */
function answerOf(letter: DeadResource): string {
  const body = letter.responseBody ?? "";
  return oneLine(body === "" ? (letter.reason ?? "") : describeBody(body), 80);
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
    ["expires", formatExpiry(letter)],
    ["why", ifGiven(letter.reason, (reason) => oneLine(reason, 500))],
    ["cause", letter.cause],
    ["step", ifGiven(letter.stepName, oneLine)],
    ["group", letter.groupId],
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
  return [
    plain(facts),
    ...(letter.attempts === undefined
      ? []
      : [section("attempts", formatAttempts(letter.attempts))]),
    ...formatExchange(letter),
  ].join("\n\n");
}

/** Everything that is kept of a failed message. */
export function formatDeadMessage(letter: DeadMessageResource): string {
  const facts = formatFields([
    ["dead letter", letter.dlqId],
    ["message", letter.messageId],
    ["failed", formatInstant(failedAt(letter))],
    ["expires", formatExpiry(letter)],
    ["why", oneLine(letter.reason, 500)],
    ["cause", letter.cause],
    ["group", letter.groupId],
    ...messageFacts(letter),
  ]);
  return [plain(facts), ...formatExchange(letter)].join("\n\n");
}

/** What was sent, and what came back. */
function formatExchange(letter: DeadResource): readonly string[] {
  const cut = letter.isResponseTruncated === true ? " (cut: longer than the server keeps)" : "";
  return [
    section("request headers", formatHeaders(letter.header)),
    section("payload", bodyOf(letter)),
    section("response status", String(letter.responseStatus)),
    section("response headers", formatHeaders(letter.responseHeader)),
    section(
      `response body${cut}`,
      bodyOf({ body: letter.responseBody, bodyBase64: letter.responseBodyBase64 }),
    ),
  ];
}

function retryDelayOf({ retryDelayExpression }: DeadLetterResource): string {
  return retryDelayExpression === undefined ? "" : `, delay ${oneLine(retryDelayExpression)} ms`;
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
