/** A bug that a checker must catch. */
export interface Mutant {
  readonly name: string;
  /** The checker that has to see it first, by name. */
  readonly checker: string;
  /** Path of the compiled module within the server's `dist`. */
  readonly module: string;
  /** Exact text of the compiled module, once in it. */
  readonly find: string;
  readonly replace: string;
}

export const mutants: readonly Mutant[] = [
  {
    name: "latest-history",
    checker: "exact prefix",
    module: "engine/history.js",
    find: "const end = entry.ends[position] ?? entry.text.length;",
    replace: "const end = entry.text.length;",
  },
];

export function findMutant(name: string): Mutant {
  const mutant = mutants.find((candidate) => candidate.name === name);
  if (mutant !== undefined) return mutant;
  const names = mutants.map((candidate) => candidate.name).join(", ");
  throw new Error(`there is no mutant ${name}; the mutants are ${names}`);
}
