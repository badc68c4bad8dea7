/** What is looked at when somebody asks: what each gauge means, and its labels. */

const SPECS = {
  info: [
    "reprise_info",
    "What runs here: always 1. The label settings differs when the settings of two nodes do.",
    ["version", "node_version", "store", "mode", "egress", "settings"],
  ],
  startTime: ["reprise_start_time_seconds", "When the process started, in seconds since 1970.", []],
  nodes: ["reprise_nodes", "Nodes whose leases hold.", []],
  oldestDueAge: [
    "reprise_oldest_due_age_seconds",
    "For how long the oldest of what is due has not been begun; 0 when nothing is due.",
    [],
  ],
  messages: ["reprise_messages", "Open messages, by state.", ["state"]],
  queueWaiting: ["reprise_queue_waiting", "Messages that wait for a place in their queue.", []],
  flowControlWaiting: [
    "reprise_flow_control_waiting",
    "Messages that wait for their flow control.",
    [],
  ],
  inFlight: ["reprise_attempts_in_flight", "Attempts that this node is making.", []],
  inFlightMax: ["reprise_attempts_in_flight_limit", "How many it may make at once.", []],
  runs: ["reprise_runs", "Runs that are alive.", []],
  stuckRuns: [
    "reprise_stuck_runs",
    "Live runs that nothing will ever wake; there should be none.",
    [],
  ],
  deadLetters: ["reprise_dead_letters", "What waits in the dead letter queue, by kind.", ["kind"]],
  deadLetterAge: [
    "reprise_dead_letter_oldest_age_seconds",
    "The age of the oldest of them, by kind; 0 when there is none.",
    ["kind"],
  ],
  censusAge: ["reprise_census_age_seconds", "How old the counts of rows are.", []],
  storageUp: ["reprise_storage_up", "1 when the storage answered this scrape in time.", []],
  storageBytes: [
    "reprise_storage_bytes",
    "The size of the database, by part: of its files on this machine, or of what it takes at its server.",
    ["part"],
  ],
  diskFree: ["reprise_disk_free_bytes", "What is free on the disk of the data directory.", []],
  diskUsed: ["reprise_disk_used_ratio", "How full that disk is, from 0 to 1.", []],
  diskMax: ["reprise_disk_limit_ratio", "How full it may be before nothing new is taken.", []],
  loopLag: [
    "reprise_event_loop_lag_seconds",
    "How late the event loop was within 5 seconds.",
    ["stat"],
  ],
  heap: ["reprise_heap_bytes", "JavaScript heap in use.", []],
  resident: ["reprise_resident_bytes", "Memory of the process.", []],
  cpu: ["reprise_cpu_seconds", "CPU time of the process since its start.", []],
  files: ["reprise_open_files", "Open file descriptors, where the system tells.", []],
  clockOffset: [
    "reprise_clock_offset_seconds",
    "How far the clock of this machine is ahead of the database's, where there are two.",
    [],
  ],
  keyAge: [
    "reprise_signing_key_age_seconds",
    "Time since the last rotation of the signing keys, or since they were made or given.",
    [],
  ],
} as const satisfies Readonly<Record<string, readonly [string, string, readonly string[]]>>;

export type GaugeName = keyof typeof SPECS;

export interface Reading {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export type Readings = Partial<Record<GaugeName, readonly Reading[]>>;

/** Name, help, labels. */
export const GAUGE_SPECS: readonly (readonly [GaugeName, string, string, readonly string[]])[] =
  // The keys of the table are the names of the gauges.
  (Object.entries(SPECS) as [GaugeName, readonly [string, string, readonly string[]]][]).map(
    ([name, [title, help, labels]]) => [name, title, help, labels],
  );

/** The reading of a gauge without labels; nothing when it is not known. */
export function single(value: number | null): readonly Reading[] {
  return value === null ? [] : [{ labels: {}, value }];
}

/** One reading for each value of the one label. */
export function byLabel(
  label: string,
  values: Readonly<Record<string, number>>,
): readonly Reading[] {
  return Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }));
}
