// `reprise backup`: the state of an embedded database in one file, beside its running server.

import type { CopyProgress, DatabaseContents, Finding } from "@reprise/server";
import type { Command } from "commander";
import { formatInstant } from "./instant.ts";
import { readDataDir } from "./place.ts";
import { type Progress, startProgress } from "./progress.ts";
import { loadServer } from "./server-package.ts";
import { note, printJson, printLine, type Terminal } from "./terminal.ts";
import { plural } from "./text.ts";

interface BackupOptions {
  readonly dataDir?: string;
  readonly force?: true;
  readonly json?: true;
}

const help = `
Works beside a running server. The file gets its name once it is complete, and
was read back and checked; until then an older file stays as it is. It holds
signing keys and what users sent: keep it as you keep the data directory.
PostgreSQL has tools of its own, see docs/backup-and-move.md.`;

export function addBackupCommand(program: Command, terminal: Terminal): void {
  program
    .command("backup")
    .description("copy an embedded database into one file, while its server goes on")
    .argument("<file>", "where the backup goes")
    .option(
      "--data-dir <directory>",
      "the data directory (default: REPRISE_DATA_DIR, or .reprise/data)",
    )
    .option("--force", "replace a file that is there")
    .option("--json", "print the report as JSON")
    .addHelpText("after", help)
    .action((file: string, options: BackupOptions) => runBackup(file, options, terminal));
}

async function runBackup(file: string, options: BackupOptions, terminal: Terminal): Promise<void> {
  const dataDir = await readDataDir(options, "back it up with pg_dump", terminal);
  const progress = startProgress(terminal);
  try {
    const isForced = options.force === true;
    const { backupDatabase } = await loadServer();
    const report = await backupDatabase({ dataDir, file, isForced, onProgress: shown(progress) });
    progress.end();
    noteFindings(report.findings, terminal);
    if (options.json === true) return printJson(terminal, report);
    printLine(terminal, report.file);
    const size = formatBytes(report.bytes);
    note(
      terminal,
      `${size}, the state of ${formatInstant(report.at)}: ${describeContents(report.contents)}`,
    );
  } finally {
    progress.end();
  }
}

export function shown(progress: Progress): (at: CopyProgress) => void {
  return ({ step, done, total }) =>
    progress.show(
      step === "copy"
        ? `copied ${Math.floor((100 * done) / Math.max(total, 1))} %`
        : `checking, ${done} of ${total}`,
    );
}

export function describeContents(contents: DatabaseContents): string {
  const { openRuns, endedRuns, openMessages, deadLetters, queues, schedules } = contents;
  return [
    `${plural(openRuns, "live run")} and ${endedRuns} that ended`,
    plural(openMessages, "open message"),
    plural(deadLetters, "dead letter"),
    plural(queues, "queue"),
    plural(schedules, "schedule"),
  ].join(", ");
}

/** What does not hold in the database holds no better in its copy. */
export function noteFindings(findings: readonly Finding[], terminal: Terminal): void {
  if (findings.length === 0) return;
  const names = findings.map(({ name, count }) => `${name} (${count})`).join(", ");
  note(
    terminal,
    `the copy is true, but some promises do not hold in the database itself: ${names}; see: reprise doctor`,
  );
}

export function formatBytes(bytes: number): string {
  if (bytes < 1_000_000) return `${Math.ceil(bytes / 1_000)} kB`;
  if (bytes < 1_000_000_000) return `${(bytes / 1_000_000).toFixed(1)} MB`;
  return `${(bytes / 1_000_000_000).toFixed(1)} GB`;
}
