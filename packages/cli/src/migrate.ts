// `reprise migrate`: moves an embedded server's database into PostgreSQL, with everything that is under way in it.

import type { MoveProgress } from "@reprise/server";
import type { Command } from "commander";
import { usageFault } from "./fault.ts";
import { startProgress } from "./progress.ts";
import { loadServer } from "./server-package.ts";
import { note, printJson, printLine, type Terminal } from "./terminal.ts";
import { formatTable, plural } from "./text.ts";

interface MigrateOptions {
  readonly from: string;
  readonly to?: string;
  readonly plan?: true;
  readonly dryRun?: true;
  readonly json?: true;
}

const help = `
Stop the server first. The target is a new, empty database; what is moved is
compared row by row. The source is only read, and gets a mark behind the move,
so that nothing goes on in two places. After an interruption run the command
again. See docs/backup-and-move.md.`;

export function addMigrateCommand(program: Command, terminal: Terminal): void {
  program
    .command("migrate")
    .description("move an embedded server's database into PostgreSQL")
    .requiredOption("--from <directory>", "the data directory of the stopped server")
    .option("--to <url>", "an empty PostgreSQL database: postgres://user:password@host/database")
    .option("--plan", "say what would be moved; needs no target")
    .option("--dry-run", "look at both sides, and change neither")
    .option("--json", "print the report as JSON")
    .addHelpText("after", help)
    .action((options: MigrateOptions) => runMigrate(options, terminal));
}

async function runMigrate(options: MigrateOptions, terminal: Terminal): Promise<void> {
  const { from, to, json } = options;
  if (options.plan === true) return plan(from, json === true, terminal);
  if (to === undefined) throw usageFault("--to names the database to move into; --plan needs none");
  const wanted = { from, to, json: json === true };
  await (options.dryRun === true ? rehearse(wanted, terminal) : move(wanted, terminal));
}

async function plan(from: string, isJson: boolean, terminal: Terminal): Promise<void> {
  const { planMove } = await loadServer();
  const report = await planMove(from);
  if (isJson) return printJson(terminal, report);
  printLine(terminal, tableOf(report.tables));
  note(terminal, `${total(report.tables)} of ${report.source} would be moved`);
}

async function rehearse({ from, to, json }: Move, terminal: Terminal): Promise<void> {
  const { tryMove } = await loadServer();
  const report = await tryMove(from, to);
  if (json) return printJson(terminal, report);
  printLine(terminal, tableOf(report.tables));
  const ready =
    report.state === "empty" ? "is ready for it" : "has a part of an earlier, interrupted move";
  note(
    terminal,
    `${total(report.tables)} would be moved; ${report.target} ${ready}; nothing was changed`,
  );
}

interface Move {
  readonly from: string;
  readonly to: string;
  readonly json: boolean;
}

async function move({ from, to, json }: Move, terminal: Terminal): Promise<void> {
  const progress = startProgress(terminal);
  const onProgress = ({ step, table, done, total: all }: MoveProgress) =>
    progress.show(`${step === "copy" ? "moved" : "compared"} ${done} of ${all} rows (${table})`);
  try {
    const { moveDatabase } = await loadServer();
    const report = await moveDatabase({ dataDir: from, databaseUrl: to, onProgress });
    progress.end();
    if (json) return printJson(terminal, report);
    printLine(terminal, tableOf(report.tables));
    note(terminal, `moved and compared: ${total(report.tables)}, the same in ${report.target}`);
    note(
      terminal,
      "Start every server with REPRISE_DATABASE_URL set to the new database, and with the same REPRISE_* settings; " +
        `everything that was open goes on. A server no longer starts on ${from}; keep it until you have seen that all is well.`,
    );
  } finally {
    progress.end();
  }
}

interface Counted {
  readonly table: string;
  readonly rows: number;
  readonly hash?: string;
}

function tableOf(tables: readonly Counted[]): string {
  const rows = tables.map(({ table, rows: count, hash }) => [
    table,
    String(count),
    hash === undefined ? "" : hash.slice(0, 16),
  ]);
  return formatTable(["table", "rows", tables.some(({ hash }) => hash) ? "sha-256" : ""], rows);
}

function total(tables: readonly Counted[]): string {
  return plural(
    tables.reduce((sum, { rows }) => sum + rows, 0),
    "row",
  );
}
