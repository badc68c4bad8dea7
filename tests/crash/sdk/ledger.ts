import type { Check } from "../load.ts";
import { SDK_ROUTES, type SdkRoute } from "./app-child.ts";
import type { SdkBooks, SdkRun } from "./books.ts";
import type { Begin } from "./journal.ts";
import { RESULT_COUNTS, type SdkKind } from "./routes.ts";

export interface SdkTriggered {
  readonly kind: SdkKind;
  readonly route: SdkRoute;
  /** `unknown` when the server died before it answered: the run may or may not be there. */
  outcome: "unknown" | "accepted";
}

/** What clients were answered, what the app has written down, and what the database held behind each kill. */
export class SdkLedger {
  readonly faults: string[] = [];
  readonly triggered = new Map<string, SdkTriggered>();
  /** `run step` -> marks of its executions. */
  readonly #begun = new Map<string, string[]>();
  /** `run step` -> mark, as recorded when last looked at. */
  #recorded: ReadonlyMap<string, string | null> = new Map();
  begins = 0;
  /** Executions of a step that had been executed before, because its result was not recorded. */
  repeats = 0;
  looks = 0;
  /** Looks at which runs of the mode were under way. */
  readonly busyLooks: Record<SdkRoute, number> = { answered: 0, continued: 0, connected: 0 };

  /**
   * Compares what has begun since the last look with what is on disk. Nothing began in between but what the journal says.
   * @param begins were written before the books were read.
   */
  look(begins: readonly Begin[], books: SdkBooks): void {
    const now = marksOf(books);
    for (const begin of begins) this.#noteBegin(begin, now);
    for (const [step, mark] of this.#recorded) {
      if (now.get(step) !== mark) {
        this.faults.push(`the result of step ${step} was ${mark} and is ${now.get(step)}`);
      }
    }
    this.#recorded = now;
    this.looks++;
    const open = [...books.runs.values()].filter(({ state }) => state === "started");
    for (const route of SDK_ROUTES) {
      if (open.some((run) => run.route === route)) this.busyLooks[route]++;
    }
  }

  #noteBegin({ runId, stepId, mark, after }: Begin, now: ReadonlyMap<string, string | null>): void {
    const step = `${runId} ${stepId}`;
    this.begins++;
    const earlier = this.#begun.get(step) ?? [];
    if (earlier.length > 0) this.repeats++;
    this.#begun.set(step, [...earlier, mark]);
    if (this.#recorded.has(step)) {
      this.faults.push(`step ${step} began after its result was recorded`);
    }
    for (const told of after) {
      const kept = now.get(`${runId} ${told.stepId}`);
      if (kept === told.mark) continue;
      this.faults.push(
        `step ${step} began before the result of step ${told.stepId} was on disk: told was ${told.mark}, kept is ${kept}`,
      );
    }
  }

  audit(books: SdkBooks): readonly Check[] {
    const runs = [...books.runs.values()];
    return [
      { name: "the database is whole", faults: books.integrity === "ok" ? [] : [books.integrity] },
      { name: "no contradiction was seen on the way", faults: this.faults },
      { name: "every accepted run is there once, and no other", faults: this.#checkRuns(books) },
      { name: "every run has ended with its results", faults: this.#checkEnds(runs) },
      { name: "every recorded result was executed", faults: this.#checkExecuted(runs) },
      { name: "nothing is left to deliver", faults: checkRest(books) },
    ];
  }

  #checkRuns(books: SdkBooks): readonly string[] {
    const faults: string[] = [];
    for (const [runId, { outcome }] of this.triggered) {
      if (outcome === "accepted" && !books.runs.has(runId)) faults.push(`${runId} is lost`);
    }
    if (books.runCount !== books.runs.size) faults.push("a run id is there twice");
    for (const runId of books.runs.keys()) {
      if (!this.triggered.has(runId)) faults.push(`${runId} was never triggered`);
    }
    return faults;
  }

  #checkEnds(runs: readonly SdkRun[]): readonly string[] {
    return runs.flatMap(({ id, state, response, marks }) => {
      const kind = this.triggered.get(id)?.kind;
      if (state !== "succeeded" || kind === undefined) return [`${id} (${kind}) is ${state}`];
      const kept = [...marks]
        .sort(([a], [b]) => a - b)
        .map(([, mark]) => mark)
        .filter((mark) => mark !== null);
      const faults =
        response === JSON.stringify(kept) ? [] : [`${id} gave ${response}, kept are ${kept}`];
      return marks.size === RESULT_COUNTS[kind]
        ? faults
        : [...faults, `${id} (${kind}) has ${marks.size} results`];
    });
  }

  #checkExecuted(runs: readonly SdkRun[]): readonly string[] {
    return runs.flatMap(({ id, marks }) =>
      [...marks]
        .filter(([stepId, mark]) => {
          return mark !== null && this.#begun.get(`${id} ${stepId}`)?.includes(mark) !== true;
        })
        .map(([stepId]) => `${id}: the result of step ${stepId} is nobody's`),
    );
  }
}

function marksOf({ runs }: SdkBooks): ReadonlyMap<string, string | null> {
  const marks = new Map<string, string | null>();
  for (const run of runs.values()) {
    for (const [stepId, mark] of run.marks) marks.set(`${run.id} ${stepId}`, mark);
  }
  return marks;
}

function checkRest({ messageCount, failures }: SdkBooks): readonly string[] {
  return messageCount === 0 ? failures : [`${messageCount} messages are left`, ...failures];
}
