// `reprise schedules`: messages by the clock.

import { HEADER, type ScheduleAnswer, type ScheduleResource } from "@reprise/protocol";
import type { Command } from "commander";
import { addJsonOption, type JsonOption, printAnswer, printDone, printList } from "./answer.ts";
import { ask, askList, connectApi } from "./api-client.ts";
import { addSureOption, confirm, type SureOption } from "./confirm.ts";
import { addMessageOptions, type MessageOptions, toMessageHeaders } from "./message-options.ts";
import { destinationSegment, segment } from "./paths.ts";
import { addBodyOptions, type BodyOptions, readBody, withContentType } from "./publish-command.ts";
import { formatSchedule, formatScheduleTable } from "./schedule-view.ts";
import { note, printJson, printLine, type Terminal } from "./terminal.ts";

const PATH = "/v2/schedules";

interface CreateOptions extends MessageOptions, BodyOptions, JsonOption {
  readonly cron: string;
  readonly scheduleId?: string;
  readonly queue?: string;
}

export function addScheduleCommands(program: Command, terminal: Terminal): void {
  const schedules = program.command("schedules").description("look at schedules and change them");
  const list = schedules.command("list").description("list schedules and when each is due");
  addJsonOption(list).action(async (options: JsonOption) => {
    const all = await askList<ScheduleResource>(connectApi(terminal), { path: PATH });
    printList(all, { ...options, noun: "schedule" }, formatScheduleTable, terminal);
  });
  const show = schedules.command("show").description("show a schedule").argument("<scheduleId>");
  addJsonOption(show).action(async (id: string, options: JsonOption) => {
    const request = { path: schedulePath(id) };
    const schedule = await ask<ScheduleResource>(connectApi(terminal), request);
    printAnswer(schedule, options, formatSchedule, terminal);
  });
  addCreateCommand(schedules, terminal);
  addSwitchCommand(schedules, "pause", terminal);
  addSwitchCommand(schedules, "resume", terminal);
  addDeleteCommand(schedules, terminal);
}

function schedulePath(id: string): string {
  return `${PATH}/${segment(id, "the id")}`;
}

function addCreateCommand(schedules: Command, terminal: Terminal): void {
  const create = schedules
    .command("create")
    .description("make a schedule, or put another in the place of the one with this id")
    .argument("<destination>", "URL, or name of a URL group")
    .requiredOption("--cron <expression>", "when, such as 'CRON_TZ=Europe/Berlin 30 8 * * 1-5'")
    .option("--schedule-id <id>", "its id; without it a new one is made");
  addMessageOptions(addBodyOptions(create)).option("--queue <name>", "through this queue");
  addJsonOption(create)
    .addHelpText("after", createExamples)
    .action(async (destination: string, options: CreateOptions) => {
      const path = `${PATH}/${destinationSegment(destination)}`;
      const body = await readBody(options, terminal);
      const headers = withContentType(toScheduleHeaders(options), body);
      const request = { method: "POST", path, headers, body } as const;
      const answer = await ask<ScheduleAnswer>(connectApi(terminal), request);
      if (options.json === true) return printJson(terminal, answer);
      printLine(terminal, answer.scheduleId);
      if (answer.deduplicated === true) note(terminal, "accepted before (deduplicated)");
    });
}

const createExamples = `
Example:
  reprise schedules create https://example.com/report --cron '0 6 * * *' --schedule-id nightly --retries 5`;

function toScheduleHeaders(options: CreateOptions): Readonly<Record<string, string>> {
  const { cron, scheduleId, queue } = options;
  return {
    ...toMessageHeaders(options),
    [HEADER.cron]: cron,
    ...(scheduleId === undefined ? {} : { [HEADER.scheduleId]: scheduleId }),
    ...(queue === undefined ? {} : { [HEADER.queueName]: queue }),
  };
}

function addSwitchCommand(schedules: Command, verb: "pause" | "resume", terminal: Terminal): void {
  const description =
    verb === "pause" ? "make no message of a schedule any more" : "go on with a paused schedule";
  const command = schedules.command(verb).description(description).argument("<scheduleId>");
  addJsonOption(command).action(async (id: string, options: JsonOption) => {
    const path = `${schedulePath(id)}/${verb}`;
    const answer = await connectApi(terminal)({ method: "POST", path });
    printDone(answer, options, `${id}: ${verb}d`, terminal);
  });
}

function addDeleteCommand(schedules: Command, terminal: Terminal): void {
  const command = schedules
    .command("delete")
    .description("delete a schedule; messages that it has made go on")
    .argument("<scheduleId>");
  addSureOption(addJsonOption(command)).action(
    async (id: string, options: JsonOption & SureOption) => {
      await confirm(`delete the schedule ${id}`, options, terminal);
      const answer = await connectApi(terminal)({ method: "DELETE", path: schedulePath(id) });
      printDone(answer, options, `${id}: deleted`, terminal);
    },
  );
}
