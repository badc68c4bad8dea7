import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { WorldKind } from "./options.ts";
import type { SdkOption } from "./sdk-plan.ts";
import type { WorldResult } from "./world.ts";

export type SeedResult = WorldResult & Pick<SeedOrder, "sdk" | "nodes">;

/** A world to play. */
export interface SeedOrder {
  readonly seed: number;
  readonly sdk: SdkOption;
  /** Servers on one database. */
  readonly nodes: number;
}

/** What a worker is asked to do. */
export interface Order extends SeedOrder {
  readonly isTwice: boolean;
}

export interface PoolOptions {
  readonly kind: WorldKind;
  readonly mutant: string | null;
  readonly isTwice: boolean;
  readonly workers?: number;
  /** Gives the next world, or null when there is none. */
  readonly nextSeed: () => SeedOrder | null;
  readonly onResult: (result: SeedResult) => void;
}

const WORKERS_MAX = 8;
/** Of so many seeds one is played twice in any case: a world that is not the same twice cannot be replayed. */
const TWICE_EVERY = 10;

/** Plays seeds on every core. Worlds share nothing, so their order does not matter. */
export async function playSeeds(options: PoolOptions): Promise<void> {
  const count = Math.min(options.workers ?? availableParallelism(), WORKERS_MAX);
  await Promise.all(Array.from({ length: count }, () => runWorker(options)));
}

function runWorker({ kind, mutant, isTwice, nextSeed, onResult }: PoolOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    let next: SeedOrder | null = null;
    const worker = new Worker(new URL("./worker.js", import.meta.url), {
      workerData: { kind, mutant },
    });
    const give = () => {
      next = nextSeed();
      if (next === null) void worker.terminate().then(() => resolve());
      else {
        const order: Order = { ...next, isTwice: isTwice || next.seed % TWICE_EVERY === 0 };
        worker.postMessage(order);
      }
    };
    worker.on("message", (result: SeedResult) => {
      onResult(result);
      give();
    });
    worker.on("error", (error) => {
      reject(new Error(`the worker that played seed ${next?.seed} has ended`, { cause: error }));
    });
    worker.once("online", give);
  });
}
