import type { App } from "./load.ts";
import { type RawDelivery, type RawEndpoint, startRawEndpoint } from "./raw-endpoint.ts";
import { countItems, stepTemplates, triggerTemplate } from "./wire.ts";

/** Starts an app without SDK whose runs have a fixed number of steps. */
export async function startRawApp(server: {
  readonly url: string;
  readonly token: string;
}): Promise<App> {
  const endpoint = await startRawEndpoint(server, {
    onDelivery: (delivery) => handle(delivery, endpoint),
    onFault: (error) => app.onFault(error),
  });
  const appUrl = `${endpoint.url}/workflow`;
  const trigger = triggerTemplate(appUrl);
  const steps = stepTemplates(appUrl);

  const app: App = {
    trigger: async (runId) => void (await endpoint.batch(trigger(runId))),
    onDelivery: () => {},
    onFinish: () => {},
    onFault: () => {},
    close: () => endpoint.close(),
  };

  async function handle(
    { runId, body }: RawDelivery,
    { batch, finish }: RawEndpoint,
  ): Promise<null> {
    const items = countItems(body);
    app.onDelivery(runId, items);
    const step = steps[items - 1];
    if (step !== undefined) {
      await batch(step(runId));
      return null;
    }
    await finish(runId);
    app.onFinish(runId);
    return null;
  }

  return app;
}
