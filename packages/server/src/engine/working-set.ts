import { assert } from "../core/assert.ts";
import type { QueueMembers } from "../core/delete-queue.ts";
import type { Change, MessageRow, RunRow, StepRow, TableName, Tables } from "../core/rows.ts";
import { parseRunConfig, type RunConfig } from "../core/run-config.ts";
import type { ConfigCache } from "./config-cache.ts";
import { type NamedTable, nameOf, slotKey } from "./row-names.ts";

/** Keys of some messages of a queue, ascending. */
interface ListedMembers {
  readonly keys: ReadonlySet<number>;
  readonly nextAfterKey: number | null;
}

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
  /** Ticket -> keys of messages that have shared it. */
  readonly #tickets = new Map<number, Set<number>>();
  readonly #queueMembers = new Map<string, ListedMembers>();
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
  };
  readonly #liveRuns = new Map<string, number | null>();
  readonly #newestRuns = new Map<string, number>();
  readonly #slots = new Map<number, number | null>();
  readonly #allSteps = new Map<number, readonly number[]>();
  readonly #openMessages = new Map<number, Set<number>>();
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

  addOpenMessages(runKeys: Iterable<number>, messages: readonly MessageRow[]): void {
    this.addLoaded("messages", [], messages);
    for (const runKey of runKeys) {
      if (!this.#openMessages.has(runKey)) this.#openMessages.set(runKey, new Set());
    }
    for (const { key, runKey } of messages) {
      if (runKey !== null) this.#openMessages.get(runKey)?.add(key);
    }
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

  /** Notes some messages of a queue; `nextAfterKey` is null when there are no more behind them. */
  addQueueMembers(
    name: string,
    messages: readonly MessageRow[],
    nextAfterKey: number | null,
  ): void {
    this.addLoaded("messages", [], messages);
    const keys = new Set(messages.map(({ key }) => key));
    this.#queueMembers.set(name, { keys, nextAfterKey });
  }

  queueMembers(name: string): QueueMembers {
    const members = this.#queueMembers.get(name);
    assert(
      members !== undefined,
      `messages of queue ${name} must be loaded before they are asked for`,
    );
    const messages = Array.from(members.keys, (key) => this.get("messages", key));
    return {
      messages: messages.filter((message) => message !== null),
      nextAfterKey: members.nextAfterKey,
    };
  }

  isTicketKnown(ticketKey: number): boolean {
    return this.#tickets.has(ticketKey);
  }

  addTickets(ticketKeys: readonly number[], messages: readonly MessageRow[]): void {
    this.addLoaded("messages", [], messages);
    for (const key of ticketKeys) {
      if (!this.#tickets.has(key)) this.#tickets.set(key, new Set());
    }
    for (const { key, ticketKey } of messages) {
      if (ticketKey !== null) this.#tickets.get(ticketKey)?.add(key);
    }
  }

  /** Open messages that share a place in a queue. */
  sharers(ticketKey: number): readonly MessageRow[] {
    const keys = this.#tickets.get(ticketKey) ?? new Set<number>();
    const messages = Array.from(keys, (key) => this.get("messages", key));
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
    return this.#openMessages.has(runKey);
  }

  openMessages(runKey: number): readonly MessageRow[] {
    const keys = this.#openMessages.get(runKey);
    assert(
      keys !== undefined,
      `messages of run ${runKey} must be loaded before they are decided on`,
    );
    const open: MessageRow[] = [];
    for (const key of keys) {
      const message = this.get("messages", key);
      if (message !== null && message.state !== "failed") open.push(message);
    }
    return open;
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
        const { key, runKey, ticketKey, queueName } = row as MessageRow; // As above.
        if (ticketKey !== null) this.#indexTicket(ticketKey, key);
        if (queueName !== null) this.#indexQueueMember(queueName, key);
        const open = runKey === null ? undefined : this.#openMessages.get(runKey);
        if (open === undefined || open.has(key)) return;
        open.add(key);
        this.#undo.push(() => open.delete(key));
        return;
      }
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

  /** Messages that this group has put into the queue are not among the listed ones, but behind them. */
  #indexQueueMember(name: string, key: number): void {
    const members = this.#queueMembers.get(name);
    if (members === undefined || members.keys.has(key) || members.nextAfterKey !== null) return;
    const nextAfterKey = Math.max(0, ...members.keys);
    this.#put(this.#queueMembers, name, { ...members, nextAfterKey });
  }

  /** Whoever takes a place is the first to have it; callbacks join a set that was loaded for the decision that made them. */
  #indexTicket(ticketKey: number, key: number): void {
    const sharers = this.#tickets.get(ticketKey);
    if (sharers === undefined) {
      if (ticketKey === key) this.#put(this.#tickets, ticketKey, new Set([key]));
      return;
    }
    if (sharers.has(key)) return;
    sharers.add(key);
    this.#undo.push(() => sharers.delete(key));
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
    this.#put(this.#openMessages, runKey, new Set());
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
