import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { serve as serveOurs, type WorkflowContext } from "@reprise/sdk";
import { Client } from "@upstash/qstash";
import type { WorkflowContext as OfficialContext } from "@upstash/workflow";
import { serve as serveOfficial } from "@upstash/workflow/nextjs";
import { SIGNING_KEYS, TOKEN } from "../cluster.ts";
import { type FlowPayload, type RouteRoom, route, type StepContext } from "./route.ts";

/** How a run's results reach the server: as the official SDK does it, or in the answer as ours can. */
export const FLOW_APPS = ["official", "answered"] as const;
export type FlowAppName = (typeof FLOW_APPS)[number];

type Handler = (request: Request) => Promise<Response>;

/** The app of every run, with both SDKs, and the service that runs call. */
export class FlowApp {
  readonly #listener = createServer((request, response) => void this.#serve(request, response));
  readonly #room: RouteRoom;
  #handlers: Readonly<Record<FlowAppName, Handler>> | null = null;
  #inFlight = 0;

  constructor(room: Omit<RouteRoom, "serviceUrl">) {
    this.#room = { ...room, serviceUrl: () => `${this.#origin}/service` };
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get #origin(): string {
    const { port } = this.#listener.address() as AddressInfo; // It listens on TCP from `start` on.
    return `http://127.0.0.1:${port}`;
  }

  urlOf(name: FlowAppName): string {
    return `${this.#origin}/${name}`;
  }

  async start(serverUrl: string): Promise<void> {
    this.#handlers = createHandlers(serverUrl, this.#room);
    this.#listener.listen(0, "127.0.0.1");
    await once(this.#listener, "listening");
  }

  stop(): void {
    this.#listener.close();
    this.#listener.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#inFlight++;
    // Nodes die with their connections; the app goes on as if it had not noticed.
    response.on("error", () => {});
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const answer = await this.#answer(request, Buffer.concat(chunks));
      const body = Buffer.from(await answer.arrayBuffer());
      response.writeHead(answer.status, [...answer.headers].flat()).end(body);
    } catch (error) {
      if (request.complete) this.#room.ledger.faults.push(`app: ${String(error)}`);
      response.destroy();
    } finally {
      this.#inFlight--;
    }
  }

  async #answer(request: IncomingMessage, body: Buffer): Promise<Response> {
    const name = (request.url ?? "/").slice(1);
    if (name === "service") return new Response(body);
    const handler = FLOW_APPS.find((known) => known === name);
    if (handler === undefined || this.#handlers === null) {
      return new Response(null, { status: 404 });
    }
    const headers = Object.entries(request.headers).map(([header, value]) => [
      header,
      String(value),
    ]);
    const init = { method: "POST", headers: Object.fromEntries(headers), body };
    return this.#handlers[handler](new Request(this.urlOf(handler), init));
  }
}

/** Nodes that are away for a while do not make a step fail: its result is submitted again and again. */
const SUBMISSIONS = 12;
const SUBMISSION_PAUSE_MS = 250;

function createHandlers(baseUrl: string, room: RouteRoom): Readonly<Record<FlowAppName, Handler>> {
  // Somebody is told of a failed run, which has its own ledger of what has failed.
  const failureFunction = () => Promise.resolve();
  const retry = { retries: SUBMISSIONS, backoff: () => SUBMISSION_PAUSE_MS };
  const qstashClient = new Client({ baseUrl, token: TOKEN, retry });
  const official = serveOfficial<FlowPayload>(
    (context: OfficialContext<FlowPayload>) => route(asSteps(context), room),
    { qstashClient, failureFunction },
  );
  const env = {
    QSTASH_URL: baseUrl,
    QSTASH_TOKEN: TOKEN,
    QSTASH_CURRENT_SIGNING_KEY: SIGNING_KEYS.current,
    QSTASH_NEXT_SIGNING_KEY: SIGNING_KEYS.next,
  };
  const answered = serveOurs<FlowPayload>(
    (context: WorkflowContext<FlowPayload>) => route(asSteps(context), room),
    { mode: "answered", env, failureFunction },
  );
  return { official: (request) => official.POST(request), answered };
}

/** Both contexts have these methods; the official one is generic in ways that a common name for both cannot say. */
function asSteps(context: object): StepContext {
  return context as StepContext; // Said above.
}
