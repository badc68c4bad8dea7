import { statfs } from "node:fs/promises";
import { RepriseError } from "@reprise/protocol";
import type { Command } from "./core/commands.ts";
import type { Host, Timer } from "./host/host.ts";

/** Refuses new work while the disk is nearly full, so that what was accepted finds the space to end. */

export interface DiskUse {
  readonly bytesTotal: number;
  /** What this process may still use. */
  readonly bytesFree: number;
}

export type ReadDisk = () => Promise<DiskUse>;

export interface DiskWatchOptions {
  readonly host: Host;
  readonly read: ReadDisk;
  /** Part of the disk that may be used before new work is refused. */
  readonly percentMax: number;
}

/** Far less than it takes to write the last percents of a disk. */
const CHECK_MS = 5_000;

export class DiskWatch {
  readonly #options: DiskWatchOptions;
  #timer: Timer | null = null;
  #isStopped = false;
  #isReadable = true;
  #usedPercent = 0;
  #bytesFree = 0;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
  }

  /** 0 while it is not known. */
  get usedPercent(): number {
    return this.#usedPercent;
  }

  get bytesFree(): number {
    return this.#bytesFree;
  }

  get percentMax(): number {
    return this.#options.percentMax;
  }

  /** Resolves when the disk has been looked at once. */
  async start(): Promise<void> {
    await this.#look();
    if (this.#isStopped) return;
    const { host } = this.#options;
    this.#timer = host.setTimer(host.now() + CHECK_MS, () => void this.start());
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** @throws RepriseError `storage_unavailable` when one of `commands` would begin something while the disk is nearly full. */
  admit(commands: readonly Command[]): void {
    const { percentMax } = this.#options;
    if (this.#usedPercent < percentMax || !commands.some(isNewWork)) return;
    throw new RepriseError("storage_unavailable", {
      message: `the disk is ${Math.floor(this.#usedPercent)} % full; from ${percentMax} % on (REPRISE_DISK_PERCENT_MAX) nothing new is taken`,
      details: { limit: percentMax },
    });
  }

  async #look(): Promise<void> {
    const { host, read, percentMax } = this.#options;
    const before = this.#usedPercent;
    try {
      const { bytesTotal, bytesFree } = await read();
      this.#bytesFree = bytesFree;
      this.#usedPercent = bytesTotal === 0 ? 0 : 100 * (1 - bytesFree / bytesTotal);
      this.#isReadable = true;
    } catch (error) {
      // A full disk still refuses the write itself, so an unknown one is no reason to refuse everything.
      if (this.#isReadable) host.log("warn", "disk_unreadable", { cause: String(error) });
      this.#isReadable = false;
      this.#usedPercent = 0;
    }
    const [wasFull, isFull] = [before >= percentMax, this.#usedPercent >= percentMax];
    const fields = { usedPercent: Math.floor(this.#usedPercent), percentMax };
    if (isFull && !wasFull) host.log("error", "disk_nearly_full", fields);
    if (wasFull && !isFull) host.log("info", "disk_has_space", fields);
  }
}

/** Whether a command begins something; all others belong to what was accepted before, or make it less. */
function isNewWork(command: Command): boolean {
  switch (command.type) {
    case "startRun":
      // An endpoint that triggers its own run again goes on with one.
      return !command.isTriggeredBySdk;
    case "publish":
    case "putSchedule":
    case "reviveRun":
    case "retryDeadMessage":
      return true;
    default:
      return false;
  }
}

/** Looks at the file system that holds `path`. */
export function diskReader(path: string): ReadDisk {
  return async () => {
    const { bsize, blocks, bavail } = await statfs(path);
    return { bytesTotal: blocks * bsize, bytesFree: bavail * bsize };
  };
}
