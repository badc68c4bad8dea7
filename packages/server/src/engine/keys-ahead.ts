import type { TableName } from "../core/rows.ts";
import { passOnTransaction } from "../store/pass-on.ts";
import type { KeySpan, Transaction } from "../store/store.ts";
import { lockedTables } from "../store/tables.ts";

/** A transaction of which keys can be drawn before anybody knows how many it takes. */
export interface KeysAhead {
  readonly transaction: Transaction;
  /** Says that about so many keys are going to be reserved: they come along with what is being read. */
  readonly expectKeys: (count: number) => void;
}

interface Drawn {
  readonly count: number;
  readonly spans: Promise<readonly KeySpan[]>;
}

/**
 * Keys that were drawn before a lock are not used behind it: whoever had the lock meanwhile may have drawn higher ones, and the order of
 * keys is the order of a line. Rows that nobody changes are read without a lock.
 */
export function drawAhead(transaction: Transaction): KeysAhead {
  let drawn: Drawn | null = null;
  const behindLock = <R>(table: TableName, sent: R): R => {
    if (lockedTables.has(table)) drawn = null;
    return sent;
  };
  const expectKeys = (count: number) => {
    if (count === 0 || (drawn !== null && drawn.count >= count)) return;
    drawn = { count, spans: transaction.reserveKeys(count) };
    // Whoever takes them hears of a failure, and so does the next read.
    drawn.spans.catch(() => {});
  };
  const watched = passOnTransaction(transaction, {
    get: (table, keys) => behindLock(table, transaction.get(table, keys)),
    find: (table, lookup, values) => behindLock(table, transaction.find(table, lookup, values)),
    list: (table, query) => behindLock(table, transaction.list(table, query)),
    claimDue: (table, now, limit, holder) =>
      behindLock(table, transaction.claimDue(table, now, limit, holder)),
    claimWaiting: (gate, limit) => behindLock("messages", transaction.claimWaiting(gate, limit)),
    reserveKeys: (count) => {
      const ahead = drawn;
      drawn = null;
      return ahead !== null && ahead.count >= count ? ahead.spans : transaction.reserveKeys(count);
    },
  });
  return { transaction: watched, expectKeys };
}

/** Of a store that is part of this process: it answers at once, and nothing is gained. */
export function drawInTime(transaction: Transaction): KeysAhead {
  return { transaction, expectKeys: () => {} };
}
