import type { Host } from "../host/host.ts";
import type { Store } from "../store/store.ts";
import type { Engine } from "./engine.ts";
import { deleteIdleFlowControls } from "./idle-flow-controls.ts";
import { expireDead } from "./retention-dead.ts";
import { sweepMessages } from "./retention-messages.ts";
import { type OnDeleted, type RetentionRoom, type Swept, Tally } from "./retention-room.ts";
import { sweepRows } from "./retention-rows.ts";
import { sweepRuns } from "./retention-runs.ts";
import { StorageLimit } from "./retention-size.ts";
import { Rounds, type Step } from "./rounds.ts";

/**
 * Deletes what nobody needs any more, a little at a time: entries of the dead letter queues whose time is over, runs and messages that
 * ended long ago with all that hangs on them, expired deduplication ids, bulk actions that are done, idle keys of flow control; and makes
 * the file of the database shorter. What is open, or held, is never touched. Any number of nodes may do so at once.
 */

export interface SweeperOptions {
  readonly host: Host;
  readonly store: Store;
  readonly engine: Pick<Engine, "execute">;
  readonly limits: SweeperLimits;
  /** Hears of everything that has been deleted. */
  readonly onDeleted?: OnDeleted;
}

export interface SweeperLimits {
  /** How long a message is kept after its end. */
  readonly logRetentionMs: number;
  /** How long a run is kept after its end. */
  readonly runRetentionMs: number;
  /** How long an entry stays in a dead letter queue. */
  readonly deadLetterRetentionMs: number;
  /** How long dead letters and bulk actions are kept after they were closed. */
  readonly closedRetentionMs: number;
  /** What the database may take before the oldest goes earlier; 0 is no limit. */
  readonly storageBytesMax: number;
}

/** Between two rounds over everything. */
const ROUND_MS = 600_000;

/** Deleting has to keep pace with what is accepted, so it may take a third of the time. */
const REST_TIMES = 2;

export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #tally: Tally;
  readonly #byAge: Rounds;
  readonly #bySize: Rounds;
  /** What had been deleted when this round began. */
  #before = new Tally().counts;

  constructor(options: SweeperOptions) {
    this.#options = options;
    const { host, store, engine, limits, onDeleted } = options;
    this.#tally = new Tally(onDeleted);
    const room = { host, store, engine, tally: this.#tally };
    this.#byAge = new Rounds({
      host,
      everyMs: ROUND_MS,
      restTimes: REST_TIMES,
      failure: "sweep_failed",
      steps: stepsByAge(room, limits),
      onEnd: () => this.#tell(),
    });
    this.#bySize = new StorageLimit(room, limits.storageBytesMax).rounds;
  }

  /** How much has been deleted since the start. */
  get deleted(): Readonly<Record<Swept, number>> {
    return this.#tally.counts;
  }

  start(): void {
    this.#byAge.start();
    this.#bySize.start();
  }

  /** Resolves when no transaction is under way. */
  async stop(): Promise<void> {
    await Promise.all([this.#byAge.stop(), this.#bySize.stop()]);
  }

  #tell(): void {
    const { deleted } = this;
    const before = this.#before;
    const changed = keysOf(deleted).filter((what) => deleted[what] > before[what]);
    this.#before = deleted;
    if (changed.length === 0) return;
    const fields = Object.fromEntries(changed.map((what) => [what, deleted[what] - before[what]]));
    this.#options.host.log("info", "retention", fields);
  }
}

/** Entries expire first: what they have kept can go as soon as they are closed for long enough. */
function stepsByAge(room: RetentionRoom, limits: SweeperLimits): readonly Step[] {
  const { host, store, tally } = room;
  const ago = (ageMs: number) => host.now() - ageMs;
  const { runRetentionMs, logRetentionMs, closedRetentionMs, deadLetterRetentionMs } = limits;
  const closed = { what: "closedDeadMessages", without: ["responseBody"] } as const;
  return [
    (afterKey) => {
      const failedBefore = ago(deadLetterRetentionMs);
      return expireDead(room, { table: "deadLetters", failedBefore }, afterKey);
    },
    (afterKey) => {
      const failedBefore = ago(deadLetterRetentionMs);
      return expireDead(room, { table: "deadMessages", failedBefore }, afterKey);
    },
    (afterKey) => {
      const ages = { endedBefore: ago(runRetentionMs), closedBefore: ago(closedRetentionMs) };
      return sweepRuns(room, ages, afterKey);
    },
    (afterKey) => sweepMessages(room, ago(logRetentionMs), afterKey),
    (afterKey) => {
      const of = { table: "deadMessages", column: "closedAt", ...closed } as const;
      return sweepRows(room, { ...of, before: ago(closedRetentionMs) }, afterKey);
    },
    (afterKey) => {
      const of = { table: "dedups", column: "expiresAt", what: "dedups" } as const;
      return sweepRows(room, { ...of, before: ago(0) }, afterKey);
    },
    (afterKey) => {
      const of = { table: "bulkActions", column: "completedAt", what: "bulkActions" } as const;
      return sweepRows(room, { ...of, before: ago(closedRetentionMs) }, afterKey);
    },
    (afterKey) => {
      const of = { table: "audits", column: "at", what: "audits" } as const;
      return sweepRows(room, { ...of, before: ago(logRetentionMs) }, afterKey);
    },
    (afterKey) => deleteIdleFlowControls(store, host.now(), afterKey, tally),
  ];
}

function keysOf(counts: Readonly<Record<Swept, number>>): readonly Swept[] {
  // A record has no other keys than those of its type.
  return Object.keys(counts) as Swept[];
}
