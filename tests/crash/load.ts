import type { ServerLink } from "./server-link.ts";

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

export const PARTS = ["workflows", "messages", "sdk"] as const;
/** What keeps the server busy until it is killed. */
export type Part = (typeof PARTS)[number];

export interface LoadRoom {
  readonly link: ServerLink;
  readonly seed: number;
  readonly databasePath: string;
}

/** Clients and destinations of one part, with the ledgers that they keep. They outlive the server. */
export interface Load {
  /** Contradictions seen so far. */
  readonly faults: readonly string[];
  /** Deliveries without an answer so far. */
  readonly inFlight: number;
  start(): Promise<void>;
  /** A process is about to open the data directory. */
  beginLife(): void;
  /** It listens: it gets work until it dies. */
  keepBusy(): void;
  /** The process is dead, and nobody has opened its files since. */
  endLife(): void | Promise<void>;
  /** Nothing new: what there is has to come to its end. */
  settle(): void;
  isQuiet(): Promise<boolean>;
  stop(): void;
  audit(): readonly Check[];
  progress(): string;
  figures(cycles: number): readonly Figure[];
}
