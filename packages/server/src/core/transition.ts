import type { Change, TableName, Tables } from "./rows.ts";

/**
 * What the core answers to a command: rows to write, work for after the commit, and what the caller is told.
 * A transition is data; nothing has happened yet.
 */
export interface Transition<Answer> {
  readonly changes: readonly Change[];
  readonly effects: readonly Effect[];
  readonly answer: Answer;
}

/** Work that starts once the rows are on disk. */
export type Effect =
  /** Hand an `active` message to the dispatcher. */
  | { readonly type: "deliver"; readonly messageKey: number; readonly leaseToken: number }
  /** An `active` message that nobody has to deliver: whoever holds the message `heldKey` goes on with it. */
  | {
      readonly type: "hold";
      readonly messageKey: number;
      readonly leaseToken: number;
      readonly heldKey: number;
    }
  /** A message waits for `dueAt`: the scheduler must be awake by then. */
  | { readonly type: "wake"; readonly dueAt: number }
  /** This message is not wanted any more in the state in which it was handed to the dispatcher: take it back if it is unsent. */
  | { readonly type: "recall"; readonly messageKey: number }
  /** As above, for all messages that have passed a gate which is paused now, or whose period somebody has begun anew. */
  | {
      readonly type: "recallBehind";
      readonly queueName?: string;
      readonly flowControlKey?: string;
      /** The new period has counted none of them, so none of them gives a start back. */
      readonly isPeriodNew?: true;
    }
  /** Places behind this gate may be free: those who wait there are asked in the same transaction. */
  | { readonly type: "open"; readonly gate: string };

/** What a decision may know about the world. */
export interface Context {
  /** Epoch milliseconds. */
  readonly now: number;
  /** The node that decides, and makes the attempts that it starts; null when it is alone. */
  readonly nodeKey: number | null;
  /** Draws the next unused key; keys rise. */
  readonly newKey: () => number;
  /** Limit of one attempt for messages that set none. */
  readonly attemptTimeoutMs: number;
  /** Whether so many deliveries to this origin (scheme and authority) wait in memory that more have to wait in the store. */
  readonly isOriginFull: (origin: string) => boolean;
  /** base64url, without padding, of the SHA-256 of bytes; from the engine, as the codec below. */
  readonly sha256: (bytes: Uint8Array) => string;
  /** Standard base64 with padding; from the engine, because the runtime's own codec is many times faster. */
  readonly toBase64: (bytes: Uint8Array) => string;
}

/** A transition that changes nothing. */
export function unchanged<Answer>(answer: Answer): Transition<Answer> {
  return { changes: [], effects: [], answer };
}

export function insert<T extends TableName>(table: T, row: Tables[T]): Change {
  // The table decides the row's type; the compiler cannot follow the union back.
  return { type: "insert", table, row } as Change;
}

/** An update with the columns in which `after` differs from `before`. */
export function update<T extends TableName>(table: T, before: Tables[T], after: Tables[T]): Change {
  const set: Record<string, unknown> = {};
  for (const column in after) {
    if (after[column] !== before[column]) set[column] = after[column];
  }
  // As above.
  return { type: "update", table, key: before.key, set } as Change;
}

export function remove(table: TableName, key: number): Change {
  return { type: "delete", table, key };
}
