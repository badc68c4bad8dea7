/** A strict reader of OpenMetrics 1.0 text, as far as counters, gauges and histograms go. It throws at whatever the format does not allow. */

export interface ParsedFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly ParsedSample[];
}

interface Family {
  readonly name: string;
  type: string;
  help: string;
  readonly samples: ParsedSample[];
}

export interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const NUMBER = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?Inf|NaN)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ["_total"],
  gauge: [""],
  histogram: ["_bucket", "_sum", "_count"],
};

export function parseOpenMetrics(text: string): ReadonlyMap<string, ParsedFamily> {
  const lines = text.split("\n");
  if (lines.pop() !== "" || lines.pop() !== "# EOF") throw new Error("it must end in `# EOF\\n`");
  const families = new Map<string, Family>();
  let current: Family | null = null;
  const seen = new Set<string>();
  for (const line of lines) {
    const [, keyword, name = "", rest = ""] = /^# (HELP|TYPE|UNIT) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword !== undefined) {
      if (!NAME.test(name)) throw new Error(`no name of a metric: ${line}`);
      const known = families.get(name);
      if (known !== undefined && known !== current) throw new Error(`${name} is interleaved`);
      const family: Family = known ?? { name, type: "", help: "", samples: [] };
      if (family.samples.length > 0) throw new Error(`metadata behind samples: ${line}`);
      if (keyword === "TYPE") family.type = rest;
      if (keyword === "HELP") family.help = rest;
      families.set(name, family);
      current = family;
      continue;
    }
    const sample = parseSample(line);
    const suffixes = SUFFIXES[current?.type ?? ""];
    const isOwn = suffixes?.some((suffix) => sample.name === `${current?.name}${suffix}`);
    if (current === null || isOwn !== true) throw new Error(`a sample of no family: ${line}`);
    const identity = line.slice(0, line.lastIndexOf(" "));
    if (seen.has(identity)) throw new Error(`told twice: ${identity}`);
    seen.add(identity);
    current.samples.push(sample);
  }
  for (const family of families.values()) checkFamily(family);
  return families;
}

function parseSample(line: string): ParsedSample {
  const match = /^([^\s{]+)(?:\{(.*)\})? (\S+)$/.exec(line);
  const [, name = "", labelText, valueText = ""] = match ?? [];
  if (!NAME.test(name) || !NUMBER.test(valueText)) throw new Error(`no sample: ${line}`);
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (labelText !== undefined && LABEL.lastIndex < labelText.length) {
    const found = LABEL.exec(labelText);
    if (found === null) throw new Error(`unreadable labels: ${line}`);
    const [, label = "", value = ""] = found;
    if (label in labels) throw new Error(`a label twice: ${line}`);
    labels[label] = value;
  }
  return { name, labels, value: Number(valueText.replace("Inf", "Infinity")) };
}

function checkFamily({ name, type, help, samples }: ParsedFamily): void {
  if (!(type in SUFFIXES) || help === "") throw new Error(`${name} has no type or no help`);
  if (type === "counter" && name.endsWith("_total")) throw new Error(`${name} ends in _total`);
  if (samples.length === 0) throw new Error(`${name} has no sample`);
  if (type !== "gauge" && samples.some(({ value }) => value < 0)) throw new Error(`${name} falls`);
  if (type !== "histogram") return;
  const buckets = samples.filter((sample) => sample.name.endsWith("_bucket"));
  const bounds = buckets.map(({ labels }) => Number((labels.le ?? "").replace("Inf", "Infinity")));
  const counts = buckets.map(({ value }) => value);
  const isRising = (values: readonly number[]) =>
    values.every((value, at) => at === 0 || value >= (values[at - 1] ?? 0));
  if (!isRising(bounds) || !isRising(counts)) throw new Error(`${name} has buckets in disorder`);
  if (bounds.at(-1) !== Number.POSITIVE_INFINITY) throw new Error(`${name} has no bucket +Inf`);
  const count = samples.find((sample) => sample.name === `${name}_count`)?.value;
  if (count !== counts.at(-1)) throw new Error(`${name} counts ${count} and ${counts.at(-1)}`);
}
