import { readFileSync } from "node:fs";
import type { ServerConfig } from "./config.ts";
import type { OpenedCredentials } from "./credentials.ts";
import { limitsOf } from "./engine/limits.ts";
import { machineNow } from "./host/system-clock.ts";
import { createExposition } from "./observe/exposition.ts";
import type { Meter } from "./observe/meter.ts";
import { createReader, fingerprintOf, type Sources } from "./observe/readings.ts";

/** Everything of a server that its metrics show. */
export interface MetricsParts
  extends Pick<Sources, "host" | "store" | "pulse" | "engine" | "watchdog" | "disk"> {
  readonly config: ServerConfig;
  readonly credentials: OpenedCredentials;
  readonly meter: Meter;
}

export function exposeMetrics(parts: MetricsParts): () => Promise<string> {
  const { config, credentials, meter, store, ...sources } = parts;
  const isFile = config.dataDir !== ":memory:" && !store.isShared;
  const reader = createReader({
    ...sources,
    store,
    dataDir: isFile ? config.dataDir : null,
    keysSince: () => {
      const { rotatedAt, since } = credentials.signingKeys();
      return rotatedAt ?? since;
    },
    machineNow,
    info: {
      version: readVersion(),
      node_version: process.version,
      store: store.isShared ? "postgres" : "sqlite",
      mode: config.mode,
      egress: config.egress.mode,
      settings: fingerprintOf(comparable(config)),
    },
  });
  return createExposition(meter, reader);
}

/** What nodes of one installation have in common; nothing of it is secret. */
function comparable(config: ServerConfig): unknown {
  const { region, publicUrl, egress, keyRotationGuardMs } = config;
  return [limitsOf(config), region, publicUrl, egress, keyRotationGuardMs];
}

export function readVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  const manifest: unknown = JSON.parse(text);
  const hasVersion = typeof manifest === "object" && manifest !== null && "version" in manifest;
  return hasVersion ? String(manifest.version) : "unknown";
}
