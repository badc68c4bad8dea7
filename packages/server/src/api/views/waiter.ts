import {
  HEADER,
  type HeaderMap,
  isHeaderRedacted,
  type Redaction,
  type WaiterResource,
} from "@reprise/protocol";
import { parseWaitConfig } from "../../core/wait.ts";
import type { WaitRow } from "../../core/wait-rows.ts";
import { hidden } from "./content.ts";

/** A waiter as the wire shows it. `runId` is the run that waits now: a resume takes waits over. */
export function toWaiter(
  wait: WaitRow,
  runId: string,
  redaction: Redaction | null,
): WaiterResource {
  const { result, timeout = result, deadlineAt } = parseWaitConfig(wait);
  return {
    url: result.url,
    deadline: Math.floor((deadlineAt ?? wait.createdAt) / 1000),
    headers: shown(result.headers, runId, redaction),
    timeoutUrl: timeout.url,
    timeoutBody: "",
    timeoutHeaders: shown(timeout.headers, runId, redaction),
  };
}

/** The header that the app gets, or its callback: whoever hides it means it under any name. */
function carried(name: string): string {
  return name.toLowerCase().replace(/^upstash-(?:(?:failure-)?callback-)*forward-/, "");
}

function shown(headers: HeaderMap, runId: string, redaction: Redaction | null): HeaderMap {
  return Object.fromEntries(
    Object.entries(headers).map(([name, values]) => {
      if (name.toLowerCase() === HEADER.workflowRunId) return [name, [runId]];
      const isHidden =
        isHeaderRedacted(redaction, name) || isHeaderRedacted(redaction, carried(name));
      return [name, isHidden ? values.map(hidden) : values];
    }),
  );
}
