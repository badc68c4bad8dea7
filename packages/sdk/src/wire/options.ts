/** Words that options of messages and of runs share. */

type Unit = "s" | "m" | "h" | "d";
type SimpleDuration = `${bigint}${Unit}`;

/** A number with a unit, such as `10s` or `7d`; Reprise takes several in a row, such as `1d10h30m`. */
export type Duration =
  | SimpleDuration
  | `${SimpleDuration}${SimpleDuration}`
  | `${SimpleDuration}${SimpleDuration}${SimpleDuration}`;

/** Methods of requests that the server makes. */
export type HTTPMethods = "GET" | "POST" | "PUT" | "DELETE" | "PATCH";

interface Limits {
  /** Requests that may be in flight under the key. */
  readonly parallelism?: number | undefined;
  /** Requests that may start under the key in a period. */
  readonly rate?: number | undefined;
  /** The older name of `rate`. */
  readonly ratePerSecond?: number | undefined;
  /** Seconds or a duration; one second when not given. */
  readonly period?: Duration | number | undefined;
}

/** Limits for all messages with the same key; at least one of them. */
export type FlowControl = { readonly key: string } & Limits &
  (
    | { readonly parallelism: number }
    | { readonly rate: number }
    | { readonly ratePerSecond: number }
  );

/** What answers and logs show as a digest. */
export interface Redaction {
  readonly body?: true | undefined;
  /** All headers, or those with these names. */
  readonly header?: true | readonly string[] | undefined;
}

/** Header names with their values, as answers of the server have them. */
export type HeaderLists = Record<string, string[]>;

/** Settings that runs and messages have in common. */
export interface SharedSettings {
  /** Retries behind the first attempt. */
  readonly retries?: number | undefined;
  /** Milliseconds between two attempts, as an expression over `retried`: `1000 * (1 + retried)`. */
  readonly retryDelay?: string | undefined;
  /** Wait before the first attempt; a number is seconds. */
  readonly delay?: Duration | number | undefined;
  /** No attempt before this instant, in epoch seconds; wins over `delay`. */
  readonly notBefore?: number | undefined;
  readonly flowControl?: FlowControl | undefined;
  /** Words to find it by. */
  readonly label?: string | readonly string[] | undefined;
  readonly redact?: Redaction | undefined;
}
