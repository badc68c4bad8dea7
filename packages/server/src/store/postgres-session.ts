import { RepriseError } from "@reprise/protocol";
import { Client, type QueryArrayConfig, type QueryArrayResult } from "pg";
import type { Pauses } from "../host/system-pause.ts";
import { toRefusal } from "./postgres-errors.ts";
import type { Statement } from "./postgres-statements.ts";
import { driverUrl, withoutSecrets } from "./postgres-url.ts";

/** A row as the driver gives it: a text or null for each column. */
export type RawRow = readonly (string | null)[];

export interface SessionOptions {
  readonly url: string;
  /** Behind a pooler in transaction mode: nothing may be kept in a session. */
  readonly isPooled: boolean;
  readonly pauses: Pauses;
  readonly onWarning: (text: string) => void;
}

/** Longest wait for a lock. Whoever holds one for longer is in trouble, and the transaction is tried again. */
const LOCK_TIMEOUT_MS = 5_000;
/** Longest statement. */
const STATEMENT_TIMEOUT_MS = 15_000;
/** Longest pause within a transaction: a stopped process must not keep its locks for ever. */
const IDLE_TIMEOUT_MS = 15_000;
/** Longest wait for an answer: a network that swallows everything ends no connection by itself. */
const ANSWER_TIMEOUT_MS = 20_000;
const CONNECT_TIMEOUT_MS = 5_000;
const KEEP_ALIVE_DELAY_MS = 10_000;
/** Longest wait for the other end of a connection to take its leave. */
const GOODBYE_MS = 1_000;

export const TRANSACTION_TIMEOUTS: readonly (readonly [string, number])[] = [
  ["lock_timeout", LOCK_TIMEOUT_MS],
  ["statement_timeout", STATEMENT_TIMEOUT_MS],
  ["idle_in_transaction_session_timeout", IDLE_TIMEOUT_MS],
];

/**
 * Every statement names rows by an index. A plan that was made while a table was small must not read all of it when it has grown;
 * the statistics of a table that grows fast are always old.
 */
const PLANNER_SETTINGS: readonly (readonly [string, string])[] = [
  ["enable_seqscan", "off"],
  ["enable_bitmapscan", "off"],
  ["enable_hashjoin", "off"],
  ["enable_mergejoin", "off"],
  ["jit", "off"],
];

const POSTGRES_VERSION_MIN = 14;

/** Statement text -> its name, the same on every connection. */
const statementNames = new Map<string, string>();

function nameOf(text: string): string {
  const known = statementNames.get(text);
  if (known !== undefined) return known;
  const name = `reprise_${statementNames.size}`;
  statementNames.set(text, name);
  return name;
}

/** Values stay as the database writes them: the columns of the tables say what they are. */
const rawTypes = { getTypeParser: () => (value: unknown) => value };

/** One connection. Once lost it stays so. */
export class Session {
  readonly #client: Client;
  readonly #isPooled: boolean;
  readonly #pauses: Pauses;
  /** Warnings since the connection was opened. */
  #warningCount = 0;
  #isGathering = false;
  #lost: Error | null = null;

  private constructor(client: Client, { isPooled, pauses }: SessionOptions) {
    this.#client = client;
    this.#isPooled = isPooled;
    this.#pauses = pauses;
    // Without a listener the end of an idle connection would end the process.
    client.on("error", (error) => {
      this.#lost ??= error;
    });
    client.on("end", () => {
      this.#lost ??= new Error("Connection terminated");
    });
    client.on("notice", ({ severity }) => {
      if (severity === "WARNING") this.#warningCount += 1;
    });
  }

  /**
   * Opens a connection and checks what is on its other end.
   * @throws RepriseError `storage_unavailable` that says what to look at.
   */
  static async open(options: SessionOptions, name: string): Promise<Session> {
    const client = clientOf(options, name);
    const session = new Session(client, options);
    try {
      await client.connect();
      if (!options.isPooled) await client.query(settingsText("SET"));
      await session.#check(options);
      return session;
    } catch (error) {
      session.destroy();
      if (error instanceof RepriseError) throw error;
      throw toRefusal(error, `be reached at ${withoutSecrets(options.url)}`);
    }
  }

  get isLost(): boolean {
    return this.#lost !== null;
  }

  get warningCount(): number {
    return this.#warningCount;
  }

  /** Statements are sent at once and answered in their order. */
  async run({ text, values, isPrepared }: Statement): Promise<QueryArrayResult<string[]>> {
    const config: QueryArrayConfig & { readonly queryMode?: string } = {
      text,
      // The driver changes nothing in them.
      values: values as unknown[],
      rowMode: "array",
      types: rawTypes,
      queryMode: "extended",
    };
    if (isPrepared && !this.#isPooled) config.name = nameOf(text);
    this.#gather();
    return this.#client.query<string[]>(config);
  }

  /** Text without values, several statements among them. */
  async send(text: string): Promise<{ readonly command: string }> {
    this.#gather();
    return this.#client.query(text);
  }

  onNotification(listener: (payload: string) => void): void {
    this.#client.on("notification", ({ payload = "" }) => listener(payload));
  }

  onLost(listener: () => void): void {
    this.#client.once("end", listener);
  }

  /** Takes leave, and waits for the other end for a moment only: it may have been stopped. */
  async end(): Promise<void> {
    await Promise.race([this.#client.end(), this.#pauses.expire(GOODBYE_MS)]);
    this.destroy();
  }

  /** Ends the connection without waiting for anybody. */
  destroy(): void {
    this.#lost ??= new Error("Connection terminated");
    this.#client.connection.stream.destroy();
  }

  /** What is sent in one turn leaves together: a packet each would wake the other end as often. */
  #gather(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    const { stream } = this.#client.connection;
    stream.cork();
    process.nextTick(() => {
      this.#isGathering = false;
      stream.uncork();
    });
  }

  async #check({ url, onWarning }: SessionOptions): Promise<void> {
    const { rows } = await this.run(CHECK);
    const [inRecovery, readOnly, synchronous, fsync, version, encoding] = rows[0] ?? [];
    const name = withoutSecrets(url);
    if (Number(version) < POSTGRES_VERSION_MIN * 10_000) {
      throw refuse(`${name} is older than PostgreSQL ${POSTGRES_VERSION_MIN}; use a newer one`);
    }
    if (encoding !== "UTF8") {
      throw refuse(`${name} has the encoding ${encoding}; create a database with ENCODING 'UTF8'`);
    }
    if (inRecovery === "t" || readOnly === "on") {
      throw new RepriseError("storage_unavailable", {
        message:
          `${name} only reads: it is a replica, or default_transaction_read_only is on; ` +
          "REPRISE_DATABASE_URL must lead to the primary",
        // A replica may become the primary.
        details: { isPassing: inRecovery === "t" },
      });
    }
    if (synchronous === "off") {
      throw refuse(
        `${name} has synchronous_commit off: it says that a transaction is kept before it is, and a crash would lose ` +
          "acknowledged work; set it to on for this database (ALTER DATABASE ... SET synchronous_commit = on)",
      );
    }
    if (fsync === "off") {
      onWarning(`${name} has fsync off: a power cut can destroy it; set fsync = on`);
    }
  }
}

/** @throws RepriseError when the URL names a file that cannot be read. */
function clientOf({ url }: SessionOptions, name: string): Client {
  try {
    return new Client({
      connectionString: driverUrl(url),
      application_name: `reprise ${name}`,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: ANSWER_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
      pipeline: true,
    });
  } catch (error) {
    throw toRefusal(error, `be reached at ${withoutSecrets(url)}`);
  }
}

const CHECK: Statement = {
  text: `SELECT pg_is_in_recovery(), ${[
    "default_transaction_read_only",
    "synchronous_commit",
    "fsync",
    "server_version_num",
    "server_encoding",
  ]
    .map((name) => `current_setting('${name}')`)
    .join(", ")}`,
  values: [],
  isPrepared: false,
};

/** Settings of a session, or with `SET LOCAL` of a transaction. */
export function settingsText(set: "SET" | "SET LOCAL"): string {
  return [...TRANSACTION_TIMEOUTS, ...PLANNER_SETTINGS]
    .map(([name, value]) => `${set} ${name} = ${value}`)
    .join("; ");
}

export function refuse(message: string, cause?: unknown): RepriseError {
  return new RepriseError("storage_unavailable", { message, cause });
}
