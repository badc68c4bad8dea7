import { type GroupName, type GroupValues, groupId } from "./row-groups.ts";
import type { NamedTable } from "./row-names.ts";
import { slotKey } from "./row-names.ts";

/** The keys that the next round of reads asks for; one read a table and round, however many commands there are. */
export class Wants {
  readonly runs = new Set<number>();
  readonly configs = new Set<number>();
  readonly steps = new Set<number>();
  readonly messages = new Set<number>();
  readonly deadLetters = new Set<number>();
  readonly allSteps = new Set<number>();
  readonly envelopes = new Set<number>();
  readonly deadMessages = new Set<number>();
  readonly schedules = new Set<number>();
  readonly bulkActions = new Set<number>();
  readonly waits = new Set<number>();
  readonly attempts = new Set<number>();
  readonly #groups = new Map<string, readonly [GroupName, GroupValues]>();
  /** Events whose body is asked for: run and event id -> how many of them may be taken. */
  readonly eventsTaken = new Map<string, readonly [GroupValues, number]>();
  /** Messages whose number of attempts is asked for. */
  readonly attemptsOf = new Set<number>();
  /** Places in queues whose sharers are asked for. */
  readonly tickets = new Set<number>();
  /** Queues whose messages behind a key are asked for: name -> that key. */
  readonly queueMembers = new Map<string, number>();
  readonly #names = new Map<NamedTable, Set<string>>();
  /** Slot key -> the lookup's value. */
  readonly slots = new Map<number, readonly [number, number]>();

  get names(): ReadonlyMap<NamedTable, ReadonlySet<string>> {
    return this.#names;
  }

  /** A row that is found by its name; null is no name. */
  named(table: NamedTable, name: string | null | undefined): void {
    if (name === null || name === undefined) return;
    const known = this.#names.get(table);
    if (known === undefined) this.#names.set(table, new Set([name]));
    else known.add(name);
  }

  get groups(): Iterable<readonly [GroupName, GroupValues]> {
    return this.#groups.values();
  }

  /** Rows that are found together. */
  group(name: GroupName, ...values: GroupValues): void {
    this.#groups.set(groupId(name, values), [name, values]);
  }

  /** The oldest event of this id that is kept for the run, and behind it one more for each time that this is called. */
  oldestEvent(runKey: number, eventId: string): void {
    const values = [runKey, eventId];
    const id = groupId("keptEvents", values);
    const [, count] = this.eventsTaken.get(id) ?? [values, 0];
    this.eventsTaken.set(id, [values, count + 1]);
  }

  slot(runKey: number, slot: number): void {
    this.slots.set(slotKey(runKey, slot), [runKey, slot]);
  }

  slotsOf(runKey: number, slots: readonly number[]): void {
    for (const slot of slots) this.slot(runKey, slot);
  }
}
