/** The keywords of JSON Schema that the chart's schema has. Another one is a fault of the schema, so that none is silently not checked. */

export type Schema = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (value === null) return "null";
  return Number.isInteger(value) ? "integer" : typeof value;
}

/** What is wrong with a value, one fault a place. */
export function schemaFaults(schema: Schema, value: unknown, place = "values"): readonly string[] {
  return Object.entries(schema).flatMap(([keyword, rule]) => {
    if (keyword === "$schema" || rule === undefined) return [];
    const check = keywords[keyword];
    if (check === undefined) throw new Error(`the schema has ${keyword}, which nobody checks`);
    return check(rule, { value, place, schema });
  });
}

interface Checked {
  readonly value: unknown;
  readonly place: string;
  readonly schema: Schema;
}

type Check = (rule: unknown, checked: Checked) => readonly string[];

const fault = (isKept: boolean, { place }: Checked, what: string): readonly string[] =>
  isKept ? [] : [`${place} ${what}`];

const listOf = (rule: unknown): readonly unknown[] => (Array.isArray(rule) ? rule : [rule]);

const schemaOf = (rule: unknown): Schema => {
  if (!isObject(rule)) throw new Error(`no schema: ${JSON.stringify(rule)}`);
  return rule;
};

const keywords: Readonly<Record<string, Check>> = {
  type: (rule, checked) => {
    const type = typeOf(checked.value);
    const isKept = listOf(rule).some(
      (one) => one === type || (one === "number" && type === "integer"),
    );
    return fault(isKept, checked, `is ${type}, not ${listOf(rule).join(" or ")}`);
  },
  enum: (rule, checked) =>
    fault(listOf(rule).includes(checked.value), checked, `is none of ${listOf(rule).join(", ")}`),
  const: (rule, checked) => fault(checked.value === rule, checked, `is not ${String(rule)}`),
  not: (rule, checked) =>
    fault(schemaFaults(schemaOf(rule), checked.value).length > 0, checked, "is not allowed"),
  required: (rule, checked) => {
    const { value } = checked;
    if (!isObject(value)) return [];
    return listOf(rule).flatMap((name) =>
      fault(Object.hasOwn(value, String(name)), checked, `has no ${String(name)}`),
    );
  },
  properties: (rule, { value, place }) =>
    Object.entries(schemaOf(rule)).flatMap(([name, schema]) =>
      isObject(value) && Object.hasOwn(value, name)
        ? schemaFaults(schemaOf(schema), value[name], `${place}.${name}`)
        : [],
    ),
  additionalProperties: (rule, checked) => {
    const { value, place, schema } = checked;
    const known = isObject(schema.properties) ? schema.properties : {};
    const others = Object.entries(isObject(value) ? value : {}).filter(
      ([name]) => !Object.hasOwn(known, name),
    );
    return others.flatMap(([name, one]) =>
      rule === false
        ? [`${place}.${name} is not known`]
        : schemaFaults(schemaOf(rule), one, `${place}.${name}`),
    );
  },
  propertyNames: (rule, { value, place }) =>
    Object.keys(isObject(value) ? value : {}).flatMap((name) =>
      schemaFaults(schemaOf(rule), name, `${place}.${name}`),
    ),
  items: (rule, { value, place }) =>
    (Array.isArray(value) ? value : []).flatMap((one, index) =>
      schemaFaults(schemaOf(rule), one, `${place}[${index}]`),
    ),
  pattern: (rule, checked) =>
    fault(new RegExp(String(rule)).test(String(checked.value)), checked, `does not match ${rule}`),
  minLength: (rule, checked) =>
    fault(String(checked.value).length >= Number(rule), checked, "is too short"),
  minimum: (rule, checked) => fault(Number(checked.value) >= Number(rule), checked, "is too small"),
  maximum: (rule, checked) => fault(Number(checked.value) <= Number(rule), checked, "is too big"),
};
