import { isRepriseError } from "@reprise/protocol";
import type {
  Answers,
  CancelCallback,
  DeleteDeadLetter,
  DeleteDeadMessage,
  HoldDeadLetter,
  HoldDeadMessage,
  RetryCallback,
  RetryDeadMessage,
  ReviveRun,
} from "../core/commands.ts";
import type { Tables } from "../core/rows.ts";
import type { BytesColumn, Condition } from "../store/store.ts";
import { type CursorIssuer, decodeCursor, encodeCursor } from "./cursor.ts";
import { type DeadTable, findDead, missingDead } from "./find-dead.ts";
import { type Parameters, readCursor, readWhole } from "./parameters.ts";
import type { ApiRoom } from "./room.ts";

/** Actions on many entries of a dead letter queue: by ids, all or none; or by filters, each entry exactly once. */

type DeadCommand =
  | ReviveRun
  | RetryCallback
  | CancelCallback
  | DeleteDeadLetter
  | HoldDeadLetter
  | RetryDeadMessage
  | DeleteDeadMessage
  | HoldDeadMessage;

/** Entries that a request names. */
export interface Named {
  readonly table: DeadTable;
  readonly ids: readonly string[];
}

/** Entries that one transaction takes at most: each commit costs a flush, so few at a time would be slow. */
const CHUNK_ENTRIES_MAX = 50;

/** Rows that one transaction writes anew, unless a single entry has more: other work waits behind it. */
const CHUNK_ROWS_MAX = 500;

/** Entries that one request without `count` handles before it gives a cursor. */
const REQUEST_ENTRIES_MAX = 1000;

/** All named entries, or a refusal; answers stand in the order of the ids. */
export async function actOnIds<C extends DeadCommand>(
  { table, ids }: Named,
  toCommand: (key: number) => C,
  room: ApiRoom,
): Promise<readonly Answers[C["type"]][]> {
  const rows = await findDead(table, ids, room.store);
  const missing = rows.indexOf(null);
  if (missing !== -1) throw await missingDead(table, ids[missing] ?? "", room.store);
  const keys = rows.filter((row) => row !== null).map(({ key }) => key);
  return room.engine.execute(keys.map(toCommand));
}

/** Those of the named entries that are in the queue; the others are passed over. */
export async function actOnKnownIds<C extends DeadCommand>(
  { table, ids }: Named,
  toCommand: (key: number) => C,
  room: ApiRoom,
): Promise<readonly Answers[C["type"]][]> {
  const rows = await findDead(table, ids, room.store);
  const keys = rows.filter((row) => row !== null).map((row) => row.key);
  const { answers, failure } = await executeEach(keys.map(toCommand), room);
  if (failure !== null) throw failure;
  return answers;
}

export interface BulkAnswer<Answer> {
  readonly answers: readonly Answer[];
  /** Null when nothing is left. */
  readonly cursor: string | null;
}

export interface BulkAction<T extends DeadTable, C extends DeadCommand> {
  readonly table: T;
  readonly conditions: readonly Condition<T>[];
  readonly parameters: Parameters;
  readonly endpoint: string;
  /** Entries that one request with `count` handles at most. */
  readonly pageMax: number;
  readonly toCommand: (key: number) => C;
  /** Rows that each entry's action writes anew; one when not given. */
  readonly countRows?: (entries: readonly Tables[T][]) => Promise<readonly number[]>;
}

/**
 * Acts on the entries that match, oldest first. Without `count` on all that match now, but for a bound on one request. A
 * cursor holds the last key and the newest entry of the first request: entries that arrive later wait for a new request, or a
 * run that fails again at once would be revived for ever.
 */
export async function actOnMatches<T extends DeadTable, C extends DeadCommand>(
  action: BulkAction<T, C>,
  room: ApiRoom,
): Promise<BulkAnswer<Answers[C["type"]]>> {
  const { parameters, endpoint, pageMax, toCommand } = action;
  const count = readWhole(parameters, "count", 1);
  const most = count === null ? REQUEST_ENTRIES_MAX : Math.min(count, pageMax);
  const issuer = { endpoint, secret: room.credentials.cursorSecret };
  const range = await readRange(action, issuer, room);
  if (range === null) return { answers: [], cursor: null };
  const answers: Answers[C["type"]][] = [];
  let { afterKey } = range;
  while (answers.length < most) {
    const wanted = Math.min(CHUNK_ENTRIES_MAX, most - answers.length);
    const { found, chunk, done } = await inTurn(room, async () => {
      const found = await listNext(action, { ...range, afterKey, limit: wanted + 1 }, room);
      const chunk = await takeChunk(action, found.slice(0, wanted));
      const commands = chunk.map(({ key }) => toCommand(key));
      return { found, chunk, done: await executeEach(commands, room) };
    });
    answers.push(...done.answers);
    if (done.failure !== null) {
      if (answers.length === 0) throw done.failure;
      // What has been done is told. The cursor leads to the rest of this chunk, as handled entries match no more.
      break;
    }
    afterKey = chunk.at(-1)?.key ?? afterKey;
    if (found.length === chunk.length) return { answers, cursor: null };
  }
  return { answers, cursor: encodeCursor([afterKey, range.lastKey], issuer) };
}

/** Engine -> the end of the chunk that its last request in turn handles. */
const turns = new WeakMap<object, Promise<unknown>>();

/** One chunk at a time: requests that list the same entries at once would all but one of them be refused. */
async function inTurn<R>({ engine }: ApiRoom, work: () => Promise<R>): Promise<R> {
  const own = (turns.get(engine) ?? Promise.resolve()).then(work);
  // An error is for its own caller; the next one only has to know that the turn is over.
  turns.set(
    engine,
    own.catch(() => null),
  );
  return own;
}

/** The first of the entries, as many as one transaction should take, but at least one. */
async function takeChunk<T extends DeadTable, C extends DeadCommand>(
  { countRows }: BulkAction<T, C>,
  entries: readonly Tables[T][],
): Promise<readonly Tables[T][]> {
  const counts = (await countRows?.(entries)) ?? [];
  let rows = 0;
  const end = entries.findIndex((_entry, index) => {
    rows += counts[index] ?? 1;
    return index > 0 && rows > CHUNK_ROWS_MAX;
  });
  return end === -1 ? entries : entries.slice(0, end);
}

/** Answers of apps and failure functions, which no action looks at. */
const BODIES: { readonly [T in DeadTable]: readonly BytesColumn<T>[] } = {
  deadLetters: ["responseBody", "callbackResponseBody"],
  deadMessages: ["responseBody"],
};

interface KeyRange {
  /** Exclusive. */
  readonly afterKey: number;
  /** Inclusive. */
  readonly lastKey: number;
}

/** The keys that this batch of requests is about; null when nothing matches. */
async function readRange<T extends DeadTable, C extends DeadCommand>(
  { table, conditions, parameters }: BulkAction<T, C>,
  issuer: CursorIssuer,
  { store }: ApiRoom,
): Promise<KeyRange | null> {
  const cursor = readCursor(parameters);
  if (cursor !== null) {
    const [afterKey = 0, lastKey = 0] = decodeCursor(cursor, 2, issuer);
    return { afterKey, lastKey };
  }
  const query = { where: conditions, order: "descending", limit: 1 } as const;
  const [newest] = await store.list(table, query);
  return newest === undefined ? null : { afterKey: 0, lastKey: newest.key };
}

function listNext<T extends DeadTable, C extends DeadCommand>(
  { table, conditions }: BulkAction<T, C>,
  { afterKey, lastKey, limit }: KeyRange & { readonly limit: number },
  { store }: ApiRoom,
): Promise<readonly Tables[T][]> {
  const range: Condition<T> = { type: "range", column: "key", to: lastKey };
  const where = [...conditions, range];
  return store.list(table, { where, order: "ascending", afterKey, limit, without: BODIES[table] });
}

interface EachAnswer<Answer> {
  readonly answers: readonly Answer[];
  /** The first failure that is not the entry's own. */
  readonly failure: unknown;
}

/**
 * Executes commands that do not depend on each other; they arrive together, so they share a transaction. An entry that is
 * refused, because somebody else has handled it meanwhile for instance, is passed over.
 */
async function executeEach<C extends DeadCommand>(
  commands: readonly C[],
  { engine }: ApiRoom,
): Promise<EachAnswer<Answers[C["type"]]>> {
  const answers: Answers[C["type"]][] = [];
  let failure: unknown = null;
  const results = await Promise.allSettled(commands.map((command) => engine.execute([command])));
  for (const result of results) {
    if (result.status === "fulfilled") answers.push(...result.value);
    else if (!isRefusal(result.reason)) failure ??= result.reason;
  }
  return { answers, failure };
}

function isRefusal(error: unknown): boolean {
  return isRepriseError(error) && error.status < 500;
}
