import {
  createWorkflow,
  type ServeManyOptions,
  serveMany,
  type Workflow,
  WorkflowNonRetryableError,
  WorkflowRetryAfterError,
} from "@reprise/sdk";
import { type Connection, connect } from "@reprise/sdk/connect";
import { Client } from "@upstash/qstash";
import {
  type InvokableWorkflow,
  WorkflowNonRetryableError as OfficialNonRetryableError,
  WorkflowRetryAfterError as OfficialRetryAfterError,
  type WorkflowContext,
} from "@upstash/workflow";
import {
  createWorkflow as createOfficial,
  serveMany as serveOfficial,
} from "@upstash/workflow/nextjs";
import type { AppStyle } from "./sdk-plan.ts";
import { TOKEN } from "./server-process.ts";
import type { AppSocket } from "./socket-net.ts";

/** What clients send; the programs of all SDKs read it. */
export interface Payload {
  readonly program: number;
  /** Epoch milliseconds; what `sleepUntil` counts from. */
  readonly startAt: number;
  /** The step that has invoked the run. */
  readonly parent?: { readonly runId: string; readonly stepName: string };
}

export type FlowContext = WorkflowContext<Payload>;

export interface Flow {
  readonly workflow: InvokableWorkflow<Payload, unknown>;
  readonly nonRetryable: (message: string) => Error;
  readonly retryAfter: (message: string, seconds: number) => Error;
}

/** What the author writes, whatever the SDK is: both have the same methods under the same names. */
export interface Author {
  readonly route: (context: FlowContext, flow: Flow) => Promise<unknown>;
  readonly fail: (context: {
    readonly workflowRunId: string;
    readonly requestPayload: unknown;
  }) => string;
}

export type Serve = (request: Request) => Promise<Response>;

/** The unmodified official SDK around the programs. */
export function serveByOfficial(author: Author, baseUrl: string): Serve {
  const qstashClient = new Client({ baseUrl, token: TOKEN });
  const workflow = createOfficial<Payload, unknown>((context) => author.route(context, flow), {
    qstashClient,
    env: {},
    failureFunction: async ({ context }) => author.fail(context),
  });
  const flow: Flow = {
    workflow,
    nonRetryable: (message) => new OfficialNonRetryableError(message),
    retryAfter: (message, seconds) => new OfficialRetryAfterError(message, seconds),
  };
  return serveOfficial({ flow: workflow }).POST;
}

/** The SDK of this project, over HTTP. */
export function serveByOwn(author: Author, style: AppStyle, baseUrl: string): Serve {
  const { isWarm, parallel, maxDuration } = style;
  const mode = style.sdk === "classic" || style.sdk === "continued" ? style.sdk : "answered";
  const qstashClient = { baseUrl, token: TOKEN };
  const flow = ownWorkflow(author, { mode, warm: isWarm, parallel, maxDuration, qstashClient });
  return serveMany({ flow });
}

/** The SDK of this project, over a connection that the app opens. */
export function connectOwn(
  author: Author,
  style: AppStyle & { readonly app: string },
  server: { readonly baseUrl: string; readonly WebSocket: new (url: string) => AppSocket },
): Connection {
  const { app, parallelism, isWarm, parallel } = style;
  const { baseUrl, WebSocket } = server;
  const workflows = { flow: ownWorkflow(author, { warm: isWarm, parallel }) };
  return connect({ server: baseUrl, token: TOKEN, app, parallelism, WebSocket, workflows });
}

function ownWorkflow(author: Author, options: ServeManyOptions): Workflow<Payload> {
  const workflow: Workflow<Payload> = createWorkflow<Payload>(
    // The methods that programs call are the same, under the same names.
    (context) => author.route(context as unknown as FlowContext, flow),
    { ...options, env: {}, failureFunction: async ({ context }) => author.fail(context) },
  );
  const flow: Flow = {
    // Only given back to this SDK.
    workflow: workflow as unknown as Flow["workflow"],
    nonRetryable: (message) => new WorkflowNonRetryableError(message),
    retryAfter: (message, seconds) => new WorkflowRetryAfterError(message, seconds),
  };
  return workflow;
}
