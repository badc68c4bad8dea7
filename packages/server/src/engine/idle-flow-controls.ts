import { isIdleFlow } from "../core/flow-control.ts";
import type { Condition, Store } from "../store/store.ts";
import type { Tally } from "./retention-room.ts";

/** Keys of flow control that one transaction looks at. */
const KEYS_MAX = 100;

/** Messages that will still ask for their key. */
const OPEN = ["scheduled", "waiting", "active", "canceling"] as const;

/**
 * Deletes keys that nobody has used for long: an app may name one for each of its users. One that is paused or pinned is what an operator
 * wants, and one whose messages are still to come is needed, because only a new message makes it again. Returns the key to go on
 * behind, or null at the end.
 */
export async function deleteIdleFlowControls(
  store: Store,
  now: number,
  afterKey: number,
  tally?: Tally,
): Promise<number | null> {
  const { next, deleted } = await store.transaction(async (transaction) => {
    let deleted = 0;
    const query = { order: "ascending", limit: KEYS_MAX } as const;
    const flows = await transaction.list("flowControls", { ...query, where: [], afterKey });
    for (const { key, name } of flows.filter((flow) => isIdleFlow(flow, now))) {
      const needed: readonly Condition<"messages">[] = [
        { type: "in", column: "flowControlKey", values: [name] },
        { type: "in", column: "state", values: OPEN },
      ];
      const one = { where: needed, order: "ascending", limit: 1 } as const;
      if ((await transaction.list("messages", one)).length > 0) continue;
      await transaction.write([{ type: "delete", table: "flowControls", key }]);
      deleted += 1;
    }
    return { next: flows.length < KEYS_MAX ? null : (flows.at(-1)?.key ?? null), deleted };
  });
  tally?.add("flowControls", deleted);
  return next;
}
