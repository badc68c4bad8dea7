import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { DEV_IDENTITY } from "@reprise/protocol";
import { Client, serve, type WorkflowContext } from "@upstash/workflow";

/** One delivery to an app on the SDK, before the SDK sees it. */
export interface OfficialDelivery {
  readonly runId: string;
  readonly body: Buffer;
}

export interface OfficialEndpoint {
  readonly url: string;
  trigger(runId: string, payload: unknown): Promise<void>;
  close(): Promise<void>;
}

export interface OfficialEndpointOptions<T> {
  readonly route: (context: WorkflowContext<T>) => Promise<unknown>;
  readonly onDelivery: (delivery: OfficialDelivery) => void;
  /** The app has answered. */
  readonly onAnswered: (delivery: OfficialDelivery) => void;
  readonly onFault: (error: unknown) => void;
}

/** Starts an app on the unmodified SDK, which verifies every signature and submits with `fetch`, as apps in production do. */
export async function startOfficialEndpoint<T>(
  server: { readonly url: string; readonly token: string },
  options: OfficialEndpointOptions<T>,
): Promise<OfficialEndpoint> {
  const client = new Client({ baseUrl: server.url, token: server.token });
  const listener = createServer((request, response) => {
    handle(request, response).catch(options.onFault);
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo; // A listening TCP server has one.
  const url = `http://127.0.0.1:${port}/workflow`;
  const { handler } = serve<T>(options.route, {
    url,
    env: {
      QSTASH_URL: server.url,
      QSTASH_TOKEN: server.token,
      QSTASH_CURRENT_SIGNING_KEY: DEV_IDENTITY.currentSigningKey,
      QSTASH_NEXT_SIGNING_KEY: DEV_IDENTITY.nextSigningKey,
    },
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const runId = String(request.headers["upstash-workflow-runid"]);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    options.onDelivery({ runId, body });
    const answer = await handler(
      new Request(url, { method: "POST", headers: pairs(request), body }),
    );
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`the SDK answered ${answer.status}: ${text}`);
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(text);
    options.onAnswered({ runId, body });
  }

  return {
    url,
    trigger: async (runId, payload) => {
      // The SDK puts the prefix in front of the ids that it is given.
      const workflowRunId = runId.replace(/^wfr_/, "");
      await client.trigger({ url, body: payload, workflowRunId });
    },
    close: async () => {
      listener.close();
      listener.closeAllConnections();
    },
  };
}

function pairs({ rawHeaders }: IncomingMessage): [string, string][] {
  const headers: [string, string][] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    headers.push([rawHeaders[index] ?? "", rawHeaders[index + 1] ?? ""]);
  }
  return headers;
}
