// Which database the tools of operators work on: as named on the command line, or as `reprise start` would use it.

import { isRepriseError } from "@reprise/protocol";
import type { DatabasePlace, ServerConfig } from "@reprise/server";
import type { Command } from "commander";
import { usageFault } from "./fault.ts";
import { loadServer } from "./server-package.ts";
import type { Terminal } from "./terminal.ts";

export interface PlaceOptions {
  readonly dataDir?: string;
  readonly databaseUrl?: string;
}

const DATA_DIR = ".reprise/data";

export function addPlaceOptions(command: Command): Command {
  return command
    .option(
      "--data-dir <directory>",
      "the data directory of a server (default: REPRISE_DATA_DIR, or .reprise/data)",
    )
    .option("--database-url <url>", "a PostgreSQL database (default: REPRISE_DATABASE_URL)");
}

/** What is named on the command line counts more than the environment, and there is one database. */
export async function readPlace(
  { dataDir, databaseUrl }: PlaceOptions,
  terminal: Terminal,
): Promise<DatabasePlace> {
  if (dataDir !== undefined && databaseUrl !== undefined) {
    throw usageFault("there is one database: name --data-dir or --database-url");
  }
  const { REPRISE_DATA_DIR = "" } = terminal.env;
  if (databaseUrl !== undefined) return { databaseUrl };
  if (dataDir !== undefined) return { dataDir };
  const fromSettings = await readSecretSetting(terminal.env, "REPRISE_DATABASE_URL");
  if (fromSettings !== null) return { databaseUrl: fromSettings };
  return { dataDir: REPRISE_DATA_DIR === "" ? DATA_DIR : REPRISE_DATA_DIR };
}

/** The value of a variable, or what the file holds that `NAME_FILE` names. */
async function readSecretSetting(env: Terminal["env"], name: string): Promise<string | null> {
  const { EnvironmentReader } = await loadServer();
  const faults: string[] = [];
  const value = new EnvironmentReader(env, faults).secret(name);
  const [fault] = faults;
  if (fault !== undefined) throw usageFault(fault);
  return value;
}

/** The data directory of an embedded server; `otherwise` says what to do with a PostgreSQL. */
export async function readDataDir(
  { dataDir }: { readonly dataDir?: string },
  otherwise: string,
  terminal: Terminal,
): Promise<string> {
  const place = await readPlace(dataDir === undefined ? {} : { dataDir }, terminal);
  if ("dataDir" in place) return place.dataDir;
  throw usageFault(
    `the server keeps everything in PostgreSQL (REPRISE_DATABASE_URL is set): ${otherwise}, see docs/backup-and-move.md; ` +
      "or name an embedded server's --data-dir",
  );
}

/** The keys of the environment, as `reprise start` would read them; null when there are none. */
export async function readEncryption({ env }: Terminal): Promise<ServerConfig["encryption"]> {
  const hasKeys = Object.keys(env).some((name) => name.startsWith("REPRISE_ENCRYPTION_KEYS"));
  if (!hasKeys) return null;
  const { parseServerConfig } = await loadServer();
  try {
    return parseServerConfig(env).encryption;
  } catch (error) {
    throw isRepriseError(error) ? usageFault(error.message) : error;
  }
}
