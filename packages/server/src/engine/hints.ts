import { connectedApp } from "../core/connected-name.ts";
import { originOfGate } from "../core/gates.ts";
import type { MessageRow } from "../core/rows.ts";
import type { Context, Effect } from "../core/transition.ts";
import type { Recall } from "./recall.ts";
import type { WorkingSet } from "./working-set.ts";

/** What nodes tell one another. Each hint is one short text; what it says is also found by polling, only later. */
export type Hint =
  /** This delivery is not wanted any more in the state in which it was handed out. */
  | { readonly type: "recall"; readonly messageKey: number }
  /** As above, of all that have passed a gate which is paused now, or whose period is new. */
  | Extract<Recall, { readonly type: "recallBehind" }>
  /** A run has ended; what waits for it need not be delivered. */
  | { readonly type: "runEnded"; readonly runKey: number }
  /** Somebody waits at this gate who may be served elsewhere. */
  | { readonly type: "gate"; readonly gate: string }
  /** Keys or tokens have changed. */
  | { readonly type: "settings" };

export function formatHint(hint: Hint): string {
  return JSON.stringify(hint);
}

/** Null for what another version says. */
export function parseHint(text: string): Hint | null {
  try {
    const hint: unknown = JSON.parse(text);
    return isHint(hint) ? hint : null;
  } catch {
    return null;
  }
}

function isHint(value: unknown): value is Hint {
  if (typeof value !== "object" || value === null || !("type" in value)) return false;
  switch (value.type) {
    case "recall":
      return "messageKey" in value && typeof value.messageKey === "number";
    case "recallBehind":
    case "settings":
      return true;
    case "runEnded":
      return "runKey" in value && typeof value.runKey === "number";
    case "gate":
      return "gate" in value && typeof value.gate === "string";
    default:
      return false;
  }
}

interface NodeRoom {
  readonly context: Pick<Context, "nodeKey">;
}

interface Decided {
  readonly work: WorkingSet;
  readonly room: NodeRoom;
  readonly effects: readonly Effect[];
}

/** What a group has decided that concerns other nodes; nothing when there are none. */
export function hintsOf({ work, room, effects }: Decided): readonly Hint[] {
  if (room.context.nodeKey === null) return [];
  const hints: Hint[] = [];
  for (const effect of effects) {
    if (effect.type === "recallBehind") hints.push(effect);
    if (effect.type === "recall" && holderOf(effect.messageKey, work, room) !== null)
      hints.push({ type: "recall", messageKey: effect.messageKey });
  }
  const gates = new Set<string>();
  for (const change of work.changes) {
    if (change.type === "delete") continue;
    if (change.table === "messages") {
      const row = change.type === "insert" ? change.row : change.set;
      if (isForOthers(row)) gates.add(row.gate);
    } else if (change.table === "runs" && change.type === "update") {
      const { state } = change.set;
      // A run that has succeeded has seldom anything left.
      if (state === "failed" || state === "canceled")
        hints.push({ type: "runEnded", runKey: change.key });
    }
  }
  return [...hints, ...Array.from(gates, (gate): Hint => ({ type: "gate", gate }))];
}

/** The other node that makes the attempt of a message; null when none does. */
export function holderOf(messageKey: number, work: WorkingSet, room: NodeRoom): number | null {
  const holder = work.peek("messages", messageKey)?.nodeKey ?? null;
  return room.context.nodeKey === null || holder === room.context.nodeKey ? null : holder;
}

/** Its app has no connection here; it may have one elsewhere. */
function isForOthers<R extends Partial<MessageRow>>(row: R): row is R & { readonly gate: string } {
  const { gate } = row;
  const origin = typeof gate === "string" ? originOfGate(gate) : null;
  return origin !== null && connectedApp(origin) !== null;
}
