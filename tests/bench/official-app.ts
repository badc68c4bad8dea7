import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Client, serve, type WorkflowContext } from "@upstash/workflow";
import type { App } from "./load.ts";
import { countItems, STEP_RESULT, STEPS_PER_RUN } from "./wire.ts";

/** Starts an app on the unmodified SDK, which verifies every signature and submits with `fetch`, as apps in production do. */
export async function startOfficialApp(
  server: { readonly url: string; readonly token: string },
  signingKeys: { readonly current: string; readonly next: string },
): Promise<App> {
  const client = new Client({ baseUrl: server.url, token: server.token });
  const listener = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => app.onFault(error));
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo; // A listening TCP server has one.
  const appUrl = `http://127.0.0.1:${port}/workflow`;
  const { handler } = serve(runSteps, {
    url: appUrl,
    env: {
      QSTASH_URL: server.url,
      QSTASH_TOKEN: server.token,
      QSTASH_CURRENT_SIGNING_KEY: signingKeys.current,
      QSTASH_NEXT_SIGNING_KEY: signingKeys.next,
    },
  });

  const app: App = {
    trigger: async (runId) => {
      // The SDK puts the prefix in front of the ids that it is given.
      const workflowRunId = runId.replace(/^wfr_/, "");
      await client.trigger({ url: appUrl, body: { order: "order_1837" }, workflowRunId });
    },
    onDelivery: () => {},
    onFinish: () => {},
    onFault: () => {},
    close: async () => {
      listener.close();
      listener.closeAllConnections();
    },
  };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const runId = String(request.headers["upstash-workflow-runid"]);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString("utf8");
    const items = countItems(body);
    app.onDelivery(runId, items);
    const answer = await handler(
      new Request(appUrl, { method: "POST", headers: pairs(request), body }),
    );
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`the SDK answered ${answer.status}: ${text}`);
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(text);
    if (items > STEPS_PER_RUN) app.onFinish(runId);
  }

  return app;
}

async function runSteps(context: WorkflowContext<unknown>): Promise<{ readonly ok: boolean }> {
  for (let step = 1; step <= STEPS_PER_RUN; step++) {
    await context.run(`step-${step}`, () => STEP_RESULT);
  }
  return { ok: true };
}

function pairs({ rawHeaders }: IncomingMessage): [string, string][] {
  const headers: [string, string][] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    headers.push([rawHeaders[index] ?? "", rawHeaders[index + 1] ?? ""]);
  }
  return headers;
}
