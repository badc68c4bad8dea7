import { messageId as idOf } from "@reprise/protocol";
import type { Commit } from "../../mirror.ts";
import type { Act, ScheduleWanted } from "../acts.ts";
import type { Checker, Fact, Scene } from "../facts.ts";
import { isAccepted, type Operation } from "../operations.ts";

/** One message for each tick, and one for all ticks that were missed. */
export const scheduleTicks: Checker = {
  name: "one message for each tick",
  promise:
    "a schedule makes one message at each of its ticks, one for those that it missed, none before its time, none while it is paused or deleted",
  observe: (scene) => {
    const ledgers = scene.plan.schedules.map((schedule) => new TickLedger(schedule, scene));
    return (fact) => {
      for (const ledger of ledgers) ledger.note(fact);
    };
  },
};

/** Behind a crash or a jump of the clock the server may need so long to look at its schedules. */
const NOTICE_MS = 15_000;

/** Without faults a tick may be late by so much. */
const LATE_MS_MAX = 250;

interface Tick {
  readonly nominalAt: number;
  readonly createdAt: number;
}

class TickLedger {
  readonly #schedule: ScheduleWanted;
  readonly #scene: Scene;
  readonly #ticks = new Map<string, Tick>();
  /** Since when the schedule has been running for certain; null when nobody knows. */
  #runningSince: number | null = null;
  #isSurelyOff = true;
  #isMaybePaused = false;
  /** The newest tick, whose message has made up for all that were due by then. */
  #newest: Tick = { nominalAt: 0, createdAt: 0 };
  #disturbedAt = Number.NEGATIVE_INFINITY;

  constructor(schedule: ScheduleWanted, scene: Scene) {
    this.#schedule = schedule;
    this.#scene = scene;
  }

  note(fact: Fact): void {
    switch (fact.kind) {
      case "asked":
        if (this.#isMine(fact.operation.act)) this.#noteAsked(fact.operation.act);
        return;
      case "answered":
        if (this.#isMine(fact.operation.act) && isAccepted(fact.operation)) {
          this.#noteAccepted(fact.operation);
        }
        return;
      case "commit":
        this.#noteCommit(fact.commit);
        return;
      case "serverCrash":
      case "storeFault":
      case "clockJump":
        this.#disturbedAt = this.#scene.now();
    }
  }

  #isMine(act: Act): boolean {
    const id =
      "schedule" in act ? act.schedule.scheduleId : "scheduleId" in act ? act.scheduleId : null;
    return id === this.#schedule.scheduleId;
  }

  #noteAsked({ type }: Act): void {
    this.#checkStretch();
    this.#runningSince = null;
    if (type === "putSchedule" || type === "resumeSchedule") this.#isSurelyOff = false;
    if (type === "pauseSchedule") this.#isMaybePaused = true;
  }

  #noteAccepted({ act, answeredAt }: Operation): void {
    if (act.type === "pauseSchedule" || act.type === "deleteSchedule") {
      this.#isSurelyOff = true;
      this.#isMaybePaused = act.type === "pauseSchedule";
      return;
    }
    if (act.type === "resumeSchedule") this.#isMaybePaused = false;
    if (!this.#isMaybePaused) this.#runningSince = answeredAt;
  }

  #noteCommit({ changes }: Commit): void {
    const { scheduleId, everyMinutes, wanted } = this.#schedule;
    const { violate, mark, isCalm } = this.#scene;
    const retried = new Set(
      changes.map(({ table, after }) =>
        table === "deadMessages" ? (after?.nextMessageKey ?? null) : null,
      ),
    );
    for (const { table, before, after } of changes) {
      if (table !== "envelopes" || before !== null || after === null || retried.has(after.key))
        continue;
      // Written by the server; of all it holds these say where the message comes from.
      const config = JSON.parse(after.config) as {
        readonly scheduleId?: string;
        readonly notBefore: number;
      };
      if (config.scheduleId !== scheduleId) continue;
      const nominalAt = config.notBefore - 1000 * (wanted.delaySeconds ?? 0);
      const name = `${idOf(after.key)} of ${scheduleId}`;
      mark("tick");
      if (this.#isSurelyOff) violate(`${name} is made while the schedule is off`);
      if (nominalAt % (60_000 * everyMinutes) !== 0) violate(`${name} has the tick ${nominalAt}`);
      if (after.createdAt < nominalAt)
        violate(`${name} is made ${nominalAt - after.createdAt} ms early`);
      if (isCalm && after.createdAt > nominalAt + LATE_MS_MAX) {
        violate(`${name} is made ${after.createdAt - nominalAt} ms late`);
      }
      const place = `${nominalAt} ${after.url}`;
      if (this.#ticks.has(place)) violate(`${name} is a second message of the tick ${nominalAt}`);
      // The messages to the endpoints of a group share their tick.
      if (nominalAt !== this.#newest.nominalAt && nominalAt <= this.#newest.createdAt) {
        violate(`${name} makes up for a tick that another message has made up for`);
      }
      this.#newest = { nominalAt, createdAt: after.createdAt };
      this.#ticks.set(place, this.#newest);
    }
  }

  /** Walks from tick to tick through the stretch that ends now. */
  #checkStretch(): void {
    const { now, violate, mark } = this.#scene;
    const periodMs = 60_000 * this.#schedule.everyMinutes;
    if (this.#runningSince === null || this.#hasNoGroup()) return;
    const endAt = now() - NOTICE_MS;
    if (this.#disturbedAt > endAt) return;
    for (let at = this.#runningSince; ; ) {
      const nextAt = (Math.floor(at / periodMs) + 1) * periodMs;
      if (nextAt > endAt) return;
      const made = Array.from(this.#ticks.values()).find(({ nominalAt }) => nominalAt === nextAt);
      if (made === undefined) {
        violate(`${this.#schedule.scheduleId} has no message for the tick ${nextAt}, now ${now()}`);
        return;
      }
      if (made.createdAt > nextAt + periodMs) mark("tick made up for");
      at = made.createdAt;
    }
  }

  /** A tick to a group that is not there makes nothing. */
  #hasNoGroup(): boolean {
    return this.#schedule.wanted.destination.kind === "group";
  }
}
