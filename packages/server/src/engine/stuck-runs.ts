import type { RunRow } from "../core/rows.ts";
import type { Condition } from "../store/store.ts";

/** What makes a run stuck: it is alive, and nothing is left that could wake it. */
export const STUCK: readonly Condition<"runs">[] = [
  { type: "in", column: "state", values: ["started"] },
  {
    type: "lacks",
    column: "key",
    table: "messages",
    by: "runKey",
    states: ["scheduled", "waiting", "active", "canceling"],
  },
  { type: "lacks", column: "key", table: "waits", by: "runKey", states: ["open"] },
];

export type StuckRun = Pick<RunRow, "key" | "id" | "url" | "createdAt">;
