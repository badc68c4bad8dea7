import type { ServerLink } from "../crash/server-link.ts";
import type { FaultLog } from "./fault-log.ts";

/** One sentence that must hold, and what speaks against it. */
export interface Check {
  readonly name: string;
  readonly faults: readonly string[];
}

/** Something that happened so often; a run of the harness in which it happened less has proven nothing. */
export interface Figure {
  readonly name: string;
  readonly count: number;
  readonly least: number;
}

export interface LoadRoom {
  /** Leads to the load balancer, and is up all the time: whoever asks finds out that nobody answers. */
  readonly link: ServerLink;
  readonly faultLog: FaultLog;
  readonly seed: number;
  /** Whether some destinations work for longer than a lease. */
  readonly hasLongWork: boolean;
}

/** Clients and destinations of one part, with the ledgers that they keep. */
export interface Load {
  /** Contradictions seen so far. */
  readonly faults: readonly string[];
  /** Deliveries without an answer so far. */
  readonly inFlight: number;
  /** What clients have heard to be accepted so far. */
  readonly acceptedCount: number;
  start(): Promise<void>;
  /** A round begins. */
  keepBusy(): void;
  /** Nothing new: what there is has to come to its end. */
  settle(): void;
  /** Whether nobody asks, and nobody is asked. */
  readonly isQuiet: boolean;
  stop(): void;
  /** Reads a copy of the database, in SQLite. */
  audit(databasePath: string): readonly Check[];
  progress(): string;
  figures(rounds: number): readonly Figure[];
}
