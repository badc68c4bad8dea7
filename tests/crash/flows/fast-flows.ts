import type { ServeOptions, WorkflowContext } from "@reprise/sdk";
import type { FlowPayload } from "./flows.ts";
import type { Hub } from "./hub.ts";

type Context = WorkflowContext<FlowPayload>;
type Route = (context: Context) => Promise<unknown>;

/** Name under which the app connects. */
export const CONNECTED_APP = "points";

/** Steps that nobody but the app completes: what is tried is how their results travel. */
export const FAST_FLOWS = {
  answered: { mode: "answered", warm: true },
  answeredCold: { mode: "answered", warm: false },
  continued: { mode: "continued" },
  together: { mode: "continued", parallel: "invocation" },
  connected: {},
  holding: {},
} as const satisfies Readonly<Record<string, ServeOptions>>;

export type FastFlow = keyof typeof FAST_FLOWS;

/** Served over the connection; the others are dialled. */
export type ConnectedFlow = "connected" | "holding";

export function isFastFlow(name: string): name is FastFlow {
  return name in FAST_FLOWS;
}

export function isConnectedFlow(name: string): name is ConnectedFlow {
  return name === "connected" || name === "holding";
}

interface Room {
  readonly hub: Hub;
  /** Runs a step's function as part of the life of the server that it belongs to. */
  readonly inLife: (work: () => void) => void;
}

/** What all of them give. */
export const FAST_RESULT = ["first", "left", "right", "last"];

/** The result of one step, then those of two at once, then of one more. */
export function createFastRoute(name: FastFlow, { hub, inLife }: Room): Route {
  return async (context) => {
    const { workflowRunId: runId, requestPayload } = context;
    const { key } = requestPayload;
    const step = (result: string, told: readonly number[]) =>
      context.run(result, async () => {
        hub.tells(runId, told);
        inLife(() => hub.does(key, `${result} of ${runId}`, String(context.retried)));
        if (name !== "holding" || result !== "last") return result;
        hub.note(key, "holds", "yes");
        await hub.pass(key, "hold");
        return result;
      });
    const first = await step("first", []);
    const both = await Promise.all([step("left", [1]), step("right", [1])]);
    const last = await step("last", [1, 2, 3]);
    return [first, ...both, last];
  };
}
