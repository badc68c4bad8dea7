import type { Random } from "../random.ts";
import type { Act } from "./acts.ts";
import type { Operations } from "./operations.ts";
import { isSuccess, type SinkLedger } from "./sink-ledger.ts";
import { LABELS } from "./wanted.ts";
import { setEndpoints, type WorldPlan } from "./world-plan.ts";

export interface PickerParts {
  readonly plan: WorldPlan;
  readonly random: Random;
  readonly operations: Operations;
  readonly sinks: SinkLedger;
}

/** Picks what somebody does next, by what people know at that instant. */
export class ActPicker {
  readonly #parts: PickerParts;

  constructor(parts: PickerParts) {
    this.#parts = parts;
  }

  /** Null when there is nothing to act on yet. */
  pick(): Act | null {
    const { plan, random } = this.#parts;
    const kinds = [
      "message" as const,
      "dead" as const,
      ...plan.queues.flatMap(() => ["queue" as const, "queue" as const]),
      ...plan.flows.flatMap(() => ["flow" as const, "flow" as const]),
      ...plan.schedules.map(() => "schedule" as const),
      ...plan.groups.map(() => "group" as const),
    ];
    switch (random.pick(kinds)) {
      case "message":
        return this.#forMessage();
      case "dead":
        return { type: "listDead" };
      case "queue":
        return this.#forQueue(random.pick(plan.queues));
      case "flow":
        return this.#forFlow(random.pick(plan.flows).key);
      case "schedule":
        return this.#forSchedule();
      case "group":
        return this.#forGroup(random.pick(plan.groups));
    }
  }

  /** What to do about the dead messages that were listed. */
  pickForDead(answer: unknown): Act | null {
    const { random } = this.#parts;
    // An answer of another form lists nothing.
    const { messages = [] } = answer as {
      readonly messages?: readonly { readonly dlqId: string }[];
    };
    if (messages.length === 0) return null;
    const ids = messages.map(({ dlqId }) => dlqId);
    if (random.chance(0.25)) return { type: "deleteDead", dlqId: random.pick(ids) };
    return { type: "retryDead", dlqIds: random.chance(0.5) ? [random.pick(ids)] : ids };
  }

  #forMessage(): Act | null {
    const { operations, sinks, random } = this.#parts;
    if (random.chance(0.2)) return this.#forWaiting();
    const all = random.chance(0.8) ? operations.promises : sinks.stories;
    const open = all.filter(({ messageId }) => !this.#isDelivered(messageId));
    // Now and then somebody is too late.
    const known = (random.chance(0.9) ? open : all).map(({ messageId }) => messageId);
    if (known.length === 0) return null;
    const messageId = random.pick(known);
    switch (random.pick(["cancel", "cancel", "cancelMany", "cancelLabel"] as const)) {
      case "cancel":
        return { type: "cancel", messageId };
      case "cancelMany":
        return {
          type: "cancelMany",
          messageIds: [messageId, random.pick(known), random.pick(known)],
        };
      case "cancelLabel":
        return { type: "cancelLabel", label: random.pick(LABELS), isAsync: random.chance(0.5) };
    }
  }

  /** Sends a message now that seems to wait for its delay or for a retry. */
  #forWaiting(): Act | null {
    const { operations, sinks, random } = this.#parts;
    const waiting = operations.promises.filter(({ messageId, wanted }) => {
      const last = sinks.story(messageId)?.attempts.at(-1);
      if (wanted?.queue != null) return random.chance(0.1);
      return last === undefined ? wanted?.delaySeconds != null : last.outcome !== null;
    });
    const open = waiting.filter(({ messageId }) => !this.#isDelivered(messageId));
    if (open.length === 0) return null;
    return { type: "release", messageId: random.pick(open).messageId };
  }

  #isDelivered(messageId: string): boolean {
    const attempts = this.#parts.sinks.story(messageId)?.attempts ?? [];
    return attempts.some(({ outcome }) => outcome !== null && isSuccess(outcome));
  }

  #forQueue(queue: string): Act {
    const { random } = this.#parts;
    const type = random.pick([
      "pauseQueue",
      "pauseQueue",
      "resumeQueue",
      "resumeQueue",
      "readQueue",
      "upsertQueue",
      "deleteQueue",
    ] as const);
    if (type !== "upsertQueue") return { type, queue };
    return { type, queue, parallelism: random.integer(1, 3), isPaused: random.chance(0.3) };
  }

  #forFlow(flow: string): Act {
    const { random } = this.#parts;
    const limit = () => (random.chance(0.6) ? random.integer(1, 3) : null);
    switch (
      random.pick(["pauseFlow", "resumeFlow", "resetRate", "readFlow", "pin", "unpin"] as const)
    ) {
      case "pauseFlow":
        return { type: "pauseFlow", flow };
      case "resumeFlow":
        return { type: "resumeFlow", flow };
      case "resetRate":
        return { type: "resetRate", flow };
      case "readFlow":
        return { type: "readFlow", flow };
      case "pin":
        return { type: "pin", flow, parallelism: limit(), rate: limit() };
      case "unpin":
        return { type: "unpin", flow, parallelism: random.chance(0.7), rate: random.chance(0.7) };
    }
  }

  #forSchedule(): Act {
    const { random, plan } = this.#parts;
    const schedule = random.pick(plan.schedules);
    const { scheduleId } = schedule;
    const type = random.pick([
      "pauseSchedule",
      "resumeSchedule",
      "putSchedule",
      "deleteSchedule",
    ] as const);
    return type === "putSchedule" ? { type, schedule } : { type, scheduleId };
  }

  #forGroup(group: string): Act {
    const { random } = this.#parts;
    const act = setEndpoints(group, random);
    if (act.type !== "setEndpoints" || random.chance(0.5)) return act;
    return { ...act, type: "removeEndpoints" };
  }
}
