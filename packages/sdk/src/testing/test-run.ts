import { base64FromBytes } from "../wire/base64.ts";
import { durationMs } from "../wire/duration.ts";
import type { RawStep } from "../workflow/records.ts";
import type { StepAttempt } from "../workflow/step-call.ts";
import type { Duration, Webhook } from "../workflow/step-types.ts";
import type { AnyWorkflow } from "../workflow/workflow.ts";
import { toHeaderLists } from "./header-lists.ts";
import { KitError } from "./kit-error.ts";
import type { ModelServer } from "./model-server.ts";
import { reviveRun } from "./revive-run.ts";
import type { Run, RunState } from "./rows.ts";
import { endRun } from "./run-end.ts";
import type { CallAnswer, FailOptions, Stubs } from "./stubs.ts";
import { type TestResult, type TestStep, toResult, toSteps } from "./test-result.ts";
import { deliverTo, type Testable } from "./testable.ts";
import { notify } from "./waits.ts";

export interface TestRunParts {
  readonly server: ModelServer;
  readonly run: Run;
  readonly stubs: Stubs;
}

/** When what a run waits for comes. */
export interface WaitOptions {
  /** Time between the beginning of the wait and the answer; none when not given. */
  readonly after?: number | Duration;
}

/** A run under test. The clock moves while the test waits: for its end, for a step, or for a time. */
export class TestRun<Result = unknown> {
  readonly #server: ModelServer;
  readonly #run: Run;
  readonly #stubs: Stubs;

  constructor({ server, run, stubs }: TestRunParts) {
    this.#server = server;
    this.#run = run;
    this.#stubs = stubs;
  }

  /** The id of the run. */
  get runId(): string {
    return this.#run.id;
  }

  /** How far the run has come. */
  get state(): RunState {
    return this.#run.state;
  }

  /** The virtual time. */
  get now(): Date {
    return new Date(this.#server.now);
  }

  /** Steps so far, open ones included. */
  get steps(): readonly TestStep[] {
    return toSteps(this.#run, this.#server.now);
  }

  /** What is recorded, as the server would give it: for `replay`. */
  get history(): readonly RawStep[] {
    return [...this.#run.items];
  }

  /** Puts a value, or a function, in the place of a step's own function. */
  stub(name: string, step: (attempt: StepAttempt) => unknown): this;
  stub(name: string, step: unknown): this;
  stub(name: string, step: unknown): this {
    // A function is called like the step's own.
    const give = typeof step === "function" ? (step as (attempt: StepAttempt) => unknown) : null;
    this.#stubs.setStep(name, give ?? (() => step));
    return this;
  }

  /** Lets attempts of a step fail: all of them, or the first few. */
  fail(name: string, options: FailOptions = {}): this {
    this.#stubs.setFault(name, options);
    return this;
  }

  /** Answers `context.call`: JSON, a `Response`, or a function of the request. A function that throws is a service that is not there. */
  onCall(name: string, answer: CallAnswer): this;
  onCall(name: string, answer: unknown): this;
  onCall(name: string, answer: unknown): this {
    const isFunction = typeof answer === "function";
    // A function is called with the request.
    this.#stubs.setCall(name, isFunction ? (answer as CallAnswer) : () => answer);
    return this;
  }

  /** Answers `context.invoke`: a result, a function of the payload, or another workflow. A function that throws is a failed run. */
  onInvoke(name: string, answer: AnyWorkflow | ((payload: unknown) => unknown)): this;
  onInvoke(name: string, answer: unknown): this;
  onInvoke(name: string, answer: unknown): this {
    const isWorkflow = typeof answer === "object" && answer !== null && "routeFunction" in answer;
    // What has a route function is what `createWorkflow` has made; a function is called with the payload.
    if (isWorkflow) this.#stubs.setInvoke(name, answer as AnyWorkflow);
    // As said above.
    else if (typeof answer === "function") this.#stubs.setInvoke(name, answer as () => unknown);
    else this.#stubs.setInvoke(name, () => answer);
    return this;
  }

  /** Notifies the step, or everybody who waits for the event of that name, once it waits. */
  onWait(nameOrEventId: string, data?: unknown, { after = 0 }: WaitOptions = {}): this {
    const bytes = async () => {
      const value = typeof data === "function" ? await data() : data;
      return bytesOf(value);
    };
    this.#stubs.setWait(nameOrEventId, { afterMs: durationMs(after, "after"), bytes });
    return this;
  }

  /** Runs to the end: sleeps, pauses and timeouts pass at once, and the failure function has been called. */
  async finished(): Promise<TestResult<Result>> {
    await this.#until(null, () => this.#hasEnded());
    if (!this.#hasEnded()) throw new KitError(`the run does not go on: ${this.#shownSteps()}`);
    return this.result;
  }

  /** What is known of the run now. */
  get result(): TestResult<Result> {
    return toResult(this.#run, this.#server.now);
  }

  /** Runs until the step is done: it has a result, or has failed for good. */
  untilStep(name: string): Promise<TestStep> {
    return this.#untilSome(
      (step) => step.name === name && step.state !== "open",
      `step ${JSON.stringify(name)} was not done`,
    );
  }

  /** Runs until the step has begun and waits: a sleep, an event, a webhook, an invoked workflow. */
  untilWaiting(name: string): Promise<TestStep> {
    return this.#untilSome(
      (step) => step.name === name && step.state === "open",
      `step ${JSON.stringify(name)} did not wait`,
    );
  }

  /** Lets a time pass: seconds or a duration. */
  async advance(duration: number | Duration): Promise<void> {
    const instant = this.#server.now + durationMs(duration, "duration");
    await this.#until(instant, () => false);
  }

  /** Everything that needs no time happens. */
  settle(): Promise<void> {
    return this.advance(0);
  }

  /**
   * Notifies everybody who waits for the event; with `keep` this run alone, also when it waits only later.
   * @returns how many have been woken.
   */
  async notify(eventId: string, data?: unknown, { keep = false } = {}): Promise<number> {
    await this.settle();
    const run = keep ? this.#run : null;
    return notify({ eventId, bytes: bytesOf(data), run }, this.#server).length;
  }

  /** Calls a webhook of the run: what `createWebhook` gave, or its URL. */
  async callWebhook(
    webhook: Pick<Webhook, "webhookUrl"> | string,
    init?: RequestInit,
  ): Promise<void> {
    await this.settle();
    const target = typeof webhook === "string" ? webhook : webhook.webhookUrl;
    const request = new Request(target, { method: "POST", ...init });
    const url = new URL(request.url);
    const [runId = "", eventId = ""] = url.pathname.split("/").slice(-2);
    const run = this.#server.find(runId);
    if (run === undefined) throw new KitError(`no run of this test has the webhook ${target}`);
    const kept = {
      method: request.method,
      header: toHeaderLists(Object.fromEntries(request.headers)),
      body: base64FromBytes(new Uint8Array(await request.arrayBuffer())),
      proto: url.protocol.replace(":", ""),
      host: url.host,
      url: url.pathname + url.search,
    };
    notify({ eventId, bytes: bytesOf(kept), run: successorOf(run, this.#run) }, this.#server);
  }

  /** Cancels the run, as `client.cancel` does. */
  async cancel(): Promise<void> {
    await this.settle();
    endRun(this.#run, "canceled", undefined, this.#server);
  }

  /** Goes on with a failed run, as `client.dlq.resume` does. What `fail` has set holds no more. */
  resume<Next = Result>(options: { readonly with?: Testable<never, Next> } = {}): TestRun<Next> {
    return this.#revive("resume", options.with);
  }

  /** Starts a failed run again from its payload, as `client.dlq.restart` does. What `fail` has set holds no more. */
  restart<Next = Result>(options: { readonly with?: Testable<never, Next> } = {}): TestRun<Next> {
    return this.#revive("restart", options.with);
  }

  #revive<Next>(
    mode: "resume" | "restart",
    target: Testable<never, Next> | undefined,
  ): TestRun<Next> {
    const server = this.#server;
    const deliver = target === undefined ? this.#run.deliver : deliverTo(target, undefined);
    const run = reviveRun(this.#run, { mode, deliver }, server);
    this.#stubs.clearFaults();
    return new TestRun<Next>({ server, run, stubs: this.#stubs });
  }

  #hasEnded(): boolean {
    const { state, deadLetter } = this.#run;
    return state !== "running" && deadLetter?.failureFunction !== "running";
  }

  async #untilSome(isIt: (step: TestStep) => boolean, missing: string): Promise<TestStep> {
    const found = () => this.steps.find(isIt);
    await this.#until(null, () => found() !== undefined || this.#hasEnded());
    const step = found();
    if (step === undefined)
      throw new KitError(`${missing}; the run is ${this.state}: ${this.#shownSteps()}`);
    return step;
  }

  async #until(instant: number | null, isEnough: () => boolean): Promise<void> {
    await this.#server.agenda.runUntil(instant, isEnough);
  }

  #shownSteps(): string {
    const steps = this.steps.map(({ name, state }) => `${name} (${state})`);
    return steps.length === 0 ? "it has no steps" : `its steps are ${steps.join(", ")}`;
  }
}

/** A webhook keeps its URL when its run is resumed. */
function successorOf(run: Run, current: Run): Run {
  return run.deadLetter?.state === "resumed" ? current : run;
}

/** As `client.notify` sends it: a text as it is, everything else as JSON. */
function bytesOf(data: unknown): Uint8Array {
  const text = data === undefined ? "" : typeof data === "string" ? data : JSON.stringify(data);
  return new TextEncoder().encode(text);
}
