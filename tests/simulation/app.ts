import { Client } from "@upstash/qstash";
import {
  serve,
  type WorkflowContext,
  WorkflowNonRetryableError,
  WorkflowRetryAfterError,
} from "@upstash/workflow";
import type { EventList } from "./event-list.ts";
import type { Fact } from "./facts.ts";
import { SERVER_HOST } from "./network.ts";
import type { Program, RunStep, SingleStep } from "./program.ts";
import { TOKEN } from "./server-process.ts";

const FLOW_URL = "http://app.test/flow";
/** The same workflow without a failure function. */
const BARE_URL = "http://app.test/bare";

export function flowUrl(program: Program): string {
  return program.failureFunction === "none" ? BARE_URL : FLOW_URL;
}

export interface Payload {
  readonly program: number;
  /** Epoch milliseconds; what `sleepUntil` counts from. */
  readonly startAt: number;
}

/** What survives a crash of the app, because it lies outside of it: dependencies that fail, and the ledger. */
export interface Surroundings {
  readonly events: EventList;
  readonly programs: readonly Program[];
  readonly troubles: Troubles;
  readonly tell: (fact: Fact) => void;
}

/** The state of the dependencies that steps call. */
export class Troubles {
  readonly #counts = new Map<string, number>();
  readonly #healed = new Set<number>();
  #executions = 0;

  /** How often this was called before. */
  count(program: number, name: string): number {
    const key = `${program} ${name}`;
    const count = this.#counts.get(key) ?? 0;
    this.#counts.set(key, count + 1);
    return count;
  }

  isHealed(program: number): boolean {
    return this.#healed.has(program);
  }

  heal(program: number): void {
    this.#healed.add(program);
  }

  nextExecution(): number {
    this.#executions += 1;
    return this.#executions;
  }
}

/** One process of the app: the unmodified SDK around the programs. */
export class App {
  readonly generation: number;
  readonly #surroundings: Surroundings;
  readonly #flow: (request: Request) => Promise<Response>;
  readonly #bare: (request: Request) => Promise<Response>;
  #isAlive = true;

  constructor(generation: number, surroundings: Surroundings) {
    this.generation = generation;
    this.#surroundings = surroundings;
    const qstashClient = new Client({
      baseUrl: `http://app-${generation}.${SERVER_HOST}`,
      token: TOKEN,
    });
    const route = (context: WorkflowContext<Payload>) => this.#route(context);
    const options = { qstashClient, env: {} };
    this.#bare = serve<Payload>(route, options).handler;
    this.#flow = serve<Payload>(route, {
      ...options,
      failureFunction: async ({ context }) => this.#fail(context),
    }).handler;
  }

  handle(request: Request): Promise<Response> {
    return request.url === BARE_URL ? this.#bare(request) : this.#flow(request);
  }

  kill(): void {
    this.#isAlive = false;
  }

  async #route(context: WorkflowContext<Payload>): Promise<unknown> {
    const program = this.#surroundings.programs[context.requestPayload.program];
    if (program === undefined) throw new Error("no such program");
    const results: unknown[] = [];
    for (const step of program.steps) {
      if (step.kind === "cancel") await context.cancel();
      else if (step.kind === "parallel") {
        results.push(
          await Promise.all(step.branches.map((branch) => this.#step(branch, program, context))),
        );
      } else results.push(await this.#step(step, program, context));
    }
    return results;
  }

  #step(step: SingleStep, program: Program, context: WorkflowContext<Payload>): Promise<unknown> {
    switch (step.kind) {
      case "run":
        return context.run(step.name, () => this.#work(step, program, context.workflowRunId));
      case "sleep":
        return context.sleep(step.name, step.seconds);
      case "sleepUntil": {
        const startAt = context.requestPayload.startAt;
        return context.sleepUntil(step.name, Math.round(startAt / 1000) + step.seconds);
      }
    }
  }

  async #work(step: RunStep, program: Program, runId: string): Promise<unknown> {
    const { events, troubles, tell } = this.#surroundings;
    const number = troubles.nextExecution();
    tell({
      kind: "execution",
      execution: { number, runId, program: program.index, stepName: step.name, at: events.now },
    });
    if (step.workMs > 0) await this.#passTime(step.workMs);
    this.#strike(step, program);
    return step.value === undefined ? undefined : { value: step.value, execution: number };
  }

  #strike(step: RunStep, program: Program): void {
    const { troubles } = this.#surroundings;
    const { trouble, name } = step;
    if (troubles.isHealed(program.index)) return;
    switch (trouble.type) {
      case "none":
        return;
      case "throws":
        if (troubles.count(program.index, name) < trouble.times) throw new Error("not yet");
        return;
      case "retryAfter":
        if (troubles.count(program.index, name) < trouble.times) {
          throw new WorkflowRetryAfterError("not yet", trouble.seconds);
        }
        return;
      case "throwsUntilHealed":
        throw new Error("the dependency is broken");
      case "nonRetryableUntilHealed":
        throw new WorkflowNonRetryableError("refused");
    }
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
