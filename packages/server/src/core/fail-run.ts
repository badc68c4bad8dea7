import { answerInvoker } from "./answer-wait.ts";
import { toAttempt } from "./attempt.ts";
import { type LiveDelivery, retriesOf, type Verdict } from "./end-delivery.ts";
import { failedStepOf } from "./failed-step.ts";
import { kindOfFailure } from "./failure.ts";
import { createFailureCall } from "./failure-call.ts";
import { failMessage } from "./message.ts";
import type { DeadLetterRow } from "./rows.ts";
import { dropScheduled } from "./run.ts";
import { parseMessageConfig, settingsOf } from "./run-config.ts";
import { announce } from "./start-run.ts";
import { type Context, insert, type Transition, update } from "./transition.ts";

/**
 * A message of a live run is out of attempts: the run fails, with its dead letter and its failure call in one transaction,
 * so that neither can be lost or doubled. The failed message stays; the resume starts from it.
 */
export function failRun(
  delivery: LiveDelivery,
  verdict: Verdict,
  context: Context,
): Transition<null> {
  const { message, run, config, state, command, book } = delivery;
  const failedMessage = { ...failMessage(message), retries: retriesOf(message, command.outcome) };
  const attempt = toAttempt(message, command, verdict);
  const own = parseMessageConfig(state.step?.config ?? message.config);
  const settings = { run: config, own };
  const { failureCallback } = settingsOf(message.kind, settings, context.attemptTimeoutMs);
  const failure = { ...state, attempts: [...(state.attempts ?? []), attempt] };
  const stepName = failedStepOf(failure)?.stepName ?? null;
  const deadLetter = toDeadLetter(delivery, { ...verdict, stepName }, context);
  const failed = {
    ...run,
    state: "failed" as const,
    completedAt: context.now,
    deadLetterKey: deadLetter.key,
  };
  const call =
    failureCallback === null
      ? null
      : createFailureCall(
          {
            deadLetter,
            failureCallback,
            source: { message: failedMessage, run: failed, config, own },
            payload: state.initialStep?.body ?? new Uint8Array(),
            failure,
            book,
          },
          context,
        );
  // Calls go on: their answers are kept for the resume.
  const others = state.openMessages.filter(
    ({ key, kind }) => key !== message.key && kind !== "call",
  );
  const told = answerInvoker(state.invoker, failed, book, context);
  return {
    changes: [
      insert("attempts", attempt),
      update("messages", message, failedMessage),
      ...dropScheduled(others, book),
      update("runs", run, failed),
      insert("deadLetters", {
        ...deadLetter,
        callbackState: call === null ? null : "CALLBACK_INPROGRESS",
        callbackUrl: call?.url ?? null,
        callbackMessageKey: call?.key ?? null,
      }),
      ...(call === null ? [] : [insert("messages", call)]),
      ...told.changes,
    ],
    effects: [...(call === null ? [] : announce(call)), ...told.effects],
    answer: null,
  };
}

function toDeadLetter(
  { message, run, command }: LiveDelivery,
  verdict: Verdict & { readonly stepName: string | null },
  context: Context,
): DeadLetterRow {
  const { outcome } = command;
  const response = outcome.type === "response" ? outcome : null;
  const responseHeaders = response === null ? null : JSON.stringify(response.headers);
  const reason = verdict.error ?? verdict.move;
  return {
    key: context.newKey(),
    state: "open",
    runKey: run.key,
    messageKey: message.key,
    createdAt: context.now,
    closedAt: null,
    nextRunKey: null,
    runId: run.id,
    runCreatedAt: run.createdAt,
    url: run.url,
    callerIp: run.callerIp,
    labels: run.labels,
    flowControlKey: run.flowControlKey,
    responseStatus: response?.status ?? 0,
    responseHeaders,
    responseBody: response === null ? new TextEncoder().encode(verdict.error ?? "") : response.body,
    isTruncated: response?.isTruncated === true ? 1 : 0,
    reason,
    callbackState: null,
    callbackUrl: null,
    callbackMessageKey: null,
    callbackResponseStatus: null,
    callbackResponseHeaders: null,
    callbackResponseBody: null,
    isHeld: 0,
    ...kindOfFailure(
      {
        url: run.url,
        isWorkflow: true,
        stepName: verdict.stepName,
        status: response?.status ?? 0,
        headers: responseHeaders,
        body: response?.body ?? null,
        reason,
        errorCause: outcome.type === "error" ? outcome.cause : null,
      },
      context.sha256,
    ),
  };
}
