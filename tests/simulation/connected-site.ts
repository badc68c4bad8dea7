import { messageId } from "@reprise/protocol";
import {
  type ApiRoom,
  type ConnectedApps,
  type ConnectedDelivery,
  ConnectedRegistry,
  type ConnectedSocket,
  type Host,
  type LinesSubmission,
  type Outcome,
  submitLines,
} from "@reprise/server";
import type { Sent } from "./attempt-witness.ts";
import type { EventList, Scheduled } from "./event-list.ts";
import type { Exchange, SentRequest } from "./facts.ts";
import type { Network } from "./network.ts";
import { CONNECTED_ORIGIN } from "./sdk-plan.ts";

export interface ConnectedSiteParts {
  readonly host: Host;
  readonly events: EventList;
  readonly network: Pick<Network, "witness" | "nextExchange" | "tell">;
  readonly generation: number;
  readonly speaksFor: Sent["speaksFor"];
  readonly isAlive: () => boolean;
  /** A timer that keeps no world awake. */
  readonly setTimer: (dueAt: number, run: () => void) => Scheduled;
}

const LIMITS = {
  parallelismMax: 1_000,
  silenceMs: 30_000,
  authFailuresMax: 100,
  helloMs: 10_000,
  helloBytesMax: 16 * 1024,
  bufferedBytesMax: 4 * 1024 * 1024,
  pendingBytesMax: 32 * 1024 * 1024,
  checkMs: 5_000,
};

/** The part of a server to which apps connect, with witnesses at its doors. */
export class ConnectedSite {
  readonly apps: ConnectedApps;
  readonly #parts: ConnectedSiteParts;
  readonly #registry: ConnectedRegistry;
  #underWay = 0;

  constructor(parts: ConnectedSiteParts) {
    this.#parts = parts;
    const host = { ...parts.host, setTimer: parts.setTimer };
    const registry = new ConnectedRegistry({ host, limits: LIMITS });
    this.#registry = registry;
    this.apps = {
      placesOf: (app) => registry.placesOf(app),
      isConnected: (app) => registry.isConnected(app),
      deliver: (delivery) => this.#deliver(delivery),
      abort: (runKey) => registry.abort(runKey),
      watch: (onChange) => registry.watch(onChange),
    };
  }

  /** Deliveries that have not ended. */
  get underWay(): number {
    return this.#underWay;
  }

  open(room: ApiRoom): void {
    const { credentials } = room;
    this.#registry.open({
      credentials,
      submit: (submission) => this.#submit(submission, room),
    });
  }

  accept(socket: ConnectedSocket, address: string): void {
    this.#registry.accept(socket, address);
  }

  drain(): void {
    this.#registry.drain();
  }

  close(): void {
    this.#registry.close();
  }

  #deliver(delivery: ConnectedDelivery): Promise<Outcome> | null {
    if (!this.#parts.isAlive()) return new Promise(() => {});
    const sending = this.#registry.deliver(delivery);
    if (sending === null) return null;
    const { network, generation, speaksFor, isAlive } = this.#parts;
    const { path, method, headers, body } = delivery;
    const url = CONNECTED_ORIGIN + path;
    const sent = { url, method, headers, body, generation, speaksFor, isAlive };
    const { attempt, end } = network.witness.begin(sent);
    network.tell({ kind: "delivery", attempt });
    this.#underWay += 1;
    return sending.then((outcome) => {
      this.#underWay -= 1;
      end(outcome);
      return outcome;
    });
  }

  /** Told as if it had come by a request: the same checkers look at both. */
  async #submit(submission: LinesSubmission, room: ApiRoom) {
    const { network, isAlive } = this.#parts;
    const request = this.#toRequest(submission);
    network.tell({ kind: "arrival", request });
    const answer = (status: number, said: object) => {
      if (!isAlive()) return;
      const answerHeaders: Record<string, string> = status === 503 ? { "retry-after": "1" } : {};
      const exchange: Exchange = {
        ...request,
        status,
        answerHeaders,
        answer: JSON.stringify(said),
      };
      network.tell({ kind: "answer", exchange });
    };
    try {
      const ack = await submitLines(submission, room);
      if (ack.type === "stop") answer(200, { stop: true, reason: ack.reason });
      else answer(200, { messageId: messageId(ack.messageKey), hold: ack.leaseToken });
      return ack;
    } catch (error) {
      const { status = 500, message } = error as { status?: number; message: string }; // An error of the server.
      answer(status, { error: message });
      throw error;
    }
  }

  #toRequest(submission: LinesSubmission): SentRequest {
    const { events, network } = this.#parts;
    const { runId, messageKey, leaseToken, lines, callerIp } = submission;
    return {
      number: network.nextExchange(),
      from: callerIp,
      method: "POST",
      target: `/v2/workflows/runs/${runId}/steps`,
      headers: { "upstash-message-id": messageId(messageKey), "reprise-hold": String(leaseToken) },
      body: Array.from(lines, (line) => Buffer.from(line).toString("utf8")).join("\n"),
      arrivedAt: events.now,
    };
  }
}
