import type { FlowControlResource } from "@reprise/protocol";
import { rollPeriod } from "../../core/flow-control.ts";
import type { FlowControlRow } from "../../core/rows.ts";

/** A key as it stands at `now`: its row is written when something happens, while periods begin by themselves. */
export function toFlowControlResource(row: FlowControlRow, now: number): FlowControlResource {
  const flow = rollPeriod(row, now);
  return {
    flowControlKey: flow.name,
    waitListSize: flow.waitingCount,
    waitlistSize: flow.waitingCount,
    parallelismMax: flow.parallelism ?? 0,
    parallelismCount: flow.inFlightCount,
    rateMax: flow.rate ?? 0,
    rateCount: flow.rateCount,
    ratePeriod: flow.periodMs / 1000,
    ratePeriodStart: Math.floor(flow.periodStartAt / 1000),
    isPaused: flow.isPaused === 1,
    isPinnedParallelism: flow.isPinnedParallelism === 1,
    isPinnedRate: flow.isPinnedRate === 1,
  };
}
