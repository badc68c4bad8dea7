import type { Member } from "./execution.ts";
import type { History } from "./records.ts";

/** What this invocation has to do for the steps that the function waits for. */
export type Move =
  /** Another delivery does what is next. */
  | { readonly type: "nothing" }
  /** Nothing of the group is recorded: tell the server its plans. */
  | { readonly type: "announce" }
  | { readonly type: "perform"; readonly member: Member };

/**
 * The server delivers every record, so each delivery answers for exactly one: a step by itself is done by whoever is delivered the record
 * before it, a branch of a group by whoever is delivered its plan, and what is behind a group by whoever is delivered its last result.
 */
export function nextMove(group: readonly Member[], history: History): Move {
  const isAnnounced = group.some(
    ({ stepId }) => history.plan(stepId) !== undefined || history.result(stepId) !== undefined,
  );
  if (!isAnnounced) {
    const [member] = group;
    return group.length === 1 && member !== undefined
      ? { type: "perform", member }
      : { type: "announce" };
  }
  const { last } = history;
  if (last.type !== "plan" || history.result(last.stepId) !== undefined) return { type: "nothing" };
  const member = group.find(({ stepId }) => stepId === last.stepId);
  return member === undefined ? { type: "nothing" } : { type: "perform", member };
}
