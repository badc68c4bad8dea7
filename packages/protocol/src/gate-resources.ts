/** What stands between messages and their attempts, as answers show it. Every field is always there: clients index them. */

export interface QueueResource {
  readonly name: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds. */
  readonly updatedAt: number;
  readonly parallelism: number;
  /** Messages that are not finished: delayed, waiting, between two attempts or in flight. */
  readonly lag: number;
  readonly paused: boolean;
}

/** One key of flow control. A limit that is not set is 0. */
export interface FlowControlResource {
  readonly flowControlKey: string;
  /** Messages that wait for the key. */
  readonly waitListSize: number;
  /** The same: one of the published descriptions spells it so. */
  readonly waitlistSize: number;
  readonly parallelismMax: number;
  /** Attempts in flight. */
  readonly parallelismCount: number;
  readonly rateMax: number;
  /** Attempts that have started in the period. */
  readonly rateCount: number;
  /** Seconds. */
  readonly ratePeriod: number;
  /** Epoch seconds. */
  readonly ratePeriodStart: number;
  readonly isPaused: boolean;
  readonly isPinnedParallelism: boolean;
  readonly isPinnedRate: boolean;
}

/** All deliveries of the server together. */
export interface GlobalParallelismResource {
  readonly parallelismMax: number;
  readonly parallelismCount: number;
}

/** One message in front of a gate or behind it. */
export interface LineMember {
  readonly messageId: string;
  /** Of messages that a run has sent. */
  readonly workflowRunId?: string;
  readonly url: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** Who has the places of a queue or a flow-control key, and who waits for them: the first of each, and how many there are. */
export interface LineAnswer {
  readonly holders: readonly LineMember[];
  readonly holderCount: number;
  readonly waiting: readonly LineMember[];
  readonly waitingCount: number;
}
