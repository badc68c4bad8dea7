// `reprise explain <id>`: everything that happened to a message or a run, in order, and why. From the public API alone.

import type { RunResource } from "@reprise/protocol";
import { isRepriseError } from "@reprise/protocol";
import type { Command } from "commander";
import { addJsonOption, type JsonOption, printAnswer } from "./answer.ts";
import { type Api, connectApi } from "./api-client.ts";
import { getDead, isOfRun } from "./dead-letter-lists.ts";
import { explainMessage } from "./explain-message.ts";
import { explainRun } from "./explain-run.ts";
import { type Explanation, formatExplanation } from "./explanation.ts";
import { listFirst } from "./pages.ts";
import { runList, WITHOUT_BODIES } from "./run-lists.ts";
import type { Terminal } from "./terminal.ts";

interface ExplainOptions extends JsonOption {
  readonly createdAt?: string;
}

export function addExplainCommand(program: Command, terminal: Terminal): void {
  const explain = program
    .command("explain")
    .description(
      "tell what happened to a message or a run: every attempt, how long, and why the next",
    )
    .argument("<id>", "of a message, a workflow run or a dead letter")
    .option("--created-at <instant>", "of the run, for an id that came twice: epoch milliseconds");
  addJsonOption(explain).action(async (id: string, options: ExplainOptions) => {
    const explanation = await explainAny(connectApi(terminal), id, options.createdAt);
    printAnswer(explanation, options, formatExplanation, terminal);
  });
}

function explainAny(api: Api, id: string, createdAt: string | undefined): Promise<Explanation> {
  if (/^\d+-\d+$/.test(id)) return explainDead(api, id);
  if (id.startsWith("msg_")) return explainMessageOrItsRun(api, id);
  return explainRun(api, id, createdAt);
}

/** A dead letter is the end of a run's story, or of a message's. */
async function explainDead(api: Api, id: string): Promise<Explanation> {
  const letter = await getDead(api, id);
  return isOfRun(letter)
    ? explainRun(api, letter.workflowRunId, String(letter.workflowCreatedAt))
    : explainMessage(api, letter.messageId);
}

/** Messages of a run are part of its story. */
async function explainMessageOrItsRun(api: Api, id: string): Promise<Explanation> {
  try {
    return await explainMessage(api, id);
  } catch (error) {
    if (!isRepriseError(error) || error.code !== "message_not_found") throw error;
    const request = runList([["messageId", id], WITHOUT_BODIES]);
    const { items } = await listFirst<RunResource>(api, { ...request, pageSizeMax: 1 }, 1);
    const [run] = items;
    if (run === undefined) throw error;
    return explainRun(api, run.workflowRunId, String(run.workflowRunCreatedAt));
  }
}
