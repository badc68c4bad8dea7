import { hash } from "node:crypto";
import type { Random } from "../random.ts";

/** What the clients publish, and what its destination does with it. Both sides of the ledger are checked against this. */

/** Queues with one place each, in which order is promised. */
export const FIFO_QUEUES = ["fifo-0", "fifo-1", "fifo-2", "fifo-3"] as const;
/** A queue with more places. */
export const WIDE_QUEUE = { name: "wide", parallelism: 3 } as const;
/** Paused before the first message, and for ever. */
export const PARKED_QUEUE = "parked";
export const FROZEN_KEY = "frozen";

/** Keys of flow control, as every message of them names their limits. */
export const FLOW_KEYS = {
  narrow: { parallelism: 2 },
  paced: { rate: 12, periodMs: 2_000 },
  both: { parallelism: 3, rate: 15, periodMs: 1_000 },
  [FROZEN_KEY]: { parallelism: 1 },
} as const satisfies Readonly<Record<string, FlowLimits>>;

export interface FlowLimits {
  readonly parallelism?: number;
  readonly rate?: number;
  readonly periodMs?: number;
}

export type FlowKey = keyof typeof FLOW_KEYS;

export const GROUP = "everybody";
export const GROUP_SIZE = 3;

export type Kind =
  | "plain"
  | "batch"
  | "group"
  | "unique"
  | "delayed"
  | "distant"
  | "parked"
  | "frozen"
  | "fifo"
  | "wide"
  | "narrow"
  | "paced"
  | "both"
  | "canceled"
  | "scheduled";

export interface Wanted {
  /** Travels with the message in a header that is passed on. */
  readonly mark: string;
  readonly kind: Kind;
  readonly queue: string | null;
  readonly flowKey: FlowKey | null;
  readonly body: Uint8Array;
  readonly bodyHash: string;
  readonly retries: number;
  /** So many attempts fail, from the first on; all of them when infinite, until somebody heals it. */
  readonly failures: number;
  /** The failure says that no retry helps. */
  readonly isHopeless: boolean;
  readonly workMs: number;
  readonly delayMs: number;
  readonly hasCallbacks: boolean;
  /** Messages that one acceptance makes. */
  readonly count: number;
}

/** How many of a kind clients keep open at once. */
export const LIVE_MAX: readonly (readonly [kind: Kind, liveMax: number])[] = [
  ["plain", 10],
  ["batch", 8],
  ["group", 3],
  ["unique", 6],
  ["delayed", 8],
  ["fifo", 20],
  ["wide", 6],
  ["narrow", 6],
  ["paced", 18],
  ["both", 12],
  ["canceled", 10],
];

/** Kinds that are never delivered: so many of each are published in a life. */
export const STANDING: readonly Kind[] = ["distant", "parked", "frozen"];
export const STANDING_PER_LIFE = 2;

export const DELAY_MS = 1_000;
const DISTANT_MS = 3_600_000;
export const RETRY_DELAY_MS = 10;
const BODY_BYTES_MAX = 2_000;
const WORK_MS_MAX = 25;
const LONG_WORK_MS_MAX = 150;

export function drawWanted(mark: string, kind: Kind, random: Random): Wanted {
  const body = drawBody(kind, random);
  const fate = drawFate(kind, random);
  return {
    mark,
    kind,
    queue: queueOf(kind, random),
    flowKey: flowKeyOf(kind, random),
    body,
    bodyHash: hashOf(body),
    ...fate,
    workMs: random.between(0, random.chance(0.15) ? LONG_WORK_MS_MAX : WORK_MS_MAX),
    delayMs: delayOf(kind, random),
    hasCallbacks: random.chance(kind === "fifo" ? 0.4 : 0.2),
    count: kind === "group" ? GROUP_SIZE : 1,
  };
}

/** Any bytes; in a batch, which is JSON, those of a text. */
function drawBody(kind: Kind, random: Random): Uint8Array {
  const body = new Uint8Array(random.between(0, BODY_BYTES_MAX));
  const [min, max] = kind === "batch" ? [32, 126] : [0, 255];
  for (let index = 0; index < body.length; index++) body[index] = random.between(min, max);
  return body;
}

export function hashOf(body: Uint8Array): string {
  return hash("sha256", body);
}

function drawFate(kind: Kind, random: Random) {
  const retries = random.between(1, 3);
  // Which tick of a schedule dies is not to be told by the mark.
  const isMortal = kind !== "scheduled" && kind !== "group";
  if (isMortal && random.chance(0.08)) return { retries, failures: Infinity, isHopeless: false };
  if (isMortal && random.chance(0.05)) return { retries, failures: Infinity, isHopeless: true };
  const failures = random.chance(0.3) ? random.between(1, retries) : 0;
  return { retries, failures, isHopeless: false };
}

function queueOf(kind: Kind, random: Random): string | null {
  switch (kind) {
    case "fifo":
      return random.pick(FIFO_QUEUES);
    case "wide":
      return WIDE_QUEUE.name;
    case "parked":
      return PARKED_QUEUE;
    case "canceled":
    case "batch":
      return random.chance(0.4) ? random.pick(FIFO_QUEUES) : null;
    default:
      return null;
  }
}

function flowKeyOf(kind: Kind, random: Random): FlowKey | null {
  switch (kind) {
    case "narrow":
    case "paced":
    case "both":
      return kind;
    case "frozen":
      return FROZEN_KEY;
    case "batch":
    case "canceled":
    case "fifo":
      return random.chance(0.2) ? "narrow" : null;
    default:
      return null;
  }
}

function delayOf(kind: Kind, random: Random): number {
  if (kind === "delayed") return DELAY_MS;
  if (kind === "distant") return DISTANT_MS;
  return kind === "canceled" && random.chance(0.3) ? DELAY_MS : 0;
}

export const MARK_HEADER = "x-mark";

/** The headers with which a message is published. */
export function headersOf(wanted: Wanted, sinkUrl: string): Record<string, string> {
  const { mark, retries, delayMs, flowKey, hasCallbacks } = wanted;
  return {
    "content-type": "application/octet-stream",
    [`upstash-forward-${MARK_HEADER}`]: mark,
    "upstash-retries": String(retries),
    "upstash-retry-delay": String(RETRY_DELAY_MS),
    ...(delayMs === 0 ? {} : { "upstash-delay": `${delayMs / 1_000}s` }),
    ...(flowKey === null ? {} : flowHeaders(flowKey)),
    ...(hasCallbacks
      ? {
          "upstash-callback": `${sinkUrl}/callback`,
          "upstash-callback-retry-delay": String(RETRY_DELAY_MS),
          "upstash-failure-callback": `${sinkUrl}/failure`,
          "upstash-failure-callback-retry-delay": String(RETRY_DELAY_MS),
        }
      : {}),
  };
}

function flowHeaders(key: FlowKey): Record<string, string> {
  const { parallelism, rate, periodMs }: FlowLimits = FLOW_KEYS[key];
  const parts = [
    ...(parallelism === undefined ? [] : [`parallelism=${parallelism}`]),
    ...(rate === undefined ? [] : [`rate=${rate}`]),
    ...(periodMs === undefined ? [] : [`period=${periodMs / 1_000}s`]),
  ];
  return { "upstash-flow-control-key": key, "upstash-flow-control-value": parts.join(",") };
}

/** The status with which the destination answers an attempt. */
export function statusFor(wanted: Wanted, retried: number, isHealed: boolean): number {
  if (isHealed || retried >= wanted.failures) return 200;
  return wanted.isHopeless ? 489 : 500;
}
