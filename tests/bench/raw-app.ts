import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { App } from "./load.ts";
import { RawClient, requestOk } from "./raw-client.ts";
import {
  ANSWER_HEADERS,
  answerBody,
  clientHeaders,
  countItems,
  STEPS_PER_RUN,
  stepTemplates,
  triggerTemplate,
} from "./wire.ts";

/** More than the deliveries that the server keeps in flight, so that no step waits for a connection of the app. */
const CONNECTIONS = 64;

/** Starts an app without SDK: it speaks the protocol with as little work as possible, so that the server is measured. */
export async function startRawApp(server: {
  readonly url: string;
  readonly token: string;
}): Promise<App> {
  const client = new RawClient(server.url, CONNECTIONS);
  const jsonHeaders = clientHeaders(server.token, "application/json");
  const textHeaders = clientHeaders(server.token, "text/plain;charset=UTF-8");
  const batch = (body: string) =>
    requestOk(client, { method: "POST", path: "/v2/batch", headers: jsonHeaders, body });

  const listener = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => app.onFault(error));
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo; // A listening TCP server has one.
  const appUrl = `http://127.0.0.1:${port}/workflow`;
  const trigger = triggerTemplate(appUrl);
  const steps = stepTemplates(appUrl);

  const app: App = {
    trigger: async (runId) => void (await batch(trigger(runId))),
    onDelivery: () => {},
    onFinish: () => {},
    onFault: () => {},
    close: async () => {
      await client.close();
      listener.close();
      listener.closeAllConnections();
    },
  };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const runId = String(request.headers["upstash-workflow-runid"]);
    const items = countItems(await readText(request));
    app.onDelivery(runId, items);
    const step = steps[items - 1];
    if (step === undefined) await finish(runId);
    else await batch(step(runId));
    response.writeHead(200, ANSWER_HEADERS);
    response.end(answerBody(runId));
    if (items > STEPS_PER_RUN) app.onFinish(runId);
  }

  async function finish(runId: string): Promise<void> {
    const path = `/v2/workflows/runs/${runId}?cancel=false`;
    await requestOk(client, { method: "DELETE", path, headers: textHeaders, body: '{"ok":true}' });
  }

  return app;
}

/** The body of a request as text; one listener for each event instead of an iterator, which costs several times as much. */
function readText(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    request.setEncoding("latin1");
    request.on("data", (chunk: string) => {
      text += chunk;
    });
    request.on("end", () => resolve(text));
    request.on("error", reject);
  });
}
