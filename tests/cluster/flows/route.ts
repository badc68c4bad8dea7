import { type FlowKind, RESULT_COUNTS, type StepLedger } from "./step-ledger.ts";

export interface FlowPayload {
  readonly key: string;
  readonly kind: FlowKind;
}

/** What both SDKs offer under the same names. */
export interface StepContext {
  readonly workflowRunId: string;
  readonly requestPayload: FlowPayload;
  run(name: string, work: () => Promise<string> | string): Promise<string>;
  sleep(name: string, seconds: number): Promise<unknown>;
  waitForEvent(
    name: string,
    eventId: string,
    options: { readonly timeout: "1h" },
  ): Promise<{ readonly timeout: boolean; readonly eventData: unknown }>;
  call(
    name: string,
    settings: { readonly url: string; readonly method: "POST"; readonly body: string },
  ): Promise<{ readonly status: number; readonly body: unknown }>;
}

export interface RouteRoom {
  readonly ledger: StepLedger;
  readonly serviceUrl: () => string;
  /** Called when the run is about to wait for its event. */
  readonly onWaiting: (runId: string, key: string) => void;
  /** Called when a run rests that is there to be cancelled. */
  readonly onCancelable: (runId: string) => void;
}

const WORK_MS_MAX = 20;
const SLEEP_SECONDS = 1;

/** The function of every run, with either SDK. Its result is the marks of its steps in their order. */
export async function route(context: StepContext, room: RouteRoom): Promise<string> {
  const { ledger } = room;
  const { workflowRunId: runId, requestPayload } = context;
  // Both SDKs try the function up to its first step on what a called service has answered, too.
  if (!(requestPayload.kind in RESULT_COUNTS)) return context.run("unknown", () => "unknown");
  const marks = await runKind(context, room);
  const result = marks.join(",");
  if (requestPayload.kind === "canceled") ledger.faults.push(`${runId} went on behind its sleep`);
  ledger.returns(runId, result);
  return result;
}

async function runKind(context: StepContext, room: RouteRoom): Promise<readonly string[]> {
  const { key, kind } = context.requestPayload;
  const step = (name: string) => runStep(context, name, room);
  switch (kind) {
    case "sequence": {
      const marks: string[] = [];
      for (const name of ["one", "two", "three", "four", "five"]) marks.push(await step(name));
      return marks;
    }
    case "group": {
      const first = await step("first");
      const both = await Promise.all([step("left"), step("middle"), step("right")]);
      return [first, ...both, await step("behind"), await step("last")];
    }
    case "sleeping": {
      const before = await step("before");
      await context.sleep("rest", SLEEP_SECONDS);
      return [before, await step("after")];
    }
    case "waiting": {
      const before = await step("before");
      room.onWaiting(context.workflowRunId, key);
      const { timeout, eventData } = await context.waitForEvent("wait", `event-${key}`, {
        timeout: "1h",
      });
      if (timeout) room.ledger.faults.push(`${context.workflowRunId} has waited in vain`);
      if (JSON.stringify(eventData).includes(key)) return [before, await step("after")];
      room.ledger.faults.push(`${context.workflowRunId} was woken by ${JSON.stringify(eventData)}`);
      return [before, await step("after")];
    }
    case "calling": {
      const before = await step("before");
      const settings = { url: room.serviceUrl(), method: "POST", body: key } as const;
      const { status } = await context.call("call", settings);
      if (status !== 200) room.ledger.faults.push(`${context.workflowRunId}: called, ${status}`);
      return [before, await step("after")];
    }
    case "failing":
      return [await step("before"), await step("fragile"), await step("after")];
    case "canceled": {
      const before = await step("before");
      room.onCancelable(context.workflowRunId);
      await context.sleep("rest", 3_600);
      return [before];
    }
  }
}

async function runStep(context: StepContext, name: string, { ledger }: RouteRoom): Promise<string> {
  const { workflowRunId: runId, requestPayload } = context;
  const mark = await context.run(name, async () => {
    if (name === "fragile" && !ledger.isHealed(requestPayload.key)) throw new Error("as planned");
    const made = ledger.executes(runId, name);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * WORK_MS_MAX));
    return made;
  });
  ledger.sees(runId, name, mark);
  return mark;
}
