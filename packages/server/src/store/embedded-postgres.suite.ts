import assert from "node:assert";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Client } from "pg";
import {
  copyCluster,
  exitOf,
  makeStandby,
  type PostgresBinaries,
  type PostgresProcess,
  postgresBinaries,
  prepareCluster,
  startProcess,
} from "./embedded-postgres-process.suite.ts";

export { openPostgresStore } from "./postgres.ts";

/** A private PostgreSQL with its own directory and port, for tests alone. It ends with the process that started it. */
export interface EmbeddedPostgres {
  /** `18.4`, for instance. */
  readonly version: string;
  readonly port: number;
  /** The process that all others of the server are children of. Changes with every start. */
  readonly processId: number;
  /** Creates an empty database with a random name and returns its URL. */
  createDatabase(options?: DatabaseOptions): Promise<string>;
  /** Ends all connections to the database and drops it. */
  dropDatabase(url: string): Promise<void>;
  /** Runs statements as the superuser, in the database of `url` or in `postgres`. */
  query(sql: string, url?: string): Promise<readonly Record<string, unknown>[]>;
  /** Ends all sessions and the server in good order. `start` brings it back on the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** As a crash of the machine's process: no goodbye, no checkpoint. What was flushed is there after `start`. */
  kill(): Promise<void>;
  /** Stops every process of the server where it is. Connections stay open and nobody answers. */
  pause(): void;
  resume(): void;
  /** Stops for a moment, and starts a standby that follows it over the network, without waiting for it at commits. */
  follow(): Promise<EmbeddedPostgres>;
  /** The same database at this server. */
  at(url: string): string;
  /** Ends the server and removes its directory. */
  remove(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** Default on: commits wait for the disk, as they do in production. */
  readonly fsync?: boolean;
  /** More settings of `postgresql.conf`, by name. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface DatabaseOptions {
  /** More of CREATE DATABASE, for instance another locale. */
  readonly clauses?: string;
}

const START_ATTEMPTS_MAX = 5;
const START_TIMEOUT_MS = 60_000;
/** Below those that a system gives to whoever asks for any: the port of a server that is down for a moment stays its own. */
const PORT_MIN = 20_000;
const PORT_MAX = 31_999;

let shared: Promise<EmbeddedPostgres> | null = null;

/**
 * The one server of this test process, started by the first call. It flushes nothing: its tests end processes and not machines, and
 * making a database is many flushes.
 */
export function embeddedPostgres(): Promise<EmbeddedPostgres> {
  shared ??= startPostgres({ fsync: false });
  return shared;
}

/**
 * Starts a server of its own, for tests that stop it or set it up in another way.
 * @throws when this system cannot run it: such a test fails, because a skipped one would prove nothing.
 */
export async function startPostgres(
  options: EmbeddedPostgresOptions = {},
): Promise<EmbeddedPostgres> {
  const binaries = postgresBinaries();
  const cluster = prepareCluster(binaries);
  const server = new LocalPostgres(binaries, cluster, options);
  await server.start();
  return server;
}

class LocalPostgres implements EmbeddedPostgres {
  readonly #binaries: PostgresBinaries;
  readonly #cluster: ReturnType<typeof prepareCluster>;
  readonly #options: EmbeddedPostgresOptions;
  #port = 0;
  #process: PostgresProcess | null = null;
  readonly #paused = new Set<number>();

  constructor(
    binaries: PostgresBinaries,
    cluster: ReturnType<typeof prepareCluster>,
    options: EmbeddedPostgresOptions,
  ) {
    this.#binaries = binaries;
    this.#cluster = cluster;
    this.#options = options;
  }

  get version(): string {
    return this.#binaries.version;
  }

  get port(): number {
    return this.#port;
  }

  get processId(): number {
    assert(this.#process !== null, "the server runs");
    return this.#process.processId;
  }

  async createDatabase(options: DatabaseOptions = {}): Promise<string> {
    const name = `reprise_test_${randomBytes(8).toString("hex")}`;
    await this.query(`CREATE DATABASE ${name} TEMPLATE template0 ${options.clauses ?? ""}`);
    return this.#url(name);
  }

  async dropDatabase(url: string): Promise<void> {
    const name = new URL(url).pathname.slice(1);
    assert(/^reprise_test_[0-9a-f]{16}$/.test(name), `${name} was made by createDatabase`);
    await this.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  }

  async query(sql: string, url = this.#url("postgres")): Promise<Record<string, unknown>[]> {
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      const { rows } = await client.query<Record<string, unknown>>(sql);
      return rows;
    } finally {
      await client.end();
    }
  }

  async start(): Promise<void> {
    assert(this.#process === null, "the server is started once");
    for (let attempt = 1; ; attempt += 1) {
      const port = this.#port === 0 ? await freePort() : this.#port;
      const started = startProcess(this.#binaries, this.#cluster, this.#settings(port));
      try {
        await this.#untilReady(started, port);
        this.#port = port;
        this.#process = started;
        return;
      } catch (error) {
        started.signal("SIGKILL");
        // Somebody else may have taken the port between the look and the start.
        if (attempt === START_ATTEMPTS_MAX || !started.output().includes("bind")) throw error;
      }
    }
  }

  async stop(): Promise<void> {
    await this.#end("SIGINT");
  }

  async kill(): Promise<void> {
    // The children first: a new server waits for those of the old one.
    for (const child of this.#children()) signal(child, "SIGKILL");
    await this.#end("SIGKILL");
  }

  pause(): void {
    // The parent first, so that it starts no child that is not seen.
    this.#pauseOne(this.processId);
    for (const child of this.#children()) this.#pauseOne(child);
  }

  resume(): void {
    for (const id of this.#paused) signal(id, "SIGCONT");
    this.#paused.clear();
  }

  async follow(): Promise<EmbeddedPostgres> {
    await this.stop();
    const copy = copyCluster(this.#binaries, this.#cluster);
    await this.start();
    makeStandby(this.#binaries, copy, this.#port);
    const standby = new LocalPostgres(this.#binaries, copy, this.#options);
    await standby.start();
    return standby;
  }

  at(url: string): string {
    const own = new URL(url);
    own.port = String(this.#port);
    return own.href;
  }

  async remove(): Promise<void> {
    this.resume();
    if (this.#process !== null) await this.stop();
    this.#cluster.remove();
  }

  #pauseOne(processId: number): void {
    this.#paused.add(processId);
    signal(processId, "SIGSTOP");
  }

  async #end(how: NodeJS.Signals): Promise<void> {
    const ending = this.#process;
    if (ending === null) return;
    this.resume();
    ending.child.ref();
    const ended = exitOf(ending);
    ending.signal(how);
    await ended;
    this.#process = null;
  }

  /** The processes of the server but its first, as Linux and macOS show them. */
  #children(): readonly number[] {
    return childrenOf(this.processId);
  }

  #url(database: string): string {
    const { password } = this.#cluster;
    return `postgres://postgres:${password}@127.0.0.1:${this.#port}/${database}`;
  }

  #settings(port: number): Readonly<Record<string, string>> {
    return {
      port: String(port),
      listen_addresses: "127.0.0.1",
      unix_socket_directories: "",
      fsync: this.#options.fsync === false ? "off" : "on",
      max_connections: "100",
      shared_buffers: "64MB",
      log_min_messages: "warning",
      ...this.#options.settings,
    };
  }

  async #untilReady(started: PostgresProcess, port: number): Promise<void> {
    const until = performance.now() + START_TIMEOUT_MS;
    // Not its exit: what it has said may be read later than that.
    const closed = once(started.child, "close").then(() => {
      throw new Error(`PostgreSQL ended as soon as it was started:\n${started.output()}`);
    });
    // The last one that looks handles it.
    closed.catch(() => {});
    const url = `postgres://postgres:${this.#cluster.password}@127.0.0.1:${port}/postgres`;
    for (;;) {
      const answered = this.query("SELECT 1", url).then(
        () => true,
        (error: unknown) => String(error),
      );
      const result = await Promise.race([answered, closed]);
      if (result === true) return;
      if (performance.now() > until) {
        throw new Error(`PostgreSQL does not answer: ${result}\n${started.output()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function signal(processId: number, name: NodeJS.Signals): void {
  try {
    process.kill(processId, name);
  } catch {
    // It has ended by itself.
  }
}

/** The children of a process, by the files of Linux. */
function childrenOf(processId: number): readonly number[] {
  assert(process.platform === "linux", "children are looked for in /proc");
  const children: number[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(join("/proc", name, "stat"), "utf8");
      // Behind the name, which may hold anything: state, then the parent.
      const parent = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
      if (Number(parent) === processId) children.push(Number(name));
    } catch {
      // It ended meanwhile.
    }
  }
  return children;
}

async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORT_MIN, PORT_MAX + 1);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(false) : reject(error),
    );
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
