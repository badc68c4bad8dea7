import {
  type Api,
  type ApiRoom,
  type ConnectedSocket,
  createAnswerReader,
  createApi,
  createBulkRunner,
  DEFAULT_LIMITS,
  Engine,
  type Host,
  LIMITS,
  type Store,
  Sweeper,
  Watchdog,
} from "@reprise/server";
import { ConnectedSite } from "./connected-site.ts";
import { crashableStore, type StorePoint } from "./crashable-store.ts";
import type { EventList, Scheduled } from "./event-list.ts";
import type { Network } from "./network.ts";
import type { Random } from "./random.ts";
import { RETENTION, SWEEP_MS } from "./retention.ts";

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
  /** What sees whatever goes over connections of apps; null where none connects. */
  readonly sight: Pick<Network, "witness" | "nextExchange" | "tell"> | null;
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
  readonly #connected: ConnectedSite | null;
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
      pollMs: 1_000,
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
    this.#connected = this.#createConnected(host);
    const connected = this.#connected === null ? {} : { connected: this.#connected.apps };
    const keys = () => SIGNING_KEYS;
    const engine = new Engine({ host, store, keys, readAnswer, ...connected, limits });
    this.#engine = engine;
    this.#bulkRunner = createBulkRunner({ engine, store, host });
    const room: ApiRoom = {
      engine,
      bulkRunner: this.#bulkRunner,
      store,
      host,
      credentials,
      settings,
    };
    this.#api = createApi(room);
    this.#connected?.open(room);
  }

  #createConnected(host: Host): ConnectedSite | null {
    const { events, sight, generation } = this.#parts;
    if (sight === null) return null;
    return new ConnectedSite({
      host,
      events,
      network: sight,
      generation,
      speaksFor: (key) => this.#speaksFor(key),
      isAlive: () => this.#isAlive,
      setTimer: (dueAt, run) => this.#setTimer(dueAt, run, true),
    });
  }

  /** An app has opened a connection. */
  accept(socket: ConnectedSocket, address: string): void {
    this.#connected?.accept(socket, address);
  }

  /** Deliveries over connections that have not ended. */
  get connectedUnderWay(): number {
    return this.#connected?.underWay ?? 0;
  }

  /** What the outcome of a delivery that has just left will be about, whenever that is asked. */
  #speaksFor(messageKey: number): (() => number) | null {
    const exchange = this.#engine.exchangeOf(messageKey);
    return exchange === null ? null : () => exchange.message.key;
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

  /** Goes through everything once, and deletes what is over. */
  async sweep(): Promise<void> {
    const sweeper = new Sweeper({
      host: this.#host,
      store: this.#store,
      engine: this.#engine,
      limits: RETENTION,
    });
    sweeper.start();
    await this.#parts.events.wait(SWEEP_MS, "retention stops");
    if (this.#isAlive) await sweeper.stop();
  }

  /** Ends in order: what is in flight may end within `drainMs`, and what it led to is kept. */
  async stop(drainMs: number): Promise<void> {
    await this.#bulkRunner.stop();
    this.#connected?.drain();
    await this.#engine.stop(drainMs);
    this.#connected?.close();
  }

  kill(): void {
    this.#isAlive = false;
    for (const timer of this.#timers) timer.cancel();
    this.#killStore();
  }

  #createHost(): Host {
    const { events, network, random, generation, log } = this.#parts;
    const server = {
      generation,
      speaksFor: (key: number) => this.#speaksFor(key),
      isAlive: () => this.#isAlive,
    };
    const never = new Promise<never>(() => {});
    return {
      now: () => events.now,
      setTimer: (dueAt, callback) => this.#setTimer(dueAt, callback),
      nextTurn: () => (this.#isAlive ? this.#nextTurn() : never),
      randomBytes: (count) => random.bytes(count),
      fetch: async (request) => {
        if (!this.#isAlive) return never;
        const outcome = await network.callApp(request, server);
        return this.#isAlive ? outcome : never;
      },
      log: (level, event, fields) => {
        const isTold = level === "error" || event === "run_stuck" || event === "run_nudged";
        if (this.#isAlive && isTold) log(event, JSON.stringify(fields));
      },
    };
  }

  #setTimer(dueAt: number, callback: () => void, isBackground = false): Scheduled {
    if (!this.#isAlive) return { cancel: () => {} };
    const { events } = this.#parts;
    const fire = () => {
      this.#timers.delete(timer);
      callback();
    };
    const label = "timer of the server";
    const timer = isBackground
      ? events.atBackground(dueAt, label, fire)
      : events.at(dueAt, label, fire);
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
