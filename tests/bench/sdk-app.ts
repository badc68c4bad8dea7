import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { DEV_IDENTITY } from "@reprise/protocol";
import { createWorkflow, type ServeOptions, type WorkflowContext } from "@reprise/sdk";
import { connect } from "@reprise/sdk/connect";
import { serve } from "@reprise/sdk/node";
import type { App } from "./load.ts";
import { RawClient, requestOk } from "./raw-client.ts";
import { clientHeaders, STEP_RESULT, triggerTemplate } from "./wire.ts";

/** Ways in which an app with our SDK gets its results to the server. */
export const SDK_MODES = ["classic", "answered", "warm", "continued", "connected"] as const;
export type SdkMode = (typeof SDK_MODES)[number];

/** Connections for triggers. */
const CONNECTIONS = 16;

/** Deliveries that the connected app takes at once: as many as there are runs in the largest load. */
const PARALLELISM = 200;

export interface StepAppOptions {
  readonly server: { readonly url: string; readonly token: string };
  readonly stepsPerRun: number;
}

/** Starts an app on our SDK, which verifies every signature where there is one. */
export async function startSdkApp(
  mode: SdkMode,
  { server, stepsPerRun }: StepAppOptions,
): Promise<App> {
  const client = new RawClient(server.url, CONNECTIONS);
  const headers = clientHeaders(server.token, "application/json");
  const app: App = {
    trigger: async (runId) => {
      const body = trigger(runId);
      await requestOk(client, { method: "POST", path: "/v2/batch", headers, body });
    },
    onDelivery: () => {},
    onFinish: () => {},
    onFault: () => {},
    close: async () => {
      await endpoint.close();
      await client.close();
    },
  };
  const route = (context: WorkflowContext<unknown>) => runSteps(context, { app, stepsPerRun });
  const endpoint =
    mode === "connected"
      ? await startConnected(server, { route, app, stepsPerRun })
      : await startListening(server, { route, app, mode });
  const trigger = triggerTemplate(endpoint.url);
  return app;
}

interface StepContext {
  readonly workflowRunId: string;
  run(name: string, step: () => unknown): Promise<unknown>;
}

/**
 * The route of apps with an SDK, ours or the official one. A step that begins shows that the result of the one before it is recorded; the
 * function returns once the last result is.
 */
export async function runSteps(
  context: StepContext,
  { app, stepsPerRun }: { readonly app: App; readonly stepsPerRun: number },
): Promise<{ readonly ok: boolean }> {
  const runId = context.workflowRunId;
  for (let step = 1; step <= stepsPerRun; step++) {
    await context.run(`step-${step}`, () => {
      app.onDelivery(runId, step);
      return STEP_RESULT;
    });
  }
  app.onDelivery(runId, stepsPerRun + 1);
  app.onFinish(runId);
  return { ok: true };
}

interface Endpoint {
  readonly url: string;
  close(): Promise<void>;
}

interface Served {
  readonly route: (context: WorkflowContext<unknown>) => Promise<unknown>;
  readonly app: App;
}

const MODE_OPTIONS: Readonly<Record<Exclude<SdkMode, "connected">, ServeOptions>> = {
  classic: { mode: "classic" },
  answered: { mode: "answered", warm: false },
  warm: { mode: "answered", warm: true },
  continued: { mode: "continued" },
};

async function startListening(
  server: { readonly url: string; readonly token: string },
  { route, app, mode }: Served & { readonly mode: Exclude<SdkMode, "connected"> },
): Promise<Endpoint> {
  const handler = serve(route, {
    ...MODE_OPTIONS[mode],
    env: {
      QSTASH_URL: server.url,
      QSTASH_TOKEN: server.token,
      QSTASH_CURRENT_SIGNING_KEY: DEV_IDENTITY.currentSigningKey,
      QSTASH_NEXT_SIGNING_KEY: DEV_IDENTITY.nextSigningKey,
    },
  });
  const listener = createServer((request, response) => {
    handler(request, response).then(() => {
      const { statusCode } = response;
      if (statusCode !== 200) app.onFault(new Error(`the SDK answered ${statusCode}`));
    }, app.onFault);
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo; // A listening TCP server has one.
  return {
    url: `http://127.0.0.1:${port}/workflow`,
    close: async () => {
      listener.close();
      listener.closeAllConnections();
    },
  };
}

async function startConnected(
  server: { readonly url: string; readonly token: string },
  { route, app, stepsPerRun }: Served & { readonly stepsPerRun: number },
): Promise<Endpoint> {
  const connected = Promise.withResolvers<void>();
  const connection = connect({
    server: server.url,
    token: server.token,
    app: `bench-${stepsPerRun}`,
    workflows: { workflow: createWorkflow(route) },
    parallelism: PARALLELISM,
    onStateChange: (state, { error }) => {
      if (state === "connected") connected.resolve();
      if (error !== null) app.onFault(error);
    },
  });
  connection.closed.catch(connected.reject);
  await connected.promise;
  return { url: connection.url("workflow"), close: async () => connection.close() };
}
