import { Client } from "@upstash/workflow";
import type { Payload } from "./app-sdks.ts";
import type { EventList } from "./event-list.ts";
import { SERVER_HOST } from "./network.ts";
import type { Program } from "./program.ts";
import { TOKEN } from "./server-process.ts";

/** A trigger whose answer the client has heard. */
export interface AcceptedTrigger {
  readonly program: number;
  readonly runId: string;
  readonly createdAt: number;
  readonly heardAt: number;
}

const REPEAT_MS = 5_000;
const REPEATS_MAX = 50;

/** Starts the runs with the official client, and keeps what was promised to it. */
export class ClientActor {
  readonly accepted: AcceptedTrigger[] = [];
  readonly #events: EventList;
  readonly #client: Client;
  readonly #mark: (name: string) => void;
  readonly #urlOf: (program: number) => string;
  #pending = 0;

  constructor(events: EventList, mark: (name: string) => void, urlOf: (program: number) => string) {
    this.#events = events;
    this.#urlOf = urlOf;
    this.#mark = mark;
    this.#client = new Client({ baseUrl: `http://client.${SERVER_HOST}`, token: TOKEN });
  }

  /** True when every trigger has been accepted. */
  get isDone(): boolean {
    return this.#pending === 0;
  }

  plan(program: Program, startAt: number): void {
    if (program.isChild) return;
    for (let time = 0; time < program.trigger.times; time += 1) {
      this.#pending += 1;
      this.#events.at(startAt + program.trigger.afterMs, "client triggers", () => {
        void this.#trigger(program);
      });
    }
  }

  async #trigger(program: Program): Promise<void> {
    const { runId, retries, retryDelay, delaySeconds, label } = program.trigger;
    const body: Payload = { program: program.index, startAt: this.#events.now };
    for (let repeat = 0; repeat < REPEATS_MAX; repeat += 1) {
      try {
        const { workflowRunId } = await this.#client.trigger({
          url: this.#urlOf(program.index),
          body,
          ...(runId === null ? {} : { workflowRunId: runId }),
          ...(retries === null ? {} : { retries }),
          ...(retryDelay === null ? {} : { retryDelay }),
          ...(delaySeconds === null ? {} : { delay: delaySeconds }),
          ...(label === null ? {} : { label }),
        });
        const heardAt = this.#events.now;
        this.accepted.push({ program: program.index, runId: workflowRunId, createdAt: 0, heardAt });
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
}
