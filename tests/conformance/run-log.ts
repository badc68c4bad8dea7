import type {
  NextStepResource,
  RunResource,
  StepResource,
  WorkflowEventPage,
  WorkflowEventResource,
} from "@reprise/protocol";
import { until } from "./until.ts";
import type { RouteFunction, ServeOptions, World } from "./world.ts";

/** One step as the logs show it, with the kind of its group. */
export type ShownStep = Partial<StepResource> &
  NextStepResource & { readonly group: "sequential" | "parallel" | "next" };

/** The step with this name; null when the logs do not show it. */
export function stepOf(run: RunResource | null, name: string): ShownStep | null {
  for (const { type, steps } of run?.steps ?? []) {
    const step = steps.find(({ stepName }) => stepName === name);
    // Steps of a group with results may be successes as well, which the tests compare.
    if (step !== undefined) return { ...step, group: type } as ShownStep;
  }
  return null;
}

/** Waits until the step with this name is shown as the test asks for. */
export async function untilStep(
  world: World,
  runId: string,
  name: string,
  fields: Partial<StepResource>,
): Promise<{ readonly run: RunResource; readonly step: ShownStep }> {
  const wanted = Object.entries(fields);
  let last: ShownStep | null = null;
  try {
    return await until(`${name} with ${JSON.stringify(fields)}`, async () => {
      const run = await world.log(runId);
      last = stepOf(run, name);
      const shown: Readonly<Record<string, unknown>> = { ...last };
      if (run === null || last === null) return null;
      return wanted.every(([field, value]) => shown[field] === value) && { run, step: last };
    });
  } catch (cause) {
    throw new Error(`the step is shown as ${JSON.stringify(last)}`, { cause });
  }
}

/** The events of a run, oldest first. */
export async function eventsOf(
  world: World,
  runId: string,
  query = "",
): Promise<readonly WorkflowEventResource[]> {
  const answer = await world.call("GET", `/v2/workflows/events?workflowRunId=${runId}${query}`);
  const { events } = answer.json as WorkflowEventPage; // The tests look at the fields.
  return events.toReversed();
}

type CallbackStatus = number | null | Promise<number | null>;

/** What the app does with the deliveries that tell it the answer of a call. */
export interface CallbackRule {
  /** The status that it answers with; null lets the SDK answer. A promise keeps the delivery waiting; a function is asked each time. */
  next: CallbackStatus | (() => CallbackStatus);
}

/** An answer without it comes from somebody who is no SDK. */
const SDK_HEADERS = { "upstash-workflow-sdk-version": "1" };

/** A workflow whose app may refuse, or put off, the answers of its calls. */
export function serveWithCallbacks(
  world: World,
  path: string,
  route: RouteFunction<unknown>,
  options: Partial<ServeOptions<unknown>> = {},
): { readonly url: string; readonly rule: CallbackRule } {
  const rule: CallbackRule = { next: null };
  const handler = world.workflow(route, options);
  const url = world.app.on(path, async (request) => {
    if (request.headers.get("upstash-workflow-callback") !== "true") return handler(request);
    const { next } = rule;
    const status = await (typeof next === "function" ? next() : next);
    return status === null
      ? handler(request)
      : new Response("not now", { status, headers: SDK_HEADERS });
  });
  return { url, rule };
}
