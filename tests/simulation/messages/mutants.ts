import type { Mutant } from "../mutants.ts";

/** Bugs in the decisions about messages without a run, and the checker that must notice each. */
export const mutants: readonly Mutant[] = [];
