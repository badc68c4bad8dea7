import type { IncomingHttpHeaders } from "node:http";
import { base64, canonical } from "./asked.ts";
import { Refusal, type Run, type Waiter } from "./model-run.ts";

interface EventWaiter extends Waiter {
  readonly eventId: string;
}

interface KeptEvent {
  readonly runId: string;
  readonly eventId: string;
  readonly data: string;
}

export interface WaitsOptions {
  readonly runOf: (runId: string) => Run | undefined;
  /** Gives the id of the message that the record makes. */
  readonly record: (run: Run, text: string) => string;
}

/** Events of the model: who waits for them, and which have come before anybody waited. */
export class Waits {
  readonly #options: WaitsOptions;
  #waiters: readonly EventWaiter[] = [];
  #kept: readonly KeptEvent[] = [];

  constructor(options: WaitsOptions) {
    this.#options = options;
  }

  clear(): void {
    this.#waiters = [];
    this.#kept = [];
  }

  wait(eventId: string, body: Readonly<Record<string, unknown>>): unknown {
    const { url, timeout, timeoutUrl, timeoutHeaders, step } = body;
    // Names differ in case alone, and may be there twice.
    const entries = Object.entries((timeoutHeaders ?? {}) as Record<string, string[]>);
    const runId = entries.find(([name]) => name.toLowerCase() === "upstash-workflow-runid")?.[1][0];
    const run = this.#options.runOf(String(runId));
    if (run === undefined || run.isOver) throw new Refusal(400, "the run has ended");
    const isSound =
      url === run.url && timeoutUrl === run.url && /^\d+[smhd]$/.test(String(timeout));
    if (!isSound || typeof step !== "object" || step === null) throw new Refusal(412, "no wait");
    const waiter = { run, eventId, step: step as Waiter["step"] }; // An object, see above.
    const kept = this.#kept.find((own) => own.runId === run.runId && own.eventId === eventId);
    if (kept === undefined) this.#waiters = [...this.#waiters, waiter];
    else {
      this.#kept = this.#kept.filter((own) => own !== kept);
      this.#resolve(waiter, kept.data);
    }
    return {};
  }

  /** The path names an event, or a run and an event of its own. */
  notify(path: string, data: string): unknown {
    const [runId = "", ...rest] = path.split("/");
    const isTargeted = runId.startsWith("wfr_") && rest.length > 0;
    return isTargeted ? [this.tell(runId, rest.join("/"), data)] : this.#tellAll(path, data);
  }

  /** Tells one run, now or when it waits. */
  tell(runId: string, eventId: string, data: string): object {
    const run = this.#options.runOf(runId);
    if (run === undefined || run.isOver) {
      return { messageId: "", workflowRunId: runId, error: "the run has ended" };
    }
    const waiter = this.#waiters.find((own) => own.run === run && own.eventId === eventId);
    if (waiter !== undefined) return { messageId: this.#resolve(waiter, data) };
    this.#kept = [...this.#kept, { runId, eventId, data }];
    return { messageId: "", workflowRunId: runId };
  }

  #tellAll(eventId: string, data: string): unknown {
    return this.#waiters
      .filter((own) => own.eventId === eventId)
      .map((waiter) => ({ messageId: this.#resolve(waiter, data) }));
  }

  #resolve(waiter: EventWaiter, data: string): string {
    this.#waiters = this.#waiters.filter((own) => own !== waiter);
    const { run, step, eventId } = waiter;
    const record = { ...step, out: base64(data), waitEventId: eventId };
    return this.#options.record(run, JSON.stringify(record));
  }

  /** Lets the time of the oldest waiter be up; false when nobody waits. */
  timeOut(): boolean {
    this.#waiters = this.#waiters.filter(({ run }) => !run.isOver);
    const [oldest, ...others] = this.#waiters;
    if (oldest === undefined) return false;
    this.#waiters = others;
    const record = { ...oldest.step, waitEventId: oldest.eventId, waitTimeout: true };
    this.#options.record(oldest.run, JSON.stringify(record));
    return true;
  }
}

interface HookCall {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** The request to a webhook as the event that it is. */
export function hookEvent({ method, url, headers, text }: HookCall): string {
  const header = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [canonical(name), [value].flat()]),
  );
  const { host = "" } = headers;
  return JSON.stringify({ method, header, body: base64(text), proto: "http", host, url });
}
