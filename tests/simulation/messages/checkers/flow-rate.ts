import { messageKey } from "@reprise/protocol";
import type { Commit } from "../../mirror.ts";
import type { Checker, Scene } from "../facts.ts";
import { isAccepted, mayBeDone } from "../operations.ts";
import type { Attempt } from "../sink-ledger.ts";
import { keyOf } from "./flow-places.ts";

/** In one period of a key no more attempts begin than its rate. */
export const flowRate: Checker = {
  name: "never above the rate",
  promise:
    "of the attempts that were let go in one period no more begin than the rate in force; any stretch as long as a period sees at most twice as many",
  observe: (scene) => {
    /** Message -> the period in which it was let go last: the lease and the period stand in one transaction. */
    const periods = new Map<number, number>();
    const starts = new Map<string, number>();
    const times = new Map<string, number[]>();
    return (fact) => {
      if (fact.kind === "commit") notePeriods(fact.commit, periods, scene);
      if (fact.kind !== "attempt") return;
      const key = keyOf(fact.attempt, scene);
      const flow = scene.plan.flows.find((other) => other.key === key);
      if (key === null || flow === undefined) return;
      const rate = largestRate(key, flow.rate, scene);
      if (rate === null) return;
      countInPeriod(fact.attempt, { key, rate, starts, periods }, scene);
      if (scene.isCalm && !isReset(key, scene) && flow.rate !== null) {
        const periodMs = 1000 * flow.periodSeconds;
        countInStretch(fact.attempt, { key, rate, periodMs, times }, scene);
      }
    };
  },
};

/** The largest rate that may be in force; null is no limit. */
function largestRate(key: string, asked: number | null, { operations }: Scene): number | null {
  const pins = operations.of("pin").filter(({ act }) => act.flow === key && act.rate !== null);
  const possible = pins.filter((pin) => mayBeDone(pin));
  if (possible.length === 0) return asked;
  const last = pins.findLast((pin) => mayBeDone(pin));
  const isEnded = operations
    .of("unpin")
    .some((unpin) => unpin.act.flow === key && unpin.act.rate && mayBeDone(unpin));
  const isSure = last !== undefined && isAccepted(last) && !isEnded;
  if (isSure) return last.act.rate;
  if (asked === null) return null;
  return Math.max(asked, ...possible.map(({ act }) => act.rate ?? 0));
}

interface Counting {
  readonly key: string;
  readonly rate: number;
}

interface PeriodCounts {
  readonly starts: Map<string, number>;
  readonly periods: ReadonlyMap<number, number>;
}

function notePeriods(commit: Commit, periods: Map<number, number>, { mirror }: Scene): void {
  for (const { table, before, after } of commit.changes) {
    if (table !== "messages" || after === null || after.state !== "active") continue;
    if (before?.leaseToken === after.leaseToken) continue;
    const flow = mirror.all("flowControls").find(({ name }) => name === after.flowControlKey);
    if (flow !== undefined) periods.set(after.key, flow.periodStartAt);
  }
}

/** By the period in whose transaction the attempt was let go: the way from there to the wire may cross its end. */
function countInPeriod(
  attempt: Attempt,
  { key, rate, starts, periods }: Counting & PeriodCounts,
  { violate, mark }: Scene,
): void {
  const name = `${key} ${periods.get(messageKey(attempt.messageId) ?? 0)}`;
  const count = (starts.get(name) ?? 0) + 1;
  starts.set(name, count);
  if (count === rate) mark("rate reached");
  if (count > rate) {
    violate(
      `attempt ${attempt.number} of ${attempt.messageId} is number ${count} of a period of ${key}, whose rate is ${rate}`,
    );
  }
}

/** Somebody has begun a new period by hand. */
function isReset(key: string, { operations }: Scene): boolean {
  return operations.all.some(
    ({ act }) =>
      (act.type === "resetRate" || act.type === "pin" || act.type === "unpin") && act.flow === key,
  );
}

/** Lines in memory may keep attempts back that were let go long ago. */
const LINES_MIN = 50;

function countInStretch(
  attempt: Attempt,
  {
    key,
    rate,
    periodMs,
    times,
  }: Counting & { readonly periodMs: number; readonly times: Map<string, number[]> },
  { plan, violate }: Scene,
): void {
  const { perOriginMax = 0, parallelismMax = 0 } = plan.limits;
  if (Math.min(perOriginMax, parallelismMax) < LINES_MIN) return;
  const known = [...(times.get(key) ?? []), attempt.startedAt];
  const recent = known.filter((at) => at > attempt.startedAt - periodMs);
  times.set(key, recent);
  if (recent.length > 2 * rate) {
    violate(`${recent.length} attempts of ${key} begin within ${periodMs} ms; its rate is ${rate}`);
  }
}
