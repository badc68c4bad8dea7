import { join } from "node:path";
import type { RepriseError } from "@reprise/protocol";
import type { ServerConfig } from "./config.ts";
import { type OpenedCredentials, openCredentials } from "./credentials.ts";
import { NodeLease } from "./engine/node-lease.ts";
import { SharedClock, withSharedClock } from "./engine/shared-clock.ts";
import type { Host } from "./host/host.ts";
import { systemElapsedMs } from "./host/system-clock.ts";
import { observeStore, type StoreObserver } from "./observe/observed-store.ts";
import { refuseHalfMoved, refuseMoved } from "./operate/move-mark.ts";
import { openEncrypted } from "./store/encrypted.ts";
import { openSqliteStore } from "./store/sqlite.ts";
import type { Store } from "./store/store.ts";

/** What a server opens before it can serve. */
export interface Storage {
  readonly store: Store;
  /** For those who only look: a damaged row does not hide the others. */
  readonly shown: Store;
  readonly credentials: OpenedCredentials;
  /** This server's place among those that share the store; null for one that is alone. */
  readonly lease: NodeLease | null;
}

export interface StorageRoom {
  readonly host: Host;
  readonly clock: SharedClock;
  readonly observer: StoreObserver;
  readonly onBroken?: (error: RepriseError) => void;
  /** Stands between the server and its store, to make calls of the store fail. */
  readonly wrapStore?: (store: Store) => Store;
}

/** The clock of a server, and the host that tells it: its own, unless others share its database. */
export function clockOf<H extends Host>(
  { databaseUrl }: ServerConfig,
  host: H,
): { readonly clock: SharedClock; readonly host: H } {
  const clock = new SharedClock(systemElapsedMs, host.now());
  return { clock, host: databaseUrl === null ? host : withSharedClock(host, clock) };
}

/** Opens the database, reads keys and tokens, and joins the other servers there. */
export async function openStorage(config: ServerConfig, room: StorageRoom): Promise<Storage> {
  const { host, clock, wrapStore = (unwrapped: Store) => unwrapped } = room;
  const store = wrapStore(await openStore(config, room));
  try {
    const { encryption: settings, nodeLeaseMs: leaseMs } = config;
    await refuseHalfMoved(store);
    const opened = await openEncrypted(store, { settings, randomBytes: host.randomBytes });
    const observed = observeStore(opened.store, room.observer);
    const credentials = await openCredentials(config, observed, host);
    const lease = store.isShared ? await NodeLease.open({ store, host, clock, leaseMs }) : null;
    return { store: observed, shown: opened.shown, credentials, lease };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Opens the database that a configuration names, without encryption and whatever else belongs to a server. */
export async function openStore(
  { databaseUrl, dataDir }: Pick<ServerConfig, "databaseUrl" | "dataDir">,
  room: Pick<StorageRoom, "host" | "onBroken">,
): Promise<Store> {
  const { host, onBroken } = room;
  if (databaseUrl !== null) {
    // Loaded late: an embedded server does without the driver.
    const { openPostgresStore } = await import("./store/postgres.ts");
    const onWarning = (text: string) => host.log("warn", "database_settings", { text });
    return openPostgresStore({ url: databaseUrl, onWarning });
  }
  if (dataDir !== ":memory:") refuseMoved(dataDir);
  const path = dataDir === ":memory:" ? ":memory:" : join(dataDir, "reprise.db");
  const now = () => host.now();
  return openSqliteStore({ path, now, ...(onBroken === undefined ? {} : { onBroken }) });
}
