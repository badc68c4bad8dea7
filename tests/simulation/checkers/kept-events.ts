import type { RunRow, StepRow, Tables } from "@reprise/server";
import type { Checker, Exchange, SentRequest } from "../facts.ts";
import { heirOf, isOpenRun, isOwnStep, resumedFrom, rootOf } from "../lineage.ts";
import type { Commit } from "../mirror.ts";
import { type Notice, noticeIn, noticeOf, readNotice } from "../notice.ts";
import { parseStep } from "../step-list.ts";
import { isFor } from "../waits.ts";

type EventRow = Tables["events"];

/** What is known of the events for one run that carry one number. */
interface Account {
  readonly notice: Notice;
  arrivals: number;
  /** Answers that promised it. */
  accepted: number;
  /** Times that it was kept, or given to a step at once. */
  made: number;
}

/** An event for one run is given to one step, or kept until one asks; the oldest comes first, through resumes. */
export const keptEvents: Checker = {
  name: "kept events",
  promise:
    "an event accepted for a run, by notify or webhook, is consumed once or still kept, in order of arrival",
  observe: ({ mirror, violate, mark }) => {
    const accounts = new Map<number, Account>();
    /** Execution -> what is kept for it, oldest first. */
    const queues = new Map<number, EventRow[]>();
    /** Request -> the execution that was open when it arrived. */
    const rootAtArrival = new Map<number, number | null>();
    return (fact) => {
      if (fact.kind === "arrival") noteArrival(fact.request);
      if (fact.kind === "answer") checkAnswer(fact.exchange);
      if (fact.kind === "commit") checkCommit(fact.commit);
    };

    function openRoot(runId: string): number | null {
      const run = heirOf(runId, mirror);
      return run !== null && isOpenRun(run, mirror) ? rootOf(run, mirror) : null;
    }

    function noteArrival(request: SentRequest): void {
      const notice = readNotice(request);
      if (notice === null || notice.runId === null) return;
      const account = accounts.get(notice.number) ?? { notice, arrivals: 0, accepted: 0, made: 0 };
      accounts.set(notice.number, account);
      account.arrivals += 1;
      rootAtArrival.set(request.number, openRoot(notice.runId));
    }

    function checkAnswer(exchange: Exchange): void {
      const notice = readNotice(exchange);
      const account = accounts.get(notice?.number ?? 0);
      if (notice === null || notice.runId === null || account === undefined) return;
      const before = rootAtArrival.get(exchange.number) ?? null;
      if (isAccepted(exchange, notice)) {
        // A run that ends in the very transaction that keeps an event for it drops it there.
        if (openRoot(notice.runId) === null) return;
        account.accepted += 1;
        if (account.made < account.accepted) {
          violate(`event ${notice.number} was accepted for ${notice.runId} and is nowhere`);
        }
      } else if (exchange.status < 500 && before !== null && before === openRoot(notice.runId)) {
        violate(`event ${notice.number} was refused for ${notice.runId}, which takes events`);
      } else mark("event for an ended run");
    }

    function checkCommit({ changes }: Commit): void {
      const consumed = new Set<number>();
      const touched = new Set<number>();
      for (const { table, before, after } of changes) {
        if (table === "steps" && before === null && after !== null) {
          const key = checkRecord(after);
          if (key !== null) consumed.add(key);
        }
        if (table === "waits" && after !== null) touched.add(after.runKey);
      }
      // What is still kept behind this commit was consumed by none of its records.
      for (const { table, before, after } of changes) {
        if (table !== "events") continue;
        touched.add((after ?? before)?.runKey ?? 0);
        if (before === null && after !== null) checkKept(after);
        else if (before !== null && after === null) checkGone(before, consumed);
        else if (before !== null && after !== null) checkMoved(before, after);
      }
      for (const runKey of touched) checkNoneSleeps(runKey);
    }

    /** Key of the kept event that a new record consumes, or null. */
    function checkRecord(step: StepRow): number | null {
      const run = mirror.get("runs", step.runKey);
      if (step.position === 0 || run === null || !isOwnStep(step, run, mirror)) return null;
      const record = parseStep(step.body);
      const number = noticeOf(record);
      if (number === null) return null;
      const kind = record.stepType === "WaitForWebhook" ? "webhook" : "event";
      const queue = queues.get(rootOf(run, mirror)) ?? [];
      const first = queue.find(
        ({ eventId, source }) => eventId === record.waitEventId && isFor(source, kind),
      );
      if (first === undefined) {
        checkDirect(run, record.waitEventId ?? "", { number, kind });
        return null;
      }
      if (noticeIn(first.body) !== number) {
        violate(`run ${run.key} got event ${number}; the oldest is ${noticeIn(first.body)}`);
      }
      queue.splice(queue.indexOf(first), 1);
      mark(`kept event of ${first.source} taken`);
      return first.key;
    }

    function checkDirect(
      run: RunRow,
      eventId: string,
      { number, kind }: { readonly number: number; readonly kind: "event" | "webhook" },
    ): void {
      const account = accounts.get(number);
      // Those for everybody have a checker of their own.
      if (account === undefined) return;
      mark(`woken by ${account.notice.source}`);
      if (account.notice.eventId !== eventId || !isFor(account.notice.source, kind)) {
        violate(`event ${number} for ${account.notice.eventId} ended a wait for ${eventId}`);
      }
      checkMade(account, run);
    }

    function checkMade(account: Account, run: RunRow): void {
      const { number, runId } = account.notice;
      account.made += 1;
      if (account.made > account.arrivals) {
        violate(`event ${number} came ${account.arrivals} times and was taken ${account.made}`);
      }
      const heir = heirOf(runId ?? "", mirror);
      if (heir === null || rootOf(heir, mirror) !== rootOf(run, mirror)) {
        violate(`event ${number} for ${runId} was given to run ${run.key}`);
      }
    }

    function checkKept(event: EventRow): void {
      const run = mirror.get("runs", event.runKey);
      const account = accounts.get(noticeIn(event.body) ?? 0);
      if (run === null || account === undefined || account.notice.eventId !== event.eventId) {
        violate(`event ${event.key} is kept for run ${event.runKey}; nobody has sent it`);
        return;
      }
      mark(`event of ${event.source} kept${run.state === "failed" ? " while failed" : ""}`);
      checkMade(account, run);
      const root = rootOf(run, mirror);
      queues.set(root, [...(queues.get(root) ?? []), event]);
    }

    function checkGone(event: EventRow, consumed: ReadonlySet<number>): void {
      if (consumed.has(event.key)) return;
      const run = mirror.get("runs", event.runKey);
      if (run === null || isOpenRun(run, mirror)) violate(`kept event ${event.key} is lost`);
      for (const queue of queues.values()) {
        const index = queue.findIndex(({ key }) => key === event.key);
        if (index !== -1) queue.splice(index, 1);
      }
    }

    function checkMoved(before: EventRow, after: EventRow): void {
      const run = mirror.get("runs", after.runKey);
      const source = run === null ? null : resumedFrom(run, mirror);
      if (source?.key !== before.runKey) violate(`event ${after.key} went to a strange run`);
      mark("kept event taken over");
    }

    function checkNoneSleeps(runKey: number): void {
      for (const wait of mirror.waits(runKey)) {
        if (wait.state !== "open" || wait.eventId === null) continue;
        const event = mirror
          .keptEvents(runKey)
          .find(({ eventId, source }) => eventId === wait.eventId && isFor(source, wait.kind));
        if (event !== undefined) {
          violate(
            `run ${runKey} waits for ${wait.eventId} while event ${event.key} is kept for it`,
          );
        }
      }
    }
  },
};

function isAccepted({ status, answer }: Exchange, { source }: Notice): boolean {
  if (status < 200 || status >= 300) return false;
  if (source === "webhook") return true;
  // The documented answer of a notification for one run.
  const [answered] = JSON.parse(answer) as readonly { readonly error: string }[];
  return answered?.error === "";
}
