import { Tally } from "./tally.ts";

/** Everything that is counted as it happens: what each counter means, and its labels, none of which callers can fill at will. */

const SPECS = {
  accepted: [
    "reprise_messages_accepted",
    "Messages made, by kind: published ones, callbacks, and the deliveries of runs.",
    ["kind"],
  ],
  ended: [
    "reprise_messages_ended",
    "Published messages and callbacks that came to their end, by outcome.",
    ["outcome"],
  ],
  runsStarted: ["reprise_runs_started", "Runs begun, resumed and restarted ones included.", []],
  runsEnded: ["reprise_runs_ended", "Runs that ended, by state.", ["state"]],
  steps: ["reprise_steps_recorded", "Records of runs: payloads, plans and results.", []],
  attempts: [
    "reprise_attempts",
    "Attempts that ended, by kind of message and outcome.",
    ["kind", "outcome"],
  ],
  retries: [
    "reprise_retries",
    "Attempts that were not the first of their message, by kind.",
    ["kind"],
  ],
  blocked: ["reprise_egress_blocked", "Attempts that the egress policy refused.", []],
  deadLetters: [
    "reprise_dead_letters_added",
    "Runs and messages that went to the dead letter queue.",
    ["kind"],
  ],
  deduplicated: [
    "reprise_deduplicated",
    "Requests that an earlier one had answered already, by what they asked for.",
    ["kind"],
  ],
  ticks: ["reprise_schedule_ticks", "Ticks of schedules.", []],
  ticksLate: ["reprise_schedule_ticks_late", "Ticks that came more than 5 seconds late.", []],
  ticksMissed: [
    "reprise_schedule_ticks_missed",
    "Ticks that were left out, because a later one was due already.",
    [],
  ],
  fenced: [
    "reprise_outcomes_fenced",
    "Outcomes that came too late and were not taken: somebody else has the message by then.",
    [],
  ],
  takeovers: [
    "reprise_lease_takeovers",
    "Messages taken over from a node whose lease had ended.",
    [],
  ],
  storageErrors: ["reprise_storage_errors", "Transactions that failed.", []],
  storageRepeats: [
    "reprise_storage_repeats",
    "Transactions run again because they lost a race.",
    [],
  ],
  retention: [
    "reprise_retention_deleted",
    "What retention has taken away, by what it was: runs, messages, entries of the dead letter queues whose time was over, and the rest.",
    ["what"],
  ],
  requests: [
    "reprise_http_requests",
    "Requests to the API, by method, pattern of the route and class of the status.",
    ["method", "route", "status"],
  ],
  authFailures: ["reprise_auth_failures", "Requests without a good token.", []],
  logEvents: [
    "reprise_log_events",
    "Lines of the log from warn up, those held back included.",
    ["level", "event"],
  ],
  logDropped: [
    "reprise_log_lines_dropped",
    "Lines of the log that were lost, because nobody read them in time.",
    [],
  ],
} as const satisfies Readonly<Record<string, readonly [string, string, readonly string[]]>>;

export type CounterName = keyof typeof SPECS;

export type Counters = { readonly [N in CounterName]: Tally<string> };

/** Name without `_total`, help, labels. */
export const COUNTER_SPECS: readonly (readonly [CounterName, string, string, readonly string[]])[] =
  // The keys of the table are the names of the counters.
  (Object.entries(SPECS) as [CounterName, readonly [string, string, readonly string[]]][]).map(
    ([name, [title, help, labels]]) => [name, title, help, labels],
  );

export function createCounters(): Counters {
  // Every counter of the table gets its tally.
  const counters = Object.fromEntries(
    COUNTER_SPECS.map(([name, , , labels]) => [name, new Tally(labels)]),
  ) as Counters;
  // What can be alarming has to be there before it happens: a rate needs a zero to begin from.
  for (const [name, , , labels] of COUNTER_SPECS)
    if (labels.length === 0) counters[name].add("", 0);
  return counters;
}
