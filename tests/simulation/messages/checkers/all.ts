import type { Checker } from "../facts.ts";
import { askedOnce } from "./asked-once.ts";
import { attemptNumbers } from "./attempt-numbers.ts";
import { callbacks } from "./callbacks.ts";
import { cancelBinds } from "./cancel-binds.ts";
import { deadLetters } from "./dead-letters.ts";
import { dedupExact } from "./dedup-exact.ts";
import { flowPlaces } from "./flow-places.ts";
import { flowRate } from "./flow-rate.ts";
import { groupEndpoints } from "./group-endpoints.ts";
import { logSequence } from "./log-sequence.ts";
import { neverEarly } from "./never-early.ts";
import { neverLate } from "./never-late.ts";
import { noStall } from "./no-stall.ts";
import { nothingLost } from "./nothing-lost.ts";
import { oneNode } from "./one-node.ts";
import { ownLimits } from "./own-limits.ts";
import { pauseBinds } from "./pause-binds.ts";
import { queueOrder } from "./queue-order.ts";
import { queuePlaces } from "./queue-places.ts";
import { scheduleTicks } from "./schedule-ticks.ts";
import { shownState } from "./shown-state.ts";
import { trueCounts } from "./true-counts.ts";

/** Every sentence that must hold for messages without a run. */
export const allCheckers: readonly Checker[] = [
  attemptNumbers,
  oneNode,
  neverEarly,
  neverLate,
  cancelBinds,
  pauseBinds,
  queuePlaces,
  queueOrder,
  flowPlaces,
  flowRate,
  ownLimits,
  dedupExact,
  deadLetters,
  scheduleTicks,
  groupEndpoints,
  trueCounts,
  shownState,
  noStall,
  nothingLost,
  askedOnce,
  callbacks,
  logSequence,
];
