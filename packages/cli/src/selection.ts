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
  /** Whether the person gave a filter; an action may add filters of its own to the list. */
  readonly hasFilter: boolean;
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

/** The wire ignores filters beside ids; whoever wrote both meant something else. */
function namedIds(request: SelectionRequest): readonly string[] {
  if (request.hasFilter || request.isAll) {
    throw usageFault("give either ids of dead letters or filters, not both");
  }
  // The wire takes comma lists, so an id never has a comma; split here, or the count would be wrong.
  const ids = request.ids.flatMap((text) => text.split(",")).map((id) => id.trim());
  if (ids.includes("")) throw usageFault("an id of a dead letter must not be empty");
  return [...new Set(ids)];
}

async function findIds(request: SelectionRequest, terminal: Terminal): Promise<readonly string[]> {
  if (!request.isAll && !request.hasFilter) {
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
