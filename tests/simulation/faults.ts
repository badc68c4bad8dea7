import type { Marks } from "./marks.ts";
import { createRandom, type Random } from "./random.ts";

/** What can go wrong in a kind of world. */
export interface FaultPlan<R extends string, C extends string> {
  /** By chance, with the highest probability that a seed may give it. */
  readonly rates: Readonly<Record<R, number>>;
  /** At an instant, with the highest number that a seed may have of it. */
  readonly counts: Readonly<Record<C, number>>;
}

const RATES_MAX = {
  /** A call of the SDK never reaches the server. */
  sdkRequestLost: 0.15,
  /** The server has done what was asked, and its answer is lost. */
  sdkAnswerLost: 0.15,
  sdkSlow: 0.2,
  /** A delivery never reaches the app. */
  deliveryLost: 0.15,
  /** The app has done its work, and its answer is lost. */
  deliveryAnswerLost: 0.15,
  deliveryDuplicated: 0.2,
  /** A delivery or its answer takes longer than the attempt may. */
  deliverySlow: 0.15,
  /** Something in front of the app answers in its place. */
  appAnswers500: 0.1,
  appAnswers404: 0.1,
  appAnswers429: 0.1,
  appAnswers489: 0.03,
  /** The app dies when its step is done and not yet submitted. */
  appCrashBeforeSubmit: 0.05,
  /** The app dies when its step is submitted and the delivery not yet answered. */
  appCrashAfterSubmit: 0.05,
  /** The server dies at a call of its store. */
  serverCrashAtStore: 0.01,
  storeCallFails: 0.01,
  /** A committed transaction looks as if it had failed. */
  storeAnswerLost: 0.02,
  /** The app says that all is well, and has not gone on: the run is stuck. */
  appAnswersNothing: 0.03,
  /** A tunnel's page takes the place of the app, with a 200. */
  appAnswersPage: 0.05,
  /** A call of the store takes a turn of its own, so that others come in between. */
  storeYields: 0.5,
} as const;

export type FaultKind = keyof typeof RATES_MAX;

const COUNTS_MAX = {
  serverCrashes: 4,
  appCrashes: 3,
  clockJumps: 2,
  operatorActions: 12,
  clientRepeats: 3,
} as const;

export type TimedFault = keyof typeof COUNTS_MAX;

/** What goes wrong besides where apps use the SDK of this project. */
const FAST_RATES_MAX = {
  /** A connection cannot be opened. */
  socketRefused: 0.3,
  /** A connection breaks when something is sent over it. */
  socketCut: 0.03,
  /** From here on everything that is sent vanishes, and nobody is told. */
  socketSilent: 0.015,
  socketSlow: 0.1,
  /** The app dies when its step is done and its answer has not left. */
  appCrashBeforeAnswer: 0.05,
  /** The app answers with lines that can never be accepted. */
  appAnswersNonsense: 0.02,
} as const;

export type FastFault = keyof typeof FAST_RATES_MAX;

const FAST_COUNTS_MAX = {
  socketCuts: 4,
  serverDrains: 2,
  appDrains: 2,
} as const;

export type TimedFastFault = keyof typeof FAST_COUNTS_MAX;

export const FAST_FAULTS: FaultPlan<FastFault, TimedFastFault> = {
  rates: FAST_RATES_MAX,
  counts: FAST_COUNTS_MAX,
};

/** What goes wrong around workflows. */
export const WORKFLOW_FAULTS: FaultPlan<FaultKind, TimedFault> = {
  rates: RATES_MAX,
  counts: COUNTS_MAX,
};

/** The swarm: each seed has its own selection of faults; every fourth has none, so that chaos cannot hide a standstill. */
export class Faults<R extends string = FaultKind, C extends string = TimedFault> {
  readonly isCalm: boolean;
  readonly #rates: Readonly<Record<string, number>>;
  readonly #counts: Readonly<Record<string, number>>;
  readonly #streams = new Map<R, Random>();
  readonly #seed: number;
  readonly #marks: Marks;
  #isOn = true;

  /** @param stream names a plan beside the usual one, so that both draw for themselves. */
  constructor(seed: number, marks: Marks, plan: FaultPlan<R, C>, stream = "fault plan") {
    this.#seed = seed;
    this.#marks = marks;
    this.isCalm = seed % 4 === 0;
    const random = createRandom(seed, stream);
    const draw = (max: number) => (random.chance(0.5) ? max * random.next() : 0);
    const rates = Object.entries<number>(plan.rates).map(
      ([kind, max]) => [kind, draw(max)] as const,
    );
    const counts = Object.entries<number>(plan.counts).map(
      ([kind, max]) => [kind, Math.ceil(draw(max))] as const,
    );
    this.#rates = this.isCalm ? {} : Object.fromEntries(rates);
    this.#counts = this.isCalm ? {} : Object.fromEntries(counts);
  }

  /** Whether `kind` strikes now. */
  strikes(kind: R): boolean {
    const rate = this.#rates[kind] ?? 0;
    if (!this.#isOn || rate === 0) return false;
    const stream = this.#streams.get(kind) ?? createRandom(this.#seed, `fault ${kind}`);
    this.#streams.set(kind, stream);
    const isStruck = stream.chance(rate);
    if (isStruck) this.#marks.hit(`fault ${kind}`);
    return isStruck;
  }

  count(kind: C): number {
    return this.#counts[kind] ?? 0;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  stop(): void {
    this.#isOn = false;
  }
}

export const FAULT_KINDS: readonly string[] = Object.keys(RATES_MAX);
export const FAST_FAULT_KINDS: readonly string[] = Object.keys(FAST_RATES_MAX);
