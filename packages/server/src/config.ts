import {
  ATTEMPT_TIMEOUT_MS_DEFAULT,
  ATTEMPT_TIMEOUT_MS_MAX,
  BATCH_BYTES_MAX,
  BODY_BYTES_MAX,
  DAY_MS,
  DEV_IDENTITY,
  isDevSecret,
  parseDurationMs,
  RETRIES_MAX,
  RepriseError,
  SCHEDULES_MAX,
  SCHEDULES_MAX_DEFAULT,
  STORED_RESPONSE_BYTES_MAX,
} from "@reprise/protocol";
import type { SigningKeys } from "./engine/signer.ts";
import { tokenFault } from "./engine/token-text.ts";
import { EGRESS_MODES, type EgressPolicy, parseAllowEntry } from "./host/egress-policy.ts";
import type { LogLevel } from "./host/host.ts";

/** Everything that an operator can set, checked. */
export interface ServerConfig {
  readonly mode: "development" | "production";
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Directory of the database, or `:memory:`. */
  readonly dataDir: string;
  /** The token that may do everything. Null: made at the first start; only its digest is kept. */
  readonly token: string | null;
  /** A token that may look at everything but the signing keys and the tokens. */
  readonly readOnlyToken: string | null;
  /** A token for apps: it may send messages and go on with runs. */
  readonly publishToken: string | null;
  /** Null: made at the first start and kept in the database. */
  readonly signingKeys: SigningKeys | null;
  /** Time that must pass between two rotations of the signing keys, unless the second one is forced. */
  readonly keyRotationGuardMs: number;
  /** Requests with a wrong token, or none, that one address may send within a second. */
  readonly authFailuresMax: number;
  readonly logLevel: LogLevel;
  readonly trustedProxies: readonly string[];
  /** Where deliveries may go. */
  readonly egress: EgressPolicy;
  readonly bodyBytesMax: number;
  readonly retriesMax: number;
  readonly schedulesMax: number;
  readonly attemptTimeoutMs: number;
  readonly responseBytesMax: number;
  /** Deliveries in flight to one origin. */
  readonly perOriginMax: number;
  /** Deliveries in flight to all origins together. */
  readonly parallelismMax: number;
  /** Time that attempts in flight get to end when the server stops. */
  readonly drainMs: number;
}

export const LIMITS = {
  batchBytesMax: BATCH_BYTES_MAX,
  groupRequestsMax: 512,
  groupBytesMax: 32 * 1024 * 1024,
  inboxRequestsMax: 20_000,
  configCacheEntriesMax: 10_000,
  historyCharsMax: 64 * 1024 * 1024,
  inlineCharsMax: 4 * 1024 * 1024,
  perOriginWaitingMax: 1_000,
  lingerMs: 20,
  storeRetryMs: 1_000,
  claimMax: 500,
} as const;

const KEY_ROTATION_GUARD_MS_MAX = 365 * DAY_MS;

const DEFAULTS = {
  readOnlyToken: null,
  publishToken: null,
  keyRotationGuardMs: DAY_MS,
  authFailuresMax: 20,
  host: "127.0.0.1",
  port: 8080,
  dataDir: ".reprise/data",
  logLevel: "info",
  trustedProxies: [],
  bodyBytesMax: BODY_BYTES_MAX,
  retriesMax: RETRIES_MAX,
  schedulesMax: SCHEDULES_MAX_DEFAULT,
  attemptTimeoutMs: ATTEMPT_TIMEOUT_MS_DEFAULT,
  responseBytesMax: STORED_RESPONSE_BYTES_MAX,
  perOriginMax: 50,
  parallelismMax: 2_000,
  drainMs: 30_000,
} as const;

/** Development: the published token and keys, on loopback only, so that apps with `QSTASH_DEV=true` just work. */
export function devServerConfig(options: {
  readonly host?: string;
  readonly port?: number;
  readonly dataDir?: string;
  readonly logLevel?: LogLevel;
}): ServerConfig {
  const host = options.host ?? DEFAULTS.host;
  if (!isLoopback(host)) {
    throw new RepriseError("invalid_request", {
      message: `development mode uses a published token and listens on loopback only, got --host ${host}; use \`reprise start\``,
    });
  }
  return {
    ...DEFAULTS,
    mode: "development",
    // The apps of a developer are on this machine.
    egress: { mode: "allow-private", allow: [] },
    host,
    port: options.port ?? DEFAULTS.port,
    dataDir: options.dataDir ?? ".reprise/dev",
    logLevel: options.logLevel ?? "warn",
    token: DEV_IDENTITY.token,
    signingKeys: {
      current: DEV_IDENTITY.currentSigningKey,
      next: DEV_IDENTITY.nextSigningKey,
    },
    keyRotationGuardMs: 0,
  };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Production: settings from `REPRISE_*` variables.
 * @throws RepriseError `invalid_request` that lists every fault at once, one a line.
 */
export function parseServerConfig(env: Environment): ServerConfig {
  const faults: string[] = [];
  const reader = new EnvironmentReader(env, faults);
  const config: ServerConfig = {
    mode: "production",
    host: reader.text("REPRISE_HOST") ?? DEFAULTS.host,
    port: reader.whole("REPRISE_PORT", { min: 0, max: 65_535 }) ?? DEFAULTS.port,
    dataDir: reader.text("REPRISE_DATA_DIR") ?? DEFAULTS.dataDir,
    ...readTokens(reader, faults),
    signingKeys: readSigningKeys(reader, faults),
    keyRotationGuardMs:
      reader.duration("REPRISE_KEY_ROTATION_GUARD", KEY_ROTATION_GUARD_MS_MAX) ??
      DEFAULTS.keyRotationGuardMs,
    authFailuresMax:
      reader.whole("REPRISE_AUTH_FAILURES_MAX", { min: 1, max: 1_000_000 }) ??
      DEFAULTS.authFailuresMax,
    logLevel: reader.choice("REPRISE_LOG_LEVEL", ["debug", "info", "warn", "error"]) ?? "info",
    trustedProxies: reader.list("REPRISE_TRUSTED_PROXIES"),
    egress: readEgress(reader, faults),
    bodyBytesMax:
      reader.whole("REPRISE_BODY_BYTES_MAX", { min: 1024, max: BATCH_BYTES_MAX }) ??
      DEFAULTS.bodyBytesMax,
    retriesMax:
      reader.whole("REPRISE_RETRIES_MAX", { min: 0, max: RETRIES_MAX }) ?? DEFAULTS.retriesMax,
    schedulesMax:
      reader.whole("REPRISE_SCHEDULES_MAX", { min: 0, max: SCHEDULES_MAX }) ??
      DEFAULTS.schedulesMax,
    attemptTimeoutMs:
      reader.duration("REPRISE_ATTEMPT_TIMEOUT", ATTEMPT_TIMEOUT_MS_MAX) ??
      DEFAULTS.attemptTimeoutMs,
    responseBytesMax:
      reader.whole("REPRISE_RESPONSE_BYTES_MAX", { min: 1024, max: BATCH_BYTES_MAX }) ??
      DEFAULTS.responseBytesMax,
    parallelismMax:
      reader.whole("REPRISE_PARALLELISM_MAX", { min: 1, max: 100_000 }) ?? DEFAULTS.parallelismMax,
    perOriginMax:
      reader.whole("REPRISE_PER_ORIGIN_MAX", { min: 1, max: 10_000 }) ?? DEFAULTS.perOriginMax,
    drainMs: reader.duration("REPRISE_DRAIN_TIMEOUT", 3_600_000) ?? DEFAULTS.drainMs,
  };
  reader.refuseUnknown();
  if (faults.length > 0) {
    throw new RepriseError("invalid_request", {
      message: `the configuration has ${faults.length} fault${faults.length === 1 ? "" : "s"}:\n${faults.map((fault) => `  - ${fault}`).join("\n")}`,
    });
  }
  return config;
}

const TOKEN_NAMES = ["REPRISE_TOKEN", "REPRISE_READ_ONLY_TOKEN", "REPRISE_PUBLISH_TOKEN"] as const;

function readTokens(reader: EnvironmentReader, faults: string[]) {
  const [token = null, readOnlyToken = null, publishToken = null] = TOKEN_NAMES.map((name) =>
    readToken(reader, name, faults),
  );
  const given = [token, readOnlyToken, publishToken].filter((text) => text !== null);
  if (new Set(given).size < given.length) faults.push(`${TOKEN_NAMES.join(", ")} must differ`);
  return { token, readOnlyToken, publishToken };
}

function readToken(reader: EnvironmentReader, name: string, faults: string[]): string | null {
  const token = reader.text(name);
  if (token === null) return null;
  const fault = tokenFault(token);
  if (fault !== null) faults.push(`${name} ${fault}`);
  return token;
}

function readSigningKeys(reader: EnvironmentReader, faults: string[]): SigningKeys | null {
  const current = reader.text("REPRISE_CURRENT_SIGNING_KEY");
  const next = reader.text("REPRISE_NEXT_SIGNING_KEY");
  if (current === null && next === null) return null;
  if (current === null || next === null) {
    faults.push("REPRISE_CURRENT_SIGNING_KEY and REPRISE_NEXT_SIGNING_KEY must be given together");
    return null;
  }
  for (const [name, key] of [
    ["REPRISE_CURRENT_SIGNING_KEY", current],
    ["REPRISE_NEXT_SIGNING_KEY", next],
  ] as const) {
    if (isDevSecret(key)) faults.push(`${name} must not be a published development key`);
    else if (key.length < 24) faults.push(`${name} must have at least 24 characters`);
  }
  if (current === next) faults.push("REPRISE_NEXT_SIGNING_KEY must differ from the current key");
  return { current, next };
}

function readEgress(reader: EnvironmentReader, faults: string[]): EgressPolicy {
  const mode = reader.choice("REPRISE_EGRESS", EGRESS_MODES) ?? "public-only";
  const entries = reader.list("REPRISE_EGRESS_ALLOW").map(parseAllowEntry);
  const wrong = entries.filter((entry) => typeof entry === "string");
  faults.push(...wrong.map((fault) => `REPRISE_EGRESS_ALLOW: ${fault}`));
  if (mode === "allow-list" && entries.length === 0) {
    faults.push("REPRISE_EGRESS_ALLOW must name a destination when REPRISE_EGRESS is allow-list");
  }
  return { mode, allow: entries.filter((entry) => typeof entry !== "string") };
}

/** Reads variables and collects every fault, so that an operator sees them all at once. */
class EnvironmentReader {
  readonly #env: Environment;
  readonly #faults: string[];
  readonly #known = new Set<string>();

  constructor(env: Environment, faults: string[]) {
    this.#env = env;
    this.#faults = faults;
  }

  text(name: string): string | null {
    this.#known.add(name);
    const value = this.#env[name]?.trim();
    return value === undefined || value === "" ? null : value;
  }

  list(name: string): readonly string[] {
    return (this.text(name) ?? "")
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
  }

  whole(name: string, range: { readonly min: number; readonly max: number }): number | null {
    const value = this.text(name);
    if (value === null) return null;
    const number = /^\d{1,15}$/.test(value) ? Number(value) : -1;
    if (number >= range.min && number <= range.max) return number;
    this.#faults.push(
      `${name} must be a whole number from ${range.min} to ${range.max}, got ${value}`,
    );
    return null;
  }

  duration(name: string, msMax: number): number | null {
    const value = this.text(name);
    if (value === null) return null;
    try {
      const ms = parseDurationMs(value, name);
      if (ms > 0 && ms <= msMax) return ms;
      this.#faults.push(
        `${name} must be longer than 0 and at most ${msMax / 1000} seconds, got ${value}`,
      );
    } catch (error) {
      this.#faults.push(error instanceof Error ? error.message : String(error));
    }
    return null;
  }

  choice<T extends string>(name: string, allowed: readonly T[]): T | null {
    const value = this.text(name);
    if (value === null) return null;
    const found = allowed.find((item) => item === value);
    if (found === undefined) {
      this.#faults.push(`${name} must be one of ${allowed.join(", ")}, got ${value}`);
    }
    return found ?? null;
  }

  /** A misspelt setting would silently keep its default. */
  refuseUnknown(): void {
    for (const name of Object.keys(this.#env)) {
      if (name.startsWith("REPRISE_") && !this.#known.has(name)) {
        this.#faults.push(`${name} is not a setting; known are ${[...this.#known].join(", ")}`);
      }
    }
  }
}
