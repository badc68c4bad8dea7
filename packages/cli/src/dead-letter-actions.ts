// Acts on dead letters that were chosen and confirmed.

import {
  type BulkDeleteAnswer,
  type BulkRetryAnswer,
  type BulkRunsAnswer,
  PATH,
  type RetryAnswer,
  type RunAnswer,
} from "@reprise/protocol";
import { ask, type Query } from "./api-client.ts";
import { DEAD_QUEUES, type DeadKind, explainDead } from "./dead-letter-lists.ts";
import { failure } from "./fault.ts";
import { forEachPart, reportOutcomes } from "./parts.ts";
import { segment } from "./paths.ts";
import type { Selection } from "./selection.ts";
import { note, printJson, type Terminal } from "./terminal.ts";
import { plural } from "./text.ts";

/** The most that one request of the wire resumes or restarts. */
const PART_SIZE_MAX = 50;

const NOUN = "dead letter";

/** Resumes or restarts. */
export async function reviveRuns(
  { api, ids, isJson }: Selection,
  action: {
    readonly verb: "resume" | "restart";
    readonly headers: Readonly<Record<string, string>>;
  },
  terminal: Terminal,
): Promise<void> {
  const path = action.verb === "resume" ? PATH.workflowDlqResume : PATH.workflowDlqRestart;
  const request = { method: "POST", path, headers: action.headers } as const;
  const past = action.verb === "resume" ? "resumed" : "restarted";
  const outcomes = await forEachPart<RunAnswer>(
    {
      ids,
      sizeMax: PART_SIZE_MAX,
      past,
      work: async (part) => {
        const answer = await ask<BulkRunsAnswer>(api, { ...request, query: idQuery(part) });
        return answer.workflowRuns;
      },
      explain: (id, error) => explainDead("run", { api, id, error }),
    },
    terminal,
  );
  reportOutcomes(outcomes, { past, noun: NOUN, isJson, ...runsReport }, terminal);
}

const runsReport = {
  fields: { list: "workflowRuns", id: "dlqId" },
  format: ({ workflowRunId }: RunAnswer) => workflowRunId,
} as const;

/** Calls failure functions again, or no longer; the wire knows no bulk form of either. */
export async function changeFailureCalls(
  { api, ids, isJson }: Selection,
  verb: "call" | "cancel",
  terminal: Terminal,
): Promise<void> {
  const past = verb === "call" ? "called again" : "no longer called";
  const method = verb === "call" ? "POST" : "DELETE";
  const outcomes = await forEachPart<RunAnswer>(
    {
      ids,
      sizeMax: 1,
      past,
      work: async ([id = ""]) => {
        const path = `${PATH.workflowDlqCallback}/${segment(id, "the id")}`;
        return [await ask<RunAnswer>(api, { method, path })];
      },
      explain: (id, error) => explainDead("run", { api, id, error }),
    },
    terminal,
  );
  reportOutcomes(outcomes, { past, noun: NOUN, isJson, ...runsReport }, terminal);
}

/** Sends dead messages again, as new messages. */
export async function retryMessages(
  { api, ids, isJson }: Selection,
  headers: Readonly<Record<string, string>>,
  terminal: Terminal,
): Promise<void> {
  const past = "retried";
  const request = { method: "POST", path: `${PATH.dlq}/retry`, headers } as const;
  const outcomes = await forEachPart<RetryAnswer>(
    {
      ids,
      sizeMax: PART_SIZE_MAX,
      past,
      work: async (part) => {
        const answer = await ask<BulkRetryAnswer>(api, { ...request, query: idQuery(part) });
        return answer.responses;
      },
      explain: (id, error) => explainDead("message", { api, id, error }),
    },
    terminal,
  );
  const fields = { list: "responses", id: "dlqId" };
  const format = ({ messageId }: RetryAnswer) => messageId;
  reportOutcomes(outcomes, { past, noun: NOUN, isJson, fields, format }, terminal);
}

/** Deletes; the wire counts only, so what was gone already shows as a smaller count. */
export async function deleteDeadLetters(
  { api, ids, isJson }: Selection,
  kinds: readonly DeadKind[],
  terminal: Terminal,
): Promise<void> {
  let deleted = 0;
  const work = async (part: readonly string[]) => {
    for (const kind of kinds) {
      const { path } = DEAD_QUEUES[kind];
      // An id is of one kind only, and the other kind's queue passes over it.
      const request = { method: "DELETE", path, query: idQuery(part) } as const;
      deleted += (await ask<BulkDeleteAnswer>(api, request)).deleted;
    }
    return part.map(() => null);
  };
  await forEachPart({ ids, sizeMax: PART_SIZE_MAX, past: "deleted", work }, terminal);
  if (isJson) printJson(terminal, { deleted });
  const missing = ids.length - deleted;
  const gone =
    missing > 0 ? `; ${missing} of the chosen ${missing === 1 ? "was" : "were"} not there` : "";
  note(terminal, `deleted ${plural(deleted, NOUN)}${gone}`);
  if (deleted === 0 && missing > 0) throw failure("nothing was deleted");
}

/** Keeps dead letters from retention, or gives them back to it. */
export async function holdDeadLetters(
  { api, ids, isJson }: Selection,
  { verb, kinds }: { readonly verb: "hold" | "release"; readonly kinds: readonly DeadKind[] },
  terminal: Terminal,
): Promise<void> {
  const past = verb === "hold" ? "held" : "released";
  let count = 0;
  const work = async (part: readonly string[]) => {
    for (const kind of kinds) {
      const path = `${DEAD_QUEUES[kind].path}/${verb}`;
      // An id is of one kind only, and the other kind's queue passes over it.
      const request = { method: "POST", path, query: idQuery(part) } as const;
      count += (await ask<Readonly<Record<typeof past, number>>>(api, request))[past];
    }
    return part.map(() => null);
  };
  await forEachPart({ ids, sizeMax: PART_SIZE_MAX, past, work }, terminal);
  if (isJson) printJson(terminal, { [past]: count });
  const missing = ids.length - count;
  const gone =
    missing > 0 ? `; ${missing} of the chosen ${missing === 1 ? "was" : "were"} not there` : "";
  note(terminal, `${past} ${plural(count, NOUN)}${gone}`);
  if (count === 0 && missing > 0) throw failure(`nothing was ${past}`);
}

const idQuery = (ids: readonly string[]): Query => ids.map((id) => ["dlqIds", id] as const);
