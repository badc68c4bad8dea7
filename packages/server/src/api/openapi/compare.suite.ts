import { schemas } from "./schemas.ts";
import { type JsonSchema, toSchema } from "./to-schema.ts";

/** Where a value is not as a schema says, members that nobody has described included. */
export function mismatches(value: unknown, schema: JsonSchema, path = "$"): readonly string[] {
  const { $ref: reference, anyOf, type } = schema;
  if (typeof reference === "string") {
    const name = reference.split("/").at(-1) ?? "";
    return mismatches(value, toSchema(schemas[name] ?? ""), path);
  }
  if (Array.isArray(anyOf)) {
    const tried = anyOf.map((one) => mismatches(value, one, path));
    return tried.some((found) => found.length === 0) ? [] : tried.flat();
  }
  if ("const" in schema) return value === schema.const ? [] : [`${path} is not ${schema.const}`];
  if (Array.isArray(schema.enum)) {
    return schema.enum.includes(value) ? [] : [`${path} is none of ${schema.enum.join(", ")}`];
  }
  if (type === "array") return ofList(value, schema, path);
  if (type === "object") return ofObject(value, schema, path);
  if (type === undefined) return [];
  const kind = value === null ? "null" : typeof value;
  return kind === type ? [] : [`${path} is ${kind}, not ${type}`];
}

function ofList(value: unknown, { items }: JsonSchema, path: string): readonly string[] {
  if (!Array.isArray(value)) return [`${path} is no list`];
  // The schemas of this page have items in every list.
  return value.flatMap((item, at) => mismatches(item, items as JsonSchema, `${path}[${at}]`));
}

function ofObject(value: unknown, schema: JsonSchema, path: string): readonly string[] {
  if (typeof value !== "object" || value === null) return [`${path} is no object`];
  const { additionalProperties: others, required = [] } = schema;
  // As `to-schema.ts` makes them.
  const properties = (schema.properties ?? {}) as Readonly<Record<string, JsonSchema>>;
  // As above.
  const names = required as readonly string[];
  const missing = names.filter((name) => !(name in value));
  // As above; what is not described has none.
  const rest = others as JsonSchema | undefined;
  return [
    ...missing.map((name) => `${path}.${name} is missing`),
    ...Object.entries(value).flatMap(([name, one]) => {
      const known = properties[name] ?? rest;
      const place = `${path}.${name}`;
      return known === undefined ? [`${place} is not described`] : mismatches(one, known, place);
    }),
  ];
}
