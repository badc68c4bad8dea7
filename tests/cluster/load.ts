import type { Check, Figure } from "../crash/load.ts";
import type { ServerLink } from "../crash/server-link.ts";
import type { FaultLog } from "./fault-log.ts";

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
