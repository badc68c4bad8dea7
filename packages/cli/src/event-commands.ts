// `reprise notify` and `reprise waiters`: events that runs wait for.

import type { HeaderMap, NotifiedResource, WaiterResource } from "@reprise/protocol";
import type { Command } from "commander";
import { addJsonOption, type JsonOption, printList } from "./answer.ts";
import { askList, connectApi } from "./api-client.ts";
import { failure, usageFault } from "./fault.ts";
import { formatInstant } from "./instant.ts";
import { segment } from "./paths.ts";
import { readBody, withContentType } from "./publish-command.ts";
import { note, printJson, printLine, type Terminal } from "./terminal.ts";
import { formatTable, oneLine, plural } from "./text.ts";

interface NotifyOptions extends JsonOption {
  readonly run?: string;
  readonly data?: string;
  readonly dataFile?: string;
}

export function addEventCommands(program: Command, terminal: Terminal): void {
  const notify = program
    .command("notify")
    .description("wake the runs that wait for an event")
    .argument("<eventId>")
    .option("--run <id>", "this run only; when it does not wait yet, the event is kept for it")
    .option("--data <text>", "data of the event, such as JSON")
    .option("--data-file <path>", "file with the data; - is standard input");
  addJsonOption(notify).action((eventId: string, options: NotifyOptions) =>
    notifyWaiters(eventId, options, terminal),
  );
  const waiters = program
    .command("waiters")
    .description("list the runs that wait for an event")
    .argument("<eventId>");
  addJsonOption(waiters).action((eventId: string, options: JsonOption) =>
    listWaiters(eventId, options, terminal),
  );
}

async function notifyWaiters(
  eventId: string,
  options: NotifyOptions,
  terminal: Terminal,
): Promise<void> {
  const { run, data, dataFile } = options;
  const given = { body: data, file: dataFile };
  const body = await readBody(given, terminal, "--data or --data-file");
  const runPart = run === undefined ? "" : `${runSegment(run)}/`;
  const answers = await askList<NotifiedResource>(connectApi(terminal), {
    method: "POST",
    path: `/v2/notify/${runPart}${segment(eventId, "the event")}`,
    headers: withContentType({}, body),
    body,
  });
  const refused = answers.filter(({ error }) => error !== "");
  const woken = answers.filter(({ error, messageId }) => error === "" && messageId !== "");
  const kept = answers.filter(({ error, messageId }) => error === "" && messageId === "");
  if (options.json === true) printJson(terminal, answers);
  else for (const { workflowRunId } of woken) printLine(terminal, workflowRunId);
  const event = oneLine(eventId);
  for (const { workflowRunId, error } of refused) {
    note(terminal, `${workflowRunId}  ${oneLine(error, 500)}`);
  }
  for (const { workflowRunId } of kept) {
    note(terminal, `${workflowRunId} does not wait for ${event} yet; the event is kept for it`);
  }
  if (answers.length === 0) {
    note(terminal, `nobody waits for ${event}, and the event is not kept; name a run to keep it`);
  } else if (woken.length > 0) {
    note(terminal, `${plural(woken.length, "run")} woken`);
  }
  if (refused.length > 0) throw failure(`${refused.length} of them could not be woken`);
}

/** The wire knows a run from the first part of an event id by this prefix alone. */
function runSegment(runId: string): string {
  if (runId.startsWith("wfr")) return segment(runId, "the run");
  throw usageFault(
    `--run must be the id of a run, which starts with wfr, got ${JSON.stringify(runId)}`,
  );
}

async function listWaiters(
  eventId: string,
  options: JsonOption,
  terminal: Terminal,
): Promise<void> {
  const path = `/v2/waiters/${segment(eventId, "the event")}`;
  const waiters = await askList<WaiterResource>(connectApi(terminal), { path });
  printList(waiters, { ...options, noun: "waiting run" }, formatWaiterTable, terminal);
}

function formatWaiterTable(waiters: readonly WaiterResource[]): string {
  const rows = waiters.map(({ url, deadline, headers }) => [
    runOf(headers),
    formatInstant(deadline * 1000),
    oneLine(url, 2000),
  ]);
  return formatTable(["run", "waits until", "workflow"], rows);
}

/** A waiter is a message to its run; the headers say which. */
function runOf(headers: HeaderMap): string {
  const found = Object.entries(headers).find(
    ([name]) => name.toLowerCase() === "upstash-workflow-runid",
  );
  return found?.[1][0] ?? "-";
}
