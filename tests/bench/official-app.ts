import type { WorkflowContext } from "@upstash/workflow";
import type { App } from "./load.ts";
import { startOfficialEndpoint } from "./official-endpoint.ts";
import { countItems, STEP_RESULT, STEPS_PER_RUN } from "./wire.ts";

/** Starts an app on the SDK whose runs have a fixed number of steps. */
export async function startOfficialApp(server: {
  readonly url: string;
  readonly token: string;
}): Promise<App> {
  const endpoint = await startOfficialEndpoint(server, {
    route: runSteps,
    onDelivery: ({ runId, body }) => app.onDelivery(runId, countItems(body)),
    onAnswered: ({ runId, body }) => {
      if (countItems(body) > STEPS_PER_RUN) app.onFinish(runId);
    },
    onFault: (error) => app.onFault(error),
  });
  const app: App = {
    trigger: (runId) => endpoint.trigger(runId, { order: "order_1837" }),
    onDelivery: () => {},
    onFinish: () => {},
    onFault: () => {},
    close: () => endpoint.close(),
  };
  return app;
}

async function runSteps(context: WorkflowContext<unknown>): Promise<{ readonly ok: boolean }> {
  for (let step = 1; step <= STEPS_PER_RUN; step++) {
    await context.run(`step-${step}`, () => STEP_RESULT);
  }
  return { ok: true };
}
