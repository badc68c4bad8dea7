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

export const FLOW_URL = "http://app.test/flow";

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
  #isAlive = true;

  constructor(generation: number, surroundings: Surroundings) {
    this.generation = generation;
    this.#surroundings = surroundings;
    const qstashClient = new Client({
      baseUrl: `http://app-${generation}.${SERVER_HOST}`,
      token: TOKEN,
    });
    const { handler } = serve<Payload>((context) => this.#route(context), {
      qstashClient,
      env: {},
      failureFunction: async ({ context }) => this.#fail(context),
    });
    this.#flow = handler;
  }

  handle(request: Request): Promise<Response> {
    return this.#flow(request);
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
        if (!troubles.isHealed(program.index)) throw new Error("the dependency is broken");
        return;
      case "nonRetryableUntilHealed":
        if (!troubles.isHealed(program.index)) throw new WorkflowNonRetryableError("refused");
        return;
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
