import type { MessageRow, Outcome, RunRow } from "@reprise/server";
import type { AcceptedTrigger } from "./client-actor.ts";
import type { Commit, Mirror, TableName } from "./mirror.ts";
import type { Program } from "./program.ts";

/** What a witness in the world can see. Checkers know nothing else. */
export type Fact =
  | { readonly kind: "commit"; readonly commit: Commit }
  /** The server sends a request to the app; the rows are as they were on disk at that instant. */
  | { readonly kind: "attempt"; readonly attempt: Attempt }
  /** A process that keeps a run's function does not hold what a part continues: the server sends the whole list. */
  | { readonly kind: "needsWhole"; readonly attempt: Attempt; readonly outcome: Outcome }
  /** An attempt has gone on with other messages, and now speaks for this one; its outcome follows. */
  | { readonly kind: "wentOn"; readonly attempt: Attempt }
  /** The server hears how an attempt ended. */
  | { readonly kind: "outcome"; readonly attempt: Attempt; readonly outcome: Outcome }
  /** A delivery arrives at the app. Duplicates made by the network count. */
  | { readonly kind: "delivery"; readonly attempt: Attempt }
  /** The function of a step begins to run. */
  | { readonly kind: "execution"; readonly execution: Execution }
  | { readonly kind: "failureFunction"; readonly runId: string; readonly hasThrown: boolean }
  /** A call arrives at the service. */
  | { readonly kind: "serviceRequest"; readonly attempt: Attempt }
  /** The app knows the URL of a webhook; it says so whenever it comes by. */
  | { readonly kind: "webhook"; readonly url: string }
  /** A request has arrived at the server. */
  | { readonly kind: "arrival"; readonly request: SentRequest }
  /** The server has made an answer; nobody has heard it yet. */
  | { readonly kind: "answer"; readonly exchange: Exchange }
  /** The answer has arrived where it was asked for. */
  | { readonly kind: "heard"; readonly exchange: Exchange }
  /** The watchdog begins to look for stuck runs, or has looked while nothing went wrong. */
  | { readonly kind: "watch"; readonly isOver: boolean }
  /** Retention has deleted these rows. */
  | { readonly kind: "retention"; readonly rows: readonly Retired[] }
  | { readonly kind: "serverCrash"; readonly generation: number }
  | { readonly kind: "storeFault" }
  | { readonly kind: "log"; readonly event: string; readonly detail: string }
  /** Everything is quiet; what must have happened by now has happened. */
  | { readonly kind: "end" };

export interface Retired {
  readonly table: TableName;
  readonly row: { readonly key: number };
}

export interface Attempt {
  readonly number: number;
  readonly messageKey: number;
  readonly message: MessageRow | null;
  readonly run: RunRow | null;
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly startedAt: number;
  /** The lease that it offers to hold; null when it offers nothing. */
  readonly hold: string | null;
  /** Position from which the body has the list, and for whom, when it is a part. */
  readonly part: { readonly from: number; readonly warm: string } | null;
  /** The whole list behind a part, under the same attempt. */
  readonly isAgain: boolean;
  /** Which process of the server makes it. */
  readonly generation: number;
}

export interface Execution {
  readonly number: number;
  readonly runId: string;
  readonly program: number;
  readonly stepName: string;
  readonly at: number;
}

/** One request to the server. */
export interface SentRequest {
  readonly number: number;
  readonly from: string;
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly arrivedAt: number;
}

/** One request to the server and its answer. */
export interface Exchange extends SentRequest {
  readonly status: number;
  readonly answerHeaders: Readonly<Record<string, string>>;
  readonly answer: string;
}

/** What a checker may look at. */
export interface Scene {
  readonly mirror: Mirror;
  readonly now: () => number;
  /** Nothing goes wrong in this world but the programs themselves. */
  readonly isCalm: boolean;
  /** Servers on one database. */
  readonly nodes: number;
  /** Limits of the server that differ from the usual ones. */
  readonly limits: Readonly<Record<string, number>>;
  readonly programs: readonly Program[];
  /** Triggers whose answer the client has heard. */
  readonly accepted: readonly AcceptedTrigger[];
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
