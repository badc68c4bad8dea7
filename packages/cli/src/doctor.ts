// `reprise doctor`: looks for what contradicts the server's promises in its database, beside the server.

import { isRepriseError } from "@reprise/protocol";
import type { AuditReport, Finding } from "@reprise/server";
import { type Command, CommanderError } from "commander";
import { addPlaceOptions, type PlaceOptions, readEncryption, readPlace } from "./place.ts";
import { startProgress } from "./progress.ts";
import { loadServer } from "./server-package.ts";
import { note, printJson, printLine, type Terminal } from "./terminal.ts";
import { indent, oneLine, plural } from "./text.ts";

interface DoctorOptions extends PlaceOptions {
  readonly deep?: true;
  readonly json?: true;
}

export const EXIT_FINDINGS = 1;
export const EXIT_NOT_LOOKED = 2;

/** Time in which a server does what is only due: what is still so behind it stays so. */
const SECOND_LOOK_MS = 3_000;

const help = `
Reads only, and works beside a running server. Exit codes: 0 everything holds,
1 there are findings, 2 the database could not be looked at.
Every finding is explained in docs/doctor.md.`;

export function addDoctorCommand(program: Command, terminal: Terminal): void {
  const doctor = program
    .command("doctor")
    .description("look for what contradicts the server's promises in its database")
    .option("--deep", "also compare every body with its hash, and every page of the file")
    .option("--json", "print the report as JSON")
    .addHelpText("after", help);
  addPlaceOptions(doctor).action((options: DoctorOptions) => runDoctor(options, terminal));
}

async function runDoctor(options: DoctorOptions, terminal: Terminal): Promise<void> {
  const { auditDatabase } = await loadServer();
  const place = await readPlace(options, terminal);
  const progress = startProgress(terminal);
  let report: AuditReport;
  try {
    report = await auditDatabase(place, {
      isDeep: options.deep === true,
      encryption: await readEncryption(terminal),
      pause: () => new Promise((resolve) => setTimeout(resolve, SECOND_LOOK_MS)),
      onProgress: ({ name, number, count }) => progress.show(`${number} of ${count}: ${name}`),
    });
  } catch (error) {
    if (!isRepriseError(error)) throw error;
    throw new CommanderError(EXIT_NOT_LOOKED, "reprise.failed", error.message);
  } finally {
    progress.end();
  }
  if (options.json === true) printJson(terminal, report);
  else for (const finding of report.findings) printLine(terminal, `${formatFinding(finding)}\n`);
  note(terminal, summaryOf(report));
  if (report.findings.length > 0) {
    const found = plural(report.findings.length, "finding");
    throw new CommanderError(EXIT_FINDINGS, "reprise.failed", `${found}; see docs/doctor.md`);
  }
}

export function formatFinding(finding: Finding): string {
  const { name, rule, meaning, advice, count, examples } = finding;
  const more = count > examples.length ? [`... and ${count - examples.length} more`] : [];
  const lines = [
    `broken: ${rule}`,
    `means: ${meaning}`,
    `do: ${advice}`,
    ...examples.map((example) => oneLine(example, 500)),
    ...more,
  ];
  return `${name} (${count})\n${indent(lines.join("\n"))}`;
}

function summaryOf(report: AuditReport): string {
  const { database, checked, findings, isInUse, unreadCount } = report;
  const server = isInUse
    ? "a server works with it"
    : "no server works with it, so nothing counts as late";
  const result = findings.length === 0 ? "everything holds" : `${findings.length} do not hold`;
  const unread =
    unreadCount === 0
      ? ""
      : `; ${plural(unreadCount, "value")} not compared: name the keys in REPRISE_ENCRYPTION_KEYS`;
  return `${database}: ${checked.length} promises checked, ${result}; ${server}${unread}`;
}
