import { assert } from "../core/assert.ts";
import type { MessageRow } from "../core/rows.ts";

/** Keys of some messages of a queue, ascending. */
interface ListedMembers {
  readonly keys: ReadonlySet<number>;
  readonly nextAfterKey: number | null;
}

/** Which messages of a working set share a place in a queue, and which belong to a queue at all. */
export class QueuePlaces {
  /** Ticket -> keys of messages that have shared it. */
  readonly #tickets = new Map<number, Set<number>>();
  readonly #members = new Map<string, ListedMembers>();

  isTicketKnown(ticketKey: number): boolean {
    return this.#tickets.has(ticketKey);
  }

  addTickets(ticketKeys: readonly number[], messages: readonly MessageRow[]): void {
    for (const key of ticketKeys) {
      if (!this.#tickets.has(key)) this.#tickets.set(key, new Set());
    }
    for (const { key, ticketKey } of messages) {
      if (ticketKey !== null) this.#tickets.get(ticketKey)?.add(key);
    }
  }

  sharers(ticketKey: number): readonly number[] {
    return Array.from(this.#tickets.get(ticketKey) ?? []);
  }

  /** Notes some messages of a queue; `nextAfterKey` is null when there are no more behind them. */
  addMembers(name: string, messages: readonly MessageRow[], nextAfterKey: number | null): void {
    this.#members.set(name, { keys: new Set(messages.map(({ key }) => key)), nextAfterKey });
  }

  members(name: string): ListedMembers {
    const members = this.#members.get(name);
    assert(
      members !== undefined,
      `messages of queue ${name} must be loaded before they are asked for`,
    );
    return members;
  }

  /** A message has been written. Returns how to forget it. */
  note({ key, ticketKey, queueName }: MessageRow): readonly (() => void)[] {
    return [
      ...(ticketKey === null ? [] : this.#noteTicket(ticketKey, key)),
      ...(queueName === null ? [] : this.#noteMember(queueName, key)),
    ];
  }

  /** Messages that this group has put into the queue are not among the listed ones, but behind them. */
  #noteMember(name: string, key: number): readonly (() => void)[] {
    const members = this.#members.get(name);
    if (members === undefined || members.keys.has(key) || members.nextAfterKey !== null) return [];
    this.#members.set(name, { ...members, nextAfterKey: Math.max(0, ...members.keys) });
    return [() => this.#members.set(name, members)];
  }

  /** Whoever takes a place is the first to have it; callbacks join a set that was loaded for the decision that made them. */
  #noteTicket(ticketKey: number, key: number): readonly (() => void)[] {
    const sharers = this.#tickets.get(ticketKey);
    if (sharers === undefined) {
      if (ticketKey !== key) return [];
      this.#tickets.set(ticketKey, new Set([key]));
      return [() => this.#tickets.delete(ticketKey)];
    }
    if (sharers.has(key)) return [];
    sharers.add(key);
    return [() => sharers.delete(key)];
  }
}
