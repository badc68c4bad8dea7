/** One field of a cron expression: a list of values, ranges and steps, read into a table of what it names. */

export interface FieldKind {
  readonly name: string;
  readonly position: number;
  readonly min: number;
  readonly max: number;
  /** Names of the values in their order from `min`, in capitals. */
  readonly names: readonly string[];
  readonly allowed: string;
}

const LISTS = "lists such as 1,2, ranges such as 1-5, steps such as */2";
const MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(" ");
const WEEKDAYS = "SUN MON TUE WED THU FRI SAT".split(" ");

/** The fields in the order in which they are written. */
export const FIELDS = {
  minute: fieldKind("minute", 1, [0, 59]),
  hour: fieldKind("hour", 2, [0, 23]),
  dayOfMonth: fieldKind("day of month", 3, [1, 31]),
  month: fieldKind("month", 4, [1, 12], MONTHS),
  dayOfWeek: fieldKind("day of week", 5, [0, 6], WEEKDAYS),
} as const;

function fieldKind(
  name: string,
  position: number,
  [min, max]: readonly [number, number],
  names: readonly string[] = [],
): FieldKind {
  const named = names.length === 0 ? "" : `, ${names[0]}-${names.at(-1)}`;
  return { name, position, min, max, names, allowed: `*, ${min}-${max}${named}, ${LISTS}` };
}

/** What a field names. */
export interface FieldTable {
  readonly isNamed: readonly boolean[];
  /** Whether the field says nothing: it, or an item of it, is `*` or `?`. A step of 2 or more says something. */
  readonly isAny: boolean;
}

/** A fault of a field, and where in its text it is. */
export interface FieldFault {
  readonly reason: string;
  readonly offset: number;
}

interface Item {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  readonly isAny: boolean;
}

/** Reads a field; the first fault from the left ends the reading. */
export function readField(text: string, kind: FieldKind): FieldTable | FieldFault {
  const isNamed = new Array<boolean>(kind.max + 1).fill(false);
  let isAny = false;
  let offset = 0;
  for (const itemText of text.split(",")) {
    const item = readItem(itemText, kind);
    if ("reason" in item) return { reason: item.reason, offset: offset + item.offset };
    for (let value = item.first; value <= item.last; value += item.step) isNamed[value] = true;
    isAny ||= item.isAny;
    offset += itemText.length + 1;
  }
  return { isNamed, isAny };
}

const STEP = /^\d{1,4}$/;

function readItem(text: string, kind: FieldKind): Item | FieldFault {
  if (text === "") return { reason: "a value is missing", offset: 0 };
  const special = findSpecial(text);
  if (special !== null) return special;
  const [range = "", stepText, ...more] = text.split("/");
  const bounds = readRange(range, kind);
  if ("reason" in bounds) return bounds;
  if (stepText === undefined) return { ...bounds, step: 1 };
  const stepOffset = range.length + 1;
  if (more.length > 0 || !STEP.test(stepText) || Number(stepText) === 0) {
    const got = text.slice(stepOffset);
    return { reason: `a step is a whole number from 1 to 9999, got "${got}"`, offset: stepOffset };
  }
  const step = Number(stepText);
  const isSingle = !bounds.isAny && !range.includes("-");
  const last = isSingle ? kind.max : bounds.last;
  return { first: bounds.first, last, step, isAny: bounds.isAny && step === 1 };
}

const SPECIAL = /^(?:\d+L|L(?:-\d+)?|LW|\d+W|W|[A-Z]{3}L|.*#.*)$/i;

/** Letters that other schedulers give a meaning deserve a plain answer. */
function findSpecial(text: string): FieldFault | null {
  if (!SPECIAL.test(text)) return null;
  return { reason: `L, W and # are not supported, got "${text}"`, offset: 0 };
}

function readRange(text: string, kind: FieldKind): Omit<Item, "step"> | FieldFault {
  if (text === "*" || text === "?") return { first: kind.min, last: kind.max, isAny: true };
  const [firstText = "", lastText, ...more] = text.split("-");
  const first = readValue(firstText, kind);
  if (typeof first === "string") return { reason: first, offset: 0 };
  if (lastText === undefined) return { first, last: first, isAny: false };
  const lastOffset = firstText.length + 1;
  if (more.length > 0) {
    return { reason: `a range has two ends, got "${text}"`, offset: lastOffset + lastText.length };
  }
  const last = readValue(lastText, kind);
  if (typeof last === "string") return { reason: last, offset: lastOffset };
  if (last < first) return { reason: `the range ${text} ends before it starts`, offset: 0 };
  return { first, last, isAny: false };
}

/** A number or a name; the reason why not when it is neither. */
function readValue(text: string, kind: FieldKind): number | string {
  if (text === "") return "a value is missing";
  const nameIndex = kind.names.indexOf(text.toUpperCase());
  if (nameIndex !== -1) return kind.min + nameIndex;
  if (!/^\d+$/.test(text)) return `"${text}" is not a value`;
  const value = Number(text);
  if (kind === FIELDS.dayOfWeek && value === 7) return "7 is not a day of week; Sunday is 0 or SUN";
  if (value < kind.min) return `${text} is below ${kind.min}`;
  return value > kind.max ? `${text} is above ${kind.max}` : value;
}
