import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { COUNTER_SPECS } from "./observe/counters.ts";
import { METRIC_NAMES, SPREAD_SPECS } from "./observe/exposition.ts";
import { GAUGE_SPECS } from "./observe/gauges.ts";

/** docs/monitoring.md and deploy/alerts.yml speak of what the server shows. */

const root = new URL("../../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");

const labelsOf: ReadonlyMap<string, readonly string[]> = new Map([
  ...COUNTER_SPECS.map(([, name, , labels]) => [`${name}_total`, labels] as const),
  ...GAUGE_SPECS.map(([, name, , labels]) => [name, labels] as const),
  ...SPREAD_SPECS.map(([, name]) => [name, []] as const),
]);

test("the page lists every metric once, with type, labels and what it says", () => {
  const rows = read("docs/monitoring.md")
    .split("\n")
    .filter((line) => line.startsWith("| `reprise_"))
    .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")));
  const help = new Map([
    ...COUNTER_SPECS.map(([, name, text]) => [`${name}_total`, text] as const),
    ...GAUGE_SPECS.map(([, name, text]) => [name, text] as const),
    ...SPREAD_SPECS.map(([, name, text]) => [name, text] as const),
  ]);
  const listed = rows.map(([, name = "", type, labels, text]) => [name, type, labels, text]);
  const shown = METRIC_NAMES.map(([name, type]) => {
    return [name, type, labelsOf.get(name)?.join(", "), help.get(name)];
  });
  expect(listed.toSorted()).toEqual(shown.toSorted());
});

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

// The test itself checks the shape.
const file = parse(read("deploy/alerts.yml")) as { readonly groups: { readonly rules: Rule[] }[] };
const rules = file.groups.flatMap((group) => group.rules);

/** The metrics that an expression names, with what their samples are called taken off. */
function namesIn(expr: string): readonly string[] {
  return [...expr.matchAll(/\breprise_[a-z0-9_]+/g)].map(([name]) => {
    return labelsOf.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, "");
  });
}

test("there are rules for what reliability needs, each under its own name", () => {
  const names = rules.map(({ alert }) => alert);
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThan(15);
});

test.each(rules)("$alert names metrics and labels that there are", ({ expr }) => {
  const names = namesIn(expr);
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) expect([name, labelsOf.has(name)]).toEqual([name, true]);
  for (const [, name = "", selector = ""] of expr.matchAll(/(reprise_[a-z0-9_]+)\{([^}]*)\}/g)) {
    const labels = [...selector.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label);
    expect(labelsOf.get(name)).toEqual(expect.arrayContaining(labels));
  }
});

test.each(rules)("$alert says what is wrong and where to read on", ({ labels, annotations }) => {
  expect(["critical", "warning"]).toContain(labels.severity);
  expect(annotations.summary).toMatch(/\.$/);
  const [path = "", anchor = ""] = annotations.runbook.split("#");
  expect([path, existsSync(new URL(path, root))]).toEqual([path, true]);
  const anchors = [...read(path).matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, "")
      .replaceAll(" ", "-"),
  );
  expect(anchors).toContain(anchor);
});

test("events that rules ask for are written somewhere", () => {
  const asked = rules.flatMap(({ expr }) =>
    [...expr.matchAll(/event=~?"([^"]+)"/g)].flatMap(([, events = ""]) => events.split("|")),
  );
  expect(asked.length).toBeGreaterThan(3);
  const directory = new URL("packages/server/src/", root);
  const sources = readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.includes(".test."))
    .map((path) => readFileSync(new URL(path, directory), "utf8"))
    .join("\n");
  for (const event of asked) expect(sources).toContain(`"${event}"`);
});
