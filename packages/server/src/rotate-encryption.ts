import { join } from "node:path";
import { RepriseError } from "@reprise/protocol";
import type { ServerConfig } from "./config.ts";
import { createSystemHost } from "./host/system-host.ts";
import { openStore } from "./open-storage.ts";
import { refuseHalfMoved } from "./operate/move-mark.ts";
import { removeRemains } from "./store/encrypted-remains.ts";
import { type RotationReport, rotateEncryption } from "./store/encrypted-rotation.ts";

export interface RotateDatabaseOptions {
  /** Makes everything clear instead. */
  readonly isDecrypting: boolean;
  readonly onProgress: (report: RotationReport) => void;
}

/**
 * Brings the database of a configuration up to its encryption settings: every value is encrypted by the first key, or clear.
 * @throws RepriseError `invalid_request` without keys, `storage_unavailable` while a server uses an embedded database.
 */
export async function rotateDatabase(
  config: ServerConfig,
  options: RotateDatabaseOptions,
): Promise<RotationReport> {
  const { dataDir, databaseUrl, encryption: settings } = config;
  if (settings === null) {
    throw new RepriseError("invalid_request", {
      message:
        "there is no key: give the one that shall encrypt, and all that have, in REPRISE_ENCRYPTION_KEYS",
    });
  }
  const host = createSystemHost({
    logLevel: config.logLevel,
    connectionsPerOrigin: config.perOriginMax,
    egress: config.egress,
  });
  let report: RotationReport;
  try {
    const store = await openStore(config, { host });
    const randomBytes = (count: number) => host.randomBytes(count);
    try {
      await refuseHalfMoved(store);
      report = await rotateEncryption(store, { ...options, settings, randomBytes });
    } finally {
      await store.close();
    }
  } finally {
    await host.close();
  }
  // Free pages hold remains of what was clear. PostgreSQL has commands of its own for them.
  if (databaseUrl === null && !options.isDecrypting) removeRemains(join(dataDir, "reprise.db"));
  return report;
}
