import { Client } from "@upstash/workflow";
import { flowUrl, type Payload } from "./app.ts";
import type { EventList } from "./event-list.ts";
import { SERVER_HOST } from "./network.ts";
import type { Program } from "./program.ts";
import { TOKEN } from "./server-process.ts";

/** A trigger whose answer the client has heard. */
export interface AcceptedTrigger {
  readonly program: number;
  readonly runId: string;
}

const REPEAT_MS = 5_000;
const REPEATS_MAX = 50;

/** Starts the runs with the official client, and keeps what was promised to it. */
export class ClientActor {
  readonly accepted: AcceptedTrigger[] = [];
  readonly #events: EventList;
  readonly #programs: readonly Program[];
  readonly #client: Client;
  readonly #mark: (name: string) => void;
  #pending = 0;

  constructor(events: EventList, programs: readonly Program[], mark: (name: string) => void) {
    this.#events = events;
    this.#programs = programs;
    this.#mark = mark;
    this.#client = new Client({ baseUrl: `http://client.${SERVER_HOST}`, token: TOKEN });
  }

  /** True when every trigger has been accepted. */
  get isDone(): boolean {
    return this.#pending === 0;
  }

  plan(program: Program, startAt: number): void {
    for (let time = 0; time < program.trigger.times; time += 1) {
      this.#pending += 1;
      this.#events.at(startAt + program.trigger.afterMs, "client triggers", () => {
        void this.#trigger(program);
      });
    }
  }

  async #trigger(program: Program): Promise<void> {
    for (let repeat = 0; repeat < REPEATS_MAX; repeat += 1) {
      try {
        const { door } = program.trigger;
        if (door === "sdk") await this.#triggerBySdk(program);
        else await this.#triggerByRest(program);
        this.#pending -= 1;
        return;
      } catch {
        // Ambiguous or refused for now: the client tries again, as real ones do.
        this.#mark("trigger repeated");
        await this.#events.wait(REPEAT_MS, "client tries again");
      }
    }
    throw new Error(`program ${program.index} could not be triggered`);
  }

  async #triggerBySdk(program: Program): Promise<void> {
    const next = this.#programs[program.index + 1];
    if (!program.trigger.isPaired || next === undefined) {
      const { workflowRunId } = await this.#client.trigger(this.#options(program));
      this.#accept(program, workflowRunId);
      return;
    }
    const pair = [program, next];
    const answers = await this.#client.trigger(pair.map((one) => this.#options(one)));
    this.#mark("two runs triggered at once");
    for (const [index, { workflowRunId }] of answers.entries()) {
      this.#accept(pair[index] ?? program, workflowRunId);
    }
  }

  async #triggerByRest(program: Program): Promise<void> {
    const { runId, retries, retryDelay, delaySeconds, label, door } = program.trigger;
    const response = await fetch(`http://client.${SERVER_HOST}/v2/trigger/${flowUrl(program)}`, {
      method: "POST",
      headers: {
        Authorization: `Bearer ${TOKEN}`,
        "Content-Type": "application/json",
        "Upstash-Workflow-RunId": `wfr_${runId}`,
        ...(retries === null ? {} : { "Upstash-Retries": String(retries) }),
        ...(retryDelay === null ? {} : { "Upstash-Retry-Delay": retryDelay }),
        ...(delaySeconds === null ? {} : { "Upstash-Delay": `${delaySeconds}s` }),
        ...(label === null ? {} : { "Upstash-Label": label }),
        ...(door === "hop" ? { "Upstash-Workflow-Unknown-Sdk": "true" } : {}),
      },
      body: JSON.stringify(this.#payload(program)),
    });
    if (!response.ok) throw new Error(`refused with ${response.status}`);
    // The documented answer of the endpoint.
    const { workflowRunId } = (await response.json()) as { readonly workflowRunId: string };
    this.#mark(`triggered by ${door}`);
    this.#accept(program, workflowRunId);
  }

  #options(program: Program) {
    const { runId, retries, retryDelay, delaySeconds, label } = program.trigger;
    return {
      url: flowUrl(program),
      body: this.#payload(program),
      ...(runId === null ? {} : { workflowRunId: runId }),
      ...(retries === null ? {} : { retries }),
      ...(retryDelay === null ? {} : { retryDelay }),
      ...(delaySeconds === null ? {} : { delay: delaySeconds }),
      ...(label === null ? {} : { label }),
    };
  }

  #payload(program: Program): Payload {
    return { program: program.index, startAt: this.#events.now };
  }

  #accept(program: Program, runId: string): void {
    this.accepted.push({ program: program.index, runId });
  }
}
