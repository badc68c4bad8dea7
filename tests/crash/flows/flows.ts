import type { WorkflowContext } from "@upstash/workflow";
import { createWorkflow } from "@upstash/workflow/nextjs";
import type { Hub } from "./hub.ts";

/** A call says in this header which run has asked for it. */
export const ASKER = "x-asker";

/** Payload of every run. */
export interface FlowPayload {
  /** Names the scene that the run belongs to. */
  readonly key: string;
  /** What the run waits for. */
  readonly event?: string;
  /** What an invoked run does. */
  readonly mode?: ChildMode;
}

export type ChildMode = "works" | "fails" | "waits";

/** A pending sleep must outlast a kill, a start and a resume, and no test should take long. */
const SLEEP_SECONDS = 0.5;
/** Behind it a wait that nobody ends is over. */
const TIMEOUT_SECONDS = 0.3;

type Context = WorkflowContext<FlowPayload>;

interface Room {
  readonly hub: Hub;
  readonly serviceUrl: (key: string, name: string) => string;
}

/** Workflows in which others complete steps, written with the official SDK. */
export function createFlows(hub: Hub, serviceUrl: Room["serviceUrl"]) {
  const room = { hub, serviceUrl };
  const child = createChild(room);
  return {
    child,
    ...createWaits(room),
    ...createAskers(room, child),
    branching: createBranching(room, child),
    ...createFailures(room),
  };
}

function work<T>(context: Context, name: string, { hub, result }: { hub: Hub; result: T }) {
  return context.run(name, () => {
    hub.does(context.requestPayload.key, `${name} of ${context.workflowRunId}`);
    return result;
  });
}

function createChild({ hub }: Room) {
  return createWorkflow<FlowPayload, unknown>(
    async (context) => {
      const { key, mode } = context.requestPayload;
      hub.note(key, "child", context.workflowRunId);
      switch (mode) {
        case "fails":
          return context.run("fail", () => Promise.reject(new Error("as planned")));
        case "waits":
          return (await context.waitForEvent("wait", `${key}/child`, { timeout: "1h" })).eventData;
        default:
          return work(context, "work", { hub, result: 42 });
      }
    },
    { failureFunction: ({ context }) => failureCalled(hub, context.requestPayload.key) },
  );
}

type Child = ReturnType<typeof createChild>;

/** Runs that wait for somebody. */
function createWaits({ hub }: Room) {
  const waiting = createWorkflow<FlowPayload, unknown>((context) =>
    context.waitForEvent("wait", context.requestPayload.event ?? "", { timeout: "1h" }),
  );

  /** Holds until its events have come. */
  const early = createWorkflow<FlowPayload, unknown>(async (context) => {
    const { key } = context.requestPayload;
    await context.run("hold", () => hold(hub, key));
    const { eventData: one } = await context.waitForEvent("one", `${key}/one`);
    const { eventData: two } = await context.waitForEvent("two", `${key}/two`);
    return [one, two];
  });

  const hooked = createWorkflow<FlowPayload, unknown>(async (context) => {
    const { key } = context.requestPayload;
    const first = await context.createWebhook("first");
    const second = await context.createWebhook("second");
    await context.run("tell", () => {
      hub.note(key, "first", first.webhookUrl);
      hub.note(key, "second", second.webhookUrl);
      return hold(hub, key);
    });
    const one = await context.waitForWebhook("one", first, "1h");
    const two = await context.waitForWebhook("two", second, "1h");
    return [await one.request?.text(), await two.request?.text()];
  });

  const timing = createWorkflow<FlowPayload, unknown>((context) =>
    context.waitForEvent("wait", `${context.requestPayload.key}/never`, {
      timeout: TIMEOUT_SECONDS,
    }),
  );

  return { waiting, early, hooked, timing };
}

/** Runs that ask somebody. */
function createAskers({ hub, serviceUrl }: Room, child: Child) {
  const invoking = createWorkflow<FlowPayload, unknown>(async (context) => {
    const body = context.requestPayload;
    const answer = await context.invoke("child", { workflow: child, body, retries: 0 });
    await work(context, "after", { hub, result: null });
    return answer;
  });

  const calling = createWorkflow<FlowPayload, unknown>(async (context) => {
    const { key } = context.requestPayload;
    const headers = { [ASKER]: context.workflowRunId };
    const settings = { retries: 1, retryDelay: "20" };
    const good = await context.call("good", {
      url: serviceUrl(key, "second-try"),
      headers,
      ...settings,
    });
    const bad = await context.call("bad", { url: serviceUrl(key, "never"), headers, retries: 0 });
    return [good.status, good.body, bad.status, bad.body];
  });

  return { invoking, calling };
}

/** One branch fails until it is healed; the others are open then. */
function createBranching({ hub, serviceUrl }: Room, child: Child) {
  return createWorkflow<FlowPayload, unknown>(
    async (context) => {
      const { key } = context.requestPayload;
      const headers = { [ASKER]: context.workflowRunId };
      const [, called, event, invoked] = await Promise.all([
        context.sleep("sleep", SLEEP_SECONDS),
        context.call<string>("call", { url: serviceUrl(key, "held"), headers }),
        context.waitForEvent("event", `${key}/event`, { timeout: "1h" }),
        context.invoke("child", { workflow: child, body: { key, mode: "waits" } }),
        context.run("fail", async () => {
          await hub.pass(key, "fail");
          if (!hub.isHealed(key)) throw new Error("not healed yet");
        }),
      ]);
      await work(context, "after", { hub, result: null });
      return [called.body, event.eventData, invoked.body];
    },
    { failureFunction: ({ context }) => failureCalled(hub, context.requestPayload.key) },
  );
}

function createFailures({ hub }: Room) {
  const failing = createWorkflow<FlowPayload, unknown>(
    (context) => context.run("fail", () => Promise.reject(new Error("as planned"))),
    { failureFunction: ({ context }) => failureCalled(hub, context.requestPayload.key, true) },
  );

  const stalling = createWorkflow<FlowPayload, unknown>((context) =>
    work(context, "work", { hub, result: "done" }),
  );

  return { failing, stalling };
}

export type FlowName = keyof ReturnType<typeof createFlows>;

/** Goes on when somebody opens the gate. */
async function hold(hub: Hub, key: string): Promise<void> {
  hub.note(key, "holds", "yes");
  await hub.pass(key, "hold");
}

/** The app's own reaction to a failure may fail as well. */
function failureCalled(hub: Hub, key: string, needsHealing = false): void {
  hub.note(key, "failure call", "tried");
  if (needsHealing && !hub.isHealed(key)) throw new Error("cannot react yet");
  hub.note(key, "failure call", "done");
}
