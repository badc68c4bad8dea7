import {
  type Api,
  createAnswerReader,
  createApi,
  createBulkRunner,
  DEFAULT_LIMITS,
  Engine,
  type Host,
  LIMITS,
  type Store,
  Watchdog,
} from "@reprise/server";
import { crashableStore, type StorePoint } from "./crashable-store.ts";
import type { EventList, Scheduled } from "./event-list.ts";
import type { Network } from "./network.ts";
import type { Random } from "./random.ts";

/** SDKs read from it for whom they make webhooks. */
export const TOKEN = Buffer.from('{"UserID":"simulation"}').toString("base64");
const WATCH_MS = 1_000;
const WATCH_ROUNDS = 3;
const SIGNING_KEYS = { current: "sig_current", next: "sig_next" };

export interface ServerParts {
  readonly generation: number;
  readonly events: EventList;
  readonly store: Store;
  readonly network: Pick<Network, "callApp">;
  readonly random: Random;
  readonly limits: Partial<ServerLimits>;
  readonly storePoint: StorePoint;
  readonly log: (event: string, detail: string) => void;
  /** The process cannot start: it ends. */
  readonly die: () => void;
}

type ServerLimits = ConstructorParameters<typeof Engine>[0]["limits"];

/** The real engine and the real API as one process, whose outside is the world. It can be killed at any await. */
export class ServerProcess {
  readonly generation: number;
  readonly #parts: ServerParts;
  readonly #timers = new Set<Scheduled>();
  readonly #api: Api;
  readonly #engine: Engine;
  readonly #bulkRunner: ReturnType<typeof createBulkRunner>;
  readonly #store: Store;
  readonly #host: Host;
  readonly #killStore: () => void;
  #isAlive = true;

  constructor(parts: ServerParts) {
    this.#parts = parts;
    this.generation = parts.generation;
    const { store, kill } = crashableStore(parts.store, parts.storePoint);
    this.#killStore = kill;
    this.#store = store;
    const host = this.#createHost();
    this.#host = host;
    const limits = {
      ...LIMITS,
      attemptTimeoutMs: 30_000,
      perOriginMax: 50,
      parallelismMax: 2_000,
      responseBytesMax: 100_000,
      ...parts.limits,
    };
    const settings = {
      ...DEFAULT_LIMITS,
      bodyBytesMax: 1_000_000,
      batchBytesMax: 1_000_000,
      publicUrl: null,
      trustedProxies: [],
      isLoopbackOnly: false,
      checkEgress: () => {},
    };
    const readAnswer = createAnswerReader({ host, settings });
    this.#engine = new Engine({ host, store, keys: () => SIGNING_KEYS, readAnswer, limits });
    this.#bulkRunner = createBulkRunner({ engine: this.#engine, store, host });
    this.#api = createApi({
      engine: this.#engine,
      bulkRunner: this.#bulkRunner,
      store,
      host,
      credentials,
      settings,
    });
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  start(): void {
    this.#engine.start();
    this.#bulkRunner.start().catch(() => {
      if (this.#isAlive) this.#parts.die();
    });
  }

  handle(request: Request): Promise<Response> {
    return this.#api.fetch(request);
  }

  /** Lets the watchdog look a few times; for ever, it would keep every world awake. Resolves when it has looked. */
  async watch(nudgesMax: number): Promise<void> {
    const { events } = this.#parts;
    const limits = { watchdogIntervalMs: WATCH_MS, nudgesMax };
    const watchdog = new Watchdog({
      host: this.#host,
      store: this.#store,
      engine: this.#engine,
      limits,
    });
    watchdog.start();
    await events.wait(WATCH_ROUNDS * 2 * WATCH_MS, "watchdog stops");
    if (this.#isAlive) await watchdog.stop();
  }

  /** Ends in order: what is in flight may end within `drainMs`, and what it led to is kept. */
  async stop(drainMs: number): Promise<void> {
    await this.#bulkRunner.stop();
    await this.#engine.stop(drainMs);
  }

  kill(): void {
    this.#isAlive = false;
    for (const timer of this.#timers) timer.cancel();
    this.#killStore();
  }

  #createHost(): Host {
    const { events, network, random, generation, log } = this.#parts;
    const never = new Promise<never>(() => {});
    return {
      now: () => events.now,
      setTimer: (dueAt, callback) => this.#setTimer(dueAt, callback),
      nextTurn: () => (this.#isAlive ? this.#nextTurn() : never),
      randomBytes: (count) => random.bytes(count),
      fetch: async (request) => {
        if (!this.#isAlive) return never;
        const outcome = await network.callApp(request, generation);
        return this.#isAlive ? outcome : never;
      },
      log: (level, event, fields) => {
        const isTold = level === "error" || event === "run_stuck" || event === "run_nudged";
        if (this.#isAlive && isTold) log(event, JSON.stringify(fields));
      },
    };
  }

  #setTimer(dueAt: number, callback: () => void): Scheduled {
    if (!this.#isAlive) return { cancel: () => {} };
    const timer = this.#parts.events.at(dueAt, "timer of the server", () => {
      this.#timers.delete(timer);
      callback();
    });
    this.#timers.add(timer);
    return timer;
  }

  #nextTurn(): Promise<void> {
    return new Promise((resolve) => {
      this.#setTimer(this.#parts.events.now, resolve);
    });
  }
}

type Credentials = Parameters<typeof createApi>[0]["credentials"];

const credentials: Credentials = {
  scopeOf: (token) => (token === TOKEN ? "full" : null),
  tokens: { list: () => [], create: noTokens, revoke: noTokens },
  signingKeys: () => ({ ...SIGNING_KEYS, rotatedAt: null }),
  rotateSigningKeys: async () => ({ ...SIGNING_KEYS, rotatedAt: null }),
  cursorSecret: new Uint8Array(32).fill(7),
};

/** The client of a simulation has the one token that there is. */
async function noTokens(): Promise<never> {
  throw new Error("a simulation makes and revokes no tokens");
}
