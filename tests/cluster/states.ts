import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedPostgres, startPostgres } from "@reprise/server/embedded-postgres.suite";
import type { Tally } from "./campaign.ts";
import { nodeEnvironment } from "./cluster.ts";
import { freePort, type Heard, Reached, Sink } from "./reached-node.ts";
import { ServerNode } from "./server-node.ts";

const RECOVERY_MS_MAX = 60_000;
const LOOK_MS = 50;
const TINY_DISK_MIB = 160;
const LARGE_BODY_BYTES = 512 * 1024;

interface StateRoom {
  readonly postgres: EmbeddedPostgres;
  readonly databaseUrl: string;
  readonly sink: Sink;
  /** Notes what must not be. */
  readonly fault: (text: string) => void;
  readonly node: (databaseUrl: string) => Promise<Reached>;
}

type State = (room: StateRoom) => Promise<void>;

/** States in which a database may be when a server needs it, and what operators and clients hear of it. */
const STATES: Readonly<Record<string, State>> = {
  "the database is not there at the start": missingAtStart,
  "the password is wrong": wrongPassword,
  "the database does not exist": noDatabase,
  "the schema is newer than the server": newerSchema,
  "the database goes away and comes back": goesAway,
  "the database stands still": standsStill,
  "the database only reads": readOnly,
  "the disk is full": diskFull,
};

export async function runStates(): Promise<Tally> {
  const tally: Tally = { passed: 0, failed: 0, faults: [] };
  for (const [name, state] of Object.entries(STATES)) {
    const faults: string[] = [];
    const startedAt = Date.now();
    try {
      await inRoom(state, (text) => faults.push(text));
    } catch (error) {
      faults.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    console.log(`${name}: ${faults.length} faults, ${Date.now() - startedAt} ms`);
    if (faults.length === 0) tally.passed++;
    else tally.failed++;
    tally.faults.push(...faults.map((fault) => `${name}: ${fault}`));
  }
  return tally;
}

async function inRoom(state: State, fault: (text: string) => void): Promise<void> {
  const disk = state === diskFull ? tinyDisk() : null;
  const { TMPDIR: before } = process.env;
  if (disk !== null) process.env.TMPDIR = disk;
  const postgres = await startPostgres();
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
  const sink = await Sink.open();
  const directory = mkdtempSync(join(tmpdir(), "reprise-states-"));
  const nodes: ServerNode[] = [];
  const node = async (databaseUrl: string) => {
    const port = await freePort();
    const env = { ...nodeEnvironment(databaseUrl, directory), REPRISE_PORT: String(port) };
    const made = new ServerNode(nodes.length, env);
    nodes.push(made);
    return new Reached(made, `http://127.0.0.1:${port}`);
  };
  try {
    const databaseUrl = await postgres.createDatabase();
    await state({ postgres, databaseUrl, sink, fault, node });
  } finally {
    for (const one of nodes) await one.kill();
    sink.close();
    await postgres.remove();
    rmSync(directory, { recursive: true, force: true });
    if (disk !== null) removeDisk(disk);
  }
}

async function until(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  { fault }: StateRoom,
): Promise<void> {
  const startedAt = Date.now();
  while (!(await isTrue())) {
    if (Date.now() - startedAt > RECOVERY_MS_MAX) {
      fault(`${what}: not within ${RECOVERY_MS_MAX} ms`);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** What a client must hear while the database cannot be used. */
function checkUnavailable(heard: Heard | null, { fault }: StateRoom): void {
  if (heard === null) fault(`nobody answers`);
  else if (heard.status !== 503) fault(`the answer is ${heard.status} ${heard.text}`);
  else if (!(Number(heard.retryAfter) >= 1))
    fault(`503 comes with Retry-After ${heard.retryAfter}`);
  else if (!heard.text.includes("storage_unavailable")) fault(`503 says ${heard.text}`);
}

/** Publishes, and waits until it has arrived once. */
async function checkWorks(node: Reached, name: string, room: StateRoom): Promise<void> {
  let accepted = 0;
  await until(
    `${name} to be accepted`,
    async () => {
      const heard = await node.publish(room.sink, name);
      if (heard !== null && heard.status < 300) accepted++;
      return accepted > 0;
    },
    room,
  );
  await until(`${name} to arrive`, () => (room.sink.counts.get(name) ?? 0) >= 1, room);
}

/** The process ends by itself and says why, without the secrets of its settings. */
async function checkRefuses(node: Reached, words: readonly RegExp[], room: StateRoom) {
  const isListening = await node.process.start();
  if (isListening) room.fault("it starts nevertheless");
  const code = await Promise.race([
    node.process.exited(),
    new Promise<"runs">((resolve) => setTimeout(() => resolve("runs"), LOOK_MS)),
  ]);
  if (code === 0 || code === "runs") room.fault(`the process ends with ${code}`);
  checkWords(node, words, room);
}

function checkWords({ process: { output } }: Reached, words: readonly RegExp[], room: StateRoom) {
  for (const word of words) {
    if (!word.test(output)) room.fault(`it does not say ${word}:\n${output}`);
  }
  const password = new URL(room.databaseUrl).password;
  if (output.includes(password)) room.fault("it prints the password");
  if (/\n\s+at .*\.js:/.test(output)) room.fault(`it prints a stack:\n${output}`);
}

async function missingAtStart(room: StateRoom): Promise<void> {
  const { postgres, databaseUrl } = room;
  await postgres.stop();
  const node = await room.node(databaseUrl);
  const started = node.process.start();
  await until("an answer", async () => (await node.ask("GET", "/v2/queues")) !== null, room);
  checkUnavailable(await node.publish(room.sink, "early"), room);
  const live = await node.ask("GET", "/livez");
  const ready = await node.ask("GET", "/readyz");
  if (live?.status !== 200) room.fault(`/livez is ${live?.status} ${live?.text}`);
  if (ready?.status !== 503) room.fault(`/readyz is ${ready?.status} ${ready?.text}`);
  checkWords(node, [/nobody listens there|ECONNREFUSED/], room);
  await postgres.start();
  if (!(await started)) room.fault(`it does not start:\n${node.process.output}`);
  await checkWorks(node, "late", room);
}

async function wrongPassword(room: StateRoom): Promise<void> {
  const url = new URL(room.databaseUrl);
  url.password = "not-the-password";
  await checkDoesNotStart(await room.node(url.href), [/password/], room);
}

async function noDatabase(room: StateRoom): Promise<void> {
  const url = new URL(room.databaseUrl);
  url.pathname = "/nowhere";
  await checkDoesNotStart(await room.node(url.href), [/nowhere/], room);
}

/** Either it ends, or it waits for somebody who mends it; in both cases it says what is wrong, and serves nobody. */
async function checkDoesNotStart(node: Reached, words: readonly RegExp[], room: StateRoom) {
  const started = node.process.start(RECOVERY_MS_MAX);
  const says = () => words.every((word) => word.test(node.process.output));
  await Promise.race([started, until("it to say what is wrong", says, room)]);
  if (node.process.url !== null) room.fault("it starts nevertheless");
  const heard = await node.publish(room.sink, "refused");
  if (heard !== null) checkUnavailable(heard, room);
  checkWords(node, words, room);
}

async function newerSchema(room: StateRoom): Promise<void> {
  const first = await room.node(room.databaseUrl);
  if (!(await first.process.start())) throw new Error(first.process.output);
  await checkWorks(first, "before", room);
  await first.process.stop();
  const raised = await raiseSchema(room);
  if (!raised) return;
  await checkRefuses(await room.node(room.databaseUrl), [/newer/i, /version/i], room);
}

/** The schema's version is a number in a table of its own. */
async function raiseSchema({ postgres, databaseUrl, fault }: StateRoom): Promise<boolean> {
  const columns = await postgres.query(
    `SELECT table_name AS "table", column_name AS "column" FROM information_schema.columns
     WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND column_name ILIKE '%version%'`,
    databaseUrl,
  );
  const [found] = columns;
  if (found === undefined) {
    fault("the version of the schema is nowhere to be found");
    return false;
  }
  const { table, column } = found;
  await postgres.query(`UPDATE "${table}" SET "${column}" = "${column}"::int + 1000`, databaseUrl);
  return true;
}

async function goesAway(room: StateRoom): Promise<void> {
  const { postgres, sink } = room;
  const node = await room.node(room.databaseUrl);
  if (!(await node.process.start())) throw new Error(node.process.output);
  await checkWorks(node, "before", room);
  const delayed = await node.ask("POST", `/v2/publish/${sink.url}/kept`, "kept");
  await postgres.kill();
  checkUnavailable(await node.publish(sink, "meanwhile"), room);
  const read = await node.ask("GET", "/v2/queues");
  checkUnavailable(read, room);
  await postgres.start();
  await checkWorks(node, "behind", room);
  if (delayed === null || delayed.status >= 300) room.fault(`publish: ${delayed?.text}`);
  await until("what was accepted to arrive", () => (sink.counts.get("kept") ?? 0) >= 1, room);
  if (node.process.url === null) room.fault(`the process has ended:\n${node.process.output}`);
}

/** Connections stay and nobody answers. */
async function standsStill(room: StateRoom): Promise<void> {
  const { postgres, sink } = room;
  const node = await room.node(room.databaseUrl);
  if (!(await node.process.start())) throw new Error(node.process.output);
  await checkWorks(node, "before", room);
  postgres.pause();
  const first = await node.publish(sink, "meanwhile");
  postgres.resume();
  // Whoever gives up after ten seconds does not know; whoever is told must be told how to go on.
  if (first !== null && first.status >= 300) checkUnavailable(first, room);
  await checkWorks(node, "behind", room);
}

async function readOnly(room: StateRoom): Promise<void> {
  const { postgres, databaseUrl } = room;
  const node = await room.node(databaseUrl);
  if (!(await node.process.start())) throw new Error(node.process.output);
  await checkWorks(node, "before", room);
  const name = new URL(databaseUrl).pathname.slice(1);
  await postgres.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
  await endSessions(room);
  await until(
    "a refusal",
    async () => (await node.publish(room.sink, "refused"))?.status === 503,
    room,
  );
  const heard = await node.publish(room.sink, "refused");
  checkUnavailable(heard, room);
  // Whoever starts now hears of it as well.
  const second = await room.node(databaseUrl);
  if (await second.process.start(5_000)) room.fault("a second node starts nevertheless");
  checkWords(second, [/only reads|read-only/], room);
  await second.process.kill();
  await postgres.query(`ALTER DATABASE ${name} SET default_transaction_read_only = off`);
  await endSessions(room);
  await checkWorks(node, "behind", room);
}

async function endSessions({ postgres, databaseUrl }: StateRoom): Promise<void> {
  await postgres.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = '${new URL(databaseUrl).pathname.slice(1)}' AND pid <> pg_backend_pid()`,
  );
}

/** The disk of the database fills up under it. Needs a small file system of its own, and that needs root. */
async function diskFull(room: StateRoom): Promise<void> {
  if (process.getuid?.() !== 0) {
    console.log("  not tried: only root can mount a disk that is small enough to fill");
    return;
  }
  const { sink, postgres } = room;
  const node = await room.node(room.databaseUrl);
  if (!(await node.process.start())) throw new Error(node.process.output);
  await checkWorks(node, "before", room);
  const disk = diskOf(await postgres.query("SHOW data_directory"));
  const ballast = join(disk, "ballast");
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - 8 * 1024 * 1024)));
  const accepted: string[] = [];
  let refused: Heard | null = null;
  for (let count = 0; count < 64 && refused === null; count++) {
    const name = `large-${count}`;
    // What compresses would not fill a disk.
    const body = randomBytes(LARGE_BODY_BYTES).toString("hex");
    const heard = await node.publish(sink, name, body);
    if (heard !== null && heard.status < 300) accepted.push(name);
    else refused = heard ?? { status: 0, text: "no answer", retryAfter: null, tookMs: 0 };
  }
  if (refused === null) room.fault("the disk is not full");
  else checkUnavailable(refused, room);
  rmSync(ballast);
  await checkWorks(node, "behind", room);
  for (const name of accepted) {
    await until(`${name} to arrive`, () => (sink.counts.get(name) ?? 0) >= 1, room);
  }
}

function diskOf([row]: readonly Record<string, unknown>[]): string {
  // `<mount>/reprise-postgres-x/data`, as the server was made.
  return join(String(row?.data_directory), "..", "..");
}

function tinyDisk(): string | null {
  if (process.getuid?.() !== 0) return null;
  const directory = mkdtempSync(join(tmpdir(), "reprise-disk-"));
  const options = `size=${TINY_DISK_MIB}m,mode=1777`;
  execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", directory]);
  return directory;
}

function removeDisk(directory: string): void {
  execFileSync("umount", ["-l", directory]);
  rmSync(directory, { recursive: true, force: true });
}
