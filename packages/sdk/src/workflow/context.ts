import { WorkflowError, WorkflowNonRetryableError } from "../errors.ts";
import { textFromBase64 } from "../wire/base64.ts";
import type { Http } from "../wire/http.ts";
import { randomId } from "../wire/random-id.ts";
import { type ApiCalls, apiCalls } from "./api-calls.ts";
import { isRefused } from "./carrier.ts";
import type { Execution } from "./execution.ts";
import type { StepAttempt, StepCall, StepLimits } from "./step-call.ts";
import {
  readCall,
  readInvoke,
  readJson,
  readNothing,
  readWait,
  readWebhook,
} from "./step-results.ts";
import type {
  CallResponse,
  CallSettings,
  CallWorkflowSettings,
  Duration,
  InvokeResponse,
  InvokeSettings,
  NotifyResponse,
  WaitOptions,
  WaitResponse,
  Webhook,
  WebhookResponse,
} from "./step-types.ts";
import { siblingUrl } from "./submission.ts";
import type { AnyWorkflow } from "./workflow.ts";

/** What a context is made of. The facts of the delivery change while a suspended function goes on with the next one. */
export interface ContextSource<Payload> {
  readonly execution: Execution;
  readonly http: Http;
  readonly workflowRunId: string;
  readonly workflowRunCreatedAt: number;
  readonly url: string;
  readonly payload: Payload;
  readonly headers: Headers;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly labels: readonly string[];
  readonly retried: () => number;
}

const WAIT_TIMEOUT_DEFAULT = "7d";

/** What a workflow's function works with: its steps, and the facts of its run. */
export class WorkflowContext<Payload = unknown> {
  readonly #source: ContextSource<Payload>;
  readonly workflowRunId: string;
  /** Epoch milliseconds. */
  readonly workflowRunCreatedAt: number;
  /** URL of this workflow. */
  readonly url: string;
  /** What the run was started with. */
  readonly requestPayload: Payload;
  /** The author's own headers of the trigger. */
  readonly headers: Headers;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly labels: readonly string[];

  constructor(source: ContextSource<Payload>) {
    this.#source = source;
    this.workflowRunId = source.workflowRunId;
    this.workflowRunCreatedAt = source.workflowRunCreatedAt;
    this.url = source.url;
    this.requestPayload = source.payload;
    this.headers = source.headers;
    this.env = source.env;
    this.labels = source.labels;
  }

  /** Calls of services whose addresses and headers are known. */
  get api(): ApiCalls {
    return apiCalls((name, settings) => this.call(name, settings));
  }

  /** The first label. */
  get label(): string | undefined {
    return this.labels[0];
  }

  /** How often this delivery has been tried before. */
  get retried(): number {
    return this.#source.retried();
  }

  /**
   * Runs `step` once and remembers what it gives, as JSON. When it throws it is tried again; when its attempts are used up, the error
   * can be caught here like any other.
   * @throws StepError when the step has failed for good.
   */
  run<Result>(
    name: string,
    step: (attempt: StepAttempt) => Promise<Result> | Result,
    limits?: StepLimits,
  ): Promise<Result> {
    return this.#step<Result>({
      name,
      type: "Run",
      work: { type: "local", run: step },
      read: readJson,
      ...(limits === undefined ? {} : { limits }),
    });
  }

  /** Lets time pass: seconds, or a duration. The app need not run meanwhile. */
  sleep(name: string, duration: number | Duration): Promise<void> {
    const fields = { sleepFor: duration };
    return this.#step({ name, type: "SleepFor", fields, work: SLEEP, read: readNothing });
  }

  /** Waits until an instant: a date, what `new Date` reads, or epoch seconds. */
  sleepUntil(name: string, instant: Date | string | number): Promise<void> {
    const fields = { sleepUntil: epochSeconds(name, instant) };
    return this.#step({ name, type: "SleepUntil", fields, work: SLEEP, read: readNothing });
  }

  /** Lets the server call a service, for up to twelve hours; the app need not run meanwhile. Any status is an answer. */
  call<Body = unknown>(
    name: string,
    settings: CallSettings | CallWorkflowSettings,
  ): Promise<CallResponse<Body>> {
    const isWorkflow = "workflow" in settings;
    const url = isWorkflow ? siblingUrl(this.url, idOf(name, settings.workflow)) : settings.url;
    const method = isWorkflow ? "POST" : (settings.method ?? "GET");
    const { body, headers = {}, retries = 0 } = settings;
    const { retryDelay, timeout, flowControl } = settings;
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    return this.#step<CallResponse<Body>>({
      name,
      type: "Call",
      work: {
        type: "call",
        url,
        method,
        body: text,
        headers: lowerCase(headers),
        retries,
        retryDelay,
        timeout,
        flowControl,
      },
      read: readCall,
    });
  }

  /** Waits until somebody notifies the event, or the time is up. */
  waitForEvent<Data = unknown>(
    name: string,
    eventId: string,
    { timeout = WAIT_TIMEOUT_DEFAULT }: WaitOptions = {},
  ): Promise<WaitResponse<Data>> {
    const text = toDuration(timeout);
    return this.#step<WaitResponse<Data>>({
      name,
      type: "Wait",
      fields: { waitEventId: eventId, timeout: text },
      work: { type: "wait", eventId, timeout: text },
      read: readWait,
    });
  }

  /** Notifies everybody who waits for an event; with a run id that run alone, which need not wait yet. */
  notify(
    name: string,
    eventId: string,
    eventData?: unknown,
    workflowRunId?: string,
  ): Promise<NotifyResponse> {
    const body = typeof eventData === "string" ? eventData : JSON.stringify(eventData);
    const path = ["v2", "notify", ...(workflowRunId === undefined ? [] : [workflowRunId]), eventId];
    const run = async () => {
      const notifyResponse = await this.#notify(name, path, body);
      return { eventId, eventData, notifyResponse };
    };
    return this.#step<NotifyResponse>({
      name,
      type: "Notify",
      work: { type: "local", run },
      read: readJson,
    });
  }

  /** Starts another workflow and waits for its end. */
  invoke<Payload, Result>(
    name: string,
    settings: InvokeSettings<Payload, Result>,
  ): Promise<InvokeResponse<Result>> {
    const { workflow, body, headers = {}, label, workflowRunId } = settings;
    const workflowId = idOf(name, workflow);
    const { options, useJSONContent } = workflow;
    return this.#step<InvokeResponse<Result>>({
      name,
      type: "Invoke",
      work: {
        type: "invoke",
        workflowId,
        workflowRunId: workflowRunId === undefined ? undefined : `wfr_${workflowRunId}`,
        body,
        headers: lowerCase(headers),
        retries: settings.retries,
        retryDelay: settings.retryDelay,
        flowControl: settings.flowControl,
        labels: label === undefined ? [] : typeof label === "string" ? [label] : label,
        failureUrl: options?.failureUrl,
        useJson: useJSONContent === true,
      },
      read: readInvoke,
    });
  }

  /** Makes a URL that anybody can call once; `waitForWebhook` gives the request. */
  createWebhook(name: string): Promise<Webhook> {
    const run = (): Webhook => {
      const { http, workflowRunId } = this.#source;
      const eventId = `evt_${randomId(15)}`;
      const path = ["v2", "workflows", "hooks", userIdOf(http.token), workflowRunId, eventId];
      return { webhookUrl: `${http.baseUrl}/${path.join("/")}`, eventId };
    };
    return this.#step<Webhook>({
      name,
      type: "CreateWebhook",
      work: { type: "local", run },
      read: readJson,
    });
  }

  /** Waits until somebody calls the URL of the webhook, or the time is up. */
  waitForWebhook(
    name: string,
    webhook: Webhook,
    timeout: number | Duration = WAIT_TIMEOUT_DEFAULT,
  ): Promise<WebhookResponse> {
    const { eventId } = webhook;
    const text = toDuration(timeout);
    return this.#step<WebhookResponse>({
      name,
      type: "WaitForWebhook",
      fields: { waitEventId: eventId, timeout: text },
      work: { type: "wait", eventId, timeout: text },
      read: readWebhook,
    });
  }

  /** Cancels this run. The function does not go on behind it. */
  cancel(): Promise<never> {
    return this.#source.execution.cancel();
  }

  async #notify(
    name: string,
    path: readonly string[],
    body: string | undefined,
  ): Promise<NotifyResponse["notifyResponse"]> {
    try {
      return await this.#source.http.json({ method: "POST", path, body });
    } catch (error) {
      if (!isRefused(error)) throw error;
      const message = `step ${JSON.stringify(name)} cannot notify: ${String(error)}`;
      throw new WorkflowNonRetryableError(message, { cause: error });
    }
  }

  #step<Result>(call: StepCall<Result>): Promise<Result> {
    if (typeof call.name !== "string" || call.name === "") {
      throw new WorkflowError("the name of a step must be a text that is not empty");
    }
    return this.#source.execution.step(call);
  }
}

function idOf(step: string, { workflowId }: AnyWorkflow): string {
  if (workflowId !== undefined) return workflowId;
  throw new WorkflowError(
    `step ${JSON.stringify(step)}: the workflow has no name; serve it with serveMany, beside the one that calls it`,
  );
}

const SLEEP = { type: "sleep" } as const;

function toDuration(timeout: number | string): string {
  return typeof timeout === "number" ? `${timeout}s` : timeout;
}

function epochSeconds(name: string, instant: Date | string | number): number {
  const seconds =
    typeof instant === "number" ? instant : Math.round(new Date(instant).getTime() / 1000);
  if (Number.isFinite(seconds)) return seconds;
  throw new WorkflowError(
    `sleepUntil ${JSON.stringify(name)}: ${JSON.stringify(instant)} is no date, no text that a date can be read from, and no epoch seconds`,
  );
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(headers).map(
    ([name, value]) => [name.toLowerCase(), value] as const,
  );
  return Object.fromEntries(entries);
}

/** The user that a token belongs to; URLs of webhooks are theirs. */
function userIdOf(token: string): string {
  try {
    // Anybody's text: the field is looked at before it is used.
    const { UserID } = JSON.parse(textFromBase64(token)) as { readonly UserID?: unknown };
    if (typeof UserID === "string" && UserID !== "") return UserID;
  } catch {
    // Reported below.
  }
  throw new WorkflowError(
    "createWebhook needs a token (QSTASH_TOKEN) that names its user: base64 of JSON with UserID, as the server prints it",
  );
}
