import { createServer, type IncomingMessage, type Server } from "node:http";
import {
  type Asked,
  base64,
  canonical,
  type Item,
  lowerCase,
  meaningful,
  parseOr,
  readable,
  type Told,
  without,
} from "./asked.ts";
import {
  type Due,
  demand,
  demandStep,
  failureOf,
  keyOfRecord,
  lasting,
  Refusal,
  type Run,
  type Waiter,
  withPrefix,
} from "./model-run.ts";
import { hookEvent, Waits } from "./model-waits.ts";

type Deliver = (request: Request) => Promise<Response>;

const TOKEN = base64(JSON.stringify({ UserID: "user", Password: "model" }));

/**
 * A server of the public wire and of nothing else: it delivers one message after the other, offers nothing, lets no time pass, and refuses
 * whatever it does not know.
 */
export class ModelServer {
  readonly asked: Asked[] = [];
  readonly told: Told[] = [];
  readonly #apps = new Map<string, Deliver>();
  readonly #runs = new Map<string, Run>();
  readonly #invoked = new Map<string, Waiter>();
  readonly #waits = new Waits({
    runOf: (runId) => this.#runs.get(runId),
    record: (run, text) => this.#record(run, text),
  });
  readonly #due: Due[] = [];
  #server: Server | null = null;
  #count = 0;
  url = "";
  readonly token = TOKEN;
  /** Everything that was refused; a good client is refused nothing. */
  readonly refusals: string[] = [];
  /** Deliveries have an empty body: the app fetches the list. */
  isLazy = false;

  async open(): Promise<void> {
    const server = createServer(async (incoming, outgoing) => {
      const { status, body } = await this.#answer(incoming);
      outgoing.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no address");
    this.url = `http://127.0.0.1:${address.port}`;
    this.#server = server;
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  /** What answers requests to this URL. */
  serve(url: string, deliver: Deliver): void {
    this.#apps.set(url, deliver);
  }

  /** Forgets everything but the apps. */
  reset(): void {
    for (const list of [this.asked, this.told, this.refusals, this.#due]) list.splice(0);
    for (const map of [this.#runs, this.#invoked]) map.clear();
    this.#waits.clear();
    this.#count = 0;
  }

  /** Delivers until nothing is due any more; then the time of those who wait is up. */
  async drain(): Promise<void> {
    for (let count = 0; count < 1_000; count++) {
      const due = this.#due.shift();
      if (due === undefined) {
        if (!this.#waits.timeOut()) return;
      } else if (!due.run.isOver || isFailureCall(due)) await this.#deliver(due);
    }
    throw new Error("deliveries have no end");
  }

  async #deliver(due: Due): Promise<void> {
    const { url } = due;
    const retried = String(due.retried);
    const headers: Record<string, string> = { ...due.headers, "upstash-retried": retried };
    const request = new Request(url, { method: "POST", headers, body: due.body });
    const deliver = this.#apps.get(url);
    if (deliver === undefined) throw new Error(`nothing is served at ${url}`);
    const response = await deliver(request);
    const text = await response.text();
    this.told.push({
      status: response.status,
      headers: meaningful(response.headers),
      body: parseOr(text),
    });
    if (headers["upstash-workflow-calltype"] === "toCallback") {
      this.#callBack(due, response, text);
      return;
    }
    if (response.ok) return;
    const isFinal = response.headers.get("upstash-nonretryable-error") === "true";
    if (!isFinal && due.retriesLeft > 0) {
      this.#due.push({ ...due, retriesLeft: due.retriesLeft - 1, retried: due.retried + 1 });
    } else if (!isFailureCall(due)) this.#fail(due, response, text);
  }

  #fail({ run, retried, headers }: Due, response: Response, text: string): void {
    run.isOver = true;
    this.#endInvoked(run.runId, { isFailed: true, isCanceled: false });
    if (run.failure === null) return;
    const [first] = run.list;
    const report = {
      ...{ status: response.status, header: headerLists(response.headers), body: base64(text) },
      ...{ retried, maxRetries: retried, dlqId: "dlq_1", url: run.url, method: "POST" },
      ...{ sourceMessageId: headers["upstash-message-id"], sourceHeader: {} },
      ...{ sourceBody: first?.body ?? "", workflowRunId: run.runId },
      workflowCreatedAt: 1_700_000_000_000,
    };
    this.#due.push({
      ...{ run, ...run.failure, retried: 0, body: JSON.stringify(report) },
      headers: {
        ...run.failure.headers,
        ...{ "content-type": "application/json", "upstash-message-id": this.#id() },
        "upstash-workflow-runid": run.runId,
      },
    });
  }

  /** The answer of a service goes to the workflow that has called it. */
  #callBack({ run, headers }: Due, response: Response, text: string): void {
    const header = headerLists(response.headers);
    const body = JSON.stringify({
      ...{ status: response.status, header, body: base64(text), retried: 0, maxRetries: 0 },
      ...{
        sourceMessageId: "msg_x",
        url: run.url,
        method: "GET",
        sourceHeader: {},
        sourceBody: "",
      },
    });
    this.#due.push({
      ...{ run, url: String(headers["upstash-callback"]), body, retriesLeft: 0, retried: 0 },
      headers: {
        ...{ "content-type": "application/json", "upstash-message-id": this.#id() },
        "upstash-workflow-runid": run.runId,
        ...run.forwarded,
        ...withPrefix(headers, "upstash-callback-forward-"),
      },
    });
  }

  async #answer(incoming: IncomingMessage): Promise<{ status: number; body: unknown }> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const headers = meaningful(new Headers(incoming.headers as Record<string, string>)); // No header comes twice.
    const { method = "", url = "" } = incoming;
    this.asked.push({
      method,
      path: url,
      headers: without(headers, "authorization"),
      body: readable(url, text),
    });
    const [, hook] = /^\/v2\/workflows\/hooks\/user\/([^?]+)/.exec(url) ?? [];
    if (hook !== undefined) {
      // Anybody may call it.
      const [runId = "", eventId = ""] = hook.split("/");
      const event = hookEvent({ method, url, headers: incoming.headers, text });
      return { status: 200, body: this.#waits.tell(runId, eventId, event) };
    }
    try {
      if (headers.authorization !== `Bearer ${TOKEN}`) throw new Refusal(401, "unauthorized");
      for (const name of Object.keys(headers)) {
        if (name.startsWith("reprise-")) throw new Refusal(412, `header ${name} is unknown here`);
      }
      return {
        status: 200,
        body: this.#execute(method, decodeURIComponent(url), { headers, text }),
      };
    } catch (error) {
      const status = error instanceof Refusal ? error.status : 412;
      this.refusals.push(`${method} ${url}: ${String(error)}`);
      return { status, body: { error: String(error) } };
    }
  }

  #execute(
    method: string,
    path: string,
    {
      headers,
      text,
    }: { readonly headers: Readonly<Record<string, string>>; readonly text: string },
  ): unknown {
    const [, version, noun, ...rest] = path.split("/");
    if (version !== "v2") throw new Refusal(404, "not found");
    const name = rest.join("/");
    switch (`${method} ${noun}`) {
      case "POST batch":
        return this.#acceptAll(JSON.parse(text));
      case "POST publish":
        return this.#publish({ destination: name, headers, body: text });
      case "POST wait":
        return this.#waits.wait(name, JSON.parse(text));
      case "POST notify":
        return this.#waits.notify(name, text);
      case "GET workflows":
        return this.#list(path);
      case "DELETE workflows":
        return this.#end(path, text);
      default:
        throw new Refusal(404, `no ${method} ${path}`);
    }
  }

  /** All or nothing. */
  #acceptAll(items: readonly Item[]): unknown {
    if (!Array.isArray(items) || items.length === 0) throw new Refusal(412, "a batch is a list");
    const checked = items.map((item) => ({ ...item, headers: lowerCase(item.headers) }));
    return checked.map((item) => this.#publish(item));
  }

  #publish(item: Item): { readonly messageId: string; readonly workflowRunId?: string } {
    const { headers, destination } = item;
    if (headers["upstash-workflow-invoke"] === "true") return this.#invoke(item);
    const init = demand(headers, "upstash-workflow-init");
    const runId = demand(headers, "upstash-workflow-runid");
    if (init === "true") return this.#start(item, runId);
    const run = this.#runs.get(runId);
    if (run === undefined || run.isOver) throw new Refusal(400, `run ${runId} has ended`);
    if (headers["upstash-workflow-calltype"] === "toCallback") {
      if (headers["upstash-callback"] !== run.url)
        throw new Refusal(412, "a call needs a callback");
      demand(headers, "upstash-retries");
      const own = Object.entries(headers).flatMap(([name, value]) =>
        name.startsWith("upstash-forward-")
          ? [[name.slice(16), value] as const]
          : [[name, value] as const],
      );
      const messageId = this.#id();
      const work = { run, url: destination, body: item.body ?? "", retriesLeft: 0, retried: 0 };
      this.#due.push({ ...work, headers: Object.fromEntries(own) });
      return { messageId };
    }
    if (destination !== run.url || demand(headers, "upstash-workflow-url") !== run.url) {
      throw new Refusal(412, "a record goes to the URL of its workflow");
    }
    demandStep(headers);
    return { messageId: this.#record(run, String(item.body)) };
  }

  #start(
    { destination, headers, body = "" }: Item,
    runId: string,
  ): { messageId: string; workflowRunId: string } {
    demandStep(headers);
    const run: Run = {
      ...{ runId, url: destination, list: [], known: new Set<string>(), isOver: false },
      forwarded: lasting(headers),
      retries: Number(headers["upstash-retries"] ?? 3),
      failure: failureOf(headers),
    };
    this.#runs.set(runId, run);
    return { messageId: this.#append(run, body), workflowRunId: runId };
  }

  #record(run: Run, text: string): string {
    if (run.isOver) return "";
    const key = keyOfRecord(text);
    if (run.known.has(key)) return "msg_known";
    run.known.add(key);
    return this.#append(run, text);
  }

  #append(run: Run, text: string): string {
    const messageId = this.#id();
    run.list.push({ messageId, body: base64(text), callType: "step" });
    this.#due.push({
      ...{ run, url: run.url, retriesLeft: run.retries, retried: 0 },
      body: this.isLazy ? "" : JSON.stringify(run.list),
      headers: {
        ...run.forwarded,
        ...{ "content-type": "application/json", "upstash-message-id": messageId },
        ...{ "upstash-workflow-runid": run.runId, "upstash-workflow-init": "false" },
        ...{ "upstash-workflow-url": run.url, "upstash-workflow-sdk-version": "1" },
        "upstash-workflow-createdat": "1700000000000",
      },
    });
    return messageId;
  }

  #invoke({ destination, headers, body = "" }: Item): { messageId: string; workflowRunId: string } {
    const envelope = JSON.parse(body) as Readonly<Record<string, unknown>>; // Each field is checked.
    const run = this.#runs.get(String(envelope.workflowRunId));
    if (run === undefined || run.isOver) throw new Refusal(400, "the run has ended");
    const { step, workflowUrl } = envelope;
    if (workflowUrl !== run.url || typeof step !== "object") throw new Refusal(412, "no invoke");
    const runId = demand(headers, "upstash-workflow-runid");
    this.#invoked.set(runId, { run, step: step as Waiter["step"] }); // An object, see above.
    const payload = envelope.body === undefined ? "" : String(envelope.body);
    return this.#start({ destination, headers, body: payload }, runId);
  }

  #end(path: string, text: string): unknown {
    const [, runId = "", cancel] =
      /^\/v2\/workflows\/runs\/([^/?]+)\?cancel=(true|false)$/.exec(path) ?? [];
    const run = this.#runs.get(runId);
    if (run === undefined || run.isOver) throw new Refusal(400, "the run has ended");
    run.isOver = true;
    const isCanceled = cancel === "true";
    const body = isCanceled || text === "" ? {} : { body: text };
    this.#endInvoked(runId, { ...body, isCanceled, isFailed: false });
    return {};
  }

  /** Whoever has invoked the run goes on. */
  #endInvoked(runId: string, end: object): void {
    const invoked = this.#invoked.get(runId);
    if (invoked === undefined) return;
    this.#record(invoked.run, JSON.stringify({ ...invoked.step, out: JSON.stringify(end) }));
  }

  /** The whole list of a run, for apps that were sent none. */
  #list(path: string): unknown {
    const [, runId = ""] = /^\/v2\/workflows\/runs\/([^/?]+)$/.exec(path) ?? [];
    const run = this.#runs.get(runId);
    if (run === undefined || run.isOver) throw new Refusal(404, `no run ${runId}`);
    return run.list;
  }

  #id(): string {
    this.#count++;
    return `msg_${this.#count}`;
  }
}

function isFailureCall({ headers }: Due): boolean {
  return headers["upstash-workflow-is-failure"] === "true";
}

function headerLists(headers: Headers): Record<string, readonly string[]> {
  return Object.fromEntries([...headers].map(([name, value]) => [canonical(name), [value]]));
}
