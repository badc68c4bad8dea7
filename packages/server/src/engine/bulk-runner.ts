import { isRepriseError, RepriseError } from "@reprise/protocol";
import { assert } from "../core/assert.ts";
import type { AdvanceBulkAction, CancelMessage } from "../core/commands.ts";
import type { BulkActionRow, MessageRow } from "../core/rows.ts";
import type { Host, Timer } from "../host/host.ts";
import type { Condition, Reader } from "../store/store.ts";
import { countMessages } from "./count-messages.ts";
import type { Engine } from "./engine.ts";

/** Which open messages an action is about. */
export interface MessageSelection {
  readonly conditions: readonly Condition<"messages">[];
  /** What a column does not hold; null when the conditions say everything. */
  readonly matches: ((message: Pick<MessageRow, "url">) => boolean) | null;
  /** Cancels no more than so many; null is no bound. */
  readonly countMax: number | null;
}

export interface BulkRunnerOptions {
  readonly engine: Pick<Engine, "execute">;
  readonly store: Reader;
  readonly host: Host;
  /** Reads what an action's row keeps. @throws when it cannot be read. */
  readonly readFilter: (filter: string) => MessageSelection;
  /**
   * How long an action that another node works on may stand still before this one goes on with it; not given where this one is alone.
   */
  readonly stallMs?: number;
}

/** Actions that may be under way at once. */
export const BULK_ACTIONS_MAX = 1000;
/** Messages that one transaction cancels: about 30 ms of work, for which everything else waits. */
const CHUNK_MESSAGES = 250;
const RETRY_MS = 1_000;
/** Each try is lost to a whole chunk of another node. */
const END_TRIES_MAX = 100;

interface Job {
  row: BulkActionRow;
  readonly selection: MessageSelection;
  readonly waiters: (() => void)[];
  /** Another node works on it. */
  readonly isElsewhere: boolean;
  /** Somebody has stopped it: its next chunk is empty and the last one. */
  isStopped: boolean;
}

/**
 * Works on bulk actions in the background, one chunk of each in turn, so that a small one does not wait for the end of a large one.
 * What is unfinished when the process ends goes on at the next start.
 */
export class BulkRunner {
  readonly #options: BulkRunnerOptions;
  /** By the text of the filter: who asks for the same again gets the action that is under way. */
  readonly #jobs = new Map<string, Promise<Job>>();
  /** Those whose row is on disk. */
  readonly #running = new Set<Job>();
  #loop: Promise<void> | null = null;
  #pause: { readonly timer: Timer; readonly end: () => void } | null = null;
  #look: Timer | null = null;
  #isStopped = false;
  /** Actions of others as they stood at the last look: key -> the last key that was looked at. */
  #seen = new Map<number, number>();

  constructor(options: BulkRunnerOptions) {
    this.#options = options;
  }

  /** Takes over what an earlier process left unfinished. */
  async start(): Promise<void> {
    await this.#adopt();
    this.#pump();
    if (this.#options.stallMs !== undefined) this.#lookAgain(this.#options.stallMs);
  }

  /** Actions on disk that nobody works on. */
  async #adopt(): Promise<void> {
    const { store, host } = this.#options;
    const where = [{ type: "in", column: "state", values: ["inProgress"] } as const];
    const rows = await store.list("bulkActions", {
      where,
      order: "ascending",
      limit: BULK_ACTIONS_MAX,
    });
    const seen = this.#seen;
    this.#seen = new Map(rows.map(({ key, afterKey }) => [key, afterKey]));
    for (const row of rows) {
      if (this.#jobs.has(row.filter)) continue;
      // Whoever works on it moves on with every chunk.
      if (this.#options.stallMs !== undefined && seen.get(row.key) !== row.afterKey) continue;
      try {
        const job = this.#toJob(row);
        this.#jobs.set(row.filter, Promise.resolve(job));
        this.#running.add(job);
      } catch (error) {
        // A filter that this version cannot read must not keep the others from going on.
        host.log("error", "bulk_action_skipped", { key: row.key, cause: String(error) });
      }
    }
  }

  /** Nobody knows whether an action whose commit failed is on disk: what is there must not lie until the next start. */
  #lookAgain(inMs = RETRY_MS): void {
    const { host, stallMs } = this.#options;
    if (this.#isStopped) return;
    this.#look ??= host.setTimer(host.now() + inMs, () => {
      this.#look = null;
      this.#adopt().then(
        () => {
          this.#pump();
          if (stallMs !== undefined) this.#lookAgain(stallMs);
        },
        () => this.#lookAgain(),
      );
    });
  }

  /**
   * Starts to cancel what `filter` selects, or finds the action that does so already.
   * @returns its row, which says how many messages matched when it was accepted.
   * @throws RepriseError `quota_exceeded` when too many are under way.
   */
  async cancel(filter: string): Promise<BulkActionRow> {
    const known = this.#jobs.get(filter);
    if (known !== undefined) return (await known).row;
    if (this.#isStopped) throw shuttingDown();
    if (this.#jobs.size >= BULK_ACTIONS_MAX) {
      throw new RepriseError("quota_exceeded", {
        message: `quota maxBulkActions exceeded, current limit: ${BULK_ACTIONS_MAX}; wait for the end of one`,
        details: { quota: "maxBulkActions", limit: BULK_ACTIONS_MAX },
      });
    }
    const creation = this.#create(filter);
    this.#jobs.set(filter, creation);
    try {
      const job = await creation;
      if (job.row.state === "finished" || job.isElsewhere) this.#end(job);
      else this.#running.add(job);
      this.#pump();
      return job.row;
    } catch (error) {
      this.#jobs.delete(filter);
      this.#lookAgain();
      throw error;
    }
  }

  /** Resolves when the action has ended, or this process does; its row says which. */
  async finished(action: BulkActionRow): Promise<BulkActionRow> {
    const job = await this.#jobs.get(action.filter);
    if (job?.row.key === action.key) {
      await new Promise<void>((resolve) => {
        job.waiters.push(resolve);
      });
      if (job.row.state === "finished") return job.row;
    }
    return this.#finishedElsewhere(action);
  }

  /**
   * Ends an action before everything is cancelled that it is about; what it has cancelled stays so.
   * @returns its row as it is then, or null when there is none.
   */
  async end(actionKey: number): Promise<BulkActionRow | null> {
    const { store } = this.#options;
    const [row] = await store.get("bulkActions", [actionKey]);
    if (row === undefined || row.state === "finished") return row ?? null;
    const job = await this.#jobs.get(row.filter)?.catch(() => undefined);
    if (job?.row.key !== actionKey || job.isElsewhere) return this.#endElsewhere(row);
    if (job.row.state === "finished") return job.row;
    job.isStopped = true;
    await new Promise<void>((resolve) => {
      job.waiters.push(resolve);
    });
    return job.row;
  }

  /** The node that works on it finds it ended. Between two looks that node may move it on, and then it is looked at again. */
  async #endElsewhere(action: BulkActionRow): Promise<BulkActionRow> {
    const { engine, store } = this.#options;
    for (let tries = 1; ; tries += 1) {
      const [row = action] = await store.get("bulkActions", [action.key]);
      if (row.state === "finished") return row;
      try {
        const [ended] = await engine.execute([endOf(row)]);
        assert(ended !== undefined, "every command has an answer");
        return ended;
      } catch (error) {
        const isMoved = isRepriseError(error) && error.code === "bulk_action_not_found";
        if (!isMoved || tries === END_TRIES_MAX) throw error;
      }
    }
  }

  async #finishedElsewhere(action: BulkActionRow): Promise<BulkActionRow> {
    const { store, host, stallMs } = this.#options;
    for (;;) {
      const [row] = await store.get("bulkActions", [action.key]);
      const isOver = row === undefined || row.state === "finished";
      if (isOver || this.#isStopped || stallMs === undefined) return row ?? action;
      await new Promise<void>((resolve) => {
        host.setTimer(host.now() + RETRY_MS, resolve);
      });
    }
  }

  /** An action with the same filter that another node works on. */
  async #findElsewhere(filter: string): Promise<BulkActionRow | null> {
    const { store, stallMs } = this.#options;
    if (stallMs === undefined) return null;
    const where = [
      { type: "in", column: "state", values: ["inProgress"] },
      { type: "in", column: "filter", values: [filter] },
    ] as const;
    const [row] = await store.list("bulkActions", { where, order: "ascending", limit: 1 });
    return row ?? null;
  }

  /** Lets the chunk end that is under way. Those who wait for an action hear how far it has come. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#look?.cancel();
    this.#pause?.end();
    await this.#loop;
    for (const job of this.#running) release(job);
  }

  async #create(filter: string): Promise<Job> {
    const { engine, store, readFilter } = this.#options;
    const selection = readFilter(filter);
    const elsewhere = await this.#findElsewhere(filter);
    if (elsewhere !== null) return { ...this.#toJob(elsewhere), isElsewhere: true };
    const [newest] = await store.list("messages", { where: [], order: "descending", limit: 1 });
    const afterKey = newest === undefined ? 0 : newest.key + 1;
    const count = await countMessages(selection, afterKey, this.#options);
    const total = Math.min(count, selection.countMax ?? Infinity);
    const command = { type: "startBulkAction", kind: "cancel", filter, total, afterKey } as const;
    const [row] = await engine.execute([command]);
    assert(row !== undefined, "every command has an answer");
    return this.#toJob(row);
  }

  #toJob(row: BulkActionRow): Job {
    return {
      row,
      selection: this.#options.readFilter(row.filter),
      waiters: [],
      isElsewhere: false,
      isStopped: false,
    };
  }

  #pump(): void {
    if (this.#loop !== null || this.#isStopped) return;
    this.#loop = this.#run().finally(() => {
      this.#loop = null;
      // What was added behind the last look of the loop.
      if (this.#running.size > 0) this.#pump();
    });
  }

  async #run(): Promise<void> {
    const { host } = this.#options;
    while (this.#running.size > 0) {
      for (const job of this.#running) {
        if (this.#isStopped) return;
        await this.#step(job);
        if (job.row.state === "finished") this.#end(job);
        await host.nextTurn();
      }
    }
  }

  #end(job: Job): void {
    this.#running.delete(job);
    this.#jobs.delete(job.row.filter);
    release(job);
  }

  /** One chunk. What fails is tried again from where the row on disk says that the action is. */
  async #step(job: Job): Promise<void> {
    const { host, store } = this.#options;
    try {
      await this.#advance(job);
    } catch (error) {
      if (this.#isStopped) return;
      const [now] = await store.get("bulkActions", [job.row.key]).catch(() => []);
      if (now?.state === "finished") {
        // Another node has been told to stop it.
        job.row = now;
        return;
      }
      host.log("error", "bulk_action_delayed", { key: job.row.key, cause: String(error) });
      await this.#wait(RETRY_MS);
      // A store that cannot be read now is asked again after the next step.
      const [row] = await store.get("bulkActions", [job.row.key]).catch(() => []);
      if (row === undefined) return;
      const isOthers = this.#options.stallMs !== undefined && row.afterKey !== job.row.afterKey;
      job.row = row;
      if (isOthers) this.#end(job);
    }
  }

  /**
   * From the newest message to the oldest: the cancel of a message lets those behind it go, and they would start a moment before
   * they are cancelled themselves.
   */
  async #advance(job: Job): Promise<void> {
    const { row, selection } = job;
    const most = (selection.countMax ?? Infinity) - row.processed;
    if (most <= 0 || job.isStopped) {
      await this.#commit(job, [], { afterKey: row.afterKey, isLast: true });
      return;
    }
    const found = await this.#list(selection, row.afterKey, CHUNK_MESSAGES);
    const chosen = found.filter((message) => selection.matches?.(message) ?? true).slice(0, most);
    const isCut = chosen.length === most;
    const last = isCut ? chosen.at(-1) : found.at(-1);
    await this.#commit(job, chosen, {
      afterKey: last?.key ?? row.afterKey,
      // A cut chunk may bring less than was asked for: somebody else may cancel some of it meanwhile.
      isLast: !isCut && found.length < CHUNK_MESSAGES,
    });
  }

  async #commit(
    job: Job,
    messages: readonly MessageRow[],
    progress: Pick<AdvanceBulkAction, "afterKey" | "isLast">,
  ): Promise<void> {
    const messageKeys = messages.map(({ key }) => key);
    const { key, afterKey } = job.row;
    const advance: AdvanceBulkAction = {
      ...progress,
      type: "advanceBulkAction",
      actionKey: key,
      fromKey: afterKey,
      messageKeys,
    };
    const cancels = messageKeys.map(
      (messageKey): CancelMessage => ({ type: "cancelMessage", messageKey }),
    );
    const [answer] = await this.#options.engine.execute([advance, ...cancels]);
    assert(answer !== undefined && "afterKey" in answer, "the first answer is that of the advance");
    job.row = answer;
  }

  #list({ conditions }: MessageSelection, afterKey: number, limit: number) {
    const query = { where: conditions, order: "descending", afterKey, limit } as const;
    return this.#options.store.list("messages", query);
  }

  #wait(durationMs: number): Promise<void> {
    const { host } = this.#options;
    return new Promise((resolve) => {
      const end = () => {
        timer.cancel();
        this.#pause = null;
        resolve();
      };
      const timer = host.setTimer(host.now() + durationMs, end);
      this.#pause = { timer, end };
    });
  }
}

function endOf({ key, afterKey }: BulkActionRow): AdvanceBulkAction {
  const where = { actionKey: key, fromKey: afterKey, afterKey };
  return { ...where, type: "advanceBulkAction", messageKeys: [], isLast: true };
}

function release(job: Job): void {
  for (const resolve of job.waiters.splice(0)) resolve();
}

function shuttingDown(): RepriseError {
  return new RepriseError("shutting_down", { message: "the server is stopping; try again" });
}
