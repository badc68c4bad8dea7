import { readFileSync } from "node:fs";
import { isRepriseError } from "@reprise/protocol";
import { expect, test } from "vitest";
import type { TableName } from "./rows.ts";
import type { Transition } from "./transition.ts";

/** Walks every cell of the tables in docs/state-machines.md: what is written there is what the core decides. */

const page = readFileSync(new URL("../../../../docs/state-machines.md", import.meta.url), "utf8");

export type Cell = (state: string) => string;

export function walk(title: string, columns: Readonly<Record<string, Cell>>): void {
  const section = page.split(`\n## ${title}\n`)[1]?.split("\n## ")[0] ?? "";
  const [head = [], , ...rows] = section
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
  test(`the page of ${title.toLowerCase()} has a column for every tested command`, () => {
    expect(head.slice(1)).toEqual(Object.keys(columns));
    expect(rows.length).toBeGreaterThan(2);
  });
  for (const [state = "", ...cells] of rows) {
    cells.forEach((expected, index) => {
      const column = head[index + 1] ?? "";
      test(`${title.toLowerCase()} ${state}: ${column} -> ${expected}`, () => {
        expect(columns[column]?.(state)).toBe(expected);
      });
    });
  }
}

/** The state of one row after a transition: as written, `gone` when deleted, `-` when untouched. */
export function stateAfter(transition: Transition<unknown>, table: TableName, key: number): string {
  let after = "-";
  for (const change of transition.changes) {
    if (change.table !== table) continue;
    if (change.type === "delete" && change.key === key) after = "gone";
    if (change.type !== "update" || change.key !== key) continue;
    if ("state" in change.set && change.set.state !== undefined) after = change.set.state;
    else if ("leaseToken" in change.set) after = "active";
  }
  return after;
}

/** What `act` answers, or the status of its refusal. */
export function orStatus(act: () => string): string {
  try {
    return act();
  } catch (error) {
    if (isRepriseError(error)) return String(error.status);
    throw error;
  }
}
