import type { Server } from "node:http";
import { join } from "node:path";
import { RepriseError } from "@reprise/protocol";
import { createApi } from "./api/app.ts";
import { createBulkRunner } from "./api/bulk-runner.ts";
import { createAnswerReader } from "./api/read-answer.ts";
import type { ApiRoom, ApiSettings } from "./api/room.ts";
import { LIMITS, type ServerConfig } from "./config.ts";
import { type ConnectedLimits, createConnected } from "./connected.ts";
import type { Command } from "./core/commands.ts";
import { openCredentials, type TokenSource } from "./credentials.ts";
import { DiskWatch, diskReader, type ReadDisk } from "./disk-watch.ts";
import type { ConnectedApps } from "./engine/connected-apps.ts";
import { Engine } from "./engine/engine.ts";
import type { EngineLimits, ReadAnswer } from "./engine/engine-options.ts";
import { limitsOf } from "./engine/limits.ts";
import { Sweeper } from "./engine/sweeper.ts";
import { Watchdog } from "./engine/watchdog.ts";
import { createEgress, destinationCheck } from "./host/egress.ts";
import type { Host } from "./host/host.ts";
import type { Resolve } from "./host/system-dial.ts";
import { createSystemHost } from "./host/system-host.ts";
import { openEncrypted } from "./store/encrypted.ts";
import { openSqliteStore } from "./store/sqlite.ts";
import type { Store } from "./store/store.ts";
import { closeServer, createHttpServer, listen, TRANSPORT_LIMITS } from "./transport.ts";

export interface RunningServer {
  /** Base URL for clients. */
  readonly url: string;
  readonly port: number;
  readonly config: ServerConfig;
  /** The token that may do everything; empty when it was made at an earlier start and only its digest is known. */
  readonly token: string;
  readonly tokenSource: TokenSource;
  readonly signingKeys: { readonly current: string; readonly next: string };
  /** Stops taking requests, lets attempts in flight end, and closes the store. */
  close(): Promise<void>;
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
}

/**
 * Opens the store, takes over what an earlier process left, and listens.
 * @throws RepriseError when the data directory is in use or unusable; the system's error when the port is.
 */
export async function startServer(
  config: ServerConfig,
  surroundings: Surroundings = {},
): Promise<RunningServer> {
  const { writeLine, resolve } = surroundings;
  const host = createSystemHost({
    logLevel: config.logLevel,
    connectionsPerOrigin: config.perOriginMax,
    egress: config.egress,
    ...(writeLine === undefined ? {} : { writeLine }),
    ...(resolve === undefined ? {} : { resolve }),
  });
  const path = config.dataDir === ":memory:" ? ":memory:" : join(config.dataDir, "reprise.db");
  const store = await openSqliteStore({
    path,
    now: () => host.now(),
    ...(surroundings.onBroken === undefined ? {} : { onBroken: surroundings.onBroken }),
  });
  try {
    const { wrapStore = (unwrapped: Store) => unwrapped } = surroundings;
    const { limits = {}, connectedLimits = {} } = surroundings;
    const readDisk = surroundings.readDisk ?? diskReader(config.dataDir);
    return await serve({
      config,
      host,
      ...(await openEncrypted(wrapStore(store), {
        settings: config.encryption,
        randomBytes: host.randomBytes,
      })),
      limits,
      connectedLimits,
      readDisk,
    });
  } catch (error) {
    await store.close();
    await host.close();
    throw error;
  }
}

interface EngineParts extends Pick<Parts, "config" | "store"> {
  readonly host: Host;
  readonly limits?: Partial<EngineLimits>;
  readonly admit?: (commands: readonly Command[]) => void;
  readonly readAnswer?: ReadAnswer;
  readonly connected?: ConnectedApps;
}

interface Parts {
  readonly config: ServerConfig;
  readonly host: Host & { close(): Promise<void> };
  readonly store: Store;
  /** For those who only look: a damaged row does not hide the others. */
  readonly shown: Store;
  readonly limits: Partial<EngineLimits>;
  readonly connectedLimits: Partial<ConnectedLimits>;
  readonly readDisk: ReadDisk;
}

async function serve(parts: Parts): Promise<RunningServer> {
  const { config, host, store, shown } = parts;
  const credentials = await openCredentials(config, store, host);
  const diskWatch = createDiskWatch(parts);
  const admit = (commands: readonly Command[]) => diskWatch?.admit(commands);
  const settings = toSettings(config);
  const readAnswer = createAnswerReader({ host, settings });
  const connected = createConnected({ ...parts, settings });
  const ends = { admit, readAnswer, connected: connected.apps };
  const engine = createEngine({ ...parts, ...ends }, credentials.signingKeys);
  const bulkRunner = createBulkRunner({ engine, store, host });
  const room: ApiRoom = { engine, bulkRunner, store: shown, host, credentials, settings };
  const api = createApi(room);
  const openServer = () => {
    const server = createHttpServer(api, host, {
      ...TRANSPORT_LIMITS,
      connectionsMax: config.connectionsMax,
      headerBytesMax: config.headerBytesMax,
    });
    connected.attach(server);
    return server;
  };
  const { servers, port } = await listenAll(openServer, config, host);
  await credentials.keepToken();
  await diskWatch?.start();
  engine.start();
  connected.open(room);
  await bulkRunner.start();
  const sweeper = new Sweeper({ host, store, limits: config });
  sweeper.start();
  const watchdog = new Watchdog({ host, store, engine, limits: config });
  watchdog.start();
  const { current, next } = credentials.signingKeys();
  return {
    url: `http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${port}`,
    port,
    config,
    token: credentials.token,
    tokenSource: credentials.tokenSource,
    signingKeys: { current, next },
    close: async () => {
      // Requests are answered while attempts end: a step that finishes now must still be recorded.
      diskWatch?.stop();
      await bulkRunner.stop();
      await watchdog.stop();
      connected.drain();
      await engine.stop(config.drainMs);
      await connected.close();
      await sweeper.stop();
      await Promise.all(servers.map((server) => closeServer(server, host)));
      await store.close();
      await host.close();
    },
  };
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

/**
 * Listens at the host of the configuration, and in development at the other `localhost` as well: the name has two addresses, and some
 * clients try the IPv6 one alone. A port that the system picks belongs to one address only.
 */
async function listenAll(
  openServer: () => Server,
  { mode, host: name, port: wanted }: ServerConfig,
  host: Host,
): Promise<{ readonly servers: readonly Server[]; readonly port: number }> {
  const server = openServer();
  const port = await listen(server, name, wanted);
  if (mode !== "development" || name !== "127.0.0.1" || wanted === 0) {
    return { servers: [server], port };
  }
  const twin = openServer();
  try {
    await listen(twin, "::1", port);
    return { servers: [server, twin], port };
  } catch (error) {
    if (isWithoutIpv6(error)) return { servers: [server], port };
    // Whoever has the port there would be taken for this server.
    await closeServer(server, host);
    throw error;
  }
}

function isWithoutIpv6(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT";
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

/** A database in memory needs no disk. */
function createDiskWatch({ config, host, readDisk }: Parts): DiskWatch | null {
  if (config.dataDir === ":memory:") return null;
  return new DiskWatch({ host, read: readDisk, percentMax: config.diskPercentMax });
}

/** The engine with the limits of a configuration; the simulation builds its own. */
export function createEngine(
  { config, host, store, limits, admit, readAnswer, connected }: EngineParts,
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
    limits: {
      ...LIMITS,
      attemptTimeoutMs: config.attemptTimeoutMs,
      perOriginMax: config.perOriginMax,
      parallelismMax: config.parallelismMax,
      responseBytesMax: config.responseBytesMax,
      ...limits,
    },
  });
}
