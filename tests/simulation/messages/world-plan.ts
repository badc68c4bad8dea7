import { createRandom, type Random } from "../random.ts";
import type { Act, ScheduleWanted } from "./acts.ts";
import {
  type Behaviour,
  drawMood,
  drawWanted,
  type FlowWanted,
  SINK_HOSTS,
  type Surroundings,
  type Wanted,
} from "./wanted.ts";

/** What a world consists of, drawn before anything happens. */
export interface WorldPlan {
  /** How long things go wrong. */
  readonly horizonMs: number;
  readonly queues: readonly string[];
  /** Every message that names a key asks for the same limits, so that they are known at any instant. */
  readonly flows: readonly FlowWanted[];
  readonly groups: readonly string[];
  readonly schedules: readonly ScheduleWanted[];
  /** By ticket. */
  readonly wanteds: ReadonlyMap<string, Wanted>;
  readonly acts: readonly PlannedAct[];
  /** Limits of the server that differ from the usual ones. */
  readonly limits: Readonly<Record<string, number>>;
}

export interface PlannedAct {
  readonly afterMs: number;
  /** Null: the actor picks one by what it knows then. */
  readonly act: Act | null;
}

const MESSAGES_MAX = 30;
const CONTROLS_MAX = 14;
const BATCH_MAX = 6;
const SLOW_MOOD: readonly Behaviour[] = ["slow", "slow", "ok"];
const NARROW = { perOriginMax: 1, perOriginWaitingMax: 1_000, parallelismMax: 2_000 };

export function drawPlan(seed: number): WorldPlan {
  const random = createRandom(seed, "plan");
  const horizonMs = random.pick([20_000, 120_000, 1_800_000]);
  const names = (prefix: string, max: number) =>
    Array.from({ length: random.integer(0, max) }, (_, index) => `${prefix}-${index + 1}`);
  // Everybody waits in one short line of memory, where what is paused or cancelled has to be found.
  const isNarrow = random.chance(0.15);
  const queues = isNarrow ? ["queue-1", "queue-2"] : names("queue", 2);
  const flows = names("flow", 2).map((key) => drawFlow(key, random));
  const groups = names("group", 1);
  const surroundings = { queues, flows, groups, delaySecondsMax: Math.ceil(horizonMs / 2000) };
  const wanteds = drawWanteds(surroundings, isNarrow, random);
  const schedules = drawSchedules(surroundings, random);
  const acts = [
    ...groups.map((group) => ({ afterMs: 0, act: setEndpoints(group, random) })),
    ...drawPublishes(wanteds, isNarrow ? 100 : random.pick([100, 3_000, horizonMs]), random),
    ...schedules.map((schedule) => ({
      afterMs: random.integer(0, horizonMs / 4),
      act: { type: "putSchedule", schedule } as const,
    })),
    ...drawControls(isNarrow ? 20_000 : random.pick([4_000, horizonMs]), random),
  ];
  const all = [...wanteds, ...schedules.map(({ wanted }) => wanted)];
  const byTicket = new Map(all.map((wanted) => [wanted.ticket, wanted]));
  const limits = { ...drawLimits(random), ...(isNarrow ? NARROW : {}) };
  return { horizonMs, queues, flows, groups, schedules, wanteds: byTicket, acts, limits };
}

/** Some people act while most is going on; some come back later. */
function drawControls(spanMs: number, random: Random): readonly PlannedAct[] {
  return Array.from({ length: random.integer(0, CONTROLS_MAX) }, () => ({
    afterMs: random.integer(0, spanMs),
    act: null,
  }));
}

function drawFlow(key: string, random: Random): FlowWanted {
  const kind = random.pick(["parallelism", "rate", "both"]);
  return {
    key,
    parallelism: kind === "rate" ? null : random.integer(1, 3),
    rate: kind === "parallelism" ? null : random.integer(1, 3),
    periodSeconds: kind === "parallelism" ? 1 : random.pick([1, 5, 60]),
  };
}

function drawWanteds(
  surroundings: Surroundings,
  isNarrow: boolean,
  random: Random,
): readonly Wanted[] {
  const mood = isNarrow ? SLOW_MOOD : drawMood(random);
  const hosts = isNarrow ? SINK_HOSTS.slice(0, 1) : SINK_HOSTS;
  return Array.from({ length: random.integer(1, MESSAGES_MAX) }, (_, index) =>
    drawWanted(`t${index + 1}`, { ...surroundings, mood, hosts }, random),
  );
}

/** In a burst, or spread over the whole time; alone or in batches. */
function drawPublishes(
  wanteds: readonly Wanted[],
  spanMs: number,
  random: Random,
): readonly PlannedAct[] {
  const acts: PlannedAct[] = [];
  for (let index = 0; index < wanteds.length; ) {
    const count = random.chance(0.2) ? random.integer(2, BATCH_MAX) : 1;
    const some = wanteds.slice(index, index + count);
    const [first] = some;
    index += count;
    if (first === undefined) continue;
    const afterMs = random.integer(0, spanMs);
    const act: Act =
      some.length === 1 ? { type: "publish", wanted: first } : { type: "batch", wanteds: some };
    acts.push({ afterMs, act });
  }
  return acts;
}

function drawSchedules(surroundings: Surroundings, random: Random): readonly ScheduleWanted[] {
  return Array.from({ length: random.integer(0, 2) }, (_, index) => {
    const scheduleId = `schedule-${index + 1}`;
    const mood = ["ok", "ok", "flaky"] as const;
    const wanted = drawWanted(
      `s${index + 1}`,
      { ...surroundings, mood, hosts: SINK_HOSTS },
      random,
    );
    return {
      scheduleId,
      everyMinutes: random.pick([1, 5, 60]),
      // A second creation would be the first one, and the checkers want to know which of them is in force.
      wanted: { ...wanted, dedupId: null, isDeduplicatedByContent: false },
    };
  });
}

export function setEndpoints(group: string, random: Random): Act {
  const count = random.integer(1, 3);
  const urls = Array.from(
    { length: count },
    (_, index) => `http://${random.pick(SINK_HOSTS)}/${random.pick(["ok", "flaky"])}?e=${index}`,
  );
  return { type: "setEndpoints", group, urls };
}

/** Small limits reach in a few steps what real ones reach in millions. */
function drawLimits(random: Random): Readonly<Record<string, number>> {
  return {
    groupRequestsMax: random.pick([512, 512, 1, 3]),
    claimMax: random.pick([500, 1, 2]),
    perOriginMax: random.pick([50, 50, 1, 3]),
    parallelismMax: random.pick([2_000, 2_000, 2, 5]),
    perOriginWaitingMax: random.pick([1_000, 1, 4]),
  };
}
