import type { Change, Store } from "@reprise/server";
import { passOnStore, passOnTransaction } from "@reprise/server";

/**
 * A crash point: a place within a transaction that writes. `n` of `count` changes are made; behind the last of them come `commit`,
 * right before it, and `committed`, when everything is on disk and nobody knows.
 */
export interface Point {
  /** What the transaction has written so far, or is about to write. */
  readonly changes: readonly string[];
  readonly at: number | "commit" | "committed";
}

/** Called at every point; whoever wants to die there does not return. */
export type Passing = (point: Point) => void;

/** Writes change by change, as the database does it, and says so. */
export function withPoints(store: Store, pass: Passing): Store {
  return passOnStore(store, {
    transaction: async (work) => {
      const names: string[] = [];
      const result = await store.transaction(async (transaction) => {
        const made = await work(
          passOnTransaction(transaction, {
            write: async (changes) => {
              const before = names.length;
              names.push(...changes.map(nameOf));
              for (const [index, change] of changes.entries()) {
                pass({ changes: names, at: before + index });
                await transaction.write([change]);
              }
            },
          }),
        );
        if (names.length > 0) pass({ changes: names, at: "commit" });
        return made;
      });
      if (names.length > 0) pass({ changes: names, at: "committed" });
      return result;
    },
  });
}

function nameOf(change: Change): string {
  if (change.type === "insert") {
    const kind = "kind" in change.row ? ` ${change.row.kind}` : "";
    return `insert ${change.table}${kind}`;
  }
  if (change.type === "delete") return `delete ${change.table}`;
  const state = "state" in change.set ? ` ${change.set.state}` : "";
  return `update ${change.table}${state}`;
}

/** As it is printed: `3/5 of insert steps, update runs, ...`. */
export function pointName({ changes, at }: Point): string {
  const place = typeof at === "number" ? `${at}/${changes.length}` : at;
  return `${place} of ${changes.join(", ")}`;
}

/** Beginning of a point's name, and something that its transaction writes. */
export type PointMark = readonly [place: string, write: string];

/** A number counts the points from the first one. */
export type Target = number | PointMark;

export function isAt(target: Target | null, name: string, number: number): boolean {
  if (target === null || typeof target === "number") return target === number;
  const [place, write] = target;
  return name.startsWith(place) && name.includes(write);
}
