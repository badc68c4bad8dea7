import { AsyncLocalStorage } from "node:async_hooks";

/** What the app and the service that it calls remember. They outlive the server, so their memory is a witness. */
export class Hub {
  readonly faults: string[];
  /** Life of the server whose delivery is being handled. */
  readonly epochs = new AsyncLocalStorage<number>();
  readonly #gates = new Map<string, Gate>();
  readonly #healed = new Set<string>();
  /** Key and name of what was done -> by life and number of the retry. */
  readonly #done = new Map<string, string[]>();
  readonly #notes = new Map<string, string>();
  readonly #messages = new Map<string, Set<string>>();
  /** Event id -> how often it was sent to one run, and how often that was answered. */
  readonly events = new Map<string, SentEvent>();
  /** Run id -> steps whose results its function has been told. */
  readonly told = new Map<string, Set<number>>();
  deliveries = 0;

  constructor(faults: string[] = []) {
    this.faults = faults;
  }

  /** Something was done that a sound server asks for once in each of its lives at the most. */
  does(key: string, name: string, attempt = "0"): void {
    const mark = `life ${this.epochs.getStore() ?? 0} attempt ${attempt}`;
    const done = this.#done.get(`${key} ${name}`) ?? [];
    if (done.includes(mark)) this.faults.push(`${key}: ${name} was done twice in ${mark}`);
    done.push(mark);
    this.#done.set(`${key} ${name}`, done);
  }

  count(key: string, name: string): number {
    return this.#done.get(`${key} ${name}`)?.length ?? 0;
  }

  /** The function of a run knows the results of these steps. */
  tells(runId: string, stepIds: readonly number[]): void {
    const told = this.told.get(runId) ?? new Set();
    this.told.set(runId, told);
    for (const stepId of stepIds) told.add(stepId);
  }

  /** A message has arrived that is the only one for what it is about. */
  gets(what: string, messageId: string): void {
    const messages = this.#messages.get(what) ?? new Set();
    messages.add(messageId);
    this.#messages.set(what, messages);
    if (messages.size > 1) this.faults.push(`${what} came by ${messages.size} messages`);
  }

  /** From now on what failed for this key works. */
  heal(key: string): void {
    this.#healed.add(key);
  }

  isHealed(key: string): boolean {
    return this.#healed.has(key);
  }

  /** What somebody else has to know, such as the URL of a webhook. */
  note(key: string, name: string, text: string): void {
    this.#notes.set(`${key} ${name}`, text);
  }

  noted(key: string, name: string): string | null {
    return this.#notes.get(`${key} ${name}`) ?? null;
  }

  /** Resolves once the gate is open. */
  pass(key: string, name: string): Promise<void> {
    return this.#gate(`${key} ${name}`).opened;
  }

  open(key: string, name: string): void {
    this.#gate(`${key} ${name}`).open();
  }

  #gate(name: string): Gate {
    const known = this.#gates.get(name);
    if (known !== undefined) return known;
    const { promise, resolve } = Promise.withResolvers<void>();
    const gate = { opened: promise, open: resolve };
    this.#gates.set(name, gate);
    return gate;
  }
}

interface SentEvent {
  readonly runId: string;
  sent: number;
  answered: number;
}

interface Gate {
  readonly opened: Promise<void>;
  readonly open: () => void;
}
