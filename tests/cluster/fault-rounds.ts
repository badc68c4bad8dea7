import { Random } from "../crash/random.ts";
import { Campaign, shuffled, type Tally } from "./campaign.ts";
import { countCuts, FAULTS } from "./faults.ts";
import type { ServerNode } from "./server-node.ts";

/** A round counts when at least so much was under way. */
const IN_FLIGHT_MIN = 6;
const BUSY_MS_MAX = 8_000;
const BUSY_SHARE = 0.8;
/** Behind a fault that is mended each node answers so many requests before the time is over. */
const ANSWERS_MIN = 3;
const RECOVERY_MS_MAX = 30_000;
const LOOK_MS = 20;

export interface FaultPlan {
  readonly nodeCount: number;
  readonly rounds: number;
  readonly seed: number;
  /** Part of the name of the only faults to take; null for all. */
  readonly only: string | null;
}

/** Round by round one fault hits the cluster under load and is mended; at the end everything is compared. */
export async function runFaultRounds(plan: FaultPlan): Promise<Tally> {
  const campaign = await Campaign.open({ ...plan, hasLongWork: true });
  const rounds = new FaultRounds(campaign, plan);
  try {
    await rounds.run();
    return campaign.tally;
  } finally {
    await campaign.close();
  }
}

class FaultRounds {
  readonly #campaign: Campaign;
  readonly #plan: FaultPlan;
  readonly #random: Random;
  #busyRounds = 0;

  constructor(campaign: Campaign, plan: FaultPlan) {
    this.#campaign = campaign;
    this.#plan = plan;
    this.#random = new Random(plan.seed);
  }

  async run(): Promise<void> {
    const campaign = this.#campaign;
    const { rounds } = this.#plan;
    const order = this.#order();
    for (let round = 1; round <= rounds; round++) {
      const name = order[(round - 1) % order.length];
      if (name !== undefined) await this.#round(round, name);
    }
    await campaign.drain();
    await campaign.audit();
    campaign.countFigures(rounds, [
      { name: "faults under load", count: this.#busyRounds, least: BUSY_SHARE * rounds },
      { name: "answers 503", count: campaign.cluster.balancer.unavailable, least: 0 },
      { name: "commits cut off", count: countCuts(campaign.cluster), least: 0 },
    ]);
  }

  #order(): readonly string[] {
    const { only } = this.#plan;
    const names = Object.keys(FAULTS).filter((name) => only === null || name.includes(only));
    if (names.length === 0) throw new Error(`there is no fault whose name contains ${only}`);
    return shuffled(names, this.#random);
  }

  async #round(round: number, name: string): Promise<void> {
    const campaign = this.#campaign;
    const faultsBefore = campaign.faultCount;
    const inFlight = await this.#untilBusy();
    if (inFlight >= IN_FLIGHT_MIN) this.#busyRounds++;
    const strike = campaign.faultLog.begin(name, inFlight);
    const { cluster } = campaign;
    const done = await FAULTS[name]?.({ cluster, random: this.#random });
    strike.endedAt = Date.now();
    const faults = await this.#recover();
    const recoveryMs = Date.now() - strike.endedAt;
    const contradictions = campaign.faultCount - faultsBefore;
    if (contradictions > 0) faults.push(`${contradictions} contradictions were seen`);
    campaign.count({ name: `round ${round} (${name})`, faults });
    console.log(
      `round ${round}: ${name} (${done}), ${inFlight} in flight, all answer ${recoveryMs} ms later; ` +
        `${campaign.progress()}, ${campaign.faultCount} faults`,
    );
    for (const fault of faults) console.log(`  ${fault}`);
  }

  /** How much is under way, which is enough unless the time is over. */
  async #untilBusy(): Promise<number> {
    const campaign = this.#campaign;
    campaign.keepBusy();
    const startedAt = Date.now();
    // A moment of rest lets the load mix; it differs from round to round.
    await pause(this.#random.between(300, 1_200));
    while (campaign.inFlight < IN_FLIGHT_MIN && Date.now() - startedAt < BUSY_MS_MAX) {
      await pause(LOOK_MS);
    }
    return campaign.inFlight;
  }

  /** Waits until every node answers again by itself; gives what speaks against that. */
  async #recover(): Promise<string[]> {
    const campaign = this.#campaign;
    const { balancer, nodes } = campaign.cluster;
    const faults: string[] = [];
    for (const node of nodes) await this.#revive(node, faults);
    const before = nodes.map(({ number }) => balancer.answeredBy(number));
    const startedAt = Date.now();
    const silent = () =>
      nodes.filter(
        ({ number }, index) => balancer.answeredBy(number) < (before[index] ?? 0) + ANSWERS_MIN,
      );
    campaign.keepBusy();
    while (silent().length > 0 && Date.now() - startedAt < RECOVERY_MS_MAX) await pause(LOOK_MS);
    for (const { number, output } of silent()) {
      faults.push(`node ${number} does not answer for ${RECOVERY_MS_MAX} ms:\n${output}`);
    }
    return faults;
  }

  /** Nodes end when they are told to, and never by themselves. */
  async #revive(node: ServerNode, faults: string[]): Promise<void> {
    if (node.url !== null) return;
    faults.push(`node ${node.number} has ended by itself, or does not start:\n${node.output}`);
    await node.kill();
    await node.start();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
