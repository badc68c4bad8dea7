import { readFileSync } from "node:fs";
import { isRepriseError } from "@reprise/protocol";
import { Command, CommanderError } from "commander";
import { addBackupCommand } from "./backup.ts";
import { addBulkActionCommands } from "./bulk-action-commands.ts";
import { addConfigCommands } from "./config-commands.ts";
import { addDeadLetterCommands } from "./dead-letter-commands.ts";
import { addDoctorCommand } from "./doctor.ts";
import { addEncryptionCommands } from "./encryption-commands.ts";
import { addEventCommands } from "./event-commands.ts";
import { addExplainCommand } from "./explain.ts";
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE } from "./fault.ts";
import { addFlowControlCommands } from "./flow-control-commands.ts";
import { HINTS } from "./hints.ts";
import { addKeyCommands, addTokenCommands } from "./key-commands.ts";
import { addLogCommands } from "./log-commands.ts";
import { addMessageCommands } from "./message-commands.ts";
import { addMigrateCommand } from "./migrate.ts";
import { addPublishCommand } from "./publish-command.ts";
import { addQueueCommands } from "./queue-commands.ts";
import { addRestoreCommand } from "./restore.ts";
import { addRunCommands } from "./run-commands.ts";
import { addScheduleCommands } from "./schedule-commands.ts";
import { addServerCommands } from "./server-commands.ts";
import { note, type Terminal } from "./terminal.ts";
import { addUrlGroupCommands } from "./url-group-commands.ts";

/** Runs one command and gives its exit code: 0 done, 1 failed, 2 used wrongly. */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await createProgram(terminal).parseAsync(args, { from: "user" });
    return EXIT_OK;
  } catch (error) {
    return report(error, terminal);
  }
}

function createProgram(terminal: Terminal): Command {
  const program = new Command("reprise")
    .description("Durable workflows and HTTP messages on your own server")
    .version(readVersion())
    .exitOverride()
    .configureOutput({ writeOut: terminal.write, writeErr: terminal.writeError })
    .showHelpAfterError("(add --help for what is allowed)");
  for (const add of groups) add(program, terminal);
  return program.addHelpText("after", environmentHelp);
}

/** In the order in which the help lists them. */
const groups = [
  addServerCommands,
  addConfigCommands,
  addPublishCommand,
  addMessageCommands,
  addLogCommands,
  addRunCommands,
  addEventCommands,
  addDeadLetterCommands,
  addQueueCommands,
  addScheduleCommands,
  addUrlGroupCommands,
  addFlowControlCommands,
  addBulkActionCommands,
  addKeyCommands,
  addTokenCommands,
  addEncryptionCommands,
  addExplainCommand,
  addDoctorCommand,
  addBackupCommand,
  addRestoreCommand,
  addMigrateCommand,
] as const;

const environmentHelp = `
All but dev, start, config, doctor, backup, restore and migrate talk to the server at QSTASH_URL with QSTASH_TOKEN
(default: the development server at http://127.0.0.1:8080).
Lists and bulk actions take the same filters everywhere; see reprise <command> --help.
Exit codes: 0 done, 1 failed, 2 used wrongly.`;

function report(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) {
    if (error.code.startsWith("reprise.")) {
      note(terminal, `reprise: ${error.message}`);
      return error.exitCode;
    }
    return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
  }
  if (isRepriseError(error)) {
    const hint = HINTS[error.code];
    note(terminal, `reprise: ${error.message}${hint === undefined ? "" : ` (${hint})`}`);
  } else {
    note(terminal, `reprise: ${error instanceof Error ? error.stack : String(error)}`);
  }
  return EXIT_FAILED;
}

function readVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  const manifest: unknown = JSON.parse(text);
  const hasVersion = typeof manifest === "object" && manifest !== null && "version" in manifest;
  return hasVersion ? String(manifest.version) : "unknown";
}
