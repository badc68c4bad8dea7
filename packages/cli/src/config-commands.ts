// `reprise config`: which settings hold and where they come from, and whether a start would take them.

import type { DescribedSetting } from "@reprise/server";
import type { Command } from "commander";
import { usageFault } from "./fault.ts";
import { loadServer } from "./server-package.ts";
import { note, printJson, printLine, type Terminal } from "./terminal.ts";

interface PrintOptions {
  readonly given?: true;
  readonly json?: true;
}

const help = `
Settings are the REPRISE_* variables that \`reprise start\` reads. Secrets are never shown.`;

export function addConfigCommands(program: Command, terminal: Terminal): void {
  const config = program
    .command("config")
    .description("show and check the settings of a server")
    .addHelpText("after", help);
  config
    .command("print")
    .description("print every setting, what holds, and where it comes from")
    .option("--given", "leave out what has its default")
    .option("--json", "print a list of JSON objects")
    .action((options: PrintOptions) => print(options, terminal));
  config
    .command("check")
    .description("say whether a start would take the settings; exit code 2 when not")
    .action(() => check(terminal));
}

async function print(options: PrintOptions, terminal: Terminal): Promise<void> {
  const { describeConfig } = await loadServer();
  const { settings, faults, remarks } = describeConfig(terminal.env);
  const shown = settings.filter(({ source }) => options.given !== true || source !== "default");
  if (options.json === true) printJson(terminal, shown);
  else for (const line of toLines(shown)) printLine(terminal, line);
  tell(faults, remarks, terminal);
}

async function check(terminal: Terminal): Promise<void> {
  const { describeConfig } = await loadServer();
  const { faults, remarks } = describeConfig(terminal.env);
  tell(faults, remarks, terminal);
  printLine(terminal, "A start would take these settings.");
}

/** @throws CommanderError when there is a fault. */
function tell(faults: readonly string[], remarks: readonly string[], terminal: Terminal): void {
  for (const remark of remarks) note(terminal, `note: ${remark}`);
  if (faults.length === 0) return;
  const lines = faults.map((fault) => `  - ${fault}`).join("\n");
  throw usageFault(`a start would refuse these settings:\n${lines}`);
}

function toLines(settings: readonly DescribedSetting[]): readonly string[] {
  const width = (text: (setting: DescribedSetting) => string) =>
    Math.max(0, ...settings.map((setting) => text(setting).length));
  const [nameWidth, sourceWidth] = [width(({ name }) => name), width(({ source }) => source)];
  return settings.map(({ name, source, value }) => {
    return `${name.padEnd(nameWidth)}  ${source.padEnd(sourceWidth)}  ${value}`;
  });
}
