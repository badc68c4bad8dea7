import { deadLetterId } from "@reprise/protocol";
import type { DeadLetterRow } from "@reprise/server";
import { Client } from "@upstash/workflow";
import type { EventList } from "./event-list.ts";
import type { Fact } from "./facts.ts";
import { payloadOf } from "./lineage.ts";
import type { Mirror } from "./mirror.ts";
import { SERVER_HOST } from "./network.ts";
import type { Random } from "./random.ts";
import { TOKEN } from "./server-process.ts";
import type { Troubles } from "./troubles.ts";

export interface OperatorParts {
  readonly events: EventList;
  readonly random: Random;
  readonly mirror: Mirror;
  readonly troubles: Troubles;
  readonly programCount: number;
  /** Looks at each failed run within seconds. */
  readonly isPrompt: boolean;
  readonly mark: (name: string) => void;
}

const ACTIONS = [
  "cancel",
  "cancelMany",
  "resume",
  "resume",
  "restart",
  "delete",
  "retryCallback",
  "cancelCallback",
  "resumeAll",
  "heal",
] as const;

const PROMPT_ACTIONS_MAX = 10;

type Action = (typeof ACTIONS)[number];

/** A person with the official client who cancels runs and handles dead letters, at any time and sometimes twice. */
export class OperatorActor {
  readonly #parts: OperatorParts;
  readonly #client: Client;
  #busy = 0;
  #promptActions = 0;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
    this.#client = new Client({ baseUrl: `http://operator.${SERVER_HOST}`, token: TOKEN });
  }

  get isBusy(): boolean {
    return this.#busy > 0;
  }

  note(fact: Fact): void {
    if (fact.kind !== "commit" || !this.#parts.isPrompt) return;
    for (const { table, before, after } of fact.commit.changes) {
      if (table === "deadLetters" && before === null && after !== null) this.#attendTo(after);
    }
  }

  /** While others still work for the failed run: services, children, and whoever sends its events. */
  #attendTo(entry: DeadLetterRow): void {
    const { random, events, troubles, mirror } = this.#parts;
    this.#promptActions += 1;
    if (this.#promptActions > PROMPT_ACTIONS_MAX) return;
    const run = mirror.get("runs", entry.runKey);
    const program = run === null ? undefined : payloadOf(run, mirror)?.program;
    const dlqId = deadLetterId({ failedAt: entry.createdAt, key: entry.key });
    const action = random.pick(["resume", "resume", "resume", "restart", "delete"] as const);
    events.in(random.integer(0, 3_000), "operator attends to a failed run", () => {
      if (program !== undefined && random.chance(0.5)) troubles.heal(program);
      void this.#attend(action, async () => {
        await this.#client.dlq[action](dlqId);
        return true;
      });
    });
  }

  actByChance(): void {
    const { random } = this.#parts;
    const action = random.pick(ACTIONS);
    const times = random.chance(0.2) ? 2 : 1;
    for (let time = 0; time < times; time += 1) void this.#attend(action, () => this.#act(action));
  }

  /** Resumes everything in the dead letter queue; part of the way to a quiet world. */
  resumeEverything(): void {
    void this.#attend("resumeAll", () => this.#act("resumeAll"));
  }

  async #attend(action: Action, work: () => Promise<boolean>): Promise<void> {
    this.#busy += 1;
    try {
      if (await work()) this.#parts.mark(`operator ${action}`);
    } catch {
      // Refused, or nobody knows: the next look at the queue shows what became of it.
      this.#parts.mark(`operator ${action} refused`);
    }
    this.#busy -= 1;
  }

  /** False when there was nothing to act on. */
  async #act(action: Action): Promise<boolean> {
    switch (action) {
      case "heal":
        this.#parts.troubles.heal(this.#parts.random.integer(0, this.#parts.programCount - 1));
        return true;
      case "cancel":
      case "cancelMany":
        return this.#cancel(action === "cancel" ? 1 : 3);
      case "resumeAll":
        return (await this.#client.dlq.resume({ all: true })).workflowRuns.length > 0;
      default:
        return this.#actOnDeadLetter(action);
    }
  }

  async #cancel(count: number): Promise<boolean> {
    const { mirror, random } = this.#parts;
    const runs = mirror.all("runs").filter((run) => run.state === "started" || random.chance(0.1));
    if (runs.length === 0) return false;
    const ids = Array.from({ length: count }, () => random.pick(runs).id);
    return (await this.#client.cancel(ids)).cancelled > 0;
  }

  async #actOnDeadLetter(
    action: "resume" | "restart" | "delete" | "retryCallback" | "cancelCallback",
  ): Promise<boolean> {
    const { messages } = await this.#client.dlq.list({});
    if (messages.length === 0) return false;
    const { dlqId } = this.#parts.random.pick(messages);
    switch (action) {
      case "resume":
        await this.#client.dlq.resume(dlqId);
        return true;
      case "restart":
        await this.#client.dlq.restart(dlqId);
        return true;
      case "delete":
        await this.#client.dlq.delete(dlqId);
        return true;
      case "retryCallback":
        await this.#client.dlq.retryFailureFunction({ dlqId });
        return true;
      case "cancelCallback":
        return this.#cancelCallback(dlqId);
    }
  }

  /** The client has no method for this one. */
  async #cancelCallback(dlqId: string): Promise<boolean> {
    const response = await fetch(
      `http://operator.${SERVER_HOST}/v2/workflows/dlq/callback/${dlqId}`,
      { method: "DELETE", headers: { Authorization: `Bearer ${TOKEN}` } },
    );
    return response.ok;
  }
}
