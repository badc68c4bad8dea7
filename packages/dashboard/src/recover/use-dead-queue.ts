import { useSearch } from "@tanstack/react-router";
import { DEAD_MESSAGE_FIELDS, DEAD_RUN_FIELDS } from "../filters/dead-fields.ts";
import type { FilterField } from "../filters/fields.ts";
import type { DeadQueue } from "./recovery.ts";

/** Which of the two dead letter queues the address means: `?kind=messages`, or that of workflows. */
export function useDeadQueue(): DeadQueue {
  const search = useSearch({ strict: false }) as Readonly<Record<string, string>>; // As the root route reads it.
  return search.kind === "messages" ? "messages" : "workflows";
}

export function deadFields(queue: DeadQueue): readonly FilterField[] {
  return queue === "workflows" ? DEAD_RUN_FIELDS : DEAD_MESSAGE_FIELDS;
}
