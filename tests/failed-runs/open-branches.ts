import type { Tables } from "@reprise/server";
import type { WorkflowContext } from "@upstash/workflow";
import { Counters } from "../conformance/counters.ts";
import { until } from "../conformance/until.ts";
import type { World } from "../conformance/world.ts";
import type { Mode } from "./revive.ts";

type WaitRow = Tables["waits"];

interface Branches<T> {
  /** Runs in front of both branches. */
  readonly before?: (context: WorkflowContext) => Promise<T>;
  /** The branch that stays open. */
  readonly open: (context: WorkflowContext, before: T) => Promise<unknown>;
}

/** A workflow of two branches: one fails once the other one waits for somebody, and does so until it is healed. */
export class OpenBranch<T = unknown> {
  readonly counters = new Counters(["bad"]);
  readonly #world: World;
  readonly #url: string;
  readonly #runIds: string[] = [];

  constructor(world: World, { before, open }: Branches<T>) {
    this.#world = world;
    const bad = async () => {
      const isWaiting = async () => (await this.waits()).length > 0;
      if (this.counters.isBroken("bad")) await until("the other branch", isWaiting);
      return this.counters.step("bad", null)();
    };
    this.#url = world.serve("/many/open", async (context) => {
      // Without anything in front the branches need nothing of it.
      const first = (await before?.(context)) as T;
      const [, other] = await Promise.all([context.run("bad", bad), open(context, first)]);
      await context.run("after", this.counters.step("after", null));
      return other;
    });
  }

  /** The runs in order: the first one, and what was made of it. */
  get runIds(): readonly string[] {
    return this.#runIds;
  }

  get runId(): string {
    return this.#runIds.at(-1) ?? "";
  }

  /** Starts a run and waits for its failure. */
  async fail(): Promise<void> {
    this.#runIds.push(await this.#world.trigger({ url: this.#url, retries: 0 }));
    await this.#world.failed(this.runId);
  }

  /** Resumes the failed run, which fails in the same way again. */
  async resumeInVain(): Promise<void> {
    await this.revive("resume");
    await this.#world.failed(this.runId);
  }

  /** From now on the branch works: the run goes on, to wait for the other one. */
  async healAndRevive(mode: Mode = "resume"): Promise<void> {
    const before = this.counters.all().bad ?? 0;
    this.counters.heal();
    await this.revive(mode);
    await until("the branch that had failed", () => this.counters.all().bad === before + 1);
  }

  async revive(mode: Mode): Promise<void> {
    const { dlqId } = await this.#world.deadLetter(this.runId);
    const { workflowRuns } = await this.#world.client.dlq[mode](dlqId);
    this.#runIds.push(workflowRuns[0]?.workflowRunId ?? "");
  }

  /** The end of the newest run: what it has returned, and how often the failing branch ran and the step behind both. */
  async result(): Promise<{
    readonly value: unknown;
    readonly bad?: number;
    readonly after?: number;
  }> {
    const { workflowRunResponse } = await this.#world.succeeded(this.runId);
    const value: unknown = JSON.parse(workflowRunResponse ?? "null");
    return { value, ...this.counters.all() };
  }

  /** The waits of all runs, or those in one state. */
  async waits(state?: WaitRow["state"]): Promise<readonly WaitRow[]> {
    const rows = await this.#world.store.list("waits", {
      where: [],
      order: "ascending",
      limit: 99,
    });
    return rows.filter((row) => state === undefined || row.state === state);
  }

  /** Waits until so many are in this state, and gives them. */
  async waitsIn(state: WaitRow["state"], count = 1): Promise<readonly WaitRow[]> {
    return until(`${count} waits that are ${state}`, async () => {
      const waits = await this.waits(state);
      return waits.length === count && waits;
    });
  }

  /** Deliveries that the app has got for a run, failure calls not counted. */
  deliveriesOf(runId: string): number {
    return this.#world.app
      .at("/many/open")
      .filter(({ headers }) => headers["upstash-workflow-runid"] === runId)
      .filter(({ headers }) => headers["upstash-workflow-is-failure"] === undefined).length;
  }
}
