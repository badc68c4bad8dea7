import { createHash } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Host, Timer } from "../host/host.ts";
import type { Delays } from "../host/system-pulse.ts";
import type { Reader, Store } from "../store/store.ts";
import { CensusTaker } from "./census.ts";
import { byLabel, type Readings, single } from "./gauges.ts";
import type { DiskLevel } from "./health.ts";
import { readOffset } from "./storage-probe.ts";

/** Looks at everything that the gauges show, when somebody asks. */

export interface Sources {
  readonly host: Host;
  readonly store: Reader & Pick<Store, "isShared" | "bytesUsed">;
  readonly pulse: { readonly delays: Delays };
  readonly engine: { readonly attemptsInFlight: number; readonly parallelismMax: number };
  readonly watchdog: { readonly stuckCount: number };
  readonly disk: (DiskLevel & { readonly bytesFree: number }) | null;
  /** Where the database is, when it is files of this machine. */
  readonly dataDir: string | null;
  /** Since when the signing keys are what they are. */
  readonly keysSince: () => number;
  /** The clock of this machine, wherever the host's comes from. */
  readonly machineNow: () => number;
  readonly info: Readonly<Record<string, string>>;
}

/** Readings this old are given again: several who scrape cost as much as one. */
const AGE_MS_MAX = 2_000;

/** Time that the storage gets to answer; without it, its gauges are left out of the scrape. */
const PATIENCE_MS = 2_000;

export function createReader(sources: Sources): () => Promise<Readings> {
  const { host } = sources;
  const census = new CensusTaker(sources.store, host);
  const startedAt = host.now();
  let last: { readonly readings: Promise<Readings>; readonly at: number } | null = null;
  const read = async (): Promise<Readings> => ({
    ...(await readMachine(sources)),
    ...(await within(host, readStorage(sources, census))),
    startTime: single(startedAt / 1_000),
    info: [{ labels: sources.info, value: 1 }],
  });
  return () => {
    const now = host.now();
    if (last === null || Math.abs(now - last.at) >= AGE_MS_MAX)
      last = { readings: read(), at: now };
    return last.readings;
  };
}

async function readMachine({
  host,
  pulse,
  engine,
  watchdog,
  disk,
  dataDir,
  keysSince,
}: Sources): Promise<Readings> {
  const { medianMs, p99Ms, maxMs } = pulse.delays;
  const lag = { p50: medianMs / 1_000, p99: p99Ms / 1_000, max: maxMs / 1_000 };
  const { heapUsed, rss } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    inFlight: single(engine.attemptsInFlight),
    inFlightMax: single(engine.parallelismMax),
    stuckRuns: single(watchdog.stuckCount),
    loopLag: byLabel("stat", lag),
    heap: single(heapUsed),
    resident: single(rss),
    cpu: single((user + system) / 1e6),
    files: single(await countFiles()),
    keyAge: single(Math.max(0, host.now() - keysSince()) / 1_000),
    ...(disk === null ? {} : readDisk(disk)),
    ...(dataDir === null ? {} : { storageBytes: byLabel("part", await readSizes(dataDir)) }),
  };
}

function readDisk({ usedPercent, percentMax, bytesFree }: NonNullable<Sources["disk"]>): Readings {
  return {
    diskFree: single(bytesFree),
    diskUsed: single(usedPercent / 100),
    diskMax: single(percentMax / 100),
  };
}

async function countFiles(): Promise<number | null> {
  try {
    // The directory is a file that is open while it is read.
    return (await readdir("/proc/self/fd")).length - 1;
  } catch {
    return null; // Only Linux has it.
  }
}

async function readSizes(dataDir: string): Promise<Readonly<Record<string, number>>> {
  const size = async (name: string) => {
    try {
      return (await stat(join(dataDir, name))).size;
    } catch {
      return 0; // The log goes away when it is empty.
    }
  };
  return { database: await size("reprise.db"), log: await size("reprise.db-wal") };
}

async function readStorage(
  { host, store, machineNow }: Sources,
  census: CensusTaker,
): Promise<Readings> {
  const dueAt = await store.nextDueAt(null);
  const offsetMs = store.isShared ? await readOffset({ now: machineNow }, store) : null;
  const bytesUsed = await readBytes(store);
  const now = host.now();
  const nodes = await store.count("nodes", [{ type: "range", column: "leaseUntil", from: now }]);
  const ages = {
    run: await oldestAge(store, "deadLetters", now),
    message: await oldestAge(store, "deadMessages", now),
  };
  const counts = await census.read();
  return {
    storageUp: single(1),
    oldestDueAge: single(dueAt === null ? 0 : Math.max(0, now - dueAt) / 1_000),
    clockOffset: single(offsetMs === null ? null : offsetMs / 1_000),
    nodes: single(store.isShared ? nodes : 1),
    ...(bytesUsed === null ? {} : { storageBytes: byLabel("part", { database: bytesUsed }) }),
    deadLetterAge: byLabel("kind", ages),
    ...(counts === null
      ? {}
      : {
          messages: byLabel("state", counts.messages),
          runs: single(counts.liveRuns),
          deadLetters: byLabel("kind", { run: counts.deadRuns, message: counts.deadMessages }),
          queueWaiting: single(counts.queueWaiting),
          flowControlWaiting: single(counts.flowControlWaiting),
          censusAge: single(Math.max(0, now - counts.takenAt) / 1_000),
        }),
  };
}

/** Null where files are measured instead, and for databases that do not tell. */
async function readBytes({ bytesUsed }: Pick<Store, "bytesUsed">): Promise<number | null> {
  try {
    return (await bytesUsed?.()) ?? null;
  } catch {
    return null;
  }
}

async function oldestAge(
  store: Reader,
  table: "deadLetters" | "deadMessages",
  now: number,
): Promise<number> {
  const [oldest] = await store.list(table, {
    where: [{ type: "in", column: "state", values: ["open"] }],
    order: "ascending",
    limit: 1,
    without: ["responseBody"],
  });
  return oldest === undefined ? 0 : Math.max(0, now - oldest.createdAt) / 1_000;
}

/** A storage that fails or hangs costs its own gauges, and no others. */
async function within(host: Host, reading: Promise<Readings>): Promise<Readings> {
  const absent: Readings = { storageUp: single(0) };
  let timer: Timer | undefined;
  const late = new Promise<Readings>((resolve) => {
    timer = host.setTimer(host.now() + PATIENCE_MS, () => resolve(absent));
  });
  try {
    return await Promise.race([reading.catch(() => absent), late]);
  } finally {
    timer?.cancel();
  }
}

/** The same for equal settings, and without any of them: tells whether two nodes differ. */
export function fingerprintOf(settings: unknown): string {
  // Ranges of addresses are whole numbers of any size.
  const text = JSON.stringify(settings, (_name, value: unknown) =>
    typeof value === "bigint" ? String(value) : value,
  );
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}
