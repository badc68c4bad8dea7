import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { RawResponse } from "../bench/raw-client.ts";
import { ANSWER_HEADERS, answerBody, clientHeaders, itemHeaders } from "../bench/wire.ts";
import { acceptAll, BARRIER } from "./backlog.ts";
import type { Ledger } from "./ledger.ts";
import { nextAction, type Payload, type PlannedStep, parseStepList } from "./program.ts";
import type { Random } from "./random.ts";
import type { ServerLink } from "./server-link.ts";

/** Longest time that a step works. */
const WORK_MS_MAX = 4;
/** Submissions that the app makes of one result, each to another life of the server. */
const SUBMISSIONS_MAX = 3;

interface Delivery {
  readonly runId: string;
  readonly payload: Payload;
  /** Life of the server that delivers. */
  readonly epoch: number;
}

interface Submission {
  readonly slot: string;
  readonly body: string;
  readonly delay: string | null;
}

type Answered = "accepted" | "ended" | "lost";

export interface AppRoom {
  readonly ledger: Ledger;
  readonly link: ServerLink;
  readonly random: Random;
}

/** The app of every run. It outlives the server, so its memory is the witness of what was done and what was accepted. */
export class CrashApp {
  readonly #room: AppRoom;
  readonly #healed = new Set<string>();
  readonly #epochs = new WeakMap<Socket, number>();
  readonly #listener = createServer((request, response) => void this.#serve(request, response));
  #url = "";
  #inFlight = 0;
  /** Called when a run sleeps that is there to be cancelled. */
  onCancelable: (runId: string, key: string) => void = () => {};

  constructor(room: AppRoom) {
    this.#room = room;
  }

  get url(): string {
    return this.#url;
  }

  /** Deliveries without an answer so far. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** What failed for this key works from now on. */
  heal(key: string): void {
    this.#healed.add(key);
  }

  async start(): Promise<void> {
    this.#listener.on("connection", (socket: Socket) => {
      this.#epochs.set(socket, this.#room.link.epoch);
    });
    this.#listener.listen(0, "127.0.0.1");
    await once(this.#listener, "listening");
    const { port } = this.#listener.address() as AddressInfo; // A listening TCP server has one.
    this.#url = `http://127.0.0.1:${port}/workflow`;
  }

  acceptAll(): Promise<void> {
    return acceptAll(this.#listener);
  }

  stop(): void {
    this.#listener.close();
    this.#listener.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === BARRIER) {
      response.end();
      return;
    }
    this.#inFlight++;
    // The server dies with its connections; the app goes on as if it had not noticed.
    response.on("error", () => {});
    try {
      const status = await this.#handle(request);
      const runId = String(request.headers["upstash-workflow-runid"]);
      response.writeHead(status, ANSWER_HEADERS).end(answerBody(runId));
    } catch (error) {
      if (!request.destroyed || request.complete) this.#room.ledger.fault(`app: ${String(error)}`);
      response.destroy();
    } finally {
      this.#inFlight--;
    }
  }

  /** Returns the status of the answer. */
  async #handle(request: IncomingMessage): Promise<number> {
    const { ledger } = this.#room;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString("utf8");
    const runId = String(request.headers["upstash-workflow-runid"]);
    if (request.headers["upstash-workflow-is-failure"] === "true") {
      ledger.failureCalled(runId);
      return 200;
    }
    const { payload, items, records } = parseStepList(text);
    ledger.delivered(runId, items);
    const epoch = this.#epochs.get(request.socket) ?? 0;
    const delivery: Delivery = { runId, payload, epoch };
    const action = nextAction(payload.kind, records);
    switch (action.type) {
      case "plan":
        return statusOf(await this.#submit(delivery, action.steps.map(toPlan)));
      case "step":
        return this.#step(delivery, action.step);
      case "discard":
        return 200;
      case "finish":
        return statusOf(await this.#finish(delivery));
    }
  }

  async #step(delivery: Delivery, step: PlannedStep): Promise<number> {
    const { runId, payload, epoch } = delivery;
    const { ledger, random } = this.#room;
    if (step.task.type === "fail" && !this.#healed.has(payload.key)) return 500;
    if (step.task.type !== "sleep") {
      ledger.executes({ key: payload.key, runId, slot: `r${step.id}`, epoch });
      await new Promise((resolve) => setTimeout(resolve, random.between(0, WORK_MS_MAX)));
    }
    const answered = await this.#submit(delivery, [toResult(step, random)]);
    if (payload.kind === "canceled" && step.task.type === "sleep") {
      this.onCancelable(runId, payload.key);
    }
    return statusOf(answered);
  }

  async #submit(delivery: Delivery, submissions: readonly Submission[]): Promise<Answered> {
    const { runId } = delivery;
    const items = submissions.map(({ body, delay }) => {
      const headers = itemHeaders(runId, this.#url, false);
      const delayed = delay === null ? headers : { ...headers, "upstash-delay": delay };
      return { destination: this.#url, headers: delayed, body };
    });
    const body = JSON.stringify(items);
    return this.#send({ method: "POST", path: "/v2/batch", body }, (response, acceptEpoch) => {
      const answers = JSON.parse(response.body) as readonly {
        messageId: string;
        deduplicated?: boolean;
      }[]; // The form of the wire.
      submissions.forEach((submission, index) => {
        const answer = answers[index];
        this.#room.ledger.accepts(delivery.payload.key, {
          runId,
          slot: submission.slot,
          body: submission.body,
          messageId: answer?.messageId ?? "",
          isDeduplicated: answer?.deduplicated === true,
          deliveryEpoch: delivery.epoch,
          acceptEpoch,
        });
      });
    });
  }

  #finish({ runId, payload }: Delivery): Promise<Answered> {
    const path = `/v2/workflows/runs/${runId}?cancel=false`;
    const body = JSON.stringify({ key: payload.key });
    return this.#send({ method: "DELETE", path, body }, () =>
      this.#room.ledger.finishes(runId, payload.key),
    );
  }

  /** Like the SDK, which tries again when the connection breaks: then the next life gets what the last one asked for. */
  async #send(
    request: { readonly method: "POST" | "DELETE"; readonly path: string; readonly body: string },
    onAccepted: (response: RawResponse, epoch: number) => void,
  ): Promise<Answered> {
    const { ledger, link, random } = this.#room;
    for (let submission = 0; submission < SUBMISSIONS_MAX; submission++) {
      const life = await link.ready();
      const headers = clientHeaders(life.token, "application/json");
      const response = await life.request({ ...request, headers }).catch(() => null);
      if (response !== null) {
        if (response.status === 200) onAccepted(response, life.epoch);
        else if (response.status !== 400)
          ledger.fault(`${request.path}: ${response.status} ${response.body}`);
        return response.status === 200 ? "accepted" : "ended";
      }
      if (random.chance(0.5)) break;
    }
    return "lost";
  }
}

/** The SDK takes 400 for the end of the run, and answers 500 when it could not reach the server. */
function statusOf(answered: Answered): number {
  return answered === "lost" ? 500 : 200;
}

function toPlan({ id, task, concurrent }: PlannedStep): Submission {
  return {
    slot: `p${id}`,
    body: JSON.stringify({ stepId: 0, ...nameAndType(id, task), concurrent, targetStep: id }),
    delay: task.type === "sleep" ? `${task.seconds}s` : null,
  };
}

function toResult({ id, task, concurrent }: PlannedStep, random: Random): Submission {
  // No two executions have the same result, so that the one that was recorded can be told.
  const out = task.type === "sleep" ? {} : { out: JSON.stringify({ mark: random.next() }) };
  const isDelayed = task.type === "sleep" && concurrent === 1;
  return {
    slot: `r${id}`,
    body: JSON.stringify({ stepId: id, ...nameAndType(id, task), ...out, concurrent }),
    delay: isDelayed ? `${task.seconds}s` : null,
  };
}

function nameAndType(id: number, task: PlannedStep["task"]) {
  return task.type === "sleep"
    ? { stepName: `sleep-${id}`, stepType: "SleepFor", sleepFor: task.seconds }
    : { stepName: `step-${id}`, stepType: "Run" };
}
