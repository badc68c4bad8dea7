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
  NodeLease,
  type Store,
  Sweeper,
  Watchdog,
  withSharedClock,
} from "@reprise/server";
import { ConnectedSite } from "./connected-site.ts";
import { crashableStore, type StorePoint } from "./crashable-store.ts";
import type { EventList, Scheduled } from "./event-list.ts";
import type { Network } from "./network.ts";
import { NodeClock } from "./nodes/node-clock.ts";
import type { Random } from "./random.ts";
import { RETENTION, SWEEP_MS } from "./retention.ts";

/** SDKs read from it for whom they make webhooks. */
export const TOKEN = Buffer.from('{"UserID":"simulation"}').toString("base64");
const WATCH_MS = 1_000;
const WATCH_ROUNDS = 3;
/** How long the messages of a node stay its own. */
export const LEASE_MS = 15_000;
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
  /** How far the clock of its machine is ahead. */
  readonly skewMs?: number;
}

/** What is there once a process has its place. */
interface Running {
  /** Its time is that of the database where several share one. */
  readonly host: Host;
  readonly api: Api;
  readonly engine: Engine;
  readonly bulkRunner: ReturnType<typeof createBulkRunner>;
  readonly connected: ConnectedSite | null;
  readonly lease: NodeLease | null;
}

type ServerLimits = ConstructorParameters<typeof Engine>[0]["limits"];

/** The real engine and the real API as one process, whose outside is the world. It can be killed at any await. */
export class ServerProcess {
  readonly generation: number;
  readonly #parts: ServerParts;
  readonly #timers = new Set<Scheduled>();
  readonly #store: Store;
  readonly #host: Host;
  readonly #killStore: () => void;
  readonly #node: NodeClock;
  #running: Running | null = null;
  #isAlive = true;

  constructor(parts: ServerParts) {
    this.#parts = parts;
    this.generation = parts.generation;
    const { store, kill } = crashableStore(parts.store, (label) => this.#pass(label));
    this.#killStore = kill;
    this.#store = store;
    const host = this.#createHost();
    this.#host = host;
    this.#node = new NodeClock(parts);
    if (!store.isShared) this.#running = this.#build(null);
  }

  #build(lease: NodeLease | null): Running {
    const parts = this.#parts;
    const store = this.#store;
    const host = lease === null ? this.#host : withSharedClock(this.#host, this.#node.clock);
    const limits = {
      ...LIMITS,
      attemptTimeoutMs: 30_000,
      perOriginMax: 50,
      parallelismMax: 2_000,
      responseBytesMax: 100_000,
      pollMs: 3_000,
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
    const site = this.#createConnected(host);
    const connected = site === null ? {} : { connected: site.apps };
    const keys = () => SIGNING_KEYS;
    const joined = lease === null ? {} : { lease };
    const engine = new Engine({ host, store, keys, readAnswer, ...connected, ...joined, limits });
    const bulkRunner =
      lease === null
        ? createBulkRunner({ engine, store, host })
        : createBulkRunner({ engine, store, host: this.#background(host), stallMs: LEASE_MS });
    const room: ApiRoom = {
      engine,
      bulkRunner,
      store,
      host,
      credentials,
      settings,
    };
    site?.open(room);
    return { host, api: createApi(room), engine, bulkRunner, connected: site, lease };
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
      setTimer: (dueAt, run) => this.#background(host).setTimer(dueAt, run),
    });
  }

  /** An app has opened a connection. */
  accept(socket: ConnectedSocket, address: string): void {
    this.#running?.connected?.accept(socket, address);
  }

  /** Deliveries over connections that have not ended. */
  get connectedUnderWay(): number {
    return this.#running?.connected?.underWay ?? 0;
  }

  /** What the outcome of a delivery that has just left will be about, whenever that is asked. */
  #speaksFor(messageKey: number): (() => number) | null {
    const exchange = this.#running?.engine.exchangeOf(messageKey);
    return exchange == null ? null : () => exchange.message.key;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** The key of the node as which it works; null before it has one, and for a server that is alone. */
  get nodeKey(): number | null {
    return this.#running?.lease?.nodeKey ?? null;
  }

  start(): void {
    void this.#start().catch(() => {
      if (this.#isAlive) this.#parts.die();
    });
  }

  async #start(): Promise<void> {
    this.#running ??= this.#build(await this.#join());
    const { engine, bulkRunner } = this.#running;
    engine.start();
    await bulkRunner.start();
  }

  /** Takes a place among the nodes. */
  #join(): Promise<NodeLease> {
    const { clock } = this.#node;
    const host = this.#background(this.#host);
    return NodeLease.open({ store: this.#store, host, clock, leaseMs: LEASE_MS });
  }

  /** For what looks around again and again. */
  #background(host: Host): Host {
    const setTimer: Host["setTimer"] = (dueAt, callback) => {
      const wake = () => {
        if (host.now() >= dueAt) callback();
        else timer = wait();
      };
      const wait = () => this.#setDelay(Math.max(0, dueAt - host.now()), wake, true);
      let timer = wait();
      return { cancel: () => timer.cancel() };
    };
    return { ...host, setTimer };
  }

  async handle(request: Request): Promise<Response> {
    await this.#node.thawed();
    if (this.#running === null) throw new Error("the server does not listen yet");
    return this.#running.api.fetch(request);
  }

  /** Whether it takes requests. */
  get isListening(): boolean {
    return this.#isAlive && this.#running !== null;
  }

  /** Nothing goes on in this process until `resume`, as if it had been stopped by a signal. */
  freeze(): void {
    this.#node.freeze();
  }

  thaw(): void {
    this.#node.thaw();
  }

  /** Somebody sets the clock of its machine. */
  setClock(skewMs: number): void {
    this.#node.set(skewMs);
  }

  /** Lets the watchdog look a few times; for ever, it would keep every world awake. Resolves when it has looked. */
  async watch(nudgesMax: number): Promise<void> {
    const { events } = this.#parts;
    const limits = { watchdogIntervalMs: WATCH_MS, nudgesMax };
    const { host, engine } = this.#up;
    const watchdog = new Watchdog({ host, store: this.#store, engine, limits });
    watchdog.start();
    await events.wait(WATCH_ROUNDS * 2 * WATCH_MS, "watchdog stops");
    if (this.#isAlive) await watchdog.stop();
  }

  /** Goes through everything once, and deletes what is over. */
  async sweep(): Promise<void> {
    const { host, engine } = this.#up;
    const sweeper = new Sweeper({ host, store: this.#store, engine, limits: RETENTION });
    sweeper.start();
    await this.#parts.events.wait(SWEEP_MS, "retention stops");
    if (this.#isAlive) await sweeper.stop();
  }

  /** Ends in order: what is in flight may end within `drainMs`, and what it led to is kept. */
  async stop(drainMs: number): Promise<void> {
    const { bulkRunner, connected, engine, lease } = this.#up;
    await bulkRunner.stop();
    connected?.drain();
    await engine.stop(drainMs);
    connected?.close();
    await lease?.close().catch(() => {});
  }

  get #up(): Running {
    if (this.#running === null) throw new Error("the server has not started");
    return this.#running;
  }

  kill(): void {
    this.#isAlive = false;
    for (const timer of this.#timers) timer.cancel();
    this.#killStore();
  }

  #createHost(): Host {
    const { network, random, generation, log } = this.#parts;
    const server = {
      generation,
      speaksFor: (key: number) => this.#speaksFor(key),
      isAlive: () => this.#isAlive,
    };
    const never = new Promise<never>(() => {});
    return {
      now: () => this.#node.now(),
      setTimer: (dueAt, callback) => this.#setTimer(dueAt, callback),
      setDelay: (delayMs, callback) => this.#setDelay(delayMs, callback),
      nextTurn: () => (this.#isAlive ? this.#nextTurn() : never),
      randomBytes: (count) => random.bytes(count),
      fetch: async (request) => {
        if (!this.#isAlive) return never;
        const { lastsUntil } = request;
        // The network has the clock of the world.
        const lasting =
          lastsUntil === undefined
            ? request
            : { ...request, lastsUntil: () => this.#node.toWorld(lastsUntil()) };
        const outcome = await network.callApp(lasting, server);
        await this.#node.thawed();
        return this.#isAlive ? outcome : never;
      },
      log: (level, event, fields) => {
        const isTold = level === "error" || event === "run_stuck" || event === "run_nudged";
        if (this.#isAlive && isTold) log(event, JSON.stringify(fields));
      },
    };
  }

  /** A frozen process gets no further than to its next call of the store. */
  #pass(label: string): Promise<void> | null {
    const point = this.#parts.storePoint(label);
    return this.#node.isFrozen ? this.#node.thawed().then(() => point ?? undefined) : point;
  }

  #setDelay(delayMs: number, callback: () => void, isBackground = false): Scheduled {
    const at = this.#node.toWorld(this.#node.now() + delayMs);
    return this.#startAt(() => at, callback, isBackground);
  }

  #setTimer(dueAt: number, callback: () => void): Scheduled {
    return this.#startAt(() => this.#node.toWorld(dueAt), callback, false);
  }

  /** @param at when it is due by the clock of the world; the one of this node may be set meanwhile. */
  #startAt(at: () => number, callback: () => void, isBackground: boolean): Scheduled {
    if (!this.#isAlive) return { cancel: () => {} };
    const { events } = this.#parts;
    const handle: Scheduled = { cancel: () => timer.cancel() };
    const fire = () => {
      this.#timers.delete(handle);
      this.#node.whenThawed(() => {
        if (!this.#isAlive) return;
        if (this.#node.toWorld(this.#node.now()) < at()) timer = arm();
        else callback();
      });
    };
    const arm = () => {
      this.#timers.add(handle);
      const label = "timer of the server";
      return isBackground ? events.atBackground(at(), label, fire) : events.at(at(), label, fire);
    };
    let timer = arm();
    return handle;
  }

  #nextTurn(): Promise<void> {
    return new Promise((resolve) => {
      this.#setTimer(this.#node.now(), resolve);
    });
  }
}

type Credentials = Parameters<typeof createApi>[0]["credentials"];

const credentials: Credentials = {
  scopeOf: (token) => (token === TOKEN ? "full" : null),
  tokens: { list: () => [], create: noTokens, revoke: noTokens },
  signingKeys: () => ({ ...SIGNING_KEYS, rotatedAt: null, since: 0 }),
  rotateSigningKeys: async () => ({ ...SIGNING_KEYS, rotatedAt: null, since: 0 }),
  cursorSecret: new Uint8Array(32).fill(7),
};

/** The client of a simulation has the one token that there is. */
async function noTokens(): Promise<never> {
  throw new Error("a simulation makes and revokes no tokens");
}
