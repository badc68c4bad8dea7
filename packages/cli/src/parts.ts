// Acts on many that were chosen and confirmed: part by part, saying how far it is, and naming each that the server
// refused. What is not done yet stays where it is, so an interrupted action can simply be repeated.

import { isRepriseError } from "@reprise/protocol";
import { failure } from "./fault.ts";
import { note, printJson, printLine, type Terminal } from "./terminal.ts";
import { oneLine, plural } from "./text.ts";

/** What became of one of them. */
export type Outcome<T> =
  | { readonly id: string; readonly answer: T }
  | { readonly id: string; readonly error: string };

export interface PartsRequest<T> {
  readonly ids: readonly string[];
  /** The most that one request of the wire takes. */
  readonly sizeMax: number;
  /** What is said of those that are done, as in "resumed". */
  readonly past: string;
  readonly work: (ids: readonly string[]) => Promise<readonly T[]>;
  /** Says more about a refusal than the server did. */
  readonly explain?: (id: string, error: Error) => Promise<string>;
}

/** Works through all ids. Refusals of one part do not keep the next one from its turn. */
export async function forEachPart<T>(
  request: PartsRequest<T>,
  terminal: Terminal,
): Promise<readonly Outcome<T>[]> {
  const { ids, sizeMax, past } = request;
  const outcomes: Outcome<T>[] = [];
  let saidAt = terminal.now();
  for (let start = 0; start < ids.length; start += sizeMax) {
    outcomes.push(...(await workOrExplain(ids.slice(start, start + sizeMax), request)));
    const isLast = start + sizeMax >= ids.length;
    if (!isLast && terminal.now() - saidAt >= PROGRESS_MS) {
      saidAt = terminal.now();
      note(terminal, `${past} ${outcomes.length} of ${ids.length} ...`);
    }
  }
  return outcomes;
}

export const PROGRESS_MS = 1_000;

/** One unknown id makes the server refuse the whole part, so a refused part is done again one by one. */
async function workOrExplain<T>(
  ids: readonly string[],
  request: PartsRequest<T>,
): Promise<readonly Outcome<T>[]> {
  try {
    return pair(ids, await request.work(ids));
  } catch (error) {
    // A lost connection or a wrong token would meet every other id in the same way.
    if (!isRepriseError(error) || !isAboutOne(error.status)) throw error;
    const [id = ""] = ids;
    if (ids.length === 1) {
      return [{ id, error: (await request.explain?.(id, error)) ?? error.message }];
    }
  }
  const outcomes: Outcome<T>[] = [];
  for (const id of ids) outcomes.push(...(await workOrExplain([id], request)));
  return outcomes;
}

const isAboutOne = (status: number): boolean => [400, 404, 409].includes(status);

function pair<T>(ids: readonly string[], answers: readonly T[]): readonly Outcome<T>[] {
  return ids.map((id, index) => {
    const answer = answers[index];
    if (answer === undefined || answers.length !== ids.length) {
      throw failure(`the server gave ${plural(answers.length, "answer")} for ${ids.length}`);
    }
    return { id, answer };
  });
}

export interface Report<T> {
  readonly past: string;
  readonly noun: string;
  readonly isJson: boolean;
  /** How the result is named in JSON: the list, and the id of each in it. */
  readonly fields: { readonly list: string; readonly id: string };
  /** What a line says of one that is done, behind its id. */
  readonly format: (answer: T) => string;
}

/** Prints what became of each. @throws CommanderError when something was refused. */
export function reportOutcomes<T>(
  outcomes: readonly Outcome<T>[],
  { past, noun, isJson, fields, format }: Report<T>,
  terminal: Terminal,
): void {
  const done = outcomes.flatMap((outcome) => ("error" in outcome ? [] : [outcome]));
  const failed = outcomes.flatMap((outcome) => ("error" in outcome ? [outcome] : []));
  if (isJson) {
    printJson(terminal, {
      [fields.list]: done.map(({ id, answer }) => ({ [fields.id]: id, ...answer })),
      failed: failed.map(({ id, error }) => ({ [fields.id]: id, error })),
    });
  } else {
    for (const { id, answer } of done) printLine(terminal, `${id}  ${format(answer)}`.trimEnd());
  }
  for (const { id, error } of failed) note(terminal, `${oneLine(id)}  ${oneLine(error, 500)}`);
  note(terminal, `${past}: ${done.length} of ${plural(outcomes.length, noun)}`);
  if (failed.length > 0) throw failure(`${failed.length} of them could not be ${past}`);
}
