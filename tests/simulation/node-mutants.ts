import { type Edit, edit, type Mutant } from "./mutants.ts";

/** A bug that shows where several nodes share a database. */
function bug(name: string, checker: string, edits: readonly Edit[], own: Partial<Mutant> = {}) {
  return { name, checker, edits, nodes: 3, ...own };
}

/** Bugs in what several nodes do with runs. */
export const nodeMutants: readonly Mutant[] = [
  bug("runs-not-locked", "one recorded result", [edit("store/tables.js", `    "runs",\n`, "")]),
];
