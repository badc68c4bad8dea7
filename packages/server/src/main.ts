import { RepriseError } from "@reprise/protocol";
import { createApi } from "./api/app.ts";
import { createBulkRunner } from "./api/bulk-runner.ts";
import { ChangeStreams } from "./api/change-streams.ts";
import { createAnswerReader } from "./api/read-answer.ts";
import type { ApiRoom, ApiSettings, OverviewSources, Sessions } from "./api/room.ts";
import { createStartingApi } from "./api/starting.ts";
import { awaitStorage } from "./await-storage.ts";
import { LIMITS, type ServerConfig } from "./config.ts";
import { type Connected, type ConnectedLimits, createConnected } from "./connected.ts";
import type { Command } from "./core/commands.ts";
import type { TokenSource } from "./credentials.ts";
import { DASHBOARD_DIR, openDashboard } from "./dashboard-files.ts";
import { type DescribedSetting, describeGiven } from "./describe-config.ts";
import { DiskWatch, diskReader, type ReadDisk } from "./disk-watch.ts";
import { AuditTrail } from "./engine/audit-trail.ts";
import type { ConnectedApps } from "./engine/connected-apps.ts";
import { Engine } from "./engine/engine.ts";
import type { EngineLimits, ReadAnswer } from "./engine/engine-options.ts";
import { limitsOf } from "./engine/limits.ts";
import type { NodeLease } from "./engine/node-lease.ts";
import type { Observer } from "./engine/observer.ts";
import { SettingsWatch } from "./engine/settings-watch.ts";
import { createFailureSorter } from "./engine/sort-failures.ts";
import { Sweeper } from "./engine/sweeper.ts";
import type { Tracing } from "./engine/tracing.ts";
import { Watchdog } from "./engine/watchdog.ts";
import { createEgress, destinationCheck } from "./host/egress.ts";
import type { Host } from "./host/host.ts";
import type { SpanSink } from "./host/otel-spans.ts";
import type { Resolve } from "./host/system-dial.ts";
import { createSystemHost } from "./host/system-host.ts";
import { monotonicMs, type Pulse, startPulse } from "./host/system-pulse.ts";
import { type Front, openFront } from "./listening.ts";
import { exposeMetrics, readVersion } from "./metrics-sources.ts";
import { ChangeFeed } from "./observe/change-feed.ts";
import { createChangeLog } from "./observe/change-log.ts";
import { Health } from "./observe/health.ts";
import { createMeter, type Meter } from "./observe/meter.ts";
import { seedTimeline } from "./observe/seed-timeline.ts";
import { clockOf, openStorage, type Storage } from "./open-storage.ts";
import { createTraced, openSpans } from "./open-tracing.ts";
import type { Store } from "./store/store.ts";

export interface RunningServer {
  /** Base URL for clients. */
  readonly url: string;
  readonly port: number;
  readonly config: ServerConfig;
  /** The token that may do everything; empty when it was made at an earlier start and only its digest is known. */
  readonly token: string;
  readonly tokenSource: TokenSource;
  readonly signingKeys: { readonly current: string; readonly next: string };
  /** Says that it is not ready, lets attempts in flight end, and closes the store. */
  stop(): Promise<Stopped>;
  /** As `stop`, for those who do not ask. */
  close(): Promise<void>;
}

/** What became of the attempts that were in flight when the server stopped. */
export interface Stopped {
  readonly endedCount: number;
  /** Those that took longer than they may: another process makes them again, under the same number. */
  readonly handedBackCount: number;
  readonly tookMs: number;
}

/** What surrounds the server; tests and tools replace parts of it. */
export interface Surroundings {
  /** Called when the storage cannot be trusted any more: the process has to end. */
  readonly onBroken?: (error: RepriseError) => void;
  /** Stands between the server and its store, to make calls of the store fail. */
  readonly wrapStore?: (store: Store) => Store;
  /** Takes the place of single limits, to reach them without waiting or gigabytes. */
  readonly limits?: Partial<EngineLimits>;
  readonly connectedLimits?: Partial<ConnectedLimits>;
  /** Takes the lines of the log; standard error when not given. */
  readonly writeLine?: (line: string) => void;
  /** Answers for the addresses of a destination's name; the system's resolver when not given. */
  readonly resolve?: Resolve;
  /** Says how full the disk is; the file system of the data directory when not given. */
  readonly readDisk?: ReadDisk;
  /** Where the built dashboard is; in this package when not given. */
  readonly dashboardDir?: string;
  /** What the server shows of its settings; as `config` tells when not given. */
  readonly shownSettings?: readonly DescribedSetting[];
  /** Ends a start that waits for its storage. */
  readonly stopSignal?: AbortSignal;
}

/**
 * Listens, opens the store as soon as it is there, takes over what an earlier process left, and serves.
 * @throws RepriseError when the data directory is in use or unusable; the system's error when the port is.
 */
export async function startServer(
  config: ServerConfig,
  surroundings: Surroundings = {},
): Promise<RunningServer> {
  const { writeLine, resolve } = surroundings;
  const changeLog =
    config.logLevel === "debug"
      ? createChangeLog((event, fields) => host.log("debug", event, fields))
      : undefined;
  const changeFeed = new ChangeFeed();
  const meter = createMeter({ now: () => host.now(), clock: monotonicMs, changeLog, changeFeed });
  let lease: NodeLease | null = null;
  const systemHost = createSystemHost({
    logLevel: config.logLevel,
    logFields: () => (lease === null ? {} : { nodeId: lease.id }),
    onEvent: meter.log,
    onDrop: () => meter.counters.logDropped.add(""),
    connectionsPerOrigin: config.perOriginMax,
    egress: config.egress,
    ...(writeLine === undefined ? {} : { writeLine }),
    ...(resolve === undefined ? {} : { resolve }),
  });
  const { host, clock } = clockOf(config, systemHost);
  const settings = toSettings(config);
  const connected = createConnected({
    host,
    settings,
    connectedLimits: surroundings.connectedLimits ?? {},
  });
  const pulse = startPulse();
  const health = new Health({ host, pulse });
  const closing: (() => unknown)[] = [() => host.close(), () => pulse.stop()];
  try {
    const first = createStartingApi(health, host);
    const front = await openFront({ config, host, first, attach: connected.attach });
    closing.push(() => front.close());
    const { stopSignal } = surroundings;
    const awaiting = { host, health, ...(stopSignal === undefined ? {} : { stopSignal }) };
    const room = { ...surroundings, host, clock, observer: meter.store };
    const storage = await awaitStorage(() => openStorage(config, room), awaiting);
    ({ lease } = storage);
    closing.push(() => storage.store.close());
    closing.push(() => storage.lease?.close());
    const sink = await openSpans(config, host);
    closing.push(() => sink?.close());
    const own = {
      config,
      host,
      meter,
      changeFeed,
      sink,
      settings,
      connected,
      pulse,
      health,
      front,
      ...storage,
    };
    return await serve({ ...own, ...toParts(config, surroundings) });
  } catch (error) {
    for (const close of closing.toReversed()) await close();
    throw error;
  }
}

interface EngineParts extends Pick<Parts, "config" | "store"> {
  readonly host: Host;
  readonly limits?: Partial<EngineLimits>;
  readonly admit?: (commands: readonly Command[]) => void;
  readonly readAnswer?: ReadAnswer;
  readonly connected?: ConnectedApps;
  readonly lease?: NodeLease | null;
  readonly observer?: Observer;
  readonly tracing?: Tracing;
}

interface Parts extends Storage {
  readonly sink: SpanSink | null;
  readonly config: ServerConfig;
  readonly host: Host & { close(): Promise<void> };
  readonly meter: Meter;
  readonly changeFeed: ChangeFeed;
  readonly settings: ApiSettings;
  readonly connected: Connected;
  readonly pulse: Pulse;
  readonly health: Health;
  readonly front: Front;
  readonly limits: Partial<EngineLimits>;
  readonly readDisk: ReadDisk;
  readonly dashboardDir: string;
  readonly shownSettings: readonly DescribedSetting[];
}

function toParts(
  config: ServerConfig,
  surroundings: Surroundings,
): Pick<Parts, "limits" | "readDisk" | "dashboardDir" | "shownSettings"> {
  const { limits = {}, readDisk = diskReader(config.dataDir) } = surroundings;
  const { dashboardDir = DASHBOARD_DIR, shownSettings = describeGiven(config) } = surroundings;
  return { limits, readDisk, dashboardDir, shownSettings };
}

async function serve(parts: Parts): Promise<RunningServer> {
  const { config, host, meter, store, shown, credentials, settings } = parts;
  const { connected, health, front, lease } = parts;
  const diskWatch = createDiskWatch(parts);
  const admit = (commands: readonly Command[]) => diskWatch?.admit(commands);
  const readAnswer = createAnswerReader({ host, settings });
  const traced = createTraced(parts.sink, { host, store, observer: meter.engine });
  const ends = { admit, readAnswer, connected: connected.apps, ...traced.ways };
  const engine = createEngine({ ...parts, ...ends }, credentials.signingKeys);
  const stall = store.isShared ? { stallMs: config.nodeLeaseMs } : {};
  const bulkRunner = createBulkRunner({ engine, store, host, ...stall });
  const watchdog = new Watchdog({ host, store, engine, limits: config });
  const expose = exposeMetrics({ ...parts, engine, watchdog, disk: diskWatch });
  const overview = openOverview(parts, watchdog);
  const page = openPage(parts);
  const seen = { health, observer: meter.api, expose, overview, ...page };
  const room: ApiRoom = { engine, bulkRunner, store: shown, host, credentials, settings, ...seen };
  front.serve(traced.serve(createApi(room)));
  const isTokenKept = await credentials.keepToken();
  await diskWatch?.start();
  engine.start();
  connected.open(room);
  await bulkRunner.start();
  const housekeeping = startHousekeeping(parts, engine);
  watchdog.start();
  const { refresh } = credentials;
  const settingsWatch = new SettingsWatch({ host, store, everyMs: config.pollMs, refresh });
  settingsWatch.start();
  health.start({ store, disk: diskWatch, isLeaseHeld: () => lease?.holds() ?? true });
  const { current, next } = credentials.signingKeys();
  const stop = async (): Promise<Stopped> => {
    // Who sends requests here has to see it before they are refused.
    health.drain();
    page.changes.close();
    await pause(config.preStopMs, host);
    const stoppedAt = host.now();
    const inFlightCount = engine.attemptsInFlight;
    // Requests are answered while attempts end: a step that finishes now must still be recorded.
    diskWatch?.stop();
    await bulkRunner.stop();
    await watchdog.stop();
    await housekeeping.stop();
    await settingsWatch.stop();
    connected.drain();
    await engine.stop(config.drainMs);
    const handedBackCount = engine.attemptsInFlight;
    await connected.close();
    await front.close();
    await traced.close();
    // A database that does not answer any more finds out by itself that this server is gone.
    await lease?.close().catch(() => {});
    await store.close();
    parts.pulse.stop();
    await host.close();
    const endedCount = Math.max(0, inFlightCount - handedBackCount);
    return { endedCount, handedBackCount, tookMs: host.now() - stoppedAt };
  };
  return {
    url: `http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${front.port}`,
    port: front.port,
    config,
    token: isTokenKept ? credentials.token : "",
    tokenSource: isTokenKept ? credentials.tokenSource : "kept",
    signingKeys: { current, next },
    stop,
    close: async () => void (await stop()),
  };
}

/** What goes on beside the requests: retention, and the sorting of dead letters. */
function startHousekeeping(
  { host, store, shown, config, meter }: Parts,
  engine: Engine,
): { readonly stop: () => Promise<void> } {
  const sweeper = new Sweeper({
    ...{ host, store, engine, limits: config },
    onDeleted: (what, count) => meter.counters.retention.add(what, count),
  });
  const failureSorter = createFailureSorter({ host, store, shown });
  sweeper.start();
  failureSorter.start();
  return {
    stop: async () => {
      await sweeper.stop();
      await failureSorter.stop();
    },
  };
}

/** What happened before is read while the server is at work already. */
function openOverview({ shown, host, meter }: Parts, watchdog: Watchdog): OverviewSources {
  const { timeline } = meter;
  void seedTimeline({ store: shown, host, timeline, before: host.now() });
  return { timeline, stuckCount: () => watchdog.stuckCount };
}

/** What the dashboard takes, besides the API. */
function openPage(parts: Parts) {
  const { dashboardDir, credentials, host, store, changeFeed: feed, shownSettings } = parts;
  const { holderOf, sessionSecret: secret, endedSessions: ended } = credentials;
  const sessions: Sessions = { holderOf, ended, secret, version: readVersion() };
  const changes = new ChangeStreams({ host, store, feed });
  const audit = new AuditTrail({ store, host });
  return { dashboard: openDashboard(dashboardDir), sessions, changes, audit, shownSettings };
}

function pause(ms: number, host: Host): Promise<void> {
  if (ms === 0) return Promise.resolve();
  return new Promise((resolve) => {
    host.setTimer(host.now() + ms, resolve);
  });
}

function toSettings(config: ServerConfig): ApiSettings {
  return {
    ...limitsOf(config),
    trustedProxies: config.trustedProxies,
    publicUrl: config.publicUrl,
    isLoopbackOnly: config.mode === "development",
    checkEgress: createDestinationCheck(config),
  };
}

/** Judges what a URL itself says: its length, and where it leads to. */
function createDestinationCheck({ egress, urlBytesMax }: ServerConfig): ApiSettings["checkEgress"] {
  const check = destinationCheck(createEgress(egress));
  return (url, field = "destination") => {
    if (url.length > urlBytesMax) {
      throw new RepriseError("invalid_destination", {
        message: `invalid ${field} url: it is longer than ${urlBytesMax} bytes`,
        details: { field, limit: urlBytesMax },
      });
    }
    check(url, field);
  };
}

/** A database in memory needs no disk, and one elsewhere is not on this one. */
function createDiskWatch({
  config,
  host,
  readDisk,
}: Pick<Parts, "config" | "host" | "readDisk">): DiskWatch | null {
  if (config.dataDir === ":memory:" || config.databaseUrl !== null) return null;
  return new DiskWatch({ host, read: readDisk, percentMax: config.diskPercentMax });
}

/** The engine with the limits of a configuration; the simulation builds its own. */
export function createEngine(
  {
    config,
    host,
    store,
    limits,
    admit,
    readAnswer,
    connected,
    lease = null,
    observer,
    tracing,
  }: EngineParts,
  keys: () => { readonly current: string; readonly next: string },
): Engine {
  return new Engine({
    region: config.region,
    host,
    store,
    keys,
    ...(admit === undefined ? {} : { admit }),
    ...(readAnswer === undefined ? {} : { readAnswer }),
    ...(connected === undefined ? {} : { connected }),
    ...(lease === null ? {} : { lease }),
    ...(observer === undefined ? {} : { observer }),
    ...(tracing === undefined ? {} : { tracing }),
    limits: {
      ...LIMITS,
      attemptTimeoutMs: config.attemptTimeoutMs,
      perOriginMax: config.perOriginMax,
      parallelismMax: config.parallelismMax,
      pollMs: config.pollMs,
      responseBytesMax: config.responseBytesMax,
      ...limits,
    },
  });
}
