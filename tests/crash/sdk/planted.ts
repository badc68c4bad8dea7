import type { Change, Store } from "@reprise/server";
import { passOnStore, passOnTransaction } from "@reprise/server";

type Insert = Change & { readonly type: "insert" };

/** What a store is told to write is something else than what it was meant to. */
function rewriting(
  store: Store,
  rewrite: (changes: readonly Change[]) => readonly Change[],
): Store {
  return passOnStore(store, {
    transaction: (work) =>
      store.transaction((transaction) =>
        work(
          passOnTransaction(transaction, {
            write: (changes) => transaction.write(rewrite(changes)),
          }),
        ),
      ),
  });
}

/** A result is told to an invocation that goes on, and the message that it holds is forgotten. */
export function loseHeld(store: Store): Store {
  return rewriting(store, (changes) => {
    const isResult = changes.some(isResultInsert);
    return isResult ? changes.filter((change) => !isActiveMessage(change)) : changes;
  });
}

function isResultInsert(change: Change): boolean {
  return isInsert(change, "steps") && "slot" in change.row && change.row.slot > 1;
}

function isActiveMessage(change: Change): boolean {
  return isInsert(change, "messages") && "state" in change.row && change.row.state === "active";
}

function isInsert(change: Change, table: Change["table"]): change is Insert {
  return change.type === "insert" && change.table === table;
}

/** A result of a step of this load: twelve digits in quotes in a string. */
const MARK = /(\\"[0-9a-f]{11})[0-9a-f](\\")/;

/** What is kept is not what was submitted. */
export function garbleResults(store: Store): Store {
  return rewriting(store, (changes) => changes.map(garble));
}

function garble(change: Change): Change {
  if (change.type !== "insert" || change.table !== "steps") return change;
  const { body } = change.row;
  const text = new TextDecoder().decode(body);
  if (!MARK.test(text)) return change;
  const garbled = new TextEncoder().encode(text.replace(MARK, "$1x$2"));
  return { ...change, row: { ...change.row, body: garbled } };
}
