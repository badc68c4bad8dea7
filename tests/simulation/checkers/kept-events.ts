import type { RunRow, StepRow, Tables } from "@reprise/server";
import type { Checker, Exchange, Fact, Scene, SentRequest } from "../facts.ts";
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
  observe: (scene) => {
    const watch = new KeptEventsWatch(scene);
    return (fact) => watch.see(fact);
  },
};

class KeptEventsWatch {
  readonly #mirror: Scene["mirror"];
  readonly #violate: Scene["violate"];
  readonly #mark: Scene["mark"];
  readonly #accounts = new Map<number, Account>();
  /** Execution -> what is kept for it, oldest first. */
  readonly #queues = new Map<number, EventRow[]>();
  /** Request -> the execution that was open when it arrived. */
  readonly #rootAtArrival = new Map<number, number | null>();

  constructor({ mirror, violate, mark }: Scene) {
    this.#mirror = mirror;
    this.#violate = violate;
    this.#mark = mark;
  }

  see(fact: Fact): void {
    if (fact.kind === "arrival") this.#noteArrival(fact.request);
    if (fact.kind === "answer") this.#checkAnswer(fact.exchange);
    if (fact.kind === "commit") this.#checkCommit(fact.commit);
  }

  #openRoot(runId: string): number | null {
    const run = heirOf(runId, this.#mirror);
    return run !== null && isOpenRun(run, this.#mirror) ? rootOf(run, this.#mirror) : null;
  }

  #noteArrival(request: SentRequest): void {
    const notice = readNotice(request);
    if (notice === null || notice.runId === null) return;
    const account = this.#accounts.get(notice.number) ?? {
      notice,
      arrivals: 0,
      accepted: 0,
      made: 0,
    };
    this.#accounts.set(notice.number, account);
    account.arrivals += 1;
    this.#rootAtArrival.set(request.number, this.#openRoot(notice.runId));
  }

  #checkAnswer(exchange: Exchange): void {
    const notice = readNotice(exchange);
    const account = this.#accounts.get(notice?.number ?? 0);
    if (notice === null || notice.runId === null || account === undefined) return;
    const before = this.#rootAtArrival.get(exchange.number) ?? null;
    if (isAccepted(exchange, notice)) {
      // A run that ends in the very transaction that keeps an event for it drops it there.
      if (this.#openRoot(notice.runId) === null) return;
      account.accepted += 1;
      if (account.made < account.accepted) {
        this.#violate(`event ${notice.number} was accepted for ${notice.runId} and is nowhere`);
      }
    } else if (
      exchange.status < 500 &&
      before !== null &&
      before === this.#openRoot(notice.runId)
    ) {
      this.#violate(`event ${notice.number} was refused for ${notice.runId}, which takes events`);
    } else this.#mark("event for an ended run");
  }

  #checkCommit({ changes }: Commit): void {
    const consumed = new Set<number>();
    const touched = new Set<number>();
    for (const { table, before, after } of changes) {
      if (table === "steps" && before === null && after !== null) {
        const key = this.#checkRecord(after);
        if (key !== null) consumed.add(key);
      }
      if (table === "waits" && after !== null) touched.add(after.runKey);
    }
    // What is still kept behind this commit was consumed by none of its records.
    for (const { table, before, after } of changes) {
      if (table !== "events") continue;
      touched.add((after ?? before)?.runKey ?? 0);
      if (before === null && after !== null) this.#checkKept(after);
      else if (before !== null && after === null) this.#checkGone(before, consumed);
      else if (before !== null && after !== null) this.#checkMoved(before, after);
    }
    for (const runKey of touched) this.#checkNoneSleeps(runKey);
  }

  /** Key of the kept event that a new record consumes, or null. */
  #checkRecord(step: StepRow): number | null {
    const run = this.#mirror.get("runs", step.runKey);
    if (step.position === 0 || run === null || !isOwnStep(step, run, this.#mirror)) return null;
    const record = parseStep(step.body);
    const number = noticeOf(record);
    if (number === null) return null;
    const kind = record.stepType === "WaitForWebhook" ? "webhook" : "event";
    const queue = this.#queues.get(rootOf(run, this.#mirror)) ?? [];
    const first = queue.find(
      ({ eventId, source }) => eventId === record.waitEventId && isFor(source, kind),
    );
    if (first === undefined) {
      this.#checkDirect(run, record.waitEventId ?? "", { number, kind });
      return null;
    }
    if (noticeIn(first.body) !== number) {
      this.#violate(`run ${run.key} got event ${number}; the oldest is ${noticeIn(first.body)}`);
    }
    queue.splice(queue.indexOf(first), 1);
    this.#mark(`kept event of ${first.source} taken`);
    return first.key;
  }

  #checkDirect(
    run: RunRow,
    eventId: string,
    { number, kind }: { readonly number: number; readonly kind: "event" | "webhook" },
  ): void {
    const account = this.#accounts.get(number);
    // Those for everybody have a checker of their own.
    if (account === undefined) return;
    this.#mark(`woken by ${account.notice.source}`);
    if (account.notice.eventId !== eventId || !isFor(account.notice.source, kind)) {
      this.#violate(`event ${number} for ${account.notice.eventId} ended a wait for ${eventId}`);
    }
    this.#checkMade(account, run);
  }

  #checkMade(account: Account, run: RunRow): void {
    const { number, runId } = account.notice;
    account.made += 1;
    if (account.made > account.arrivals) {
      this.#violate(`event ${number} came ${account.arrivals} times and was taken ${account.made}`);
    }
    const heir = heirOf(runId ?? "", this.#mirror);
    if (heir === null || rootOf(heir, this.#mirror) !== rootOf(run, this.#mirror)) {
      this.#violate(`event ${number} for ${runId} was given to run ${run.key}`);
    }
  }

  #checkKept(event: EventRow): void {
    const run = this.#mirror.get("runs", event.runKey);
    const account = this.#accounts.get(noticeIn(event.body) ?? 0);
    if (run === null || account === undefined || account.notice.eventId !== event.eventId) {
      this.#violate(`event ${event.key} is kept for run ${event.runKey}; nobody has sent it`);
      return;
    }
    this.#mark(`event of ${event.source} kept${run.state === "failed" ? " while failed" : ""}`);
    this.#checkMade(account, run);
    const root = rootOf(run, this.#mirror);
    this.#queues.set(root, [...(this.#queues.get(root) ?? []), event]);
  }

  #checkGone(event: EventRow, consumed: ReadonlySet<number>): void {
    if (consumed.has(event.key)) return;
    const run = this.#mirror.get("runs", event.runKey);
    if (run === null || isOpenRun(run, this.#mirror))
      this.#violate(`kept event ${event.key} is lost`);
    for (const queue of this.#queues.values()) {
      const index = queue.findIndex(({ key }) => key === event.key);
      if (index !== -1) queue.splice(index, 1);
    }
  }

  #checkMoved(before: EventRow, after: EventRow): void {
    const run = this.#mirror.get("runs", after.runKey);
    const source = run === null ? null : resumedFrom(run, this.#mirror);
    if (source?.key !== before.runKey) this.#violate(`event ${after.key} went to a strange run`);
    this.#mark("kept event taken over");
  }

  #checkNoneSleeps(runKey: number): void {
    for (const wait of this.#mirror.waits(runKey)) {
      if (wait.state !== "open" || wait.eventId === null) continue;
      const event = this.#mirror
        .keptEvents(runKey)
        .find(({ eventId, source }) => eventId === wait.eventId && isFor(source, wait.kind));
      if (event !== undefined) {
        this.#violate(
          `run ${runKey} waits for ${wait.eventId} while event ${event.key} is kept for it`,
        );
      }
    }
  }
}

function isAccepted({ status, answer }: Exchange, { source }: Notice): boolean {
  if (status < 200 || status >= 300) return false;
  if (source === "webhook") return true;
  // The documented answer of a notification for one run.
  const [answered] = JSON.parse(answer) as readonly { readonly error: string }[];
  return answered?.error === "";
}
