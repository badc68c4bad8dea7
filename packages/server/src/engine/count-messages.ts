import type { Host } from "../host/host.ts";
import type { Reader } from "../store/store.ts";
import type { MessageSelection } from "./bulk-runner.ts";

/** Keys that one count looks at: other work waits behind it. */
const COUNT_KEYS = 100_000;
/** Messages that are read at once when the store cannot compare what is asked for. */
const CHUNK_MESSAGES = 250;

export interface Counting {
  readonly store: Reader;
  readonly host: Host;
}

/** How many messages with keys below `belowKey` are meant; in pieces, because other work waits behind each. */
export async function countMessages(
  { conditions, matches }: Pick<MessageSelection, "conditions" | "matches">,
  belowKey: number,
  { store, host }: Counting,
): Promise<number> {
  let count = 0;
  for (let afterKey = belowKey; ; await host.nextTurn()) {
    const limit = matches === null ? 1 : CHUNK_MESSAGES;
    const query = { where: conditions, order: "descending", afterKey, limit } as const;
    const found = await store.list("messages", query);
    const [first] = found;
    if (first === undefined) return count;
    if (matches === null) {
      afterKey = first.key - COUNT_KEYS;
      const range = { type: "range", column: "key", from: afterKey, to: first.key - 1 } as const;
      count += 1 + (await store.count("messages", [...conditions, range]));
    } else {
      count += found.filter(matches).length;
      afterKey = found.at(-1)?.key ?? 0;
    }
  }
}
