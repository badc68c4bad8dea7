import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startPostgres } from "@reprise/server/embedded-postgres.suite";
import { Client } from "pg";

/** The PostgreSQL that the measured servers use in place of their directories: a real one, with flushes, on this machine. */

/** Tells the measured processes where it is; they inherit the environment. */
const ADDRESS = "REPRISE_BENCH_POSTGRES";

const TICKS_PER_SECOND = 100;

let processId: number | null = null;

/** Runs `work` while the database server is there. */
export async function withDatabaseServer<R>(work: () => Promise<R>): Promise<R> {
  const server = await startPostgres({
    settings: { shared_buffers: "256MB", max_wal_size: "4GB", checkpoint_timeout: "15min" },
  });
  try {
    process.env[ADDRESS] = await server.createDatabase();
    processId = server.processId;
    console.log(`PostgreSQL ${server.version}, with fsync`);
    return await work();
  } finally {
    processId = null;
    await server.remove();
  }
}

/** Servers that `start` starts are embedded all the same. */
export async function withoutDatabaseServer<R>(start: () => Promise<R>): Promise<R> {
  const address = process.env[ADDRESS];
  delete process.env[ADDRESS];
  try {
    return await start();
  } finally {
    if (address !== undefined) process.env[ADDRESS] = address;
  }
}

/** The database that belongs to a directory, made by whoever comes first; null when the servers are embedded. */
export async function databaseOf(directory: string): Promise<string | null> {
  const address = process.env[ADDRESS];
  if (address === undefined) return null;
  const file = join(directory, "database-url");
  if (existsSync(file)) return readFileSync(file, "utf8");
  const client = new Client({ connectionString: address });
  await client.connect();
  const name = `reprise_bench_${randomBytes(8).toString("hex")}`;
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  const url = new URL(address);
  url.pathname = `/${name}`;
  writeFileSync(file, url.href);
  return url.href;
}

/** CPU time of all processes of the database server since its start, in microseconds; 0 when there is none. */
export function databaseCpuUs(): number {
  if (processId === null) return 0;
  const own = statOf(processId);
  if (own === null) return 0;
  // Its own, that of children that have ended, and that of those who live.
  let ticks = own.ticks + own.endedTicks;
  for (const name of readdirSync("/proc")) {
    const child = /^\d+$/.test(name) ? statOf(Number(name)) : null;
    if (child?.parent === processId) ticks += child.ticks;
  }
  return (ticks * 1_000_000) / TICKS_PER_SECOND;
}

interface Stat {
  readonly parent: number;
  readonly ticks: number;
  readonly endedTicks: number;
}

function statOf(id: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${id}/stat`, "utf8");
    // Behind the name, which may hold anything: the state is the first field.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const number = (index: number) => Number(fields[index]);
    return {
      parent: number(1),
      ticks: number(11) + number(12),
      endedTicks: number(13) + number(14),
    };
  } catch {
    // It has ended meanwhile.
    return null;
  }
}
