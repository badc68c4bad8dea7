import { HEADER } from "@reprise/protocol";
import { callResultMessage } from "./call.ts";
import type { Overrides, ReviveRun } from "./commands.ts";
import type { GateBook } from "./gate-book.ts";
import type { Change, MessageRow, RunRow } from "./rows.ts";
import type { Leftovers } from "./run.ts";
import { type RunConfig, withLabels } from "./run-config.ts";
import { type Context, insert, update } from "./transition.ts";
import { isWaiting, parseWaitConfig, settleWait, type WaitTarget } from "./wait.ts";
import type { WaitRow } from "./wait-rows.ts";

/**
 * What a resumed run takes over from the failed one: open waits with their deadlines, calls under way, children, answers that the app
 * has not got yet, and events that were kept. Nothing is asked for twice.
 */
export interface Taken {
  readonly changes: readonly Change[];
  readonly messages: readonly MessageRow[];
  /** Steps that others complete, so that nothing has to be delivered for them. */
  readonly stepIds: ReadonlySet<number>;
}

export const noneTaken: Taken = { changes: [], messages: [], stepIds: new Set() };

interface Successor {
  readonly run: RunRow;
  readonly config: RunConfig;
  readonly book: GateBook;
}

export function takeOver(
  { leftovers }: { readonly leftovers: Leftovers },
  to: Successor,
  command: ReviveRun,
  context: Context,
): Taken {
  const changes: Change[] = [];
  const messages: MessageRow[] = [];
  const stepIds = new Set<number>();
  const keys = new Map<number, number>();
  for (const wait of leftovers.waits) {
    const copy = copyWait(wait, to.run, command, context);
    keys.set(wait.key, copy.key);
    changes.push(insert("waits", copy));
    if (!isWaiting(wait)) continue;
    stepIds.add(wait.stepId);
    changes.push(...settleWait(wait, "moved", context));
    if (wait.state === "open") continue;
    const dueAt = context.now + (command.overrides.delayMs ?? 0);
    messages.push(callResultMessage(copy, to, context, dueAt));
  }
  for (const message of leftovers.openMessages) {
    if (message.kind !== "call") continue;
    const waitKey = keys.get(message.waitKey ?? -1) ?? null;
    changes.push(update("messages", message, { ...message, runKey: to.run.key, waitKey }));
  }
  for (const event of leftovers.events) {
    changes.push(update("events", event, { ...event, runKey: to.run.key }));
  }
  return { changes, messages, stepIds };
}

/** Waits that are over are copied as well: the new run shows what its steps have asked for. */
function copyWait(wait: WaitRow, run: RunRow, command: ReviveRun, context: Context): WaitRow {
  const config = parseWaitConfig(wait);
  const { result, timeout } = config;
  const labelled = {
    ...config,
    result: withTargetLabels(result, command.overrides),
    ...(timeout === undefined ? {} : { timeout: withTargetLabels(timeout, command.overrides) }),
  };
  return { ...wait, key: context.newKey(), runKey: run.key, config: JSON.stringify(labelled) };
}

/** A message that brings the labels itself would bring back the old ones. */
function withTargetLabels(target: WaitTarget, overrides: Overrides): WaitTarget {
  const { own } = target;
  if (overrides.labels === undefined || own.forward[HEADER.label] === undefined) return target;
  return { ...target, own: { ...own, forward: withLabels(own.forward, overrides) } };
}
