import { messageKey } from "@reprise/protocol";
import type { StepRow } from "@reprise/server";
import type { Checker, Exchange, SentRequest } from "../facts.ts";
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
  observe: ({ mirror, violate, mark }) => {
    const accounts = new Map<number, Account>();
    /** Request -> those who waited when it arrived. */
    const waitingAtArrival = new Map<number, readonly number[]>();
    /** Request -> commits when it arrived. */
    const seqAtArrival = new Map<number, number>();
    return (fact) => {
      if (fact.kind === "arrival") noteArrival(fact.request);
      if (fact.kind === "answer" && fact.exchange.status < 300) {
        checkAnswer(fact.exchange);
        checkList(fact.exchange);
      }
      if (fact.kind === "end") for (const number of accounts.keys()) checkNames(number);
      if (fact.kind !== "commit") return;
      const wakened = new Set<string>();
      for (const { table, before, after } of fact.commit.changes) {
        if (table !== "steps" || before !== null || after === null) continue;
        const eventId = checkRecord(after);
        if (eventId !== null) wakened.add(eventId);
      }
      for (const eventId of wakened) checkAllWoken(eventId);
    };

    function openWaits(eventId: string): readonly WaitRow[] {
      const waits = mirror.all("waits").filter((wait) => {
        const run = mirror.get("runs", wait.runKey);
        const isOpen = wait.state === "open" && wait.eventId === eventId;
        return isOpen && run !== null && isOpenRun(run, mirror);
      });
      return waits.toSorted((a, b) => a.key - b.key);
    }

    function noteArrival(request: SentRequest): void {
      seqAtArrival.set(request.number, mirror.seq);
      const notice = readNotice(request);
      if (notice === null || notice.runId !== null) return;
      const { number, eventId } = notice;
      const account: Account = accounts.get(number) ?? {
        eventId,
        arrivals: 0,
        answers: 0,
        records: new Set(),
        named: new Set(),
      };
      accounts.set(number, account);
      account.arrivals += 1;
      waitingAtArrival.set(
        request.number,
        openWaits(eventId).map(({ key }) => key),
      );
    }

    /** The event id of a record that a notification for everybody has made, or null. */
    function checkRecord(step: StepRow): string | null {
      const run = mirror.get("runs", step.runKey);
      if (step.position === 0 || run === null || !isOwnStep(step, run, mirror)) return null;
      const record = parseStep(step.body);
      const account = accounts.get(noticeOf(record) ?? 0);
      if (account === undefined) return null;
      account.records.add(step.key);
      if (account.eventId !== record.waitEventId) {
        violate(`an event for ${account.eventId} ended a wait for ${record.waitEventId}`);
      }
      mark("woken with everybody");
      return account.eventId;
    }

    /** Who began to wait in the very same transaction may have come behind the event. */
    function checkAllWoken(eventId: string): void {
      for (const { key, runKey } of openWaits(eventId)) {
        if (mirror.bornIn(key) !== mirror.seq) {
          violate(`run ${runKey} still waits for ${eventId}, which has come for everybody`);
        }
      }
    }

    function checkAnswer(exchange: Exchange): void {
      const notice = readNotice(exchange);
      const account = accounts.get(notice?.number ?? 0);
      if (notice === null || account === undefined) return;
      account.answers += 1;
      // The documented answer.
      const woken = JSON.parse(exchange.answer) as readonly Notified[];
      if (woken.length > 1) mark("several woken at once");
      for (const { messageId, workflowRunId } of woken) {
        const key = messageKey(messageId) ?? 0;
        const runKey = mirror.get("steps", key)?.runKey ?? 0;
        const isTrue = account.records.has(key) && !account.named.has(key);
        account.named.add(key);
        if (!isTrue || mirror.get("runs", runKey)?.id !== workflowRunId) {
          violate(`notification ${notice.number} names ${messageId} of ${workflowRunId}`);
        }
      }
      for (const key of waitingAtArrival.get(exchange.number) ?? []) {
        if (mirror.get("waits", key)?.state === "open") {
          violate(`wait ${key} was open before notification ${notice.number} and still is`);
        }
      }
      checkNames(notice.number);
    }

    /** An answer that nobody has heard may have named others. */
    function checkNames(number: number): void {
      const account = accounts.get(number);
      if (account === undefined || account.arrivals !== account.answers) return;
      if (account.named.size !== account.records.size) {
        violate(
          `notification ${number} woke ${account.records.size} and named ${account.named.size}`,
        );
      }
    }

    /** `GET /v2/waiters/{eventId}` */
    function checkList({ method, target, answer, number }: Exchange): void {
      const path = "/v2/waiters/";
      if (method !== "GET" || !target.startsWith(path)) return;
      if (seqAtArrival.get(number) !== mirror.seq) return;
      const waits = openWaits(decodeURIComponent(target.slice(path.length)));
      const listed = JSON.parse(answer) as readonly unknown[];
      if (waits.length > 0) mark("waiters listed");
      if (listed.length !== waits.length) {
        violate(`${listed.length} of ${waits.length} waiters were listed at ${target}`);
      }
    }
  },
};
