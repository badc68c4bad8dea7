import type { FaultPlan } from "../faults.ts";

/** What goes wrong around messages. */
const RATES_MAX = {
  /** A request never reaches the server. */
  requestLost: 0.1,
  /** The server has done what was asked, and its answer is lost. */
  answerLost: 0.15,
  requestSlow: 0.2,
  /** A delivery never reaches its destination. */
  deliveryLost: 0.1,
  /** The destination has done its work, and its answer is lost. */
  deliveryAnswerLost: 0.1,
  deliverySlow: 0.15,
  /** The server dies at a call of its store. */
  serverCrashAtStore: 0.01,
  storeCallFails: 0.01,
  /** A committed transaction looks as if it had failed. */
  storeAnswerLost: 0.02,
  /** A call of the store takes a turn of its own, so that others come in between. */
  storeYields: 0.5,
} as const;

const COUNTS_MAX = {
  serverCrashes: 4,
  clockJumps: 2,
  serverStops: 2,
} as const;

export type MessageFault = keyof typeof RATES_MAX;
export type TimedMessageFault = keyof typeof COUNTS_MAX;

export const MESSAGE_FAULTS: FaultPlan<MessageFault, TimedMessageFault> = {
  rates: RATES_MAX,
  counts: COUNTS_MAX,
};

export const MESSAGE_FAULT_KINDS: readonly string[] = Object.keys(RATES_MAX);
