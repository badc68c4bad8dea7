import { WorkflowNonRetryableError } from "../errors.ts";
import { base64FromBytes } from "../wire/base64.ts";
import { Http } from "../wire/http.ts";
import { type Carrier, canGoOn, type Receipt } from "./carrier.ts";
import { WorkflowContext } from "./context.ts";
import { Execution } from "./execution.ts";
import { Watchers } from "./middleware.ts";
import { History, type RawStep, type StepRecord } from "./records.ts";
import type { Submission } from "./submission.ts";
import { visit } from "./visit.ts";

/** Random programs, a server that is a list in memory, and ways to take a program through it. */

export type Node =
  | {
      readonly type: "step";
      readonly name: string;
      readonly fails: "never" | "once" | "always" | "final";
    }
  | { readonly type: "nap" }
  | { readonly type: "all" | "settled"; readonly branches: readonly Program[] }
  | { readonly type: "try"; readonly body: Program; readonly handler: Program };

export type Program = readonly Node[];

/** Which way the next delivery goes, one number after the other. */
export type Choose = (below: number) => number;

/** How a program has ended, with what is recorded of it: results by the ids of their steps. */
export interface Outcome {
  readonly end: { readonly result: unknown } | { readonly error: string };
  readonly records: Readonly<Record<number, string>>;
}

const RETRIES = 1;

/** The program as an author writes it; what it sees is its result. */
function toRoute(program: Program) {
  return async (context: WorkflowContext): Promise<unknown> => interpret(program, context);
}

async function interpret(program: Program, context: WorkflowContext): Promise<unknown[]> {
  const seen: unknown[] = [];
  for (const node of program) seen.push(await interpretNode(node, context));
  return seen;
}

async function interpretNode(node: Node, context: WorkflowContext): Promise<unknown> {
  switch (node.type) {
    case "step":
      return context.run(node.name, ({ retried }) => {
        if (node.fails === "final") throw new WorkflowNonRetryableError(`final ${node.name}`);
        const fails = node.fails === "always" || (node.fails === "once" && retried === 0);
        if (fails) throw new Error(`no ${node.name}`);
        return `did ${node.name}`;
      });
    case "nap":
      await context.sleep("nap", 1);
      return "slept";
    case "all":
      return Promise.all(node.branches.map((branch) => interpret(branch, context)));
    case "settled": {
      const ends = await Promise.allSettled(node.branches.map((one) => interpret(one, context)));
      return ends.map((end) => (end.status === "fulfilled" ? end.value : String(end.reason)));
    }
    case "try":
      try {
        return await interpret(node.body, context);
      } catch (error) {
        return [String(error), await interpret(node.handler, context)];
      }
  }
}

function begin(program: Program, history: History, retried: () => number) {
  const execution = new Execution(history);
  const context = new WorkflowContext({
    execution,
    http: new Http({ baseUrl: "http://127.0.0.1:1", token: "none" }, {}),
    workflowRunId: "wfr_1",
    workflowRunCreatedAt: 0,
    url: "http://app.test/flow",
    payload: undefined,
    headers: new Headers(),
    env: {},
    labels: [],
    retried,
  });
  execution.start(() => toRoute(program)(context));
  return { execution, context };
}

/** One invocation does everything, and nothing is ever replayed. */
export async function straight(program: Program): Promise<Outcome> {
  const history = new History();
  history.append([payload]);
  const { execution } = begin(program, history, () => 0);
  const records: StepRecord[] = [];
  for (;;) {
    const standing = await execution.settle();
    if (standing.type === "finished") return outcome({ result: standing.result }, records);
    if (standing.type !== "suspended") {
      const error = standing.type === "failed" ? String(standing.error) : "canceled";
      return outcome({ error }, records);
    }
    const { group } = standing;
    for (const { stepId, call } of group) {
      const base = { stepId, stepName: call.name, stepType: call.type, concurrent: group.length };
      records.push({ ...base, ...(await ended(call)) });
    }
    for (const record of records.slice(-group.length)) history.add(record);
  }
}

type Call = Parameters<Execution["step"]>[0];

async function ended({ name, work }: Call): Promise<Partial<StepRecord>> {
  if (work.type !== "local") return {};
  for (let retried = 0; ; retried++) {
    try {
      const value = await work.run({ retried, signal: new AbortController().signal });
      return { out: JSON.stringify(value) };
    } catch (error) {
      const { name: errorName, message } = error as Error; // Thrown by the programs above.
      if (retried < RETRIES && errorName === "Error") continue;
      return { failure: { stepName: name, attempts: retried + 1, errorName, message } };
    }
  }
}

/** A delivery that is due: of everything up to its own record. */
interface Due {
  readonly end: number;
  readonly retried: number;
}

type Kept = ReturnType<typeof begin>;

/** A run as a server sees it, with an app whose processes remember functions or do not. */
class Run {
  readonly list: StepRecord[] = [];
  readonly due: Due[] = [{ end: 0, retried: 0 }];
  end: Outcome["end"] | null = null;
  kept: Kept | null = null;

  /** Records at once those that are new; gives how many of them are to be delivered. */
  accept(records: readonly StepRecord[]): readonly number[] {
    const ends: number[] = [];
    for (const record of records) {
      const isKnown = this.list.some((other) => keyOf(other) === keyOf(record));
      if (isKnown) continue;
      this.list.push(record);
      ends.push(this.list.length);
    }
    return ends;
  }
}

function keyOf({ stepId, targetStep }: StepRecord): string {
  return `${stepId} ${targetStep ?? 0}`;
}

const payload: RawStep = { messageId: "msg_0", body: "", callType: "step" };

function toRaw(record: StepRecord, index: number): RawStep {
  const body = base64FromBytes(new TextEncoder().encode(JSON.stringify(record)));
  return { messageId: `msg_${index + 1}`, body, callType: "step" };
}

/** Deliveries in any order, to processes that remember or do not, each of which goes on or answers, as `choose` says. */
export async function stepByStep(program: Program, choose: Choose): Promise<Outcome> {
  const run = new Run();
  while (run.end === null) {
    const [due] = run.due.splice(choose(run.due.length), 1);
    if (due === undefined) throw new Error("the run has no end, and nothing is due");
    await deliver({ program, choose, run, due });
  }
  return outcome(run.end, run.list);
}

interface Delivery {
  readonly program: Program;
  readonly choose: Choose;
  readonly run: Run;
  readonly due: Due;
}

async function deliver({ program, choose, run, due }: Delivery): Promise<void> {
  let retried = due.retried;
  const items = [payload, ...run.list.slice(0, due.end).map(toRaw)];
  const started = take(run, items) ?? begin(program, cold(items), () => retried);
  const { execution, context } = started;
  if (execution.history.isLastRepeated) return;
  const goesOn = choose(2) === 0;
  let held: Due = due;
  const carrier: Carrier = {
    lines: [],
    submit: async (submission: Submission): Promise<Receipt> => {
      if (submission.type === "finish") {
        run.end = { result: JSON.parse(submission.response ?? "null") };
        return { type: "done" };
      }
      if (submission.type !== "records") throw new Error(`nobody expects ${submission.type}`);
      const ends = run.accept(submission.records);
      const isHeld = goesOn && canGoOn(submission) && ends.length > 0;
      const others = isHeld ? ends.slice(0, -1) : ends;
      const isTogether = submission.records.length > 1 && canGoOn(submission);
      if (!isTogether) run.due.push(...others.map((end) => ({ end, retried: 0 })));
      else if (!isHeld) run.due.push({ end: ends.at(-1) ?? 0, retried: 0 });
      if (!isHeld) return { type: "done" };
      held = { end: ends.at(-1) ?? 0, retried: 0 };
      retried = 0;
      return { type: "held", retries: RETRIES };
    },
  };
  const mayKeep = choose(2) === 0;
  const answer = await visit({
    execution,
    carrier,
    context,
    run: { runId: "wfr_1", createdAt: 0, url: "http://app.test/flow", invokeCount: 0 },
    watchers: new Watchers([]),
    retried,
    retries: RETRIES,
    parallel: choose(2) === 0 ? "fanout" : "invocation",
    keep: () => {
      if (mayKeep) run.kept = started;
      return undefined;
    },
  });
  if (answer.status === 200) return;
  const isFinal = answer.headers["upstash-nonretryable-error"] === "true";
  const isLast = held.retried >= RETRIES;
  if (!isFinal && !isLast) run.due.push({ end: held.end, retried: held.retried + 1 });
  else run.end = { error: String((JSON.parse(answer.body) as { message: string }).message) }; // As the SDK writes it.
}

/** The function that was kept, when it knows no more than the delivery brings. */
function take(run: Run, items: readonly RawStep[]): Kept | null {
  const { kept } = run;
  if (kept === null || kept.execution.history.count > items.length) return null;
  run.kept = null;
  kept.execution.history.append(items.slice(kept.execution.history.count));
  return kept;
}

function cold(items: readonly RawStep[]): History {
  const history = new History();
  history.append(items);
  return history;
}

function outcome(end: Outcome["end"], records: readonly StepRecord[]): Outcome {
  const results = records.filter(({ stepId }) => stepId > 0);
  const told = results.map(({ stepId, stepName, out, failure }) => [
    stepId,
    `${stepName}: ${failure === undefined ? out : `failed after ${failure.attempts}, ${failure.message}`}`,
  ]);
  return { end: JSON.parse(JSON.stringify(end)), records: Object.fromEntries(told) };
}
