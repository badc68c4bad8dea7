import type { HeaderMap } from "@reprise/protocol";
import { originOf } from "./gates.ts";
import type { Change, RunRow } from "./rows.ts";
import type { MessageConfig } from "./run-config.ts";
import { type Context, update } from "./transition.ts";
import type { WaitRow, WaitState } from "./wait-rows.ts";

/**
 * A wait: a step that somebody outside its run completes. `open` -> `done`, for calls by way of `answered`; `dropped` when the run ends
 * first; `moved` when a resume takes it over. See docs/state-machines.md#wait.
 */

/** What a wait was registered with, as JSON in its row. */
export interface WaitConfig {
  /** The step's record as the app sent it, without a result; the result record is made from it. */
  readonly step: Readonly<Record<string, unknown>>;
  /** Size of the step's parallel group. */
  readonly concurrent: number;
  /** Where the result goes, and what its message brings along. */
  readonly result: WaitTarget;
  /** The same for the end of the time, when the app wants it elsewhere. */
  readonly timeout?: WaitTarget;
  /** Duration as it was given, such as `7d`. */
  readonly timeoutText?: string;
  readonly deadlineAt?: number;
  /** Of a call: what is sent. Its body stands in the row. */
  readonly call?: {
    readonly url: string;
    readonly own: MessageConfig;
    readonly createdAt: number;
  };
  /** Of an invoked run: what it was started with. */
  readonly child?: ChildFacts;
}

export interface WaitTarget {
  readonly url: string;
  readonly own: MessageConfig;
  /** As the app gave them; lists of waiters show them. */
  readonly headers: HeaderMap;
}

export interface ChildFacts {
  readonly workflowRunId: string;
  readonly workflowUrl: string;
  readonly workflowCreatedAt: number;
}

/** Rows never change, and one decision asks for the same configuration several times. */
const parsed = new WeakMap<Pick<WaitRow, "config">, WaitConfig>();

export function parseWaitConfig(wait: Pick<WaitRow, "config">): WaitConfig {
  const known = parsed.get(wait);
  if (known !== undefined) return known;
  // The text was written by `JSON.stringify` of a WaitConfig; nobody else writes this column.
  const config = JSON.parse(wait.config) as WaitConfig;
  parsed.set(wait, config);
  return config;
}

/** Where a result goes: as the app says, within the origin of its run. The run's headers, often a secret, go nowhere else. */
export function resultUrl(run: Pick<RunRow, "url">, { url }: Pick<WaitTarget, "url">): string {
  return originOf(url) === originOf(run.url) ? url : run.url;
}

/** Ends a wait; what it held for the app goes with it. */
export function settleWait(
  wait: WaitRow,
  state: Exclude<WaitState, "open" | "answered">,
  context: Context,
): readonly Change[] {
  return [
    update("waits", wait, { ...wait, state, endedAt: context.now, dueAt: null, answer: null }),
  ];
}

/** Whether a result is still to come or to be told. */
export function isWaiting({ state }: WaitRow): boolean {
  return state === "open" || state === "answered";
}

const encoder = new TextEncoder();

/** The record of a wait that somebody has ended with data: bytes in base64, none for nothing. */
export function eventRecord(wait: WaitRow, data: Uint8Array, context: Context): Uint8Array {
  const { step } = parseWaitConfig(wait);
  const record = { ...step, waitEventId: wait.eventId, out: context.toBase64(data) };
  return encoder.encode(JSON.stringify(record));
}

/** The record of a wait whose time is up. A key `out` would crash an SDK, whatever it holds. */
export function timeoutRecord(wait: WaitRow): Uint8Array {
  const { step } = parseWaitConfig(wait);
  return encoder.encode(JSON.stringify({ ...step, waitEventId: wait.eventId, waitTimeout: true }));
}

/** How an invoked run has ended, in the words of the SDK. */
export interface ChildEnd {
  readonly state: "succeeded" | "failed" | "canceled";
  readonly response: Uint8Array | null;
}

/** The record of a step that has invoked another workflow. */
export function childRecord(wait: WaitRow, { state, response }: ChildEnd): Uint8Array {
  const { step } = parseWaitConfig(wait);
  const body = response === null ? {} : { body: new TextDecoder().decode(response) };
  const out = {
    ...(state === "succeeded" ? body : {}),
    isFailed: state === "failed",
    isCanceled: state === "canceled",
  };
  return encoder.encode(JSON.stringify({ ...step, out: JSON.stringify(out) }));
}
