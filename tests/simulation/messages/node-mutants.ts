import { type Edit, edit, type Mutant } from "../mutants.ts";

/** A bug that shows where several nodes share a database. */
function bug(name: string, checker: string, edits: readonly Edit[]): Mutant {
  return { name, checker, edits, nodes: 3 };
}

const ONE_NODE = "one node at a time";
const EARLY = "never early";
const PAUSE = "pause binds";
const PLACES = "queues never overlap";
const ORDER = "queues never reorder";
const COUNTS = "counts are true";
const DEDUP = "deduplication is exact";
const TICKS = "one message for each tick";

/** What a dead node held is everybody's at once, whether it holds a place or not. */
const placesFreed: readonly Edit[] = [
  edit("engine/takeover.js", `{ type: "in", column: "ticketKey", values: [null] },`, ""),
  edit("engine/takeover.js", `{ type: "in", column: "flowControlKey", values: [null] },`, ""),
  edit("engine/takeover.js", "return !isGated(message) || message.dueAt <= now;", "return true;"),
];

function unlocked(table: string): Edit {
  return edit("store/tables.js", `    "${table}",\n`, "");
}

/** Bugs in what several nodes do with messages that have no run. */
export const nodeMutants: readonly Mutant[] = [
  // It shows where a destination works for longer than a lease lasts, in few worlds.
  { ...bug("places-freed-at-node-death", PLACES, placesFreed), from: 55 },
  bug("places-forgotten-at-node-death", COUNTS, [
    edit(
      "core/gates.js",
      "const free = holdsFlow(message) ? leaveFlow(gates) : gates;",
      "const free = gates;",
    ),
  ]),
  bug("takeover-before-the-lease-ends", ONE_NODE, [
    edit(
      "engine/takeover.js",
      `column: "leaseUntil", to: now }`,
      `column: "leaseUntil", to: now + 9_000 }`,
    ),
    edit("engine/takeover.js", "leaseUntil <= now).map", "leaseUntil <= now + 9_000).map"),
  ]),
  bug("outcomes-without-fence", ONE_NODE, [
    edit("core/message.js", "isInFlight && message.leaseToken === leaseToken", "isInFlight"),
  ]),
  bug("keys-kept-over-groups", ORDER, [
    edit(
      "engine/key-range.js",
      "(!this.#isShared && this.#left() >= count)",
      "this.#left() >= count",
    ),
    edit(
      "engine/key-range.js",
      "const size = this.#isShared ? count : Math.max(count, RESERVED_AT_ONCE);",
      "const size = Math.max(count, RESERVED_AT_ONCE);",
    ),
  ]),
  bug("ticks-of-two-nodes", TICKS, [
    unlocked("schedules"),
    edit(
      "engine/claims.js",
      `transaction.claimDue("schedules", now, ticksMax, nodeKey)`,
      `transaction.list("schedules", { where: [{ type: "range", column: "dueAt", to: now }], order: "ascending", limit: ticksMax })`,
    ),
  ]),
  bug("duplicates-of-two-nodes", DEDUP, [
    edit("store/tables.js", `dedups: ["id"],`, "dedups: [],"),
  ]),
  bug("queues-not-locked", COUNTS, [unlocked("queues")]),
  bug("pause-remembered-by-each-node", PAUSE, [
    edit(
      "engine/fetch.js",
      "async function fetchByName(wants, { work, transaction }) {",
      "async function fetchByName(wants, { work, transaction, configs }) {\n    const kept = (configs.kept ??= new Map());",
    ),
    edit(
      "engine/fetch.js",
      "work.addNamed(table, unknown, await transaction.find(table, lookup, values));",
      `const rows = (await transaction.find(table, lookup, values)).map((row) => {
            const isPaused = kept.get(row.name) ?? row.isPaused;
            kept.set(row.name, row.isPaused);
            return { ...row, isPaused };
        });
        work.addNamed(table, unknown, rows);`,
    ),
  ]),
  bug("keys-not-locked", COUNTS, [unlocked("flowControls")]),
  bug("clocks-of-machines", EARLY, [
    edit(
      "engine/shared-clock.js",
      "return { ...host, now: () => clock.now(), setTimer, fetch };",
      "return host;",
    ),
    edit("engine/group.js", "if (measure === null)", "if (true)"),
  ]),
];
