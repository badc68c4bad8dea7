import type { Report } from "./sink-ledger.ts";
import type { CallbackWanted, FlowWanted, Wanted } from "./wanted.ts";

/** What the publisher has asked for about this callback; null for a message that is none. */
export function targetOf(wanted: Wanted, report: Report | null): CallbackWanted | null {
  if (report === null) return null;
  return report.dlqId === null ? wanted.callback : wanted.failureCallback;
}

/** The flow control of the message, or of the callback when there is a report. */
export function flowOf(wanted: Wanted, report: Report | null): FlowWanted | null {
  return report === null ? wanted.flow : (targetOf(wanted, report)?.flow ?? null);
}
