import { HEADER, messageId, toHeaderMap } from "@reprise/protocol";
import { toAttempt } from "./attempt.ts";
import type { EndDelivery } from "./commands.ts";
import { errorText, judgeAttempt, retry, settle, type Verdict } from "./end-delivery.ts";
import type { GateBook } from "./gate-book.ts";
import { isSuccess } from "./outcome.ts";
import type { Change, DeadLetterRow, MessageRow, RunRow } from "./rows.ts";
import { parseMessageConfig, type RunConfig, settingsOf } from "./run-config.ts";
import { admitMessage, flowControlOf as runFlowControlOf } from "./run-gates.ts";
import { announce } from "./start-run.ts";
import { isOpen } from "./submit-step.ts";
import {
  type Context,
  type Effect,
  insert,
  remove,
  type Transition,
  update,
} from "./transition.ts";
import { parseWaitConfig, resultUrl, settleWait } from "./wait.ts";
import type { WaitRow } from "./wait-rows.ts";

/**
 * A call: a request to a service in a step's name. Its answer, or that there is none, is the step's result and never fails the run: the
 * app is told once, when a 2xx has come or the retries are used up, and submits the result itself.
 */
export interface EndCallState {
  readonly message: MessageRow;
  readonly wait: WaitRow | null;
  readonly run: RunRow | null;
  readonly config: RunConfig | null;
  readonly deadLetter: DeadLetterRow | null;
  readonly book: GateBook;
}

export function decideEndCall(
  state: EndCallState,
  command: EndDelivery,
  context: Context,
): Transition<null> {
  const { message, wait, run, deadLetter } = state;
  const error = errorText(command.outcome);
  if (wait?.state !== "open" || run === null) {
    return settle(message, command, {
      type: "delivered",
      error,
      move: "nobody waits for it any more",
    });
  }
  const verdict = judge(message, command, context);
  if (verdict.type === "retry") return retry(message, command, verdict);
  const done = [
    insert("attempts", toAttempt(message, command, verdict)),
    remove("messages", message.key),
  ];
  if (!isOpen(run, deadLetter)) {
    return {
      changes: [...done, ...settleWait(wait, "dropped", context)],
      effects: [],
      answer: null,
    };
  }
  const answer = new TextEncoder().encode(JSON.stringify(report(state, command, context)));
  const answered: WaitRow = { ...wait, state: "answered", answer };
  const told = run.state === "started" ? tell(answered, state, context) : nothing;
  return {
    changes: [...done, update("waits", wait, answered), ...told.changes],
    effects: told.effects,
    answer: null,
  };
}

const nothing: { readonly changes: readonly Change[]; readonly effects: readonly Effect[] } = {
  changes: [],
  effects: [],
};

function judge(message: MessageRow, command: EndDelivery, context: Context): Verdict {
  const { outcome } = command;
  if (isSuccess(outcome)) return { type: "delivered", error: null, move: "answered" };
  const { retryDelay = null } = parseMessageConfig(message.config);
  const error = errorText(outcome) ?? "";
  const verdict = judgeAttempt({ message, retryDelay, outcome, error }, context.now);
  if (verdict.type === "retry") return verdict;
  return { type: "failed", error, move: `${verdict.move}; the failure is the result of the step` };
}

function tell(
  wait: WaitRow,
  { run, config, book }: Pick<EndCallState, "run" | "config" | "book">,
  context: Context,
) {
  if (run === null || config === null) return nothing;
  const message = callResultMessage(wait, { run, config, book }, context);
  return { changes: [insert("messages", message)], effects: announce(message) };
}

/** The delivery that tells the app what the service has answered; what it says stands in the wait. */
export function callResultMessage(
  wait: WaitRow,
  of: { readonly run: RunRow; readonly config: RunConfig; readonly book: GateBook },
  context: Context,
  dueAt = context.now,
): MessageRow {
  const { run, config, book } = of;
  const target = parseWaitConfig(wait).result;
  const { own } = target;
  const settings = settingsOf("callResult", { run: config, own }, context.attemptTimeoutMs);
  const message = admitMessage(
    {
      key: context.newKey(),
      kind: "callResult",
      runKey: run.key,
      stepPosition: null,
      deadLetterKey: null,
      createdAt: context.now,
      dueAt,
      retries: settings.retries,
      url: resultUrl(run, target),
      config: JSON.stringify(own),
      body: null,
    },
    {
      flowControl: config.laidDown?.flowControl ?? own.flowControl ?? runFlowControlOf(config, own),
      timeoutMs: settings.timeoutMs,
      book,
    },
    context,
  );
  return { ...message, waitKey: wait.key };
}

/** The fields of a callback that SDKs read. A bad answer is final when both counts are equal; they ignore it otherwise. */
function report(
  { message, wait, run }: Pick<EndCallState, "message" | "wait" | "run">,
  command: EndDelivery,
  context: Context,
) {
  const { outcome } = command;
  const { url, retried, retries, createdAt } = message;
  const own = parseMessageConfig(message.config);
  const response = outcome.type === "response" ? outcome : null;
  const body = response?.body ?? new TextEncoder().encode(errorText(outcome) ?? "");
  return {
    status: response?.status ?? 0,
    header: toHeaderMap(response?.headers ?? {}),
    body: context.toBase64(body),
    retried: isSuccess(outcome) ? retried : retries,
    maxRetries: retries,
    sourceMessageId: messageId(message.key),
    url,
    method: own.method ?? "POST",
    sourceHeader: toHeaderMap({
      [HEADER.contentType]: own.contentType ?? "application/json",
      ...own.forward,
    }),
    sourceBody: context.toBase64(wait?.body ?? new Uint8Array()),
    notBefore: createdAt,
    createdAt,
    callerIP: run?.callerIp ?? "",
  };
}
