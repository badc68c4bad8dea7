// `reprise rotate-encryption`: every value of the database encrypted by the first key, while its server is stopped.

import { isRepriseError } from "@reprise/protocol";
import type { RotationReport } from "@reprise/server";
import type { Command } from "commander";
import { failure, usageFault } from "./fault.ts";
import { startProgress } from "./progress.ts";
import { type LoadedServer, loadServer } from "./server-package.ts";
import { note, type Terminal } from "./terminal.ts";
import { plural } from "./text.ts";

interface RotateOptions {
  readonly decrypt?: true;
}

const help = `
Reads the settings of the server from REPRISE_* variables. Started again after an
interruption, it goes on where it was. See docs/encryption.md.`;

export function addEncryptionCommands(program: Command, terminal: Terminal): void {
  program
    .command("rotate-encryption")
    .description("encrypt the whole database with the first of REPRISE_ENCRYPTION_KEYS")
    .option("--decrypt", "make everything clear instead, so that no key is needed any more")
    .addHelpText("after", help)
    .action((options: RotateOptions) => runRotate(options, terminal));
}

async function runRotate({ decrypt }: RotateOptions, terminal: Terminal): Promise<void> {
  const server = await loadServer();
  const config = readConfig(server, terminal);
  const progress = startProgress(terminal);
  const isDecrypting = decrypt === true;
  const onProgress = ({ rowsSeen, rowsChanged }: RotationReport) =>
    progress.show(`${plural(rowsSeen, "row")} seen, ${rowsChanged} changed`);
  let report: RotationReport;
  try {
    report = await server.rotateDatabase(config, { isDecrypting, onProgress });
  } finally {
    progress.end();
  }
  const { rowsSeen, rowsChanged, damaged } = report;
  note(terminal, `${plural(rowsSeen, "row")} seen, ${rowsChanged} changed.`);
  if (damaged.length === 0) return;
  const places = damaged.map(({ table, column, key }) => `${table} ${key} ${column}`);
  throw failure(`some values cannot be decrypted and were left: ${places.join(", ")}`);
}

function readConfig({ parseServerConfig }: LoadedServer, terminal: Terminal) {
  try {
    return parseServerConfig(terminal.env);
  } catch (error) {
    throw isRepriseError(error) ? usageFault(error.message) : error;
  }
}
