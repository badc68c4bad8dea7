// `reprise restore`: puts a backup into the data directory of a server that does not run.

import type { RestoreReport } from "@reprise/server";
import type { Command } from "commander";
import { describeContents, formatBytes, noteFindings, shown } from "./backup.ts";
import { formatInstant } from "./instant.ts";
import { readDataDir } from "./place.ts";
import { startProgress } from "./progress.ts";
import { loadServer } from "./server-package.ts";
import { note, printJson, printLine, type Terminal } from "./terminal.ts";

interface RestoreOptions {
  readonly dataDir?: string;
  readonly dryRun?: true;
  readonly force?: true;
  readonly json?: true;
}

const help = `
No server may use the directory. Everything that was open when the backup was
taken goes on with the next start: what was delivered since is delivered again,
and what was accepted since is lost. See docs/backup-and-move.md.`;

export function addRestoreCommand(program: Command, terminal: Terminal): void {
  program
    .command("restore")
    .description("put a backup into a data directory")
    .argument("<file>", "what `reprise backup` has written")
    .option(
      "--data-dir <directory>",
      "the data directory (default: REPRISE_DATA_DIR, or .reprise/data)",
    )
    .option("--dry-run", "look at the file and at the directory, and change nothing")
    .option("--force", "put a database that is there aside, under another name")
    .option("--json", "print the report as JSON")
    .addHelpText("after", help)
    .action((file: string, options: RestoreOptions) => runRestore(file, options, terminal));
}

async function runRestore(
  file: string,
  options: RestoreOptions,
  terminal: Terminal,
): Promise<void> {
  const dataDir = await readDataDir(options, "restore it with pg_restore", terminal);
  const isDryRun = options.dryRun === true;
  const progress = startProgress(terminal);
  try {
    const isForced = options.force === true;
    const wanted = { file, dataDir, isDryRun, isForced, onProgress: shown(progress) };
    const { restoreDatabase } = await loadServer();
    const report = await restoreDatabase(wanted);
    progress.end();
    noteFindings(report.findings, terminal);
    if (options.json === true) return printJson(terminal, report);
    if (!isDryRun) printLine(terminal, report.database);
    noteResult(report, isDryRun, terminal);
  } finally {
    progress.end();
  }
}

function noteResult(report: RestoreReport, isDryRun: boolean, terminal: Terminal): void {
  const { bytes, contents, database, putAside, schemaVersion } = report;
  const what =
    contents === null
      ? `schema version ${schemaVersion}, which is upgraded on the way`
      : describeContents(contents);
  note(terminal, `${formatBytes(bytes)}: ${what}`);
  if (contents !== null && contents.newestAt !== null) {
    note(terminal, `the newest run or message is of ${formatInstant(contents.newestAt)}`);
  }
  if (isDryRun) {
    note(terminal, `nothing was changed; it would become ${database}`);
    return;
  }
  if (putAside !== null) note(terminal, `what was there before is now ${putAside}`);
  note(
    terminal,
    "Start the server: everything that was open goes on. What was delivered after the backup may be delivered again.",
  );
}
