import type { Space } from "../store/store.ts";
import { sweepMessages } from "./retention-messages.ts";
import type { RetentionRoom } from "./retention-room.ts";
import { sweepRows } from "./retention-rows.ts";
import { sweepRuns } from "./retention-runs.ts";
import { Rounds, type Step } from "./rounds.ts";

/**
 * Keeps the database within a size. Above it, what has ended goes before its time, the oldest first: messages with their logs, then
 * runs, then dead messages that were handled. What is open, and every entry that waits in a dead letter queue, stays, however much it is.
 * Then it gives back what is free: a database keeps the pages of rows that are gone until somebody moves its end forward.
 */

/** Between two looks at the size. */
const LOOK_MS = 60_000;

/** As with retention by age. */
const REST_TIMES = 2;

/** It deletes a little more than it must, or it would begin again at once. */
const TARGET = 0.95;

/** What has ended so lately stays: somebody may still be waiting to read how. */
const YOUNG_MS = 60_000;

/** Free bytes that are not worth a move, as rows to come fill them: so many, or this part of what is used. */
const FREE_BYTES_MAX = 8 * 1024 * 1024;
const FREE_PART_MAX = 0.1;

export class StorageLimit {
  readonly rounds: Rounds;
  readonly #room: RetentionRoom;
  readonly #bytesMax: number;
  /** Deletes until the target is reached. */
  #isShrinking = false;
  /** It has been said that nothing more can go. */
  #isHopeless = false;

  /** @param bytesMax 0 is no limit. */
  constructor(room: RetentionRoom, bytesMax: number) {
    this.#room = room;
    this.#bytesMax = bytesMax;
    const { space } = room.store;
    if (space === undefined && bytesMax > 0) {
      // The files of a database server say nothing about the rows in them.
      room.host.log("warn", "storage_limit_ignored", { bytesMax });
    }
    this.rounds = new Rounds({
      host: room.host,
      everyMs: LOOK_MS,
      restTimes: REST_TIMES,
      failure: "sweep_failed",
      steps: space === undefined ? [] : this.#steps(space),
    });
  }

  #steps(space: Space): readonly Step[] {
    const room = this.#room;
    const young = () => room.host.now() - YOUNG_MS;
    const whileLarge = (step: Step): Step => {
      return async (afterKey) => ((await this.#isLarge(space)) ? step(afterKey) : null);
    };
    const closed = {
      table: "deadMessages",
      column: "closedAt",
      without: ["responseBody"],
    } as const;
    const deletions: readonly Step[] = [
      (afterKey) => sweepMessages(room, young(), afterKey),
      (afterKey) => sweepRuns(room, { endedBefore: young(), closedBefore: young() }, afterKey),
      (afterKey) => {
        return sweepRows(
          room,
          { ...closed, before: young(), what: "closedDeadMessages" },
          afterKey,
        );
      },
    ];
    const limited = [
      () => this.#look(space),
      ...deletions.map(whileLarge),
      () => this.#judge(space),
    ];
    return [...(this.#bytesMax === 0 ? [] : limited), () => release(space)];
  }

  async #look(space: Space): Promise<null> {
    const { bytesUsed } = await space.use();
    const isOver = bytesUsed > this.#bytesMax;
    if (isOver && !this.#isShrinking) this.#log("warn", "storage_over_limit", bytesUsed);
    this.#isShrinking ||= isOver;
    return null;
  }

  async #isLarge(space: Space): Promise<boolean> {
    if (!this.#isShrinking) return false;
    return (await space.use()).bytesUsed > TARGET * this.#bytesMax;
  }

  /** Says how it ended. */
  async #judge(space: Space): Promise<null> {
    if (!this.#isShrinking) return null;
    const { bytesUsed } = await space.use();
    const isOver = bytesUsed > this.#bytesMax;
    if (isOver && !this.#isHopeless) this.#log("warn", "storage_limit_not_reached", bytesUsed);
    if (!isOver) this.#log("info", "storage_within_limit", bytesUsed);
    this.#isHopeless = isOver;
    this.#isShrinking = isOver;
    return null;
  }

  #log(level: "info" | "warn", event: string, bytesUsed: number): void {
    this.#room.host.log(level, event, { bytesUsed, bytesMax: this.#bytesMax });
  }
}

/** Goes on as long as that makes the file shorter. Returns what a step does: any key, or null at the end. */
async function release(space: Space): Promise<number | null> {
  const before = await space.use();
  const spare = Math.max(FREE_BYTES_MAX, FREE_PART_MAX * before.bytesUsed);
  if (before.bytesFree <= spare) return null;
  await space.release();
  const after = await space.use();
  return after.bytesFree < before.bytesFree ? 1 : null;
}
