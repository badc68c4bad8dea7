import fc from "fast-check";
import { hostile } from "./values.ts";

/** Bodies: bytes, texts, and JSON that more or less fits. */

export type Body = fc.Arbitrary<Uint8Array>;

const encoder = new TextEncoder();

export const text = (value: fc.Arbitrary<string>): Body => value.map((one) => encoder.encode(one));

/** JSON that fits, JSON that does not, and texts that are none. */
export function json(value: fc.Arbitrary<unknown>): Body {
  const fitting = value.map((one) => JSON.stringify(one) ?? "");
  return text(
    fc.oneof(
      { weight: 8, arbitrary: fitting },
      { weight: 1, arbitrary: fc.json({ maxDepth: 3 }) },
      { weight: 1, arbitrary: fc.tuple(fitting, fc.nat({ max: 200 })).map(cut) },
      { weight: 1, arbitrary: hostile },
    ),
  );
}

const cut = ([whole, at]: readonly [string, number]): string => whole.slice(0, at);

/** A value of the right kind, and now and then of another one. */
const loose = (value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 9, arbitrary: value },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  );

/** An object some of whose fields are missing, or of another kind. */
export const record = (
  model: Readonly<Record<string, fc.Arbitrary<unknown>>>,
): fc.Arbitrary<unknown> => {
  const fields = Object.entries(model).map(([key, value]) => [key, loose(value)] as const);
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] });
};

/** As {@link record}, mostly with every field as it should be. */
export const mostlyWhole = (
  model: Readonly<Record<string, fc.Arbitrary<unknown>>>,
): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ ...model }) },
    { weight: 1, arbitrary: record(model) },
  );
