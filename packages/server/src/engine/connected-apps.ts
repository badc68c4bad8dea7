import type { Outcome } from "../core/outcome.ts";

/** Apps that have opened a connection. What is delivered to them needs no HTTP; everything behind the outcome is the same. */
export interface ConnectedApps {
  /** Deliveries that the connections of an app may have at once, those under way included. */
  placesOf(app: string): number;
  /** Whether a connection of the app takes deliveries, now or as soon as it has room. */
  isConnected(app: string): boolean;
  /**
   * Hands a delivery to the connection with the most room. Null when there is none any more: nothing has been sent then. The promise
   * never rejects: what goes wrong is an outcome.
   */
  deliver(delivery: ConnectedDelivery): Promise<Outcome> | null;
  /** Tells the app that nobody waits for what it does for a run that has ended. */
  abort(runKey: number): void;
  /** Is told of every app whose places have changed; `hasOpened` when it could not take deliveries before. */
  watch(onChange: (app: string, hasOpened: boolean) => void): void;
}

export interface ConnectedDelivery {
  readonly app: string;
  /** What stands behind the origin, as it is in the URL. */
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
  readonly timeoutMs: number;
  /** Asked when the limit is reached: epoch milliseconds until which the app may take, if it has been given more time. */
  readonly lastsUntil?: () => number;
  readonly responseBytesMax: number;
  /** The message that the app holds at first. */
  readonly messageKey: number;
  readonly leaseToken: number;
  /** Whose steps the app may submit; null for deliveries that move no run. */
  readonly run: { readonly key: number; readonly id: string } | null;
}

/** A server to which no app can connect. */
export const noConnectedApps: ConnectedApps = {
  placesOf: () => 0,
  isConnected: () => false,
  deliver: () => null,
  abort: () => {},
  watch: () => {},
};
