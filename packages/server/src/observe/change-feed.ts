import type { ChangeTopic } from "@reprise/protocol";
import type { Change, TableName } from "../core/rows.ts";

export type ChangeListener = (topics: ReadonlySet<ChangeTopic>) => void;

/** What each table's rows are about, for those who look; of the others nobody sees anything. */
const TOPICS: { readonly [T in TableName]: readonly ChangeTopic[] } = {
  runs: ["runs"],
  runConfigs: [],
  steps: ["runs"],
  // Those of runs come with a step, an attempt or a change of the run.
  messages: ["messages"],
  attempts: ["runs"],
  deadLetters: ["deadLetters"],
  settings: [],
  envelopes: [],
  logs: ["logs"],
  deadMessages: ["deadMessages"],
  dedups: [],
  queues: ["queues"],
  urlGroups: ["urlGroups"],
  flowControls: ["flowControls"],
  schedules: ["schedules"],
  bulkActions: ["bulkActions"],
  waits: ["waits"],
  events: ["waits"],
  nodes: [],
  audits: ["audit"],
};

/** Tells what commits of this process have changed. Where nobody listens, a commit costs one comparison. */
export class ChangeFeed {
  readonly #listeners = new Set<ChangeListener>();

  readonly committed = (batches: readonly (readonly Change[])[]): void => {
    if (this.#listeners.size === 0) return;
    const topics = new Set<ChangeTopic>();
    for (const changes of batches) {
      for (const { table } of changes) for (const topic of TOPICS[table]) topics.add(topic);
    }
    if (topics.size === 0) return;
    for (const listener of this.#listeners) listener(topics);
  };

  /** Returns what ends it. */
  listen(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
