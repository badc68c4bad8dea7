import { isDeepStrictEqual } from "node:util";
import { deadLetterId } from "@reprise/protocol";
import type { RawRequest } from "../../bench/raw-client.ts";
import { clientHeaders, itemHeaders } from "../../bench/wire.ts";
import type { ServerLink } from "../server-link.ts";
import type { BookWatch } from "./book-watch.ts";
import { type FlowBooks, type FlowRun, heirOf, isOver } from "./books.ts";
import type { FastFlow } from "./fast-flows.ts";
import type { FlowApp } from "./flow-app.ts";
import type { FlowName, FlowPayload } from "./flows.ts";
import type { Hub } from "./hub.ts";

export interface Reply {
  readonly status: number;
  readonly body: string;
  /** An earlier request got no answer: it may have been executed. */
  readonly isRepeated: boolean;
}

export interface SceneRoom {
  readonly app: FlowApp;
  readonly hub: Hub;
  readonly link: ServerLink;
  readonly watch: BookWatch;
  /** Called when the script has come to what the scene is about. */
  readonly arm: () => Promise<void>;
}

/** How a run must end. */
export interface Ending {
  readonly runId: string;
  readonly state: "succeeded" | "canceled" | "failed";
  readonly result?: unknown;
}

export interface TriggerOptions extends Omit<FlowPayload, "key"> {
  readonly retries?: number;
}

/** One script at work: its runs, and everybody who asks something of the server for it. Requests are repeated until one is answered. */
export class Scene {
  readonly key: string;
  readonly hub: Hub;
  readonly #room: SceneRoom;
  readonly #endings: Ending[] = [];
  #triggered = 0;

  constructor(key: string, room: SceneRoom) {
    this.key = key;
    this.hub = room.hub;
    this.#room = room;
  }

  /** What must be true of the scene's runs, as far as the script has said it. */
  get endings(): readonly Ending[] {
    return this.#endings;
  }

  arm(): Promise<void> {
    return this.#room.arm();
  }

  fault(text: string): void {
    this.hub.faults.push(`${this.key}: ${text}`);
  }

  async trigger(flow: FlowName | FastFlow, options: TriggerOptions = {}): Promise<string> {
    const { retries = 3, ...rest } = options;
    const runId = `wfr_${this.key}-${this.#triggered++}`;
    const url = this.#room.app.urlOf(flow);
    const headers = {
      ...itemHeaders(runId, url, true),
      "upstash-retries": String(retries),
      "upstash-retry-delay": "20",
      "upstash-failure-callback-retries": "0",
    };
    const payload: FlowPayload = { key: this.key, ...rest };
    const item = { destination: url, headers, body: JSON.stringify(payload) };
    const reply = await this.ask("POST", "/v2/batch", JSON.stringify([item]));
    this.expect(reply, 200, "trigger");
    return runId;
  }

  async ask(
    method: RawRequest["method"],
    path: string,
    body: string | null = null,
    onSend: () => void = () => {},
  ): Promise<Reply> {
    for (let isRepeated = false; ; isRepeated = true) {
      const life = await this.#room.link.ready();
      const headers = clientHeaders(life.token, "application/json");
      onSend();
      const reply = await life.request({ method, path, headers, body }).catch(() => null);
      if (reply !== null) return { ...reply, isRepeated };
    }
  }

  async notify(eventId: string, data: unknown): Promise<Reply> {
    const reply = await this.ask("POST", `/v2/notify/${eventId}`, JSON.stringify(data));
    this.expect(reply, 201, `notify ${eventId}`);
    return reply;
  }

  /** Sends an event to one run; how often it was sent and answered says how often it may have arrived. */
  async notifyRun(runId: string, eventId: string, data: unknown): Promise<Reply> {
    const sent = { runId, sent: 0, answered: 0 };
    this.hub.events.set(eventId, sent);
    const path = `/v2/notify/${runId}/${eventId}`;
    const reply = await this.ask("POST", path, JSON.stringify(data), () => {
      sent.sent++;
    });
    sent.answered++;
    this.expect(reply, 201, `notify ${eventId}`);
    return reply;
  }

  /** Notes an answer that must not be, unless an earlier request may have been executed. */
  expect({ status, body, isRepeated }: Reply, wanted: number, what: string): void {
    if (status === wanted || (isRepeated && status < 500)) return;
    this.fault(`${what}: ${status} ${body}`);
  }

  until<T>(
    what: string,
    condition: (books: FlowBooks) => T | false | null | undefined,
  ): Promise<T> {
    return this.#room.watch.until(`${this.key}: ${what}`, condition);
  }

  /** Waits until so many wait for the event. */
  async waiters(eventId: string, count = 1): Promise<void> {
    await this.until(`${count} waiters for ${eventId}`, ({ waits }) => {
      const open = waits.filter((wait) => wait.eventId === eventId && wait.state === "open");
      return open.length === count;
    });
  }

  /** Waits for the dead letter of a run. */
  async dlqIdOf(runId: string): Promise<string> {
    const letter = await this.until(`the dead letter of ${runId}`, ({ runs, letters }) => {
      const run = runs.find(({ id }) => id === runId);
      return letters.find(({ runKey }) => runKey === run?.key);
    });
    return deadLetterId({ failedAt: letter.createdAt, key: letter.key });
  }

  /** The app is connected, or connects again. */
  connected(): Promise<void> {
    return this.#room.app.fast.connected();
  }

  loseConnection(): void {
    this.#room.app.fast.lose();
  }

  drainConnection(): void {
    this.#room.app.fast.drain();
  }

  noted(name: string): Promise<string> {
    return this.until(name, () => this.hub.noted(this.key, name));
  }

  /** Waits for the end of a run, or of what goes on in its place, and checks it. */
  async ends(ending: Ending): Promise<void> {
    this.#endings.push(ending);
    await this.until(`the end of ${ending.runId}`, (books) => {
      const run = books.runs.find(({ id }) => id === ending.runId);
      if (run === undefined) return false;
      const heir = heirOf(run, books);
      return isOver(heir) && (heir.state !== "failed" || ending.state === "failed");
    });
  }

  /** Ends what a script leaves open on purpose, without waiting. */
  expectEnd(ending: Ending): void {
    this.#endings.push(ending);
  }

  /** What the books say against the endings. */
  checkEndings(books: FlowBooks): readonly string[] {
    return this.#endings.flatMap((ending) => {
      const run = books.runs.find(({ id }) => id === ending.runId);
      return run === undefined
        ? [`${ending.runId} is lost`]
        : checkEnding(heirOf(run, books), ending);
    });
  }
}

function checkEnding(run: FlowRun, { runId, state, result }: Ending): readonly string[] {
  if (run.state !== state) return [`${runId} (${run.id}) is ${run.state}, not ${state}`];
  if (state !== "succeeded" || result === undefined) return [];
  const response: unknown = JSON.parse(run.response ?? "null");
  if (isDeepStrictEqual(response, result)) return [];
  return [`${runId} (${run.id}) gave ${run.response}, not ${JSON.stringify(result)}`];
}
