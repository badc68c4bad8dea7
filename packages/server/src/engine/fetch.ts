import type { TableName, Tables } from "../core/rows.ts";
import { ATTEMPTS_PER_MESSAGE_MAX } from "../core/rows.ts";
import type { Transaction } from "../store/store.ts";
import { type LookupName, lookups } from "../store/tables.ts";
import type { ConfigCache } from "./config-cache.ts";
import { GROUPS, type GroupDefinition, type GroupName, type GroupValues } from "./row-groups.ts";
import { NAME_LOOKUPS, NAMED_TABLES } from "./row-names.ts";
import type { Wants } from "./wants.ts";
import type { WorkingSet } from "./working-set.ts";

/** More than one group ever has. */
const ROWS_MAX = 1_000_000;

export interface Loading {
  readonly work: WorkingSet;
  readonly transaction: Transaction;
  readonly configs: ConfigCache;
  /** Other nodes decide at the same time. */
  readonly isShared: boolean;
  /** Says that about so many keys are going to be drawn, behind all locks that have been asked for so far. */
  readonly expectKeys: (count: number) => void;
}

/**
 * Reads what is wanted and not known yet. All of it is asked together: a database across the network answers in one round trip, one read
 * after the other, each as if the one before were done. So owners come first, and what hangs on them is read behind their locks.
 */
export async function fetchWants(wants: Wants, loading: Loading): Promise<void> {
  await Promise.all([
    fetchByName(wants, loading),
    fetchByKey(wants, loading),
    fetchConfigs(wants, loading),
    fetchSharers(wants, loading),
    fetchByRun(wants, loading),
    fetchGroups(wants, loading),
    fetchAttemptCounts(wants, loading),
    fetchQueueMembers(wants, loading),
  ]);
  await fetchEventBodies(wants, loading);
}

const KEYED_TABLES = [
  "runs",
  "steps",
  "messages",
  "deadLetters",
  "envelopes",
  "deadMessages",
  "schedules",
  "bulkActions",
  "waits",
  "attempts",
] as const;

async function fetchByKey(wants: Wants, { work, transaction }: Loading): Promise<void> {
  const tables = KEYED_TABLES.map(async (table) => {
    const keys = Array.from(wants[table]).filter((key) => work.peek(table, key) === null);
    if (keys.length > 0) work.addLoaded(table, keys, await transaction.get(table, keys));
  });
  await Promise.all(tables);
}

async function fetchConfigs(wants: Wants, loading: Loading): Promise<void> {
  const { transaction, configs, isShared } = loading;
  // Another node may have ended the first contact since.
  const isKnown = (key: number) =>
    configs.has(key) && !(isShared && configs.get(key)?.hop === "pending");
  const unknown = Array.from(wants.configs).filter((key) => !isKnown(key));
  if (unknown.length > 0) configs.addLoaded(await transaction.get("runConfigs", unknown));
}

async function fetchByName(wants: Wants, { work, transaction }: Loading): Promise<void> {
  const tables = NAMED_TABLES.map(async (table) => {
    const names = wants.names.get(table) ?? [];
    const unknown = Array.from(names).filter((name) => !work.isNameKnown(table, name));
    if (unknown.length === 0) return;
    const values = unknown.map((name) => [name]);
    // Each table has the lookup that stands under its name; the compiler cannot follow the union back.
    const lookup = NAME_LOOKUPS[table] as LookupName<typeof table>;
    work.addNamed(table, unknown, await transaction.find(table, lookup, values));
  });
  await Promise.all(tables);
}

/** Behind the lock on their queue. */
async function fetchSharers(wants: Wants, { work, transaction }: Loading): Promise<void> {
  const tickets = Array.from(wants.tickets).filter((key) => !work.isTicketKnown(key));
  if (tickets.length === 0) return;
  const values = tickets.map((key) => [key]);
  work.addTickets(tickets, await transaction.find("messages", "byTicket", values));
}

async function fetchByRun(wants: Wants, { work, transaction }: Loading): Promise<void> {
  const reads = Array.from(wants.allSteps, async (runKey) => {
    work.addAllSteps(runKey, await transaction.find("steps", "byRun", [[runKey]]));
  });
  if (wants.slots.size > 0) {
    const steps = await transaction.find("steps", "bySlot", Array.from(wants.slots.values()));
    work.addSlots(wants.slots.keys(), steps);
  }
  await Promise.all(reads);
}

async function fetchGroups(wants: Wants, loading: Loading): Promise<void> {
  const { work } = loading;
  const byName = Map.groupBy(wants.groups, ([name]) => name);
  const reads = Array.from(byName, async ([name, groups]) => {
    const values = groups
      .map(([, value]) => value)
      .filter((value) => !work.isGroupKnown(name, value));
    if (values.length === 0) return;
    const rows = await findMembers(name, values, loading);
    work.addGroups(name, values, rows as never); // The rows are of the group's table.
  });
  await Promise.all(reads);
}

/**
 * A group that hangs on no row which is locked is read until nothing new turns up: a resume may move a wait to another run while its row
 * is being waited for, and what is read together then shows neither.
 */
async function findMembers(
  name: GroupName,
  values: readonly GroupValues[],
  { transaction, isShared }: Loading,
): Promise<readonly Tables[TableName][]> {
  let rows = await findGroups(name, values, transaction);
  if (!isShared || !UNOWNED_GROUPS.has(name)) return rows;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const again = await findGroups(name, values, transaction);
    const known = new Set(rows.map(({ key }) => key));
    rows = again;
    if (again.every(({ key }) => known.has(key))) break;
  }
  return rows;
}

const UNOWNED_GROUPS: ReadonlySet<GroupName> = new Set(["openWaitsForEvent", "openWaitForChild"]);

/** Resumes of one run that come in between; each is a person's decision. */
const ROUNDS_MAX = 10;

async function findGroups(
  name: GroupName,
  values: readonly GroupValues[],
  transaction: Transaction,
): Promise<readonly Tables[TableName][]> {
  // Each group has a lookup of its own table; the compiler cannot follow the union back.
  const { table, lookup, without } = GROUPS[name] as unknown as GroupDefinition;
  // As above.
  if (without === undefined) return transaction.find(table, lookup as never, values);
  const columns: readonly string[] = lookups[table][lookup as never]; // As above.
  const lists = values.map((value) => {
    const where = columns.map((name, index) => {
      const column = name as never; // As above.
      return { type: "in", column, values: [value[index] ?? null] } as const;
    });
    const query = { where, order: "ascending", limit: ROWS_MAX, without } as const;
    return transaction.list(table, query);
  });
  return (await Promise.all(lists)).flat();
}

/** Of each source as many as there are steps that may take one. */
async function fetchEventBodies(wants: Wants, { work, transaction }: Loading): Promise<void> {
  const keys = new Set<number>();
  for (const [values, count] of wants.eventsTaken.values()) {
    const events = work.group("keptEvents", ...values).toSorted((a, b) => a.key - b.key);
    const bySource = Map.groupBy(events, ({ source }) => source);
    for (const alike of bySource.values()) {
      for (const { key, bytes } of alike.slice(0, count)) if (bytes > 0) keys.add(key);
    }
  }
  if (keys.size > 0) work.addEventBodies(await transaction.get("events", Array.from(keys)));
}

/** Attempts of a message are neighbours, numbered without gaps. */
async function fetchAttemptCounts(wants: Wants, { work, transaction }: Loading): Promise<void> {
  const counts = Array.from(wants.attemptsOf, async (messageKey) => {
    const from = messageKey * ATTEMPTS_PER_MESSAGE_MAX;
    const [last] = await transaction.list("attempts", {
      where: [{ type: "range", column: "key", from, to: from + ATTEMPTS_PER_MESSAGE_MAX - 1 }],
      order: "descending",
      limit: 1,
      without: ["responseBody"],
    });
    work.addAttemptCount(messageKey, last === undefined ? 0 : last.number + 1);
  });
  await Promise.all(counts);
}

/** Messages of a queue that one transaction deals with. */
const QUEUE_MEMBERS_MAX = 500;

async function fetchQueueMembers(wants: Wants, { work, transaction }: Loading): Promise<void> {
  const reads = Array.from(wants.queueMembers, async ([name, afterKey]) => {
    const listed = await transaction.list("messages", {
      where: [{ type: "in", column: "queueName", values: [name] }],
      order: "ascending",
      afterKey,
      limit: QUEUE_MEMBERS_MAX,
    });
    const isAll = listed.length < QUEUE_MEMBERS_MAX;
    work.addQueueMembers(name, listed, isAll ? null : (listed.at(-1)?.key ?? null));
  });
  await Promise.all(reads);
}
