import { Client } from "@upstash/qstash";
import type { WorkflowContext } from "@upstash/workflow";
import { createWorkflow, serveMany } from "@upstash/workflow/nextjs";
import type { EventList } from "./event-list.ts";
import type { Fact } from "./facts.ts";
import { SERVER_HOST } from "./network.ts";
import type { Program } from "./program.ts";
import { TOKEN } from "./server-process.ts";
import { StepPlayer } from "./step-player.ts";
import type { Troubles } from "./troubles.ts";

export const FLOW_URL = "http://app.test/flow";

export interface Payload {
  readonly program: number;
  /** Epoch milliseconds; what `sleepUntil` counts from. */
  readonly startAt: number;
  /** The step that has invoked the run. */
  readonly parent?: { readonly runId: string; readonly stepName: string };
}

/** What survives a crash of the app, because it lies outside of it: dependencies that fail, and the ledger. */
export interface Surroundings {
  readonly events: EventList;
  readonly programs: readonly Program[];
  readonly troubles: Troubles;
  readonly tell: (fact: Fact) => void;
}

/** One process of the app: the unmodified SDK around the programs. */
export class App {
  readonly generation: number;
  readonly #surroundings: Surroundings;
  readonly #player: StepPlayer;
  readonly #serve: (request: Request) => Promise<Response>;
  #isAlive = true;

  constructor(generation: number, surroundings: Surroundings) {
    this.generation = generation;
    this.#surroundings = surroundings;
    const qstashClient = new Client({
      baseUrl: `http://app-${generation}.${SERVER_HOST}`,
      token: TOKEN,
    });
    const flow = createWorkflow<Payload, unknown>((context) => this.#route(context), {
      qstashClient,
      env: {},
      failureFunction: async ({ context }) => this.#fail(context),
    });
    this.#player = new StepPlayer(flow, surroundings, (delayMs) => this.#passTime(delayMs));
    this.#serve = serveMany({ flow }).POST;
  }

  handle(request: Request): Promise<Response> {
    return this.#serve(request);
  }

  kill(): void {
    this.#isAlive = false;
  }

  async #route(context: WorkflowContext<Payload>): Promise<unknown> {
    const program = this.#surroundings.programs[context.requestPayload.program];
    // The SDK looks whether it may answer: with the report about a call in the place of the payload, and stops at the first step.
    if (program === undefined) return context.run("nothing", () => null);
    const results: unknown[] = [];
    const room = { context, program, webhooks: new Map() };
    for (const step of program.steps) {
      if (step.kind === "cancel") await context.cancel();
      else if (step.kind === "parallel") {
        results.push(
          await Promise.all(step.branches.map((branch) => this.#player.play(branch, room))),
        );
      } else results.push(await this.#player.play(step, room));
    }
    return results;
  }

  #fail(context: { readonly workflowRunId: string; readonly requestPayload: unknown }): string {
    const { programs, troubles, tell } = this.#surroundings;
    // The payload that this test's own client has sent.
    const { program: index } = context.requestPayload as Payload;
    const behaviour = programs[index]?.failureFunction ?? "works";
    const hasThrown =
      behaviour === "throwsUntilHealed"
        ? !troubles.isHealed(index)
        : behaviour === "throwsFirst" && troubles.count(index, "failure function") === 0;
    tell({ kind: "failureFunction", runId: context.workflowRunId, hasThrown });
    if (hasThrown) throw new Error("the failure function is broken");
    return "noted";
  }

  /** A process that has died meanwhile never comes back. */
  async #passTime(delayMs: number): Promise<void> {
    await this.#surroundings.events.wait(delayMs, "work of a step");
    if (!this.#isAlive) await new Promise(() => {});
  }
}
