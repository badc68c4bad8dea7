// What an action is for. Filters are resolved to ids before anything happens, so that what is counted and confirmed
// is exactly what is done, also when more arrives meanwhile.

import type { Command } from "commander";
import type { Api } from "./api-client.ts";
import { confirm } from "./confirm.ts";
import { usageFault } from "./fault.ts";
import { PROGRESS_MS } from "./parts.ts";
import { note, type Terminal } from "./terminal.ts";
import { plural } from "./text.ts";

/** Options of a command that takes ids, or filters, or `--all`. */
export interface ActionOptions {
  readonly all?: true;
  readonly yes?: true;
  readonly json?: true;
}

export function addActionOptions(command: Command, everything: string): Command {
  return command
    .option("--all", everything)
    .option("--yes", "ask nothing")
    .option("--json", "print the result as JSON");
}

export interface SelectionRequest {
  readonly api: Api;
  /** Ids from the command line; the filters are for when there are none. */
  readonly ids: readonly string[];
  /** Yields page after page of what the filters choose. */
  readonly find: () => AsyncIterable<readonly string[]>;
  /** Whether the person gave a filter; an action may add filters of its own. */
  readonly hasFilter: boolean;
  readonly options: ActionOptions;
  /** What will be done, as in "resume 3 dead letters". */
  readonly verb: string;
  readonly noun: string;
  /** Whether even a single one, named by id, is asked about. */
  readonly isAlwaysAsked?: boolean;
}

export interface Selection {
  readonly api: Api;
  readonly ids: readonly string[];
  readonly isJson: boolean;
}

/** Finds what is meant and has it confirmed. */
export async function select(request: SelectionRequest, terminal: Terminal): Promise<Selection> {
  checkSelection(request);
  if (request.ids.length > 0) return selectNamed(request, terminal);
  const { api, options, verb, noun } = request;
  const ids = await findIds(request, terminal);
  if (ids.length > 0) await confirm(`${verb} ${plural(ids.length, noun)}`, options, terminal);
  return { api, ids, isJson: options.json === true };
}

/** Takes what is named; several are asked about. */
export async function selectNamed(
  request: Omit<SelectionRequest, "find" | "hasFilter">,
  terminal: Terminal,
): Promise<Selection> {
  const { api, options, verb, noun, isAlwaysAsked } = request;
  const ids = namedIds(request);
  if (ids.length > 1 || isAlwaysAsked === true) {
    await confirm(`${verb} ${plural(ids.length, noun)}`, options, terminal);
  }
  return { api, ids, isJson: options.json === true };
}

type Chosen = Pick<SelectionRequest, "ids" | "hasFilter" | "options" | "noun">;

/** The wire ignores filters beside ids; whoever wrote both meant something else. */
export function checkSelection({ ids, hasFilter, options, noun }: Chosen): void {
  const isWide = hasFilter || options.all === true;
  if (ids.length > 0 && isWide) {
    throw usageFault(`give either ids of ${noun}s or filters, not both`);
  }
  if (ids.length === 0 && !isWide) {
    throw usageFault(`name ${noun}s, give filters, or say --all`);
  }
}

function namedIds({ ids: texts, noun }: Pick<SelectionRequest, "ids" | "noun">): readonly string[] {
  // The wire takes comma lists, so an id never has a comma; split here, or the count would be wrong.
  const ids = texts.flatMap((text) => text.split(",")).map((id) => id.trim());
  if (ids.includes("")) throw usageFault(`an id of a ${noun} must not be empty`);
  return [...new Set(ids)];
}

async function findIds(request: SelectionRequest, terminal: Terminal): Promise<readonly string[]> {
  const ids = new Set<string>();
  let saidAt = terminal.now();
  for await (const page of request.find()) {
    for (const id of page) ids.add(id);
    if (terminal.now() - saidAt < PROGRESS_MS) continue;
    saidAt = terminal.now();
    note(terminal, `found ${ids.size} so far ...`);
  }
  return [...ids];
}
