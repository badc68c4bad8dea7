import type { EventList } from "../event-list.ts";
import type { Random } from "../random.ts";
import { ActPicker } from "./act-picker.ts";
import { type Act, subjectOf } from "./acts.ts";
import { isAccepted, type Operation, type Operations } from "./operations.ts";
import { perform } from "./perform.ts";
import type { SinkLedger } from "./sink-ledger.ts";
import { isDeduplicated } from "./wanted.ts";
import type { WorldPlan } from "./world-plan.ts";

export interface ActorParts {
  readonly plan: WorldPlan;
  readonly events: EventList;
  readonly random: Random;
  readonly operations: Operations;
  readonly sinks: SinkLedger;
  readonly mark: (name: string) => void;
  readonly onOver: (operation: Operation) => void;
}

const REPEAT_MS = 2_000;
const REPEATS_MAX = 40;

/** Everybody who asks the server for something. What is about the same thing is asked one after the other. */
export class ClientActor {
  readonly #parts: ActorParts;
  readonly #picker: ActPicker;
  readonly #lines = new Map<string, Promise<unknown>>();
  #pending = 0;
  #unstarted = 0;

  constructor(parts: ActorParts) {
    this.#parts = parts;
    this.#picker = new ActPicker(parts);
  }

  /** True when nobody waits for an answer. */
  get isDone(): boolean {
    return this.#pending === 0;
  }

  /** True when everything that was planned has been begun. */
  get hasStarted(): boolean {
    return this.#unstarted === 0;
  }

  plan(startAt: number): void {
    const { plan, events } = this.#parts;
    this.#unstarted = plan.acts.length;
    for (const { afterMs, act } of plan.acts) {
      events.at(startAt + afterMs, "somebody acts", () => {
        this.#unstarted -= 1;
        this.#start(() => this.#act(act));
      });
    }
  }

  /** Opens everything that is closed, and ends what would never end, until the server has confirmed it. */
  clearUp(): void {
    const { queues, flows, schedules } = this.#parts.plan;
    const acts: readonly Act[] = [
      ...schedules.map(({ scheduleId }) => ({ type: "deleteSchedule", scheduleId }) as const),
      ...queues.map((queue) => ({ type: "resumeQueue", queue }) as const),
      ...flows.map(({ key }) => ({ type: "resumeFlow", flow: key }) as const),
    ];
    for (const act of acts) this.#start(() => this.#ask(act, REPEATS_MAX));
  }

  /** Reads the whole log, page by page. */
  readLog(): void {
    this.#start(async () => {
      for (let cursor: string | null = null; ; ) {
        const operation: Operation = await this.#ask({ type: "readLog", cursor }, REPEATS_MAX);
        // An answer without a cursor is the last page.
        const next = (operation.answer as { readonly cursor?: string } | null)?.cursor;
        if (next === undefined) return;
        cursor = next;
      }
    });
  }

  #start(work: () => Promise<unknown>): void {
    this.#pending += 1;
    void work().finally(() => {
      this.#pending -= 1;
    });
  }

  async #act(planned: Act | null): Promise<void> {
    const act = planned ?? this.#picker.pick();
    if (act === null) return;
    const isRepeatable = act.type === "publish" && isDeduplicated(act.wanted);
    // Two of the same at once must become one.
    if (isRepeatable && this.#parts.random.chance(0.3)) this.#start(() => this.#ask(act, 3));
    const operation = await this.#ask(act, isRepeatable ? 3 : 1);
    if (act.type !== "listDead" || !isAccepted(operation)) return;
    const follow = this.#picker.pickForDead(operation.answer);
    if (follow !== null) await this.#ask(follow, 1);
  }

  /** Asks again as long as nobody knows what has become of it. */
  async #ask(act: Act, times: number): Promise<Operation> {
    const subject = subjectOf(act);
    if (subject === null) return this.#askNow(act, times);
    const turn = (this.#lines.get(subject) ?? Promise.resolve()).then(() =>
      this.#askNow(act, times),
    );
    this.#lines.set(subject, turn);
    return turn;
  }

  async #askNow(act: Act, times: number): Promise<Operation> {
    const { operations, events, mark, onOver } = this.#parts;
    for (let time = 1; ; time += 1) {
      const operation = operations.add(act);
      let isHeard = true;
      try {
        await perform(operation);
      } catch {
        // The record of the operation tells a refusal from a connection that broke.
        isHeard = operation.status !== null && operation.status < 500;
      }
      operation.isOver = true;
      mark(`act ${act.type}${isAccepted(operation) ? "" : " without success"}`);
      onOver(operation);
      if (isHeard || time >= times) return operation;
      await events.wait(REPEAT_MS, "somebody asks again");
    }
  }
}
