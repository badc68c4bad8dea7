import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { DEV_IDENTITY } from "@reprise/protocol";
import { Client } from "@upstash/qstash";
import { serveMany } from "@upstash/workflow/nextjs";
import { ANSWER_HEADERS, answerBody } from "../../bench/wire.ts";
import { acceptAll, BARRIER } from "../backlog.ts";
import type { ServerLink } from "../server-link.ts";
import { FastApp } from "./fast-app.ts";
import { type FastFlow, isConnectedFlow, isFastFlow } from "./fast-flows.ts";
import { ASKER, createFlows, type FlowName } from "./flows.ts";
import type { Hub } from "./hub.ts";

type Handler = (request: Request) => Promise<Response>;

/** A user's app with the official SDK, and the service that it calls. Both outlive the server. */
export class FlowApp {
  readonly #hub: Hub;
  readonly #link: ServerLink;
  readonly #epochs = new WeakMap<Socket, number>();
  readonly #listener = createServer((request, response) => void this.#serve(request, response));
  /** What our SDK serves. */
  readonly fast: FastApp;
  #handler: Handler | null = null;
  #origin = "";
  #inFlight = 0;

  constructor(hub: Hub, link: ServerLink) {
    this.#hub = hub;
    this.#link = link;
    this.fast = new FastApp(hub, link);
  }

  /** What the URLs of all runs begin with. */
  get base(): string {
    return `${this.#origin}/flows/`;
  }

  urlOf(flow: FlowName | FastFlow): string {
    return isConnectedFlow(flow) ? FastApp.urlOf(flow) : this.base + flow;
  }

  /** Deliveries without an answer so far. */
  get inFlight(): number {
    return this.#inFlight;
  }

  async start(): Promise<void> {
    this.#listener.on("connection", (socket: Socket) => {
      this.#epochs.set(socket, this.#link.epoch);
    });
    this.#listener.listen(0, "127.0.0.1");
    await once(this.#listener, "listening");
    const { port } = this.#listener.address() as AddressInfo; // A listening TCP server has one.
    this.#origin = `http://127.0.0.1:${port}`;
  }

  stop(): void {
    this.fast.lose();
    this.#listener.close();
    this.#listener.closeAllConnections();
  }

  acceptAll(): Promise<void> {
    return acceptAll(this.#listener);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#inFlight++;
    // The server dies with its connections; the app goes on as if it had not noticed.
    response.on("error", () => {});
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const epoch = this.#epochs.get(request.socket) ?? 0;
      const answer = await this.#hub.epochs.run(epoch, () =>
        this.#answer(request, Buffer.concat(chunks)),
      );
      const body = Buffer.from(await answer.arrayBuffer());
      response.writeHead(answer.status, [...answer.headers].flat()).end(body);
    } catch (error) {
      if (!request.destroyed || request.complete) this.#hub.faults.push(`app: ${String(error)}`);
      response.destroy();
    } finally {
      this.#inFlight--;
    }
  }

  async #answer(request: IncomingMessage, body: Buffer): Promise<Response> {
    const path = request.url ?? "/";
    const [, area, name = "", key = ""] = path.split("/");
    if (path === BARRIER) return new Response("");
    if (area === "service") return this.#service(key, name, request);
    const { headers } = request;
    this.#hub.deliveries++;
    const runId = String(headers["upstash-workflow-runid"]);
    if (headers["upstash-workflow-callback"] === "true") {
      const step = String(headers["upstash-workflow-stepid"]);
      this.#hub.gets(`the answer of step ${step} of ${runId}`, messageIdOf(request));
    }
    // An app that answers without going on.
    if (name === "stalling" && !this.#hub.isHealed(keyOf(runId))) {
      this.#hub.note(keyOf(runId), "stalls", "yes");
      return new Response(answerBody(runId), { headers: ANSWER_HEADERS });
    }
    const given = Object.entries(headers).map(([header, value]) => [header, String(value)]);
    const init = { method: "POST", headers: Object.fromEntries(given), body };
    const asked = new Request(this.#origin + path, init);
    if (isFastFlow(name)) return this.fast.answer(name, asked);
    const handler = await this.#handle();
    return handler(asked);
  }

  async #service(key: string, name: string, request: IncomingMessage): Promise<Response> {
    const retried = String(request.headers["upstash-retried"]);
    this.#hub.does(key, `service ${name}`, `${retried} of ${messageIdOf(request)}`);
    // A restarted run asks once more, on purpose.
    const asker = request.headers[ASKER];
    this.#hub.gets(`request ${name} of ${key} for ${asker}`, messageIdOf(request));
    if (name === "held") await this.#hub.pass(key, "service");
    if (name === "never") return new Response("no such thing", { status: 404 });
    const isFirst = name === "second-try" && retried === "0";
    return new Response(isFirst ? "later" : "served", { status: isFirst ? 500 : 200 });
  }

  /** The SDK has to know where the server is, which the first life tells. */
  async #handle(): Promise<Handler> {
    if (this.#handler !== null) return this.#handler;
    const { url } = await this.#link.ready();
    const flows = createFlows(this.#hub, (key, name) => `${this.#origin}/service/${name}/${key}`);
    const qstashClient = new Client({ baseUrl: url, token: DEV_IDENTITY.token });
    const { POST } = serveMany(flows, { qstashClient });
    this.#handler ??= (request) => POST(request);
    return this.#handler;
  }
}

function messageIdOf({ headers }: IncomingMessage): string {
  return String(headers["upstash-message-id"]);
}

/** The scene that a run belongs to. */
export function keyOf(runId: string): string {
  return runId.replace(/^wfr_/, "").replace(/-\d+$/, "");
}
