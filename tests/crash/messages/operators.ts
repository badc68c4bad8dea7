import type { RawResponse } from "../../bench/raw-client.ts";
import type { Random } from "../random.ts";
import type { ServerLink } from "../server-link.ts";
import type { ClientLedger, LetterAction, Pause } from "./client-ledger.ts";
import { FIFO_QUEUES } from "./plan.ts";
import type { Requests } from "./requests.ts";
import type { Sink } from "./sink.ts";

export interface OperatorsRoom {
  readonly link: ServerLink;
  readonly ledger: ClientLedger;
  readonly requests: Requests;
  readonly sink: Sink;
  readonly random: Random;
  /** Called when nothing more is to come for a mark. */
  readonly onGone: (mark: string) => void;
}

const CANCEL_MS_MAX = 60;
const PAUSED_MS_MAX = 400;
const PAUSE_MS = 50;
const LETTERS_PAUSE_MS = 40;

interface Gate {
  readonly gate: string;
  readonly path: string;
}

const GATES: readonly [Gate, ...Gate[]] = [
  { gate: "flow:narrow", path: "/v2/flowControl/narrow" },
  { gate: "flow:both", path: "/v2/flowControl/both" },
  ...FIFO_QUEUES.map((name) => ({ gate: `queue:${name}`, path: `/v2/queues/${name}` })),
];

/** Whoever cancels, pauses and resumes, and looks after dead letters. */
export class Operators {
  readonly #room: OperatorsRoom;
  #isOver = false;
  #busy = 0;

  constructor(room: OperatorsRoom) {
    this.#room = room;
  }

  /** Work that has been begun and is to be ended. */
  get busy(): number {
    return this.#busy;
  }

  start(): void {
    void this.#loop(() => this.#pauseOne());
    void this.#loop(() => this.#tendLetters());
  }

  stop(): void {
    this.#isOver = true;
  }

  async cancel(messageId: string, mark: string): Promise<void> {
    const { ledger, requests, random, onGone } = this.#room;
    this.#busy++;
    const cancel = { messageId, confirmedAt: null as number | null }; // Widens the literal.
    ledger.cancels.set(messageId, cancel);
    await wait(random.between(0, CANCEL_MS_MAX));
    const path = `/v2/messages/${messageId}`;
    const { response } = await requests.insist({ method: "DELETE", path });
    if (response.status === 202) cancel.confirmedAt = Date.now();
    // 404: it has ended by itself, or by an earlier request whose answer was lost.
    else if (response.status !== 404) {
      ledger.fault(`cancel of ${messageId}: ${response.status} ${response.body}`);
    }
    onGone(mark);
    this.#busy--;
  }

  async #loop(turn: () => Promise<void>): Promise<void> {
    this.#busy++;
    while (!this.#isOver) await turn();
    this.#busy--;
  }

  /** The pause may outlast the life in which it began. */
  async #pauseOne(): Promise<void> {
    const { ledger, link, requests, random } = this.#room;
    const { gate, path } = random.pick(GATES);
    await requests.order("POST", `${path}/pause`);
    const pause: Pause = {
      gate,
      pausedAt: Date.now(),
      life: link.epoch,
      resumedAt: Infinity,
      resumedLife: Infinity,
    };
    ledger.pauses.push(pause);
    await wait(random.between(0, PAUSED_MS_MAX));
    // A request waits here for the next life; nothing of the gate may begin before it is sent.
    await link.ready();
    pause.resumedAt = Date.now();
    pause.resumedLife = link.epoch;
    await requests.order("POST", `${path}/resume`);
    await wait(PAUSE_MS);
  }

  async #tendLetters(): Promise<void> {
    const { ledger, requests, random } = this.#room;
    const response = await requests.ask({ method: "GET", path: "/v2/dlq?count=20" });
    for (const { dlqId, header } of readLetters(response)) {
      if (this.#isOver || ledger.letters.has(dlqId)) continue;
      const mark = header["X-Mark"]?.[0] ?? "";
      if (random.chance(0.3)) continue;
      await (random.chance(0.6) ? this.#retry(dlqId, mark) : this.#delete(dlqId));
    }
    await wait(LETTERS_PAUSE_MS);
  }

  async #retry(dlqId: string, mark: string): Promise<void> {
    const { ledger, requests, sink } = this.#room;
    sink.heal(mark);
    const action = this.#begin(dlqId, "retry");
    const path = `/v2/dlq/retry/${dlqId}`;
    const { response, isRepeated } = await requests.insist({ method: "POST", path });
    if (response.status === 201) {
      const answer = JSON.parse(response.body) as { readonly messageId: string }; // The form of the wire.
      action.isConfirmed = true;
      action.nextMessageId = answer.messageId;
      return;
    }
    action.isConfirmed = isRepeated && response.status === 404;
    if (!action.isConfirmed) ledger.fault(`retry of ${dlqId}: ${response.status} ${response.body}`);
  }

  async #delete(dlqId: string): Promise<void> {
    const { ledger, requests } = this.#room;
    const action = this.#begin(dlqId, "delete");
    const path = `/v2/dlq/${dlqId}`;
    const { response, isRepeated } = await requests.insist({ method: "DELETE", path });
    action.isConfirmed = response.status === 200 || (isRepeated && response.status === 404);
    if (!action.isConfirmed)
      ledger.fault(`delete of ${dlqId}: ${response.status} ${response.body}`);
  }

  #begin(dlqId: string, action: LetterAction["action"]): LetterAction {
    const begun: LetterAction = { dlqId, action, isConfirmed: false, nextMessageId: null };
    this.#room.ledger.letters.set(dlqId, begun);
    return begun;
  }
}

interface Letter {
  readonly dlqId: string;
  readonly header: Readonly<Record<string, readonly string[]>>;
}

function readLetters(response: RawResponse | null): readonly Letter[] {
  if (response === null || response.status !== 200) return [];
  const page = JSON.parse(response.body) as { readonly messages: readonly Letter[] }; // The form of the wire.
  return page.messages;
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
