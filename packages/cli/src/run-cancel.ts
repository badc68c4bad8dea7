// `reprise runs cancel`: by ids, or by filters. The wire cancels part by part and says only how many it were.

import { type CancelAnswer, PATH, type RunResource } from "@reprise/protocol";
import type { Command } from "commander";
import { printDone } from "./answer.ts";
import { type Api, ask, connectApi, type Query } from "./api-client.ts";
import { failure, usageFault } from "./fault.ts";
import { cancelRunFilters, runFilters } from "./filter-sets.ts";
import { addFilters, type FilterOptions, toQuery } from "./filters.ts";
import { listPages } from "./pages.ts";
import { forEachPart, PROGRESS_MS } from "./parts.ts";
import { runList, WITHOUT_BODIES } from "./run-lists.ts";
import {
  type ActionOptions,
  addActionOptions,
  checkSelection,
  type Selection,
  select,
} from "./selection.ts";
import { note, printJson, type Terminal } from "./terminal.ts";
import { plural } from "./text.ts";

const NOUN = "run";

type Options = FilterOptions & ActionOptions;

export function addCancelCommand(runs: Command, terminal: Terminal): void {
  const cancel = runs
    .command("cancel")
    .description("cancel runs that have not ended; no failure function is called")
    .argument("[runId...]", "runs; without them the filters choose");
  addActionOptions(
    addFilters(cancel, terminal, cancelRunFilters),
    "every run that the filters leave, without any filter all that have not ended",
  ).action((ids: string[], options: Options) => cancelRuns(ids, options, terminal));
}

async function cancelRuns(
  ids: readonly string[],
  options: Options,
  terminal: Terminal,
): Promise<void> {
  checkUrls(options);
  const api = connectApi(terminal);
  const hasFilter = toQuery(options, cancelRunFilters).length > 0;
  const request = { api, ids, hasFilter, options, verb: "cancel", noun: NOUN };
  checkSelection(request);
  const isNamed = ids.length > 0;
  // Whoever agrees in advance need not be told how many they are, so nothing is listed.
  if (!isNamed && options.yes === true) return cancelMatching(api, options, terminal);
  const find = () => findOpenRuns(api, options);
  await cancelChosen(await select({ ...request, find }, terminal), isNamed, terminal);
}

/** An empty beginning is one of every URL, and would be cut out of the request. */
function checkUrls({ url, urlPrefix }: Options): void {
  if (url !== undefined && urlPrefix !== undefined) {
    throw usageFault("give --url or --url-prefix, not both");
  }
  if (urlPrefix?.includes("") === true) throw usageFault("--url-prefix must not be empty");
}

/** Ids of the runs that a cancel by these filters would take. Lists know no beginnings of URLs. */
async function* findOpenRuns(api: Api, options: Options): AsyncGenerator<readonly string[]> {
  const { urlPrefix: prefixes = [""] } = options;
  const query = [
    ...toQuery(options, runFilters),
    ["state", "RUN_STARTED"],
    WITHOUT_BODIES,
  ] as const;
  for await (const page of listPages<RunResource>(api, runList(query))) {
    yield page
      .filter((run) => prefixes.some((prefix) => run.workflowUrl.startsWith(prefix)))
      .map((run) => run.workflowRunId);
  }
}

/** The most that one request of the wire names. */
const PART_SIZE_MAX = 500;

async function cancelChosen(
  { api, ids, isJson }: Selection,
  isNamed: boolean,
  terminal: Terminal,
): Promise<void> {
  let cancelled = 0;
  const work = async (workflowRunIds: readonly string[]) => {
    const request = {
      method: "DELETE",
      path: PATH.workflowRuns,
      body: { workflowRunIds },
    } as const;
    cancelled += (await ask<CancelAnswer>(api, request)).cancelled;
    return workflowRunIds.map(() => null);
  };
  await forEachPart({ ids, sizeMax: PART_SIZE_MAX, past: "cancelled", work }, terminal);
  if (isJson) printJson(terminal, { cancelled });
  const missing = ids.length - cancelled;
  const gone =
    missing > 0 ? `; ${missing} of the chosen had ended${isNamed ? " or never been" : ""}` : "";
  note(terminal, `cancelled ${plural(cancelled, NOUN)}${gone}`);
  if (cancelled === 0 && missing > 0) throw failure("nothing was cancelled");
}

/** Runs that one request cancels; a person wants to see progress now and then. */
const REQUEST_RUNS_MAX = 1_000;

/** Until nothing matches any more, what begins meanwhile included. */
async function cancelMatching(api: Api, options: Options, terminal: Terminal): Promise<void> {
  const exact: Query = options.url === undefined ? [] : [["workflowUrlExactMatch", "true"]];
  const query: Query = [
    ...toQuery(options, cancelRunFilters),
    ...exact,
    ["count", String(REQUEST_RUNS_MAX)],
  ];
  let cancelled = 0;
  let saidAt = terminal.now();
  for (;;) {
    const request = { method: "DELETE", path: PATH.workflowRuns, query } as const;
    const answer = await ask<CancelAnswer>(api, request);
    cancelled += answer.cancelled;
    if (answer.cancelled < REQUEST_RUNS_MAX) break;
    if (terminal.now() - saidAt < PROGRESS_MS) continue;
    saidAt = terminal.now();
    note(terminal, `cancelled ${cancelled} so far ...`);
  }
  printDone({ cancelled }, options, `cancelled ${plural(cancelled, NOUN)}`, terminal);
}
