import type { Answers, Command } from "../core/commands.ts";
import type { Transition } from "../core/transition.ts";
import { bulkActionHandlers } from "./bulk-action-commands.ts";
import { deadMessageHandlers } from "./dead-message-commands.ts";
import type { DecisionRoom } from "./decide.ts";
import { flowControlHandlers } from "./flow-control-commands.ts";
import { messageHandlers } from "./message-commands.ts";
import { queueHandlers } from "./queue-commands.ts";
import { scheduleHandlers } from "./schedule-commands.ts";
import { urlGroupHandlers } from "./url-group-commands.ts";
import { waitHandlers } from "./wait-commands.ts";
import type { Wants } from "./wants.ts";
import type { WorkingSet } from "./working-set.ts";

/** How the engine serves one kind of command: which rows it loads in three rounds, and which decision it asks the core for. */
export interface Handler<C extends Command> {
  /** What the command itself names. */
  want(command: C, wants: Wants): void;
  /** What the rows of the first round refer to. */
  wantReferred?(command: C, work: WorkingSet, wants: Wants): void;
  /** What the rows of the second round refer to. */
  wantRest?(command: C, work: WorkingSet, wants: Wants): void;
  /** An upper bound of the keys that the decision draws. */
  keysNeeded(command: C, work: WorkingSet): number;
  decide(command: C, room: DecisionRoom): Transition<Answers[C["type"]]>;
}

export type Handlers = {
  readonly [T in Command["type"]]?: Handler<Extract<Command, { readonly type: T }>>;
};

const handlers: Handlers = {
  ...messageHandlers,
  ...queueHandlers,
  ...flowControlHandlers,
  ...deadMessageHandlers,
  ...bulkActionHandlers,
  ...scheduleHandlers,
  ...urlGroupHandlers,
  ...waitHandlers,
};

/** Null for the commands of runs, which `load.ts` and `decide.ts` serve themselves. */
export function handlerOf(command: Command): Handler<Command> | null {
  // The table holds under each type the handler of that type; the compiler cannot follow the union back.
  return (handlers[command.type] as Handler<Command> | undefined) ?? null;
}
