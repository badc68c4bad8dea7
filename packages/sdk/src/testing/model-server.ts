import { base64FromText } from "../wire/base64.ts";
import { randomId } from "../wire/random-id.ts";
import type { Mode } from "../workflow/workflow.ts";
import { Agenda, type AgendaOptions } from "./agenda.ts";
import { attempt } from "./attempts.ts";
import type { Deliver, Message, Run, RunStart, Wait } from "./rows.ts";
import type { Stubs } from "./stubs.ts";

/** How results reach the server; `connected` is that of apps that dial out. */
export type TestMode = Exclude<Mode, "auto"> | "connected";

export interface ModelOptions extends AgendaOptions {
  readonly mode: TestMode;
  readonly isWarm: boolean;
  readonly parallel: "fanout" | "invocation" | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stubs: Stubs;
}

export const BASE_URL = "http://reprise.test";
/** Names its user, as tokens of the server do: webhooks have the name in their URL. */
export const TOKEN = base64FromText(JSON.stringify({ UserID: "test", Password: "test" }));

type NewMessage = Pick<Message, "run" | "kind"> &
  Partial<Pick<Message, "dueAt" | "retries" | "retryDelay" | "position" | "wait" | "body">>;

/** A server in memory that makes the decisions of the real one about the runs of one test. */
export class ModelServer {
  readonly options: ModelOptions;
  readonly agenda: Agenda;
  readonly runs: Run[] = [];
  /** Workflows by URL, so that they can invoke each other. */
  readonly workflows = new Map<string, Deliver>();
  readonly #withdrawals = new Map<Message, () => void>();
  #messages: Message[] = [];

  constructor(options: ModelOptions) {
    this.options = options;
    this.agenda = new Agenda(options);
  }

  get now(): number {
    return this.agenda.now;
  }

  start(start: RunStart): Run {
    const run: Run = {
      ...start,
      createdAt: this.now,
      state: "running",
      endedAt: null,
      response: undefined,
      items: [{ messageId: newMessageId(), body: base64FromText(start.payload), callType: "step" }],
      slots: new Map(),
      records: [],
      waits: [],
      keptEvents: [],
      deadLetter: null,
      warm: null,
    };
    this.runs.push(run);
    return run;
  }

  /** Starts a run and delivers its payload. */
  startAndSend(start: RunStart): Run {
    const run = this.start(start);
    this.send({ run, kind: "step" });
    return run;
  }

  /** Takes a message in, and delivers it when it is due. */
  send(message: NewMessage): Message {
    const { run, dueAt = this.now } = message;
    const sent: Message = {
      key: this.agenda.newKey(),
      retries: run.retries,
      retryDelay: run.retryDelay,
      position: 0,
      wait: null,
      body: "",
      ...message,
      dueAt,
      retried: 0,
      attempts: [],
      state: "waiting",
    };
    this.#messages.push(sent);
    this.schedule(sent);
    return sent;
  }

  schedule(message: Message): void {
    message.state = "waiting";
    const withdraw = this.agenda.add(message.dueAt, () => {
      message.state = "active";
      return attempt(message, this);
    });
    this.#withdrawals.set(message, withdraw);
  }

  /** Takes a message that is due over into an invocation that goes on with it. */
  hold(message: Message): void {
    this.#withdrawals.get(message)?.();
    message.state = "active";
  }

  done(message: Message): void {
    message.state = "gone";
    this.#withdrawals.get(message)?.();
    this.#withdrawals.delete(message);
    this.#messages = this.#messages.filter((other) => other !== message);
  }

  /** Messages of a run that are not done. */
  openMessages(run: Run): readonly Message[] {
    return this.#messages.filter((message) => message.run === run);
  }

  /** Waits that somebody may end, oldest first. */
  get openWaits(): readonly Wait[] {
    return this.runs.flatMap(({ waits }) => waits.filter(({ state }) => state === "open"));
  }

  /** The newest run of this id. */
  find(runId: string): Run | undefined {
    return this.runs.findLast(({ id }) => id === runId);
  }
}

export function newMessageId(): string {
  return `msg_${randomId()}`;
}
