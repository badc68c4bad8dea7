import { messageKey } from "@reprise/protocol";
import type { StepRow } from "@reprise/server";
import type { Checker, Exchange, Fact, Scene, SentRequest } from "../facts.ts";
import { isOpenRun, isOwnStep } from "../lineage.ts";
import { noticeOf, readNotice } from "../notice.ts";
import { parseStep } from "../step-list.ts";
import type { WaitRow } from "../waits.ts";

interface Notified {
  readonly messageId: string;
  readonly workflowRunId: string;
  readonly error: string;
}

/** One number of a notification for everybody who waits. */
interface Account {
  readonly eventId: string;
  arrivals: number;
  answers: number;
  /** Records that it has made. */
  readonly records: Set<number>;
  /** Records that its answers have named. */
  readonly named: Set<number>;
}

/** A notification for everybody wakes all who wait at one instant, names exactly these, and is then forgotten. */
export const notified: Checker = {
  name: "notified waiters",
  promise: "notify wakes everybody who waits, names exactly those it woke, and each gets its data",
  observe: (scene) => {
    const watch = new NotifiedWatch(scene);
    return (fact) => watch.see(fact);
  },
};

class NotifiedWatch {
  readonly #mirror: Scene["mirror"];
  readonly #violate: Scene["violate"];
  readonly #mark: Scene["mark"];
  readonly #accounts = new Map<number, Account>();
  /** Request -> those who waited when it arrived. */
  readonly #waitingAtArrival = new Map<number, readonly number[]>();
  /** Request -> commits when it arrived. */
  readonly #seqAtArrival = new Map<number, number>();

  constructor({ mirror, violate, mark }: Scene) {
    this.#mirror = mirror;
    this.#violate = violate;
    this.#mark = mark;
  }

  see(fact: Fact): void {
    if (fact.kind === "arrival") this.#noteArrival(fact.request);
    if (fact.kind === "answer" && fact.exchange.status < 300) {
      this.#checkAnswer(fact.exchange);
      this.#checkList(fact.exchange);
    }
    if (fact.kind === "end") for (const number of this.#accounts.keys()) this.#checkNames(number);
    if (fact.kind !== "commit") return;
    const wakened = new Set<string>();
    for (const { table, before, after } of fact.commit.changes) {
      if (table !== "steps" || before !== null || after === null) continue;
      const eventId = this.#checkRecord(after);
      if (eventId !== null) wakened.add(eventId);
    }
    for (const eventId of wakened) this.#checkAllWoken(eventId);
  }

  #openWaits(eventId: string): readonly WaitRow[] {
    const waits = this.#mirror.all("waits").filter((wait) => {
      const run = this.#mirror.get("runs", wait.runKey);
      const isOpen = wait.state === "open" && wait.eventId === eventId;
      return isOpen && run !== null && isOpenRun(run, this.#mirror);
    });
    return waits.toSorted((a, b) => a.key - b.key);
  }

  #noteArrival(request: SentRequest): void {
    this.#seqAtArrival.set(request.number, this.#mirror.seq);
    const notice = readNotice(request);
    if (notice === null || notice.runId !== null) return;
    const { number, eventId } = notice;
    const account: Account = this.#accounts.get(number) ?? {
      eventId,
      arrivals: 0,
      answers: 0,
      records: new Set(),
      named: new Set(),
    };
    this.#accounts.set(number, account);
    account.arrivals += 1;
    this.#waitingAtArrival.set(
      request.number,
      this.#openWaits(eventId).map(({ key }) => key),
    );
  }

  /** The event id of a record that a notification for everybody has made, or null. */
  #checkRecord(step: StepRow): string | null {
    const run = this.#mirror.get("runs", step.runKey);
    if (step.position === 0 || run === null || !isOwnStep(step, run, this.#mirror)) return null;
    const record = parseStep(step.body);
    const account = this.#accounts.get(noticeOf(record) ?? 0);
    if (account === undefined) return null;
    account.records.add(step.key);
    if (account.eventId !== record.waitEventId) {
      this.#violate(`an event for ${account.eventId} ended a wait for ${record.waitEventId}`);
    }
    this.#mark("woken with everybody");
    return account.eventId;
  }

  /** Who began to wait in the very same transaction may have come behind the event. */
  #checkAllWoken(eventId: string): void {
    for (const { key, runKey } of this.#openWaits(eventId)) {
      if (this.#mirror.bornIn(key) !== this.#mirror.seq) {
        this.#violate(`run ${runKey} still waits for ${eventId}, which has come for everybody`);
      }
    }
  }

  #checkAnswer(exchange: Exchange): void {
    const notice = readNotice(exchange);
    const account = this.#accounts.get(notice?.number ?? 0);
    if (notice === null || account === undefined) return;
    account.answers += 1;
    // The documented answer.
    const woken = JSON.parse(exchange.answer) as readonly Notified[];
    if (woken.length > 1) this.#mark("several woken at once");
    for (const { messageId, workflowRunId } of woken) {
      const key = messageKey(messageId) ?? 0;
      const runKey = this.#mirror.get("steps", key)?.runKey ?? 0;
      const isTrue = account.records.has(key) && !account.named.has(key);
      account.named.add(key);
      if (!isTrue || this.#mirror.get("runs", runKey)?.id !== workflowRunId) {
        this.#violate(`notification ${notice.number} names ${messageId} of ${workflowRunId}`);
      }
    }
    for (const key of this.#waitingAtArrival.get(exchange.number) ?? []) {
      if (this.#mirror.get("waits", key)?.state === "open") {
        this.#violate(`wait ${key} was open before notification ${notice.number} and still is`);
      }
    }
    this.#checkNames(notice.number);
  }

  /** An answer that nobody has heard may have named others. */
  #checkNames(number: number): void {
    const account = this.#accounts.get(number);
    if (account === undefined || account.arrivals !== account.answers) return;
    if (account.named.size !== account.records.size) {
      this.#violate(
        `notification ${number} woke ${account.records.size} and named ${account.named.size}`,
      );
    }
  }

  /** `GET /v2/waiters/{eventId}` */
  #checkList({ method, target, answer, number }: Exchange): void {
    const path = "/v2/waiters/";
    if (method !== "GET" || !target.startsWith(path)) return;
    if (this.#seqAtArrival.get(number) !== this.#mirror.seq) return;
    const waits = this.#openWaits(decodeURIComponent(target.slice(path.length)));
    // Waiters are a list; how many there are is all that is looked at.
    const listed = JSON.parse(answer) as readonly unknown[];
    if (waits.length > 0) this.#mark("waiters listed");
    if (listed.length !== waits.length) {
      this.#violate(`${listed.length} of ${waits.length} waiters were listed at ${target}`);
    }
  }
}
