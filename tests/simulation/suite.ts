import { endMutants } from "./end-mutants.ts";
import { fastMutants } from "./fast-mutants.ts";
import type { Marks } from "./marks.ts";
import { mutants as messageMutants } from "./messages/mutants.ts";
import { nodeMutants as messageNodeMutants } from "./messages/node-mutants.ts";
import { missingMessageMarks } from "./messages/reach.ts";
import { type Mutant, mutants } from "./mutants.ts";
import { nodeMutants } from "./node-mutants.ts";
import type { WorldKind } from "./options.ts";
import { missingMarks } from "./reach.ts";
import type { SdkOption } from "./sdk-plan.ts";
import { waitMutants } from "./wait-mutants.ts";

/** What belongs to one kind of world. */
export interface Suite {
  readonly kind: WorldKind;
  /** Seeds that found a bug, beside this file. */
  readonly seedsFile: string;
  readonly mutants: readonly Mutant[];
  /** Hard states that worlds have never reached. */
  readonly missingMarks: (marks: Marks, sdk: SdkOption) => readonly string[];
  /** What a command of this suite begins with. */
  readonly flag: string;
}

const SUITES: Readonly<Record<WorldKind, Suite>> = {
  workflows: {
    kind: "workflows",
    seedsFile: "seeds.txt",
    mutants: [...mutants, ...waitMutants, ...endMutants, ...fastMutants, ...nodeMutants],
    missingMarks,
    flag: "",
  },
  messages: {
    kind: "messages",
    seedsFile: "messages/seeds.txt",
    mutants: [...messageMutants, ...messageNodeMutants],
    missingMarks: missingMessageMarks,
    flag: "--messages ",
  },
};

export function suiteOf(kind: WorldKind): Suite {
  return SUITES[kind];
}

export function findMutant(name: string, kind: WorldKind): Mutant {
  const all = suiteOf(kind).mutants;
  const mutant = all.find((candidate) => candidate.name === name);
  if (mutant !== undefined) return mutant;
  const names = all.map((candidate) => candidate.name).join(", ");
  throw new Error(`there is no mutant ${name}; the mutants are ${names}`);
}

/** Loads the world behind whatever was planted, because the world loads the server. */
export async function loadWorld(kind: WorldKind) {
  const { playSeed } =
    kind === "messages" ? await import("./messages/world.ts") : await import("./world.ts");
  return playSeed;
}
