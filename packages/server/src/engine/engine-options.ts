import type { Command } from "../core/commands.ts";
import type { ResponseOutcome } from "../core/outcome.ts";
import type { Host } from "../host/host.ts";
import type { Store } from "../store/store.ts";
import type { ConnectedApps } from "./connected-apps.ts";
import type { DispatcherLimits, RunDelivery } from "./dispatcher.ts";
import type { NodeLease } from "./node-lease.ts";
import type { Observer } from "./observer.ts";
import type { SigningKeys } from "./signer.ts";
import type { Tracing } from "./tracing.ts";

export interface EngineOptions {
  readonly host: Host;
  readonly store: Store;
  readonly keys: () => SigningKeys;
  readonly limits: EngineLimits;
  readonly region?: string | null;
  /** Apps that are reached over connections of their own; none when not given. */
  readonly connected?: ConnectedApps;
  /** This node's place among those that share the store; none for a server that is alone. */
  readonly lease?: NodeLease;
  /** Counts what happens; nobody when not given. */
  readonly observer?: Observer;
  /** Looks at commands from outside before they are executed, and throws to refuse them. */
  readonly admit?: (commands: readonly Command[]) => void;
  /** Gives what is accepted, and every attempt, its place in a trace; nobody when not given. */
  readonly tracing?: Pick<Tracing, "accept" | "begin">;
  /**
   * Reads what an app submits with its answer; without it, answers say no more than their status.
   * @throws RepriseError for what can never be accepted.
   */
  readonly readAnswer?: ReadAnswer;
}

export type ReadAnswer = (delivery: RunDelivery, answer: ResponseOutcome) => readonly Command[];

export interface EngineLimits extends DispatcherLimits {
  /** Limit of one attempt for messages that set none. */
  readonly attemptTimeoutMs: number;
  /** Requests that one transaction takes together. */
  readonly groupRequestsMax: number;
  /** Bodies that one transaction takes together. */
  readonly groupBytesMax: number;
  /** Requests that may wait for a transaction; more are refused with 503. */
  readonly inboxRequestsMax: number;
  readonly configCacheEntriesMax: number;
  readonly historyCharsMax: number;
  /** How long bookkeeping that nobody waits for may wait for a transaction to ride along with. */
  readonly lingerMs: number;
  /** Pause before work is tried again that the store has refused. */
  readonly storeRetryMs: number;
  readonly claimMax: number;
  /** How often a node looks for what others have done or left undone. */
  readonly pollMs: number;
}

/** What stands between a delivery and its app, as far as it is there. */
export function waysOf({
  connected,
  tracing,
}: EngineOptions): Pick<EngineOptions, "connected" | "tracing"> {
  return {
    ...(connected === undefined ? {} : { connected }),
    ...(tracing === undefined ? {} : { tracing }),
  };
}

/** The commands as they are executed. */
export function admitted<C extends Command>(
  commands: readonly C[],
  { admit, tracing }: Pick<EngineOptions, "admit" | "tracing">,
): readonly C[] {
  admit?.(commands);
  return tracing?.accept(commands) ?? commands;
}
