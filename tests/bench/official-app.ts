import type { App } from "./load.ts";
import { startOfficialEndpoint } from "./official-endpoint.ts";
import { runSteps, type StepAppOptions } from "./sdk-app.ts";

/** Starts an app on the official SDK whose runs have a fixed number of steps. */
export async function startOfficialApp({ server, stepsPerRun }: StepAppOptions): Promise<App> {
  const endpoint = await startOfficialEndpoint<unknown>(server, {
    route: (context) => runSteps(context, { app, stepsPerRun }),
    onDelivery: () => {},
    onAnswered: () => {},
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
