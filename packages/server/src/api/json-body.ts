import { isJsonObject, parseJson, quoted, RepriseError } from "@reprise/protocol";
import { readBody } from "./request.ts";

/** JSON bodies of administrative calls. Fields that are unknown are ignored; clients of different ages send some. */

/** Settings need no more; a hundred long URLs fit. */
const BODY_BYTES_MAX = 1024 * 1024;

export type JsonObject = Readonly<Record<string, unknown>>;

/** @throws RepriseError `invalid_json` or `body_too_large`. */
export async function readJsonObject(request: Request): Promise<JsonObject> {
  const value = parseJson(await readBody(request, BODY_BYTES_MAX), "the body");
  if (isJsonObject(value)) return value;
  throw new RepriseError("invalid_json", { message: "the body must be a JSON object" });
}

/** A refusal that names the field, what is expected and what came. */
export function invalidField(field: string, expected: string, value: unknown): RepriseError {
  return new RepriseError("invalid_request", {
    message: `${field} must be ${expected}, got ${shown(value)}`,
    details: { field },
  });
}

/** Texts and numbers as they are; of what is larger only its kind. */
function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return quoted(value);
  if (value === null || typeof value === "number" || typeof value === "boolean") return `${value}`;
  return Array.isArray(value) ? "a list" : "an object";
}
