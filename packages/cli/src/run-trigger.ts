// `reprise runs trigger`: starts a run without an SDK.

import { HEADER, isRunId, type RunAnswer } from "@reprise/protocol";
import type { Command } from "commander";
import { addJsonOption, type JsonOption } from "./answer.ts";
import { ask, connectApi } from "./api-client.ts";
import { usageFault } from "./fault.ts";
import { addRunOptions, type MessageOptions, toMessageHeaders } from "./message-options.ts";
import { addBodyOptions, type BodyOptions, readBody, withContentType } from "./publish-command.ts";
import { note, printJson, printLine, type Terminal } from "./terminal.ts";

interface TriggerOptions extends MessageOptions, BodyOptions, JsonOption {
  readonly runId?: string;
}

export function addTriggerCommand(runs: Command, terminal: Terminal): void {
  const command = runs
    .command("trigger")
    .description("start a run of the workflow behind a URL")
    .argument("<url>", "URL that serves the workflow")
    .option("--run-id <id>", "id of the run; wfr_ is put before it unless it is there");
  addJsonOption(addRunOptions(addBodyOptions(command))).action(
    (url: string, options: TriggerOptions) => trigger(url, options, terminal),
  );
}

async function trigger(url: string, options: TriggerOptions, terminal: Terminal): Promise<void> {
  if (!/^https?:\/\//i.test(url)) {
    throw usageFault(
      `the workflow must be a URL with http:// or https://, got ${JSON.stringify(url)}`,
    );
  }
  const { runId } = options;
  const body = await readBody(options, terminal);
  const headers = {
    ...withContentType(toMessageHeaders(options), body),
    ...(runId === undefined ? {} : { [HEADER.workflowRunId]: toRunId(runId) }),
  };
  const path = `/v2/trigger/${encodeURIComponent(url)}`;
  const request = { method: "POST", path, headers, body } as const;
  const answer = await ask<RunAnswer>(connectApi(terminal), request);
  if (options.json === true) return printJson(terminal, answer);
  printLine(terminal, answer.workflowRunId);
  const isRepeated = answer.deduplicated === true;
  note(terminal, isRepeated ? "1 run that was started before (deduplicated)" : "1 run");
}

/** The official clients prefix ids as well, and a notification finds its run by the prefix. */
function toRunId(text: string): string {
  const runId = text.startsWith("wfr_") ? text : `wfr_${text}`;
  if (isRunId(runId)) return runId;
  throw usageFault(
    `--run-id must have letters, digits, dots, hyphens and underscores, got ${JSON.stringify(text)}`,
  );
}
