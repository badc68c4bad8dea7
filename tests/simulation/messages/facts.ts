import type { Outcome } from "@reprise/server";
import type { Commit, Mirror } from "../mirror.ts";
import type { Operation, Operations } from "./operations.ts";
import type { Attempt, SinkLedger } from "./sink-ledger.ts";
import type { WorldPlan } from "./world-plan.ts";

/** What a witness in the world can see. Checkers know nothing else. */
export type Fact =
  /** The request of an operation has arrived at the server. */
  | { readonly kind: "asked"; readonly operation: Operation }
  /** The server has made the answer; nobody has heard it yet. */
  | { readonly kind: "answered"; readonly operation: Operation }
  /** Nothing more comes of the operation. */
  | { readonly kind: "over"; readonly operation: Operation }
  /** The server opens a connection to a destination. */
  | { readonly kind: "attempt"; readonly attempt: Attempt }
  /** The server hears how an attempt has ended. */
  | { readonly kind: "ended"; readonly attempt: Attempt; readonly outcome: Outcome }
  | { readonly kind: "commit"; readonly commit: Commit }
  /** All connections of the process are cut. */
  | { readonly kind: "serverCrash"; readonly generation: number }
  | { readonly kind: "storeFault" }
  | { readonly kind: "clockJump" }
  | { readonly kind: "log"; readonly event: string; readonly detail: string }
  /** Everything is quiet; what must have happened by now has happened. */
  | { readonly kind: "end" };

/** What a checker may look at. */
export interface Scene {
  readonly plan: WorldPlan;
  readonly operations: Operations;
  readonly sinks: SinkLedger;
  /** What is on disk. */
  readonly mirror: Mirror;
  readonly now: () => number;
  /** Servers, each with limits of its own. */
  readonly nodes: number;
  /** Nothing goes wrong in this world but the destinations. */
  readonly isCalm: boolean;
  /** Counts that a hard state was reached. */
  readonly mark: (name: string) => void;
  readonly violate: (message: string) => void;
}

/** Looks at every fact of one world, in order, and says what is wrong. */
export type Observer = (fact: Fact) => void;

export interface Checker {
  readonly name: string;
  /** The sentence that must hold. */
  readonly promise: string;
  readonly observe: (scene: Scene) => Observer;
}
