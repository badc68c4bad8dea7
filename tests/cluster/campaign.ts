import { join } from "node:path";
import { auditDatabase } from "@reprise/server";
import type { Check, Figure } from "../crash/load.ts";
import type { Random } from "../crash/random.ts";
import { ServerLink } from "../crash/server-link.ts";
import { ATTEMPT_TIMEOUT_MS, Cluster, TOKEN } from "./cluster.ts";
import { copyDatabase } from "./copy-database.ts";
import { FaultLog } from "./fault-log.ts";
import { FlowLoad } from "./flows/flow-load.ts";
import type { Load } from "./load.ts";
import { MessageLoad } from "./messages/message-load.ts";

const DRAIN_MS_MAX = 120_000;
const OUTPUT_SHOWN_CHARS = 4_000;
const DRAIN_PAUSE_MS = 200;
/** Messages that lie beyond this are not waited for. */
const DISTANT_MS = 1_800_000;
const NOW = "extract(epoch FROM clock_timestamp()) * 1000";
/** A place is kept for so long beyond the deadline of an attempt whose node has died. */
const PLACE_MARGIN_MS = 60_000;
const HASTEN_PAUSE_MS = 500;
/** Lets that time be over for the dead, so that a round need not last a minute; the deadline itself is waited for. */
const HASTEN = `
  UPDATE messages SET "dueAt" = "dueAt" - ${PLACE_MARGIN_MS}
  WHERE state IN ('active', 'canceling') AND "dueAt" > ${NOW} + ${ATTEMPT_TIMEOUT_MS + 1_000}
    AND "nodeKey" IN (SELECT key FROM nodes WHERE "leaseUntil" < ${NOW})
`;
/** What is left to do in the whole database. Messages of failed runs wait for whoever resumes them, so their letters count. */
const LEFT = `
  SELECT (SELECT count(*) FROM messages
          WHERE state <> 'failed' AND coalesce(gate, '') NOT IN ('queue:parked', 'flow:frozen')
            AND NOT (state = 'scheduled' AND "dueAt" > ${NOW} + ${DISTANT_MS}))::int AS messages,
         (SELECT count(*) FROM runs WHERE state = 'started')::int AS runs,
         (SELECT count(*) FROM "deadLetters" WHERE state = 'open')::int AS letters
`;

export interface Tally {
  passed: number;
  failed: number;
  readonly faults: string[];
}

interface CampaignPlan {
  readonly nodeCount: number;
  readonly seed: number;
  readonly hasLongWork: boolean;
}

/** A cluster under load, with everybody's ledgers; what is done to it is up to others. */
export class Campaign {
  readonly cluster: Cluster;
  readonly faultLog = new FaultLog();
  readonly tally: Tally = { passed: 0, failed: 0, faults: [] };
  readonly #link = new ServerLink();
  readonly #loads: readonly Load[];
  #isClosed = false;

  private constructor(cluster: Cluster, { seed, hasLongWork }: CampaignPlan) {
    this.cluster = cluster;
    const room = { link: this.#link, faultLog: this.faultLog, seed, hasLongWork };
    this.#loads = [new MessageLoad(room, (sql) => cluster.query(sql)), new FlowLoad(room)];
  }

  static async open(plan: CampaignPlan): Promise<Campaign> {
    const cluster = await Cluster.open(plan.nodeCount);
    const campaign = new Campaign(cluster, plan);
    try {
      await campaign.#start();
      return campaign;
    } catch (error) {
      await campaign.close();
      throw error;
    }
  }

  async #start(): Promise<void> {
    await this.cluster.startAll();
    this.#link.begin();
    const { url } = this.cluster.balancer;
    this.#link.up({ url, port: Number(new URL(url).port), token: TOKEN });
    for (const load of this.#loads) await load.start();
    void this.#hasten();
  }

  async #hasten(): Promise<void> {
    while (!this.#isClosed) {
      // The database may be away; then it is for the next time.
      await this.cluster.query(HASTEN).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, HASTEN_PAUSE_MS));
    }
  }

  /** Requests and deliveries without an answer. */
  get inFlight(): number {
    const { balancer } = this.cluster;
    return this.#loads.reduce((sum, load) => sum + load.inFlight, balancer.inFlight);
  }

  get acceptedCount(): number {
    return this.#loads.reduce((sum, load) => sum + load.acceptedCount, 0);
  }

  /** Contradictions seen so far. */
  get faultCount(): number {
    const { balancer } = this.cluster;
    return this.#loads.reduce((sum, load) => sum + load.faults.length, balancer.faults.length);
  }

  keepBusy(): void {
    for (const load of this.#loads) load.keepBusy();
  }

  progress(): string {
    return this.#loads.map((load) => load.progress()).join(", ");
  }

  /** No more harm and nothing new: the nodes have to bring everything to its end, and to end in good order themselves. */
  async drain(): Promise<void> {
    for (const load of this.#loads) load.settle();
    const startedAt = Date.now();
    let left = await this.#left();
    while (left !== null && Date.now() - startedAt <= DRAIN_MS_MAX) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_PAUSE_MS));
      left = await this.#left();
    }
    const faults = left === null ? [] : [`${left} is left ${DRAIN_MS_MAX} ms behind the last harm`];
    this.count({ name: "everything comes to its end", faults });
    console.log(`drained in ${Date.now() - startedAt} ms`);
    if (left !== null) console.log(`left are ${left}\n${await this.#describeLeft()}`);
    for (const load of this.#loads) load.stop();
    await this.#stopNodes();
  }

  /** Null when nothing is. */
  async #left(): Promise<string | null> {
    const busy = this.#loads.filter((load) => !load.isQuiet).length;
    const [left] = await this.cluster.query<Readonly<Record<string, number>>>(LEFT);
    const parts = Object.entries({ ...left, "loads that still ask": busy });
    const names = parts
      .filter(([, count]) => count > 0)
      .map(([name, count]) => `${name}: ${count}`);
    return names.length === 0 ? null : names.join(", ");
  }

  async #describeLeft(): Promise<string> {
    const messages = await this.cluster.query(
      `SELECT key, kind, state, gate, "nodeKey", "dueAt", "queueName", "ticketKey", "flowControlKey", retried FROM messages
       WHERE state <> 'failed' AND coalesce(gate, '') NOT IN ('queue:parked', 'flow:frozen') ORDER BY key LIMIT 12`,
    );
    const gates = await this.cluster.query("SELECT * FROM queues");
    const nodes = await this.cluster.query("SELECT * FROM nodes");
    const rows = [...messages, ...gates, ...nodes].map((row) => JSON.stringify(row));
    const said = this.cluster.nodes.map(({ output }) => output.slice(-OUTPUT_SHOWN_CHARS));
    return [...rows, ...said].join("\n");
  }

  async #stopNodes(): Promise<void> {
    const faults: string[] = [];
    for (const node of this.cluster.nodes) {
      const code = await node.stop();
      if (code !== 0) faults.push(`node ${node.number} ends with ${code}:\n${node.output}`);
    }
    const rows = await this.cluster.query(`SELECT key FROM nodes WHERE "leaseUntil" > ${NOW}`);
    if (rows.length > 0) faults.push(`${rows.length} nodes still count as alive`);
    this.count({ name: "nodes stop in good order", faults });
  }

  /** Compares the ledgers with the database. */
  async audit(): Promise<void> {
    const path = join(this.cluster.directory, "copy.db");
    await copyDatabase(this.cluster.databaseUrl, path);
    for (const load of this.#loads) for (const check of load.audit(path)) this.count(check);
    this.count({ name: "the doctor finds nothing", faults: await this.#askDoctor() });
    const { faults } = this.cluster.balancer;
    this.count({ name: "whoever is refused is told when to come again", faults });
  }

  async #askDoctor(): Promise<readonly string[]> {
    const { databaseUrl } = this.cluster;
    const { findings } = await auditDatabase({ databaseUrl }, { isDeep: true });
    return findings.map((finding) => JSON.stringify(finding));
  }

  countFigures(rounds: number, more: readonly Figure[]): void {
    const figures = [...more, ...this.#loads.flatMap((load) => load.figures(rounds))];
    console.log(figures.map(({ name, count }) => `${name}: ${count}`).join(", "));
    const faults = figures
      .filter(({ count, least }) => count < Math.floor(least))
      .map(({ name, count, least }) => `${name}: ${count}, needed are ${Math.floor(least)}`);
    this.count({ name: "enough was in flight to prove something", faults });
  }

  count({ name, faults }: Check): void {
    if (faults.length === 0) {
      this.tally.passed++;
      return;
    }
    this.tally.failed++;
    this.tally.faults.push(...faults.map((fault) => `${name}: ${fault}`));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const load of this.#loads) load.stop();
    await this.#link.down();
    await this.cluster.close();
  }
}

export function shuffled<T>(values: readonly T[], random: Random): readonly T[] {
  return values
    .map((value) => ({ value, order: random.next() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ value }) => value);
}
