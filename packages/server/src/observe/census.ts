import type { TableName } from "../core/rows.ts";
import type { Host } from "../host/host.ts";
import type { Column, Condition, Reader } from "../store/store.ts";

/** How many rows there are of what operators watch. */
export interface Census {
  readonly messages: Readonly<Record<MessageCount, number>>;
  readonly liveRuns: number;
  readonly deadRuns: number;
  readonly deadMessages: number;
  /** Messages in the lines of queues and flow controls. */
  readonly queueWaiting: number;
  readonly flowControlWaiting: number;
  /** When it was finished. */
  readonly takenAt: number;
}

type MessageCount = (typeof MESSAGE_STATES)[number];

const MESSAGE_STATES = ["scheduled", "waiting", "active", "canceling"] as const;

/** Keys that one question passes over: other work waits behind each. Rows of all tables share the keys. */
const SPAN_KEYS = 5_000;

/** Rows of queues and flow controls that one question reads. */
const PAGE_ROWS = 500;

/** A census is taken again after so many times as long as it took: a million messages must not cost more than a twentieth of the time. */
const REST = 20;

const REST_MS_MIN = 5_000;

/** Time that whoever asks waits for a census; a longer one goes on, and the one before is told meanwhile. */
const PATIENCE_MS = 500;

/**
 * Counts when somebody asks, in pieces with turns of the event loop between them, and never more often than its price allows. No
 * question passes over a whole table.
 */
export class CensusTaker {
  readonly #store: Reader;
  readonly #host: Host;
  #last: Census | null = null;
  #taking: Promise<void> | null = null;
  #restsUntil = 0;

  constructor(store: Reader, host: Host) {
    this.#store = store;
    this.#host = host;
  }

  /** Null as long as the first one is not finished. */
  async read(): Promise<Census | null> {
    if (this.#taking === null && this.#host.now() >= this.#restsUntil) {
      this.#taking = this.#take().finally(() => {
        this.#taking = null;
      });
    }
    if (this.#taking !== null) await this.#within(this.#taking);
    return this.#last;
  }

  async #within(taking: Promise<void>): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#host.setTimer(this.#host.now() + PATIENCE_MS, resolve);
      void taking.finally(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  async #take(): Promise<void> {
    const startedAt = this.#host.now();
    try {
      this.#last = await this.#count();
    } catch {
      // Whoever reads the rows says what is wrong with the storage; the counts come again with it.
      this.#last = null;
    }
    const tookMs = this.#host.now() - startedAt;
    this.#restsUntil = this.#host.now() + Math.max(REST_MS_MIN, REST * tookMs);
  }

  async #count(): Promise<Census> {
    const messages = { scheduled: 0, waiting: 0, active: 0, canceling: 0 };
    await this.#spans("messages", [], async (span) => {
      for (const state of MESSAGE_STATES) {
        const isInState = { type: "in", column: "state", values: [state] } as const;
        messages[state] += await this.#store.count("messages", [isInState, span]);
      }
    });
    return {
      messages,
      liveRuns: await this.#countOf("runs", "started"),
      deadRuns: await this.#countOf("deadLetters", "open"),
      deadMessages: await this.#countOf("deadMessages", "open"),
      queueWaiting: await this.#sumWaiting("queues"),
      flowControlWaiting: await this.#sumWaiting("flowControls"),
      takenAt: this.#host.now(),
    };
  }

  async #countOf(table: "runs" | "deadLetters" | "deadMessages", state: string): Promise<number> {
    let total = 0;
    const isInState = { type: "in", column: "state", values: [state] } as const;
    await this.#spans(table, [isInState], async (span) => {
      total += await this.#store.count(table, [isInState, span]);
    });
    return total;
  }

  /** Passes over the keys of a table from row to row: where there are none, nothing is asked. */
  async #spans<T extends TableName>(
    table: T,
    where: readonly Condition<T>[],
    visit: (span: Condition<T>) => Promise<void>,
  ): Promise<void> {
    for (let afterKey = 0; ; await this.#host.nextTurn()) {
      const query = { where, order: "ascending", afterKey, limit: 1 } as const;
      const [first] = await this.#store.list(table, query);
      if (first === undefined) return;
      afterKey = first.key + SPAN_KEYS;
      // Every table has this column.
      const column = "key" as Column<T>;
      await visit({ type: "range", column, from: first.key, to: afterKey });
    }
  }

  async #sumWaiting(table: "queues" | "flowControls"): Promise<number> {
    let sum = 0;
    for (let afterKey = 0; ; await this.#host.nextTurn()) {
      const query = { where: [], order: "ascending", afterKey, limit: PAGE_ROWS } as const;
      const rows = await this.#store.list(table, query);
      for (const { waitingCount } of rows) sum += waitingCount;
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE_ROWS) return sum;
      afterKey = last.key;
    }
  }
}
