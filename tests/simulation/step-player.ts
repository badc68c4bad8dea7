import type { Surroundings } from "./app.ts";
import type { Flow, FlowContext } from "./app-sdks.ts";
import type {
  CallStep,
  InvokeStep,
  NotifyStep,
  Program,
  RunStep,
  SingleStep,
  WebhookStep,
} from "./program.ts";
import { serviceUrl } from "./third-party.ts";

interface Webhook {
  readonly webhookUrl: string;
  readonly eventId: string;
}

/** One call of the route function. */
export interface RouteRoom {
  readonly context: FlowContext;
  readonly program: Program;
  /** What steps have made, by their names. */
  readonly webhooks: Map<string, Webhook>;
}

/** Plays the steps of programs with the SDK, and gives their results in a form that JSON can hold. */
export class StepPlayer {
  readonly #flow: Flow;
  readonly #surroundings: Surroundings;
  readonly #passTime: (delayMs: number) => Promise<void>;

  constructor(
    flow: Flow,
    surroundings: Surroundings,
    passTime: (delayMs: number) => Promise<void>,
  ) {
    this.#flow = flow;
    this.#surroundings = surroundings;
    this.#passTime = passTime;
  }

  async play(step: SingleStep, room: RouteRoom): Promise<unknown> {
    const { context, program, webhooks } = room;
    switch (step.kind) {
      case "run":
        return context.run(step.name, () => this.#work(step, program, context.workflowRunId));
      case "sleep":
        return context.sleep(step.name, step.seconds);
      case "sleepUntil": {
        const startAt = context.requestPayload.startAt;
        return context.sleepUntil(step.name, Math.round(startAt / 1000) + step.seconds);
      }
      case "call":
        return this.#call(step, room);
      case "waitForEvent": {
        const { timeoutSeconds } = step;
        const options = timeoutSeconds === null ? {} : { timeout: timeoutSeconds };
        return context.waitForEvent(step.name, step.eventId, options);
      }
      case "notify":
        return this.#notify(step, context);
      case "createWebhook": {
        const webhook = await context.createWebhook(step.name);
        webhooks.set(step.name, webhook);
        this.#surroundings.tell({ kind: "webhook", url: webhook.webhookUrl });
        return webhook;
      }
      case "waitForWebhook":
        return this.#waitForWebhook(step, room);
      case "invoke":
        return this.#invoke(step, context);
    }
  }

  async #call(step: CallStep, { context, program }: RouteRoom): Promise<unknown> {
    const { status, body } = await context.call(step.name, {
      url: serviceUrl(program, step),
      method: step.method,
      headers: { "x-step": encodeURIComponent(step.name) },
      ...(step.body === null ? {} : { body: step.body }),
      ...(step.retries === null ? {} : { retries: step.retries }),
      ...(step.retryDelay === null ? {} : { retryDelay: step.retryDelay }),
      ...(step.timeoutSeconds === null ? {} : { timeout: step.timeoutSeconds }),
      ...(step.flowKey === null ? {} : { flowControl: { key: step.flowKey, parallelism: 1 } }),
    });
    return { status, body };
  }

  /** Each execution has data of its own, so that its fate can be followed. */
  async #notify(step: NotifyStep, context: FlowContext): Promise<unknown> {
    const { target, eventId, name } = step;
    const data = { notice: this.#surroundings.troubles.nextNotice() };
    const runId =
      target === "everybody"
        ? undefined
        : target === "itself"
          ? context.workflowRunId
          : target.runId;
    const { eventData, notifyResponse } = await context.notify(name, eventId, data, runId);
    return { eventData, notifyResponse };
  }

  async #waitForWebhook(step: WebhookStep, { context, webhooks }: RouteRoom): Promise<unknown> {
    const webhook = webhooks.get(step.webhook);
    if (webhook === undefined) throw new Error(`no webhook ${step.webhook}`);
    const timeout = `${BigInt(step.timeoutSeconds)}s` as const;
    const result = await context.waitForWebhook(step.name, webhook, timeout);
    if (result.timeout) return { timeout: true };
    const { method, url } = result.request;
    return { timeout: false, method, url, body: await result.request.text() };
  }

  #invoke(step: InvokeStep, context: FlowContext): Promise<unknown> {
    const child = this.#surroundings.programs[step.program];
    if (child === undefined) throw new Error(`no program ${step.program}`);
    const { retries, retryDelay, label } = child.trigger;
    return context.invoke(step.name, {
      workflow: this.#flow.workflow,
      body: {
        program: step.program,
        startAt: context.requestPayload.startAt,
        parent: { runId: context.workflowRunId, stepName: step.name },
      },
      ...(retries === null ? {} : { retries }),
      ...(retryDelay === null ? {} : { retryDelay }),
      ...(label === null ? {} : { label }),
    });
  }

  async #work(step: RunStep, program: Program, runId: string): Promise<unknown> {
    const { events, troubles, tell } = this.#surroundings;
    await this.#passTime(0);
    const number = troubles.nextExecution();
    tell({
      kind: "execution",
      execution: { number, runId, program: program.index, stepName: step.name, at: events.now },
    });
    if (step.workMs > 0) await this.#passTime(step.workMs);
    this.#strike(step, program);
    return step.value === undefined ? undefined : { value: step.value, execution: number };
  }

  #strike(step: RunStep, program: Program): void {
    const { troubles } = this.#surroundings;
    const { trouble, name } = step;
    switch (trouble.type) {
      case "none":
        return;
      case "throws":
        if (troubles.count(program.index, name) < trouble.times) throw new Error("not yet");
        return;
      case "retryAfter":
        if (troubles.count(program.index, name) < trouble.times) {
          throw this.#flow.retryAfter("not yet", trouble.seconds);
        }
        return;
      case "throwsUntilHealed":
        if (!troubles.isHealed(program.index)) throw new Error("the dependency is broken");
        return;
      case "nonRetryableUntilHealed":
        if (!troubles.isHealed(program.index)) throw this.#flow.nonRetryable("refused");
        return;
    }
  }
}
