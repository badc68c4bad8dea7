import type { StartDelivery } from "./commands.ts";
import { startAttempt } from "./message.ts";
import type { MessageRow, RunRow, StepRow } from "./rows.ts";
import { effectiveConfig, parseMessageConfig, type RunConfig } from "./run-config.ts";
import { type Context, remove, type Transition, unchanged, update } from "./transition.ts";

export interface StartDeliveryState {
  readonly message: MessageRow | null;
  readonly run: RunRow | null;
  readonly config: RunConfig | null;
  readonly step: StepRow | null;
  /** True when the work of this delivery has been accepted already. */
  readonly hasContinuation: boolean;
}

/**
 * Starts an attempt of a message that is due: scheduled until now, or active with nobody left to speak for its attempt. Such
 * an orphan is delivered again under the same number, because nobody knows whether the last try counted. When its work was
 * accepted since the last try, it counted: the app is never asked for a finished step again.
 */
export function decideStartDelivery(
  { message, run, config, step, hasContinuation }: StartDeliveryState,
  command: StartDelivery,
  context: Context,
): Transition<null> {
  if (message === null || message.state === "failed") return unchanged(null);
  if (message.state === "active" && !command.isOrphan) return unchanged(null);
  if (message.state === "scheduled" && message.dueAt > context.now) {
    return { changes: [], effects: [{ type: "wake", dueAt: message.dueAt }], answer: null };
  }
  if (hasContinuation || (message.kind !== "failureCall" && run?.state !== "started")) {
    return { changes: [remove("messages", message.key)], effects: [], answer: null };
  }
  const own = parseMessageConfig(step?.config ?? message.config);
  const timeoutMs =
    config === null || message.kind === "failureCall"
      ? (own.timeoutMs ?? context.attemptTimeoutMs)
      : effectiveConfig(config, own, context.attemptTimeoutMs).timeoutMs;
  const active = startAttempt(message, context.now, timeoutMs);
  return {
    changes: [update("messages", message, active)],
    effects: [{ type: "deliver", messageKey: active.key, leaseToken: active.leaseToken }],
    answer: null,
  };
}
