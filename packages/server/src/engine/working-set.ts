import { assert } from "../core/assert.ts";
import type { QueueMembers } from "../core/delete-queue.ts";
import {
  ATTEMPTS_PER_MESSAGE_MAX,
  type Change,
  type MessageRow,
  type RunRow,
  type StepRow,
  type TableName,
  type Tables,
} from "../core/rows.ts";
import { parseRunConfig, type RunConfig } from "../core/run-config.ts";
import type { ConfigCache } from "./config-cache.ts";
import { QueuePlaces } from "./queue-places.ts";
import {
  belongsTo,
  GROUPS,
  type GroupName,
  type GroupTable,
  type GroupValues,
  RowGroups,
} from "./row-groups.ts";
import { type NamedTable, nameOf, slotKey } from "./row-names.ts";

/**
 * The rows that one group of commands works on. A later command sees what an earlier one changed; a refused request takes
 * back its own changes and no others. A row that was not loaded may not be asked for: that would be a decision on nothing.
 */
export class WorkingSet {
  readonly #named: { readonly [T in NamedTable]: Map<string, number | null> } = {
    queues: new Map(),
    urlGroups: new Map(),
    flowControls: new Map(),
    schedules: new Map(),
    dedups: new Map(),
  };
  readonly #places = new QueuePlaces();
  readonly #rows: { readonly [T in TableName]: Map<number, Tables[T] | null> } = {
    runs: new Map(),
    runConfigs: new Map(),
    steps: new Map(),
    messages: new Map(),
    attempts: new Map(),
    deadLetters: new Map(),
    settings: new Map(),
    envelopes: new Map(),
    logs: new Map(),
    deadMessages: new Map(),
    dedups: new Map(),
    queues: new Map(),
    urlGroups: new Map(),
    flowControls: new Map(),
    schedules: new Map(),
    bulkActions: new Map(),
    waits: new Map(),
    events: new Map(),
    nodes: new Map(),
    audits: new Map(),
  };
  readonly #liveRuns = new Map<string, number | null>();
  readonly #newestRuns = new Map<string, number>();
  readonly #slots = new Map<number, number | null>();
  readonly #allSteps = new Map<number, readonly number[]>();
  readonly #groups = new RowGroups();
  readonly #attemptCounts = new Map<number, number>();
  /** Runs that were started in this group: whatever is not in the working set does not exist. */
  readonly #newRuns = new Set<number>();
  readonly #configs: ConfigCache;
  /** Configurations that this group has written; they reach the cache with the commit. */
  readonly newConfigs = new Map<number, RunConfig>();
  #changes: Change[] = [];
  #writtenCount = 0;
  #undo: (() => void)[] = [];

  constructor(configs: ConfigCache) {
    this.#configs = configs;
  }

  get changes(): readonly Change[] {
    return this.#changes;
  }

  /** Notes what the store holds under these keys; keys without a row are known to be absent. */
  addLoaded<T extends TableName>(
    table: T,
    keys: Iterable<number>,
    rows: readonly Tables[T][],
  ): void {
    const known = this.#rows[table];
    for (const row of rows) if (!known.has(row.key)) known.set(row.key, row);
    for (const key of keys) if (!known.has(key)) known.set(key, null);
  }

  addLiveRuns(ids: Iterable<string>, runs: readonly RunRow[]): void {
    this.addLoaded("runs", [], runs);
    for (const run of runs) if (!this.#liveRuns.has(run.id)) this.#liveRuns.set(run.id, run.key);
    for (const id of ids) if (!this.#liveRuns.has(id)) this.#liveRuns.set(id, null);
  }

  addEndedRuns(runs: readonly RunRow[]): void {
    this.addLoaded("runs", [], runs);
    for (const { id, key } of runs) {
      if (key > (this.#newestRuns.get(id) ?? -1)) this.#newestRuns.set(id, key);
    }
  }

  addSlots(wanted: Iterable<number>, steps: readonly StepRow[]): void {
    this.addLoaded("steps", [], steps);
    for (const step of steps) {
      const key = slotKey(step.runKey, step.slot);
      if (!this.#slots.has(key)) this.#slots.set(key, step.key);
    }
    for (const key of wanted) if (!this.#slots.has(key)) this.#slots.set(key, null);
  }

  /** Every record of one run, for commands that copy it. */
  addAllSteps(runKey: number, steps: readonly StepRow[]): void {
    this.addSlots([], steps);
    this.#allSteps.set(
      runKey,
      steps.toSorted((a, b) => a.position - b.position).map(({ key }) => key),
    );
  }

  addAttemptCount(messageKey: number, count: number): void {
    this.#attemptCounts.set(messageKey, count);
  }

  attemptCount(messageKey: number): number {
    const counted = this.#attemptCounts.get(messageKey);
    assert(counted !== undefined, `attempts of message ${messageKey} must be counted first`);
    let count = counted;
    // Attempts that have ended in this group were not there when the others were counted.
    while (this.peek("attempts", messageKey * ATTEMPTS_PER_MESSAGE_MAX + count) !== null)
      count += 1;
    return count;
  }

  /** The bodies of events that are known without them. */
  addEventBodies(events: readonly Tables["events"][]): void {
    // Events do not change. Nobody looks at the body here: it may be damaged.
    for (const event of events) {
      if (this.#rows.events.get(event.key)) this.#rows.events.set(event.key, event);
    }
  }

  isGroupKnown(name: GroupName, values: GroupValues): boolean {
    return this.#groups.isKnown(name, values);
  }

  addGroups<G extends GroupName>(
    name: G,
    values: readonly GroupValues[],
    rows: readonly Tables[GroupTable<G>][],
  ): void {
    // The rows are of the table that the group is about; the compiler cannot follow the union back.
    this.addLoaded(GROUPS[name].table, [], rows as readonly Tables[TableName][] as never);
    this.#groups.addLoaded(name, values, rows);
  }

  group<G extends GroupName>(name: G, ...values: GroupValues): readonly Tables[GroupTable<G>][] {
    const { table } = GROUPS[name];
    const keys = this.#groups.keys(name, values, this.#isNewRun);
    const rows = keys.map((key) => this.get(table, key));
    const members = rows.filter((row) => row !== null && belongsTo(name, values, row));
    return members as unknown as readonly Tables[GroupTable<G>][]; // As above.
  }

  isNameKnown(table: NamedTable, name: string): boolean {
    return this.#named[table].has(name);
  }

  addNamed<T extends NamedTable>(
    table: T,
    names: readonly string[],
    rows: readonly Tables[T][],
  ): void {
    this.addLoaded(table, [], rows);
    for (const row of rows) this.#named[table].set(nameOf(row), row.key);
    for (const name of names) {
      if (!this.#named[table].has(name)) this.#named[table].set(name, null);
    }
  }

  named<T extends NamedTable>(table: T, name: string): Tables[T] | null {
    const key = this.#named[table].get(name);
    assert(key !== undefined, `${table} ${name} must be loaded before it is decided on`);
    return key === null ? null : this.get(table, key);
  }

  addQueueMembers(
    name: string,
    messages: readonly MessageRow[],
    nextAfterKey: number | null,
  ): void {
    this.addLoaded("messages", [], messages);
    this.#places.addMembers(name, messages, nextAfterKey);
  }

  queueMembers(name: string): QueueMembers {
    const { keys, nextAfterKey } = this.#places.members(name);
    const messages = Array.from(keys, (key) => this.get("messages", key));
    return { messages: messages.filter((message) => message !== null), nextAfterKey };
  }

  isTicketKnown(ticketKey: number): boolean {
    return this.#places.isTicketKnown(ticketKey);
  }

  addTickets(ticketKeys: readonly number[], messages: readonly MessageRow[]): void {
    this.addLoaded("messages", [], messages);
    this.#places.addTickets(ticketKeys, messages);
  }

  /** Open messages that share a place in a queue. */
  sharers(ticketKey: number): readonly MessageRow[] {
    const messages = this.#places.sharers(ticketKey).map((key) => this.get("messages", key));
    return messages.filter((message): message is MessageRow => message?.ticketKey === ticketKey);
  }

  get<T extends TableName>(table: T, key: number): Tables[T] | null {
    const row = this.#rows[table].get(key);
    assert(row !== undefined, `${table} ${key} must be loaded before it is decided on`);
    return row;
  }

  /** As `get`, but null when nobody has loaded the row. */
  peek<T extends TableName>(table: T, key: number): Tables[T] | null {
    return this.#rows[table].get(key) ?? null;
  }

  config(runKey: number): RunConfig | null {
    return this.newConfigs.get(runKey) ?? this.#configs.get(runKey);
  }

  liveRun(id: string): RunRow | null {
    const key = this.#liveRuns.get(id);
    assert(key !== undefined, `run ${id} must be loaded before it is decided on`);
    return key === null ? null : this.get("runs", key);
  }

  /** The live run of this id, else the newest that has ended. */
  newestRun(id: string): RunRow | null {
    const live = this.liveRun(id);
    const key = this.#newestRuns.get(id);
    return live ?? (key === undefined ? null : this.get("runs", key));
  }

  stepInSlot(runKey: number, slot: number): StepRow | null {
    const key = this.#slots.get(slotKey(runKey, slot));
    assert(
      key !== undefined || this.#newRuns.has(runKey),
      `slot ${slot} of run ${runKey} must be loaded before it is decided on`,
    );
    return key === undefined || key === null ? null : this.get("steps", key);
  }

  /** Records in order of position, those that this group has appended included. */
  allSteps(runKey: number): readonly StepRow[] {
    const keys = this.#allSteps.get(runKey);
    assert(keys !== undefined, `steps of run ${runKey} must be loaded before they are decided on`);
    const steps = keys.map((key) => this.get("steps", key));
    return steps.filter((step) => step !== null);
  }

  hasOpenMessages(runKey: number): boolean {
    return this.#groups.isKnown("messagesOfRun", [runKey]) || this.#newRuns.has(runKey);
  }

  openMessages(runKey: number): readonly MessageRow[] {
    return this.group("messagesOfRun", runKey).filter(({ state }) => state !== "failed");
  }

  apply(changes: readonly Change[]): void {
    for (const change of changes) this.#applyOne(change);
  }

  /** Changes that were made since the last call, for the store. */
  takeUnwritten(): readonly Change[] {
    const changes = this.#changes.slice(this.#writtenCount);
    this.#writtenCount = this.#changes.length;
    return changes;
  }

  /** From here on, `takeBack` undoes what comes. */
  mark(): number {
    this.#undo = [];
    return this.#changes.length;
  }

  takeBack(mark: number): void {
    for (const undo of this.#undo.reverse()) undo();
    this.#undo = [];
    this.#changes.length = mark;
  }

  readonly #isNewRun = (runKey: number) => this.#newRuns.has(runKey);

  #applyOne(change: Change): void {
    this.#changes.push(change);
    if (change.table === "runConfigs") {
      this.#applyConfig(change);
      return;
    }
    switch (change.type) {
      case "insert":
        this.#set(change.table, change.row.key, change.row);
        this.#index(change.table, change.row);
        if (change.table === "runs") this.#addNewRun(change.row.key);
        return;
      case "update": {
        const before = this.peek(change.table, change.key);
        assert(
          before !== null,
          `${change.table} ${change.key} must be loaded before it is changed`,
        );
        // The change names the table that the row was read from.
        const after = { ...before, ...change.set } as Tables[TableName];
        this.#set(change.table, change.key, after);
        this.#index(change.table, after);
        return;
      }
      case "delete":
        this.#set(change.table, change.key, null);
        return;
    }
  }

  #applyConfig(change: Change & { readonly table: "runConfigs" }): void {
    if (change.type === "delete") return;
    const key = change.type === "insert" ? change.row.key : change.key;
    const config = change.type === "insert" ? change.row.config : change.set.config;
    if (config !== undefined) this.#put(this.newConfigs, key, parseRunConfig(config));
  }

  #set(table: TableName, key: number, row: Tables[TableName] | null): void {
    // Callers pass a row of this very table; the union of maps hides that from the compiler.
    const map = this.#rows[table] as Map<number, Tables[TableName] | null>;
    this.#put(map, key, row);
  }

  #index(table: TableName, row: Tables[TableName]): void {
    switch (table) {
      case "runs":
        this.#indexRun(row as RunRow); // The table says so.
        return;
      case "steps": {
        const step = row as StepRow; // As above.
        this.#put(this.#slots, slotKey(step.runKey, step.slot), step.key);
        const all = this.#allSteps.get(step.runKey);
        if (all !== undefined && !all.includes(step.key))
          this.#put(this.#allSteps, step.runKey, [...all, step.key]);
        return;
      }
      case "messages": {
        this.#undo.push(...this.#places.note(row as MessageRow)); // As above.
        this.#undo.push(...this.#groups.note(table, row, this.#isNewRun));
        return;
      }
      case "waits":
      case "events":
        this.#undo.push(...this.#groups.note(table, row, this.#isNewRun));
        return;
      case "queues":
      case "urlGroups":
      case "flowControls":
      case "schedules":
      case "dedups": {
        const named = row as Tables[NamedTable]; // As above.
        this.#put(this.#named[table], nameOf(named), named.key);
        return;
      }
    }
  }

  #indexRun(run: RunRow): void {
    if (run.state !== "started") {
      if (this.#liveRuns.get(run.id) === run.key) this.#put(this.#liveRuns, run.id, null);
      this.#put(this.#newestRuns, run.id, run.key);
      return;
    }
    this.#put(this.#liveRuns, run.id, run.key);
  }

  #addNewRun(runKey: number): void {
    this.#newRuns.add(runKey);
    this.#undo.push(() => this.#newRuns.delete(runKey));
  }

  #put<K, V>(map: Map<K, V>, key: K, value: V): void {
    const before = map.get(key);
    const had = map.has(key);
    map.set(key, value);
    this.#undo.push(() => {
      // `had` proves that `before` is a value of the map.
      if (had) map.set(key, before as V);
      else map.delete(key);
    });
  }
}
