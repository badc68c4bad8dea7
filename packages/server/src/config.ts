import { DAY_MS, DEV_IDENTITY, isDevSecret, RepriseError } from "@reprise/protocol";
import { DEFAULT_LIMITS, type Limits } from "./engine/limits.ts";
import type { SigningKeys } from "./engine/signer.ts";
import { tokenFault } from "./engine/token-text.ts";
import { type Environment, EnvironmentReader, type FoundSetting } from "./environment-reader.ts";
import { EGRESS_MODES, type EgressPolicy, parseAllowEntry } from "./host/egress-policy.ts";
import type { LogLevel } from "./host/host.ts";
import type { TracingSettings } from "./host/otel.ts";
import { readLimits } from "./limit-settings.ts";
import { type EncryptionSettings, parseEncryptionKeys } from "./store/encrypted-keys.ts";
import { readTracing } from "./tracing-settings.ts";

export type { Environment } from "./environment-reader.ts";

/** Everything that an operator can set, checked. */
export interface ServerConfig extends Limits {
  readonly mode: "development" | "production";
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Directory of the database, or `:memory:`. */
  readonly dataDir: string;
  /** The PostgreSQL that several servers share, in place of the directory; null for the embedded database. */
  readonly databaseUrl: string | null;
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
  readonly logLevel: LogLevel;
  readonly trustedProxies: readonly string[];
  /** Under which others reach this server; webhooks report it. Null: as each request says. */
  readonly publicUrl: string | null;
  /** Sent with every delivery, for apps that serve several regions; null sends none. */
  readonly region: string | null;
  /** Where deliveries may go. */
  readonly egress: EgressPolicy;
  /** What is encrypted in the database, and with which keys. Null: nothing. */
  readonly encryption: EncryptionSettings | null;
  /** Where traces go. Null: there are none. */
  readonly tracing: TracingSettings | null;
  /** Time between the word that the server is not ready any more and its stop: who sends requests has to notice. */
  readonly preStopMs: number;
  /** Time that attempts in flight get to end when the server stops. */
  readonly drainMs: number;
}

export const LIMITS = {
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
  ...DEFAULT_LIMITS,
  readOnlyToken: null,
  publishToken: null,
  keyRotationGuardMs: DAY_MS,
  host: "127.0.0.1",
  port: 8080,
  dataDir: ".reprise/data",
  databaseUrl: null,
  logLevel: "info",
  trustedProxies: [],
  publicUrl: null,
  region: null,
  encryption: null,
  tracing: null,
  preStopMs: 5_000,
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
    // Nobody stands between an app of a developer and this server.
    preStopMs: 0,
  };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * Production: settings from `REPRISE_*` variables.
 * @throws RepriseError `invalid_request` that lists every fault at once, one a line.
 */
export function parseServerConfig(env: Environment): ServerConfig {
  const { config, faults } = readServerConfig(env);
  if (faults.length > 0) {
    throw new RepriseError("invalid_request", {
      message: `the configuration has ${faults.length} fault${faults.length === 1 ? "" : "s"}:\n${faults.map((fault) => `  - ${fault}`).join("\n")}`,
    });
  }
  return config;
}

interface ReadConfig {
  /** With defaults in the places of faults. */
  readonly config: ServerConfig;
  readonly faults: readonly string[];
  /** Every setting that there is, with what was given for it. */
  readonly found: readonly FoundSetting[];
}

export function readServerConfig(env: Environment): ReadConfig {
  const faults: string[] = [];
  const reader = new EnvironmentReader(env, faults);
  const config: ServerConfig = {
    mode: "production",
    host: reader.text("REPRISE_HOST") ?? DEFAULTS.host,
    port: reader.whole("REPRISE_PORT", { min: 0, max: 65_535 }) ?? DEFAULTS.port,
    dataDir: reader.text("REPRISE_DATA_DIR") ?? DEFAULTS.dataDir,
    databaseUrl: readDatabaseUrl(reader, faults),
    ...readTokens(reader, faults),
    signingKeys: readSigningKeys(reader, faults),
    keyRotationGuardMs:
      reader.duration("REPRISE_KEY_ROTATION_GUARD", KEY_ROTATION_GUARD_MS_MAX) ??
      DEFAULTS.keyRotationGuardMs,
    logLevel: reader.choice("REPRISE_LOG_LEVEL", ["debug", "info", "warn", "error"]) ?? "info",
    trustedProxies: reader.list("REPRISE_TRUSTED_PROXIES"),
    publicUrl: readPublicUrl(reader, faults),
    region: reader.choice("REPRISE_REGION", ["EU-CENTRAL-1", "US-EAST-1"]) ?? null,
    egress: readEgress(reader, faults),
    encryption: readEncryption(reader, faults),
    tracing: readTracing(env, reader, faults),
    ...readLimits(reader, faults),
    preStopMs: reader.duration("REPRISE_PRE_STOP", 3_600_000, 0) ?? DEFAULTS.preStopMs,
    drainMs: reader.duration("REPRISE_DRAIN_TIMEOUT", 3_600_000) ?? DEFAULTS.drainMs,
  };
  reader.refuseUnknown();
  return { config, faults, found: reader.found };
}

function readPublicUrl(reader: EnvironmentReader, faults: string[]): string | null {
  const text = reader.text("REPRISE_PUBLIC_URL");
  if (text === null) return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  const isOrigin = url !== null && url.origin !== "null" && `${url.origin}/` === url.href;
  if (isOrigin && /^https?:$/.test(url.protocol)) return url.origin;
  faults.push(
    `REPRISE_PUBLIC_URL must be http:// or https:// with a host and nothing behind it, got ${text}`,
  );
  return null;
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
  const token = reader.secret(name);
  if (token === null) return null;
  const fault = tokenFault(token);
  if (fault !== null) faults.push(`${name} ${fault}`);
  return token;
}

function readDatabaseUrl(reader: EnvironmentReader, faults: string[]): string | null {
  const name = "REPRISE_DATABASE_URL";
  const url = reader.secret(name);
  if (url === null || (/^postgres(ql)?:\/\//.test(url) && URL.canParse(url))) return url;
  faults.push(
    `${name} must be a URL like postgres://user:password@host:5432/database, with special characters in the password percent-encoded`,
  );
  return null;
}

function readSigningKeys(reader: EnvironmentReader, faults: string[]): SigningKeys | null {
  const current = reader.secret("REPRISE_CURRENT_SIGNING_KEY");
  const next = reader.secret("REPRISE_NEXT_SIGNING_KEY");
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

function readEncryption(reader: EnvironmentReader, faults: string[]): EncryptionSettings | null {
  const name = "REPRISE_ENCRYPTION_KEYS";
  const text = reader.secret(name);
  const hasPayloads = reader.choice("REPRISE_ENCRYPT_PAYLOADS", ["true", "false"]) === "true";
  if (text === null) {
    if (hasPayloads) faults.push(`REPRISE_ENCRYPT_PAYLOADS needs a key in ${name}`);
    return null;
  }
  const [first, ...others] = parseEncryptionKeys(text, name, faults);
  return first === undefined ? null : { keys: [first, ...others], hasPayloads };
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
