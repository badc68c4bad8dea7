import { POINT_SCRIPT_NAMES, type PointScriptName } from "../flows/all-scripts.ts";
import { POINT_MUTANTS, type PointMutant, plantedPoint } from "./point-mutants.ts";
import { PointRig } from "./point-rig.ts";

export interface PointPlan {
  /** Every so many points one is tried. */
  readonly every: number;
  readonly seed: number;
  /** Null: all. */
  readonly script: PointScriptName | null;
  /** The only point to die at; null: all. */
  readonly at: number | null;
  readonly mutant: PointMutant | null;
}

const FAULTS_SHOWN_MAX = 10;

interface Tally {
  passed: number;
  failed: number;
  /** Where servers have died. */
  readonly places: string[];
}

/** Kills the server at every crash point of every script in turn. Returns the exit code. */
export async function runPoints(plan: PointPlan): Promise<number> {
  const tally: Tally = { passed: 0, failed: 0, places: [] };
  if (plan.mutant === null) {
    await runScripts(plan, tally);
    printPlaces(tally);
  }
  const isWhole = plan.script === null && plan.mutant === null;
  const mutants = isWhole ? POINT_MUTANTS : POINT_MUTANTS.filter((one) => one === plan.mutant);
  await inTurn(mutants, async (mutant) => {
    const isCaught = await isCaughtAtPoint(mutant);
    console.log(`mutant ${mutant}: ${isCaught ? "caught" : "NOT CAUGHT"}`);
    count(tally, isCaught);
  });
  console.log(`RESULT passed=${tally.passed} failed=${tally.failed}`);
  return tally.failed === 0 ? 0 : 1;
}

async function runScripts(plan: PointPlan, tally: Tally): Promise<void> {
  const names = POINT_SCRIPT_NAMES.filter((name) => plan.script === null || plan.script === name);
  await inTurn(names, async (name) => {
    const rig = new PointRig(null);
    await rig.start();
    try {
      await runScript(name, { plan, rig, tally });
    } finally {
      await rig.end();
    }
  });
}

/** Servers at the same time: most of the time of each goes by while a client waits for the next try. */
const RIGS = 3;

/** Works on all, a few at a time. */
async function inTurn<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const waiting = all.values();
  const worker = async () => {
    for (const one of waiting) await work(one);
  };
  await Promise.all(Array.from({ length: RIGS }, worker));
}

interface Room {
  readonly plan: PointPlan;
  readonly rig: PointRig;
  readonly tally: Tally;
}

/** The points are counted in a run without a kill; the last ones depend on what falls into one transaction. */
async function runScript(name: PointScriptName, { plan, rig, tally }: Room): Promise<void> {
  const startedAt = Date.now();
  const dry = await rig.play(name, null);
  note(name, null, dry.faults, tally);
  const { length } = dry.points;
  const offset = 1 + (plan.seed % plan.every);
  const isWhole = plan.every === 1;
  let kills = 0;
  let isReached = true;
  for (let at = plan.at ?? offset; at <= length || (isReached && isWhole); at += plan.every) {
    const { diedAt, faults } = await rig.play(name, at);
    note(name, at, faults, tally);
    isReached = diedAt !== null;
    if (diedAt !== null) {
      kills++;
      tally.places.push(diedAt);
    }
    if (plan.at !== null) break;
  }
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  console.log(`${name}: ${length} points, ${kills} kills, ${seconds} s`);
}

function note(
  name: PointScriptName,
  at: number | null,
  faults: readonly string[],
  tally: Tally,
): void {
  count(tally, faults.length === 0);
  for (const fault of faults.slice(0, FAULTS_SHOWN_MAX)) console.log(`FAULT ${fault}`);
  if (faults.length === 0) return;
  console.log(`npm run crash -- --points --script ${name}${at === null ? "" : ` --at ${at}`}`);
}

function count(tally: Tally, isPassed: boolean): void {
  if (isPassed) tally.passed++;
  else tally.failed++;
}

function printPlaces({ places }: Tally): void {
  const committed = places.filter((place) => place.startsWith("committed")).length;
  const shapes = new Set(places.map((place) => place.replace(/^\S+ of /, ""))).size;
  const distinct = new Set(places).size;
  console.log(
    `${places.length} kills at crash points: ${distinct} different places in ${shapes} kinds of transactions, ${committed} right behind a commit`,
  );
}

async function isCaughtAtPoint(mutant: PointMutant): Promise<boolean> {
  const { script, at, trace } = plantedPoint(mutant);
  const rig = new PointRig(mutant);
  await rig.start();
  try {
    const { faults } = await rig.play(script, at);
    return faults.some((fault) => fault.includes(trace));
  } finally {
    await rig.end();
  }
}
