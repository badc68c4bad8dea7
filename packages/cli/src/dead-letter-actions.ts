// Acts on dead letters that were chosen and confirmed: part by part, saying how far it is, and naming each that
// the server refused. What is not done yet stays in the queue, so an interrupted action can simply be repeated.

import { isRepriseError, PATH, type RunAnswer } from "@reprise/protocol";
import type { Api, ApiRequest, Query } from "./api-client.ts";
import { failure } from "./fault.ts";
import type { Selection } from "./selection.ts";
import { note, printJson, printLine, type Terminal } from "./terminal.ts";
import { oneLine, plural } from "./text.ts";

/** The most that one request of the wire resumes or restarts. */
const PART_SIZE_MAX = 50;

/** What became of one dead letter. */
type Outcome =
  | { readonly dlqId: string; readonly run: RunAnswer | null }
  | { readonly dlqId: string; readonly error: string };

/** Resumes or restarts. */
export async function reviveRuns(
  selection: Selection,
  action: {
    readonly verb: "resume" | "restart";
    readonly headers: Readonly<Record<string, string>>;
  },
  terminal: Terminal,
): Promise<void> {
  const path = action.verb === "resume" ? PATH.workflowDlqResume : PATH.workflowDlqRestart;
  const request = { method: "POST", path, headers: action.headers } as const;
  const past = action.verb === "resume" ? "resumed" : "restarted";
  const outcomes = await forEachPart(selection, { past, sizeMax: PART_SIZE_MAX }, terminal, (ids) =>
    reviveTogether(selection.api, request, ids),
  );
  report(outcomes, { past, isJson: selection.isJson }, terminal);
}

/** Calls failure functions again; the wire knows no bulk form of it. */
export async function callFailureFunctions(
  selection: Selection,
  terminal: Terminal,
): Promise<void> {
  const past = "called again";
  const outcomes = await forEachPart(selection, { past, sizeMax: 1 }, terminal, async ([dlqId]) => {
    const path = `${PATH.workflowDlqCallback}/${encodeURIComponent(dlqId ?? "")}`;
    const answer = await selection.api({ method: "POST", path });
    return dlqId === undefined ? [] : [{ dlqId, run: readRun(answer) }];
  });
  report(outcomes, { past, isJson: selection.isJson }, terminal);
}

/** Deletes; the wire counts only, so what was gone already shows as a smaller count. */
export async function deleteDeadLetters(selection: Selection, terminal: Terminal): Promise<void> {
  let deleted = 0;
  await forEachPart(
    selection,
    { past: "deleted", sizeMax: PART_SIZE_MAX },
    terminal,
    async (ids) => {
      const request = { method: "DELETE", path: PATH.workflowDlq, query: idQuery(ids) } as const;
      const count = readNumber(await selection.api(request), "deleted");
      deleted += count;
      return ids.map((dlqId) => ({ dlqId, run: null }));
    },
  );
  if (selection.isJson) printJson(terminal, { deleted });
  const missing = selection.ids.length - deleted;
  const gone =
    missing > 0 ? `; ${missing} of the chosen ${missing === 1 ? "was" : "were"} not there` : "";
  note(terminal, `deleted ${plural(deleted, "dead letter")}${gone}`);
  if (deleted === 0 && missing > 0) throw failure("nothing was deleted");
}

/** Works through the chosen ids. Refusals of one part do not keep the next one from its turn. */
async function forEachPart(
  { ids }: Selection,
  { past, sizeMax }: { readonly past: string; readonly sizeMax: number },
  terminal: Terminal,
  work: (ids: readonly string[]) => Promise<readonly Outcome[]>,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  let saidAt = terminal.now();
  for (let start = 0; start < ids.length; start += sizeMax) {
    outcomes.push(...(await workOrExplain(ids.slice(start, start + sizeMax), work)));
    const isLast = start + sizeMax >= ids.length;
    if (!isLast && terminal.now() - saidAt >= PROGRESS_MS) {
      saidAt = terminal.now();
      note(terminal, `${past} ${outcomes.length} of ${ids.length} ...`);
    }
  }
  return outcomes;
}

const PROGRESS_MS = 1_000;

/** One unknown id makes the server refuse the whole part, so a refused part is done again one by one. */
async function workOrExplain(
  ids: readonly string[],
  work: (ids: readonly string[]) => Promise<readonly Outcome[]>,
): Promise<readonly Outcome[]> {
  try {
    return await work(ids);
  } catch (error) {
    // A lost connection or a wrong token would meet every other id in the same way.
    if (!isRepriseError(error) || !isAboutOne(error.status)) throw error;
    const [dlqId = ""] = ids;
    if (ids.length === 1) return [{ dlqId, error: error.message }];
  }
  const outcomes: Outcome[] = [];
  for (const id of ids) outcomes.push(...(await workOrExplain([id], work)));
  return outcomes;
}

const isAboutOne = (status: number): boolean => status === 400 || status === 404;

async function reviveTogether(
  api: Api,
  request: ApiRequest,
  ids: readonly string[],
): Promise<readonly Outcome[]> {
  const answer = await api({ ...request, query: idQuery(ids) });
  const runs = readList(answer, "workflowRuns");
  if (runs.length !== ids.length) {
    throw failure(
      `the server answered ${runs.length} runs for ${plural(ids.length, "dead letter")}`,
    );
  }
  return ids.map((dlqId, index) => ({ dlqId, run: readRun(runs[index]) }));
}

const idQuery = (ids: readonly string[]): Query => ids.map((id) => ["dlqIds", id] as const);

function report(
  outcomes: readonly Outcome[],
  { past, isJson }: { readonly past: string; readonly isJson: boolean },
  terminal: Terminal,
): void {
  const done = outcomes.flatMap((outcome) => ("error" in outcome ? [] : [outcome]));
  const failed = outcomes.flatMap((outcome) => ("error" in outcome ? [outcome] : []));
  if (isJson) {
    const workflowRuns = done.map(({ dlqId, run }) => ({ dlqId, ...run }));
    printJson(terminal, { workflowRuns, failed });
  } else {
    for (const { dlqId, run } of done) printLine(terminal, `${dlqId}  ${run?.workflowRunId ?? ""}`);
  }
  for (const { dlqId, error } of failed) note(terminal, `${dlqId}  ${oneLine(error)}`);
  note(terminal, `${past}: ${done.length} of ${plural(outcomes.length, "dead letter")}`);
  if (failed.length > 0) throw failure(`${failed.length} of them could not be ${past}`);
}

function readField(answer: unknown, name: string): unknown {
  const fields: Readonly<Record<string, unknown>> =
    typeof answer === "object" && answer !== null ? { ...answer } : {};
  return fields[name];
}

function readList(answer: unknown, name: string): readonly unknown[] {
  const list = readField(answer, name);
  if (!Array.isArray(list)) throw failure(`the server's answer has no list "${name}"`);
  return list;
}

function readNumber(answer: unknown, name: string): number {
  const number = readField(answer, name);
  if (typeof number !== "number") throw failure(`the server's answer has no number "${name}"`);
  return number;
}

function readRun(answer: unknown): RunAnswer {
  const workflowRunId = readField(answer, "workflowRunId");
  if (typeof workflowRunId !== "string") throw failure("the server's answer names no run");
  return { workflowRunId, workflowCreatedAt: readNumber(answer, "workflowCreatedAt") };
}
