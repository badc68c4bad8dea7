import { isJsonObject, parseJson, quoted, RepriseError } from "@reprise/protocol";
import { readBody } from "./request.ts";

/** Named values of a request: from the query, and for bulk requests also from a JSON body. */

/** One parameter as it was given. */
export interface Given {
  readonly texts: readonly string[];
  /** Items of a JSON list are taken as they are; texts of a query may be comma lists. */
  readonly isExact: boolean;
}

export type Parameters = ReadonlyMap<string, Given>;

/** Ids and filters need no more. */
const BODY_BYTES_MAX = 1024 * 1024;

/** Values of one parameter that a request may give; the store binds each. */
export const VALUES_MAX = 1000;

/** The token has been read already; it is no filter. */
const TOKEN_NAME = "qstash_token";

export function queryParameters(request: Request): Parameters {
  const parameters = new Map<string, Given>();
  for (const [name, value] of new URL(request.url).searchParams) {
    if (name === TOKEN_NAME) continue;
    const texts = [...(parameters.get(name)?.texts ?? []), value];
    parameters.set(name, { texts, isExact: false });
  }
  return parameters;
}

/**
 * The parameters of a bulk request: its query, its JSON body, or some in each.
 * @throws RepriseError `invalid_json`, `invalid_query` or `body_too_large`.
 */
export async function bulkParameters(request: Request): Promise<Parameters> {
  const query = queryParameters(request);
  const body = await readBody(request, BODY_BYTES_MAX);
  // An empty body in chunks was announced and did not come: it must not mean everything.
  const isMissing = request.headers.has("transfer-encoding") && query.size === 0;
  if (body.byteLength === 0 && !isMissing) return query;
  const parameters = new Map(query);
  for (const [name, given] of bodyParameters(body)) {
    if (query.has(name))
      throw invalid(name, "must be given in the query or in the body, not in both");
    parameters.set(name, given);
  }
  if (parameters.size === 0) {
    throw new RepriseError("invalid_json", {
      message:
        "the body names no ids and no filter; an empty one could be meant for everything or for nothing",
    });
  }
  return parameters;
}

function bodyParameters(bytes: Uint8Array): Parameters {
  const value = parseJson(bytes, "the body");
  if (!isJsonObject(value)) {
    throw new RepriseError("invalid_json", {
      message: "the body must be a JSON object of ids or filters",
    });
  }
  const parameters = new Map<string, Given>();
  for (const [name, field] of Object.entries(value)) {
    if (field === null) continue;
    parameters.set(name, toGiven(name, field));
  }
  return parameters;
}

function toGiven(name: string, field: unknown): Given {
  if (Array.isArray(field)) {
    return { texts: field.map((item: unknown) => toText(name, item)), isExact: true };
  }
  return { texts: [toText(name, field)], isExact: false };
}

function toText(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw invalid(name, "must be a text, a number, true, false or a list of those");
}

/**
 * Every value of a parameter: repeated, as a comma list, or both; null when it was not given.
 * @throws RepriseError `invalid_query` when it was given without a value, which must never mean "all".
 */
export function readList(
  parameters: Parameters,
  name: string,
  split: Split = SPLITS[name] ?? splitAtCommas,
): readonly string[] | null {
  const given = parameters.get(name);
  if (given === undefined) return null;
  const values = given.isExact ? given.texts : given.texts.flatMap((text) => split(text));
  const unique = [...new Set(values.map((value) => value.trim()))];
  if (unique.length === 0 || unique.includes("")) {
    throw invalid(name, "must have a value; leave it out to ask for everything");
  }
  if (unique.length > VALUES_MAX) {
    throw invalid(name, `must have at most ${VALUES_MAX} values, got ${unique.length}`);
  }
  return unique;
}

type Split = (text: string) => readonly string[];

function splitAtCommas(text: string): readonly string[] {
  return text.split(",");
}

/** A comma is allowed within a URL, so only one with another URL behind it separates. */
export const splitUrls: Split = (text) => wholeAnd(text, text.split(/,\s*(?=https?:)/i));

/** Other values that may hold a comma. */
const SPLITS: Readonly<Record<string, Split | undefined>> = {
  path: (text) => wholeAnd(text, text.split(/,\s*(?=\/)/)),
  flowControlKey: (text) => wholeAnd(text, text.split(",")),
};

/** Nobody can tell one value with a comma from two: the whole text counts as well as its parts. */
function wholeAnd(text: string, parts: readonly string[]): readonly string[] {
  return parts.length === 1 ? parts : [text, ...parts.filter((part) => part.trim() !== "")];
}

/**
 * The one value of a parameter; null when it was not given.
 * @throws RepriseError `invalid_query` when it is empty or given more than once.
 */
export function readText(parameters: Parameters, name: string): string | null {
  const given = parameters.get(name);
  if (given === undefined) return null;
  const [text, ...others] = given.texts;
  if (text === undefined || text === "") {
    throw invalid(name, "must have a value; leave it out to ask for everything");
  }
  if (others.length > 0) throw invalid(name, "must be given once");
  return text;
}

/** As {@link readText}, for whole numbers of at least `min`. */
export function readWhole(parameters: Parameters, name: string, min: number): number | null {
  const text = readText(parameters, name);
  return text === null ? null : toWhole(name, text, min);
}

/** @throws RepriseError `invalid_query` when `text` is not a whole number of at least `min`. */
export function toWhole(name: string, text: string, min: number): number {
  const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw invalid(name, `must be a whole number of ${min} or more, got ${quoted(text)}`);
}

/**
 * The values of a parameter that knows only some.
 * @throws RepriseError `invalid_query` that lists them.
 */
export function readOneOf(
  parameters: Parameters,
  name: string,
  known: readonly string[],
): readonly string[] | null {
  const values = readList(parameters, name);
  const foreign = values?.find((value) => !known.includes(value));
  if (foreign !== undefined) {
    throw invalid(name, `must be one of ${known.join(", ")}, got ${quoted(foreign)}`);
  }
  return values;
}

/**
 * The ids that a request names; null when it names none. An empty list of a body names nothing, and must never mean "all".
 * @throws RepriseError `invalid_query` when it was given without a value.
 */
export function readIds(parameters: Parameters, name: string): readonly string[] | null {
  const given = parameters.get(name);
  return given?.isExact === true && given.texts.length === 0 ? [] : readList(parameters, name);
}

/** Oldest first when not given, as the older documentation of the dead letter queue says. */
export function readOrder(parameters: Parameters): "ascending" | "descending" {
  const [order, ...others] = readOneOf(parameters, "order", ["earliestFirst", "latestFirst"]) ?? [];
  if (others.length > 0) throw invalid("order", "must be given once");
  return order === "latestFirst" ? "descending" : "ascending";
}

/** How many are asked for; `most` when more are, or when nothing was said. */
export function readCount(parameters: Parameters, most: number): number {
  return Math.min(readWhole(parameters, "count", 1) ?? most, most);
}

/** Where the last page ended; an empty cursor is what the last page carried and means the beginning. */
export function readCursor(parameters: Parameters): string | null {
  const given = parameters.get("cursor");
  if (given === undefined || given.texts.every((text) => text === "")) return null;
  return readText(parameters, "cursor");
}

/**
 * Refuses names that mean nothing here: a misspelt filter of a bulk write would otherwise select everything.
 * @throws RepriseError `invalid_query`.
 */
export function refuseUnknown(parameters: Parameters, known: readonly string[]): void {
  for (const name of parameters.keys()) {
    if (!known.includes(name)) {
      throw invalid(name, `is not known here; known are ${known.join(", ")}`);
    }
  }
}

export function invalid(name: string, fault: string): RepriseError {
  const shown = /^\w{1,64}$/.test(name) ? name : quoted(name);
  return new RepriseError("invalid_query", {
    message: `${shown} ${fault}`,
    details: { parameter: name.slice(0, 64) },
  });
}
