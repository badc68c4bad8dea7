// Which dead letters an action is for. Filters are resolved to ids before anything happens, so that what is counted
// and confirmed is exactly what is done, also when new runs fail meanwhile.

import type { DeadLetterResource } from "@reprise/protocol";
import type { Api } from "./api-client.ts";
import { failure, usageFault } from "./fault.ts";
import { type ListRequest, listPages } from "./pages.ts";
import { note, type Terminal } from "./terminal.ts";
import { plural } from "./text.ts";

export interface SelectionRequest {
  readonly api: Api;
  /** Ids from the command line; the filters are for when there are none. */
  readonly ids: readonly string[];
  readonly list: ListRequest;
  readonly isAll: boolean;
  readonly isSure: boolean;
  readonly isJson: boolean;
  /** What will be done, as in "resume 3 dead letters". */
  readonly verb: string;
  /** Whether even a single one, named by id, is asked about. */
  readonly isAlwaysAsked: boolean;
}

export interface Selection {
  readonly api: Api;
  readonly ids: readonly string[];
  readonly isJson: boolean;
}

/** Finds the dead letters and has them confirmed. */
export async function selectDeadLetters(
  request: SelectionRequest,
  terminal: Terminal,
): Promise<Selection> {
  const { api, isJson } = request;
  const isNamed = request.ids.length > 0;
  const ids = isNamed ? namedIds(request) : await findIds(request, terminal);
  const isBulk = !isNamed || ids.length > 1;
  if (ids.length > 0 && (isBulk || request.isAlwaysAsked)) {
    await confirm(ids.length, request, terminal);
  }
  return { api, ids, isJson };
}

const hasFilter = ({ list }: SelectionRequest): boolean => (list.query ?? []).length > 0;

/** The wire ignores filters beside ids; whoever wrote both meant something else. */
function namedIds(request: SelectionRequest): readonly string[] {
  if (hasFilter(request) || request.isAll) {
    throw usageFault("give either ids of dead letters or filters, not both");
  }
  return [...new Set(request.ids)];
}

async function findIds(request: SelectionRequest, terminal: Terminal): Promise<readonly string[]> {
  // `callback` adds a filter of its own, so that a forgotten one must not pass for a choice.
  if (!request.isAll && !hasFilter(request)) {
    throw usageFault("name dead letters, give filters, or say --all");
  }
  const ids: string[] = [];
  for await (const page of listPages<DeadLetterResource>(request.api, request.list)) {
    ids.push(...page.map((letter) => letter.dlqId));
    if (page.length === request.list.pageSizeMax) note(terminal, `found ${ids.length} so far ...`);
  }
  return ids;
}

async function confirm(
  count: number,
  request: SelectionRequest,
  terminal: Terminal,
): Promise<void> {
  if (request.isSure) return;
  const what = `${request.verb} ${plural(count, "dead letter")}`;
  if (!terminal.isInteractive) {
    throw usageFault(`this would ${what}; add --yes to do it without a question`);
  }
  const answer = await terminal.ask(`${what}? [y/N] `);
  if (!/^y(es)?$/i.test(answer.trim())) throw failure("nothing was changed");
}
