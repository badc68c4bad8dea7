import { CHANGE_TOPICS, type ChangeTopic } from "@reprise/protocol";
import type { TableName } from "../core/rows.ts";
import type { Host, Timer } from "../host/host.ts";
import type { BytesColumn, Reader, Store } from "../store/store.ts";
import type { ChangeListener } from "./change-feed.ts";

const POLL_MS = 2_000;
/** What only changes rows shows in no key. */
const ALL_EVERY = 15;

interface Newest {
  readonly topics: readonly ChangeTopic[];
  readonly read: (reader: Reader) => Promise<number>;
}

function newest<T extends TableName>(
  table: T,
  topics: readonly ChangeTopic[],
  without: readonly BytesColumn<T>[] = [],
): Newest {
  const query = { where: [], order: "descending", limit: 1, without } as const;
  return {
    topics,
    read: async (reader) => (await reader.list(table, query))[0]?.key ?? 0,
  };
}

/** What people do changes rows that have been there; each action is a new row of its own table. */
const BY_PEOPLE: readonly ChangeTopic[] = CHANGE_TOPICS.filter((topic) => topic !== "logs");

const TABLES: readonly Newest[] = [
  newest("runs", ["runs"], ["response"]),
  newest("attempts", ["runs", "messages"], ["responseBody"]),
  newest("messages", ["messages", "runs"], ["body"]),
  newest("deadLetters", ["deadLetters"], ["responseBody", "callbackResponseBody"]),
  newest("deadMessages", ["deadMessages"], ["responseBody"]),
  // Each moment of a message is a line of the log, its end as well.
  newest("logs", ["logs", "messages"], ["responseBody"]),
  newest("waits", ["waits"], ["body", "answer"]),
  newest("bulkActions", ["bulkActions"]),
  newest("audits", BY_PEOPLE),
];

export interface ChangePollOptions {
  readonly host: Pick<Host, "now" | "setTimer" | "log">;
  readonly store: Store;
  readonly listener: ChangeListener;
}

/**
 * Finds what other processes have changed in a shared store: the newest key of each table, every two seconds, and now and then everything.
 * Returns what ends it.
 */
export function pollChanges({ host, store, listener }: ChangePollOptions): () => void {
  let known: readonly number[] | null = null;
  let rounds = 0;
  let timer: Timer | null = null;
  let isOver = false;
  const look = async (): Promise<void> => {
    const keys = await Promise.all(TABLES.map(({ read }) => read(store)));
    const before = known;
    known = keys;
    rounds += 1;
    const changed = TABLES.filter((_, index) => before?.[index] !== keys[index]);
    // What others have changed between the first question of a page and the first look is in no comparison.
    const isAll = before === null || rounds % ALL_EVERY === 0;
    const topics = isAll ? CHANGE_TOPICS : changed.flatMap((table) => table.topics);
    if (!isOver && topics.length > 0) listener(new Set(topics));
  };
  const plan = (): void => {
    if (isOver) return;
    timer = host.setTimer(host.now() + POLL_MS, () => {
      look()
        // A database that does not answer is everybody's trouble, and told elsewhere; the next round asks again.
        .catch((error: unknown) =>
          host.log("debug", "changes_not_polled", { cause: String(error) }),
        )
        .finally(plan);
    });
  };
  plan();
  return () => {
    isOver = true;
    timer?.cancel();
  };
}
