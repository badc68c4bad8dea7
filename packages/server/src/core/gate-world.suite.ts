import { assert } from "./assert.ts";
import {
  decidePauseFlowControl,
  decidePinFlowControl,
  decideResetFlowControlRate,
  decideResumeFlowControl,
  decideUnpinFlowControl,
} from "./change-flow-control.ts";
import type { Command, EndDelivery } from "./commands.ts";
import { decideDeleteQueue } from "./delete-queue.ts";
import { decideCancelMessage, decideEndMessage } from "./end-message.ts";
import { type Envelope, parseEnvelope } from "./envelope.ts";
import { rollPeriod, withWake } from "./flow-control.ts";
import { GateBook } from "./gate-book.ts";
import { flowGate, type Gates, originGate, originOf } from "./gates.ts";
import { decidePublish } from "./publish.ts";
import { decidePauseQueue, decideResumeQueue, decideUpsertQueue } from "./queue.ts";
import { NOW, response } from "./rows.suite.ts";
import type { FlowControlRow, MessageRow, QueueRow, TableName, Tables } from "./rows.ts";
import { decideStartMessage } from "./start-message.ts";
import type { Context, Transition } from "./transition.ts";

/** Rows in memory and a clock: what the engine does with the core's decisions about gates, without engine and store. */

/** One attempt that began, with the flow control as it was then. */
export interface Start {
  readonly message: MessageRow;
  readonly at: number;
  readonly flow: FlowControlRow | null;
}

const URL = "https://app.test/hook";
const ORIGIN_GATE = originGate(originOf(URL));

export class GateWorld {
  now = NOW;
  isFull = false;
  readonly starts: Start[] = [];
  readonly messages = new Map<number, MessageRow>();
  readonly queues = new Map<number, QueueRow>();
  readonly flows = new Map<number, FlowControlRow>();
  readonly #envelopes = new Map<number, Tables["envelopes"]>();
  readonly #open = new Set<string>();
  #key = 1_000;

  get #context(): Context {
    return {
      now: this.now,
      nodeKey: null,
      newKey: () => this.#key++,
      attemptTimeoutMs: 60_000,
      isOriginFull: () => this.isFull,
      sha256: () => "",
      toBase64: () => "",
    };
  }

  queue(name: string | null): QueueRow | null {
    return [...this.queues.values()].find((queue) => queue.name === name) ?? null;
  }

  flow(name: string | null): FlowControlRow | null {
    return [...this.flows.values()].find((flow) => flow.name === name) ?? null;
  }

  line(gate: string): readonly MessageRow[] {
    const waiting = [...this.messages.values()].filter((message) => message.gate === gate);
    return waiting.toSorted((a, b) => (a.waitOrder ?? 0) - (b.waitOrder ?? 0));
  }

  inFlight(): readonly MessageRow[] {
    const open = [...this.messages.values()];
    return open.filter(({ state }) => state === "active" || state === "canceling");
  }

  publish(envelope: Partial<Envelope>): number {
    const whole: Envelope = {
      method: "POST",
      headers: {},
      retries: 2,
      retryDelay: "1000",
      notBefore: this.now,
      callerIp: "192.0.2.1",
      ...envelope,
    };
    const queue = this.queue(whole.queueName ?? null);
    const flow = this.flow(whole.flowControl?.key ?? null);
    const { messages } = this.#apply(
      decidePublish(
        { group: null, gates: new GateBook(queue, [flow]), dedups: new Map() },
        {
          type: "publish",
          destination: { kind: "url", url: URL },
          envelope: whole,
          body: new Uint8Array(),
          dedup: null,
          dedupUntil: 0,
        },
        this.#context,
      ),
    );
    const key = messages[0]?.messageKey;
    this.#settle();
    assert(key !== undefined, "a publish to a URL makes a message");
    return key;
  }

  end(message: MessageRow, status: number): void {
    const envelopeRow = this.#envelopes.get(message.key) ?? null;
    const command: EndDelivery = {
      type: "endDelivery",
      messageKey: message.key,
      leaseToken: message.leaseToken,
      startedAt: this.now,
      endedAt: this.now,
      requestHeaders: {},
      outcome: response(status),
    };
    const envelope = envelopeRow === null ? null : parseEnvelope(envelopeRow.config);
    const state = { ...this.#stateOf(message), envelopeRow, envelope, callbackFlows: [] };
    this.#apply(decideEndMessage({ ...state, message }, command, this.#context));
    this.#settle();
  }

  /** Nobody makes the attempt that the message is in. */
  orphan(message: MessageRow): void {
    this.#start(message, true);
    this.#settle();
  }

  /** The origin has room again. */
  openOrigin(): void {
    this.isFull = false;
    this.#open.add(ORIGIN_GATE);
    this.#settle();
  }

  cancel(message: MessageRow): void {
    const command = { type: "cancelMessage", messageKey: message.key } as const;
    this.#apply(decideCancelMessage(this.#stateOf(message), command, this.#context));
    this.#settle();
  }

  /** What an operator does to queues and keys; unknown names are created first. */
  operate(command: Extract<Command, { readonly name: string } | { readonly key: string }>): void {
    this.#apply(this.#decide(command));
    this.#settle();
  }

  deleteQueue(name: string): void {
    const messages = [...this.messages.values()].filter(({ queueName }) => queueName === name);
    const tickets = messages.map(({ ticketKey }) => ticketKey).filter((key) => key !== null);
    const sharers = new Map(tickets.map((key) => [key, this.#sharers(key)]));
    const flows = new Map(Array.from(this.flows.values(), (flow) => [flow.name, flow]));
    const members = { messages, nextAfterKey: null };
    const state = { queue: this.queue(name), members, sharers, flows };
    const command = { type: "deleteQueue", name, afterKey: 0 } as const;
    this.#apply(decideDeleteQueue(state, command, this.#context));
    this.#settle();
  }

  /** Lets time pass: what is due starts, and periods begin. */
  advance(ms: number): void {
    this.now += ms;
    for (const message of [...this.messages.values()].toSorted((a, b) => a.dueAt - b.dueAt)) {
      const isDue = message.state === "scheduled" && message.dueAt <= this.now;
      if (isDue) this.#start(message, false);
    }
    for (const flow of this.flows.values()) {
      if (flow.dueAt === null || flow.dueAt > this.now) continue;
      this.flows.set(flow.key, withWake(rollPeriod(flow, this.now)));
      this.#open.add(flowGate(flow.name));
    }
    this.#settle();
  }

  #start(message: MessageRow, isOrphan: boolean): void {
    const state = { ...this.#stateOf(message), message };
    const command = { type: "startDelivery", messageKey: message.key, isOrphan } as const;
    this.#apply(decideStartMessage(state, command, this.#context));
  }

  #decide(command: Parameters<GateWorld["operate"]>[0]): Transition<unknown> {
    const context = this.#context;
    switch (command.type) {
      case "upsertQueue":
        return decideUpsertQueue(this.queue(command.name), command, context);
      case "pauseQueue":
        return decidePauseQueue(this.queue(command.name), command, context);
      case "resumeQueue":
        return decideResumeQueue(this.queue(command.name), command, context);
      case "pauseFlowControl":
        return decidePauseFlowControl(this.flow(command.key), command, context);
      case "resumeFlowControl":
        return decideResumeFlowControl(this.flow(command.key), command, context);
      case "pinFlowControl":
        return decidePinFlowControl(this.flow(command.key), command, context);
      case "unpinFlowControl":
        return decideUnpinFlowControl(this.flow(command.key), command, context);
      case "resetFlowControlRate":
        return decideResetFlowControlRate(this.flow(command.key), command, context);
      default:
        throw new Error(`${command.type} is no command about gates`);
    }
  }

  #sharers(ticketKey: number): readonly MessageRow[] {
    return [...this.messages.values()].filter((message) => message.ticketKey === ticketKey);
  }

  #stateOf(message: MessageRow) {
    const gates: Gates = {
      queue: this.queue(message.queueName),
      flow: this.flow(message.flowControlKey),
    };
    const { ticketKey } = message;
    return { message, gates, sharers: ticketKey === null ? [] : this.#sharers(ticketKey) };
  }

  #apply<Answer>(transition: Transition<Answer>): Answer {
    for (const change of transition.changes) {
      const rows = this.#table(change.table);
      if (rows === null) continue;
      if (change.type === "delete") rows.delete(change.key);
      else if (change.type === "insert") rows.set(change.row.key, change.row);
      else rows.set(change.key, { ...rows.get(change.key), ...change.set });
    }
    for (const effect of transition.effects) {
      if (effect.type === "open") this.#open.add(effect.gate);
      if (effect.type !== "deliver") continue;
      const message = this.messages.get(effect.messageKey);
      assert(message !== undefined, "what is delivered exists");
      this.starts.push({ message, at: this.now, flow: this.flow(message.flowControlKey) });
    }
    return transition.answer;
  }

  /** Asks those who wait at open gates, in order, until one has to stay. */
  #settle(): void {
    for (const gate of this.#open) {
      this.#open.delete(gate);
      for (let next = this.line(gate)[0]; next !== undefined; next = this.line(gate)[0]) {
        this.#start(next, false);
        if (this.messages.get(next.key)?.gate === gate) break;
      }
    }
  }

  #table(name: TableName): Map<number, object> | null {
    switch (name) {
      case "messages":
        return this.messages;
      case "queues":
        return this.queues;
      case "flowControls":
        return this.flows;
      case "envelopes":
        return this.#envelopes;
      default:
        return null;
    }
  }
}
