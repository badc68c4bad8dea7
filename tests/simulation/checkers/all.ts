import type { Checker } from "../facts.ts";
import { allOrNone } from "./all-or-none.ts";
import { attempts } from "./attempts.ts";
import { calls } from "./calls.ts";
import { childRuns } from "./child-runs.ts";
import { deadLetter } from "./dead-letter.ts";
import { durableFirst } from "./durable-first.ts";
import { endedRuns } from "./ended-runs.ts";
import { exactPrefix } from "./exact-prefix.ts";
import { failureCall } from "./failure-call.ts";
import { heldMessages } from "./held-messages.ts";
import { joinOnce } from "./join-once.ts";
import { keptEvents } from "./kept-events.ts";
import { leftOpen } from "./left-open.ts";
import { neverAskedAgain } from "./never-asked-again.ts";
import { neverEarly } from "./never-early.ts";
import { neverLate } from "./never-late.ts";
import { noStuckRun } from "./no-stuck-run.ts";
import { nothingLost } from "./nothing-lost.ts";
import { notified } from "./notified.ts";
import { oneResult } from "./one-result.ts";
import { resume } from "./resume.ts";
import { retention } from "./retention.ts";
import { rightResult } from "./right-result.ts";
import { statusContract } from "./status-contract.ts";
import { stuckRuns } from "./stuck-runs.ts";
import { waitOutcome } from "./wait-outcome.ts";
import { wholeAnswers } from "./whole-answers.ts";

/** Every promise that each world is held to. */
export const allCheckers: readonly Checker[] = [
  oneResult,
  exactPrefix,
  neverAskedAgain,
  joinOnce,
  noStuckRun,
  allOrNone,
  rightResult,
  deadLetter,
  failureCall,
  resume,
  attempts,
  neverEarly,
  neverLate,
  endedRuns,
  statusContract,
  nothingLost,
  waitOutcome,
  calls,
  keptEvents,
  notified,
  childRuns,
  leftOpen,
  stuckRuns,
  durableFirst,
  heldMessages,
  wholeAnswers,
  retention,
];
