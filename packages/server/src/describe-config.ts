import { formatDuration } from "@reprise/protocol";
import { readServerConfig, type ServerConfig } from "./config.ts";
import { LIMIT_SETTINGS } from "./engine/limits.ts";
import type { Environment, FoundSetting } from "./environment-reader.ts";

/** The settings as people see them: what holds, where it comes from, and nothing that is secret. */

export interface DescribedSetting {
  readonly name: string;
  /** Of a secret: that it is there. */
  readonly value: string;
  readonly source: "environment" | "file" | "default";
}

export interface DescribedConfig {
  readonly settings: readonly DescribedSetting[];
  /** One sentence each. */
  readonly faults: readonly string[];
  /** What is allowed and may not be meant. */
  readonly remarks: readonly string[];
}

/** What holds for a setting that is not given and is no limit; docs/configuration.md says the same. */
const PRESETS: Readonly<Record<string, string>> = {
  REPRISE_HOST: "127.0.0.1",
  REPRISE_PORT: "8080",
  REPRISE_DATA_DIR: ".reprise/data",
  REPRISE_TOKEN: "made at the first start",
  REPRISE_CURRENT_SIGNING_KEY: "made at the first start",
  REPRISE_NEXT_SIGNING_KEY: "made at the first start",
  REPRISE_KEY_ROTATION_GUARD: "1d",
  REPRISE_LOG_LEVEL: "info",
  REPRISE_EGRESS: "public-only",
  REPRISE_ENCRYPT_PAYLOADS: "false",
  REPRISE_PRE_STOP: "5s",
  REPRISE_DRAIN_TIMEOUT: "30s",
};

export function describeConfig(env: Environment): DescribedConfig {
  const { config, faults, found } = readServerConfig(env);
  return {
    settings: found.map(describe),
    faults,
    remarks: [
      ...remark(
        config.egress.mode === "allow-private",
        "REPRISE_EGRESS is allow-private: whoever may publish reaches the addresses of this network",
      ),
      ...remark(
        config.databaseUrl !== null && given(found, "REPRISE_DATA_DIR"),
        "REPRISE_DATA_DIR is not used for the database: REPRISE_DATABASE_URL says where that is",
      ),
    ],
  };
}

/** The same of a server that was given its settings by a program: in development, and within tests. */
export function describeGiven(config: ServerConfig): readonly DescribedSetting[] {
  const { host, port, dataDir, logLevel, egress, keyRotationGuardMs, preStopMs } = config;
  const given: Readonly<Record<string, string>> = {
    REPRISE_HOST: host,
    REPRISE_PORT: String(port),
    REPRISE_DATA_DIR: dataDir,
    REPRISE_LOG_LEVEL: logLevel,
    REPRISE_EGRESS: egress.mode,
    REPRISE_KEY_ROTATION_GUARD: formatDuration(keyRotationGuardMs),
    REPRISE_PRE_STOP: formatDuration(preStopMs),
    ...(config.token === null ? {} : { REPRISE_TOKEN: "hidden" }),
    ...(config.signingKeys === null
      ? {}
      : { REPRISE_CURRENT_SIGNING_KEY: "hidden", REPRISE_NEXT_SIGNING_KEY: "hidden" }),
  };
  return describeConfig({}).settings.map((setting) => {
    return { ...setting, value: given[setting.name] ?? setting.value };
  });
}

function remark(holds: boolean, text: string): readonly string[] {
  return holds ? [text] : [];
}

function given(found: readonly FoundSetting[], wanted: string): boolean {
  return found.some(({ name, source }) => name === wanted && source !== "default");
}

function describe({ name, text, source, isSecret }: FoundSetting): DescribedSetting {
  if (text === null) return { name, value: presetOf(name), source };
  if (source === "file") return { name, value: `hidden, from ${text}`, source };
  return { name, value: isSecret ? maskOf(text) : text, source };
}

function presetOf(name: string): string {
  const limit = LIMIT_SETTINGS.find(([known]) => known === name);
  if (limit === undefined) return PRESETS[name] ?? "none";
  const [, preset, kind] = limit;
  return "msMax" in kind ? formatDuration(preset) : String(preset);
}

/** Of a database the place is no secret, and worth seeing; its options may be. */
function maskOf(text: string): string {
  const url = /^postgres(?:ql)?:\/\//.test(text) && URL.canParse(text) ? new URL(text) : null;
  if (url === null) return "hidden";
  const user = url.username === "" ? "" : `${url.username}${url.password === "" ? "" : ":hidden"}@`;
  return `${url.protocol}//${user}${url.host}${url.pathname}`;
}
