import type { HttpOptions } from "../wire/http.ts";
import type { WorkflowContext } from "./context.ts";
import type { Middleware } from "./middleware.ts";

/** The author's function. It is called with every delivery, so what it does outside of steps must be repeatable. */
export type RouteFunction<Payload, Result = unknown> = (
  context: WorkflowContext<Payload>,
) => Promise<Result>;

/** A workflow with its options: what `createWorkflow` makes, `serveMany` serves and `context.invoke` starts. */
export interface Workflow<Payload = unknown, Result = unknown> {
  readonly routeFunction: RouteFunction<Payload, Result>;
  readonly options: ServeOptions<Payload, Result> | undefined;
  /** The name under which `serveMany` serves it. */
  workflowId: string | undefined;
  /** A text as the payload is sent as JSON too. */
  readonly useJSONContent: boolean;
}

/** A workflow whatever its payload and result are. */
export interface AnyWorkflow {
  readonly routeFunction: (context: never) => Promise<unknown>;
  readonly options: object | undefined;
  workflowId: string | undefined;
  readonly useJSONContent: boolean;
}

/** To be served: what its payloads are only its own function knows. */
export function toWorkflow(workflow: AnyWorkflow): Workflow {
  // Whatever fits `AnyWorkflow` is made by `createWorkflow`, with options for its own function.
  return workflow as Workflow;
}

/** A validator of any library that follows the Standard Schema: zod, valibot, arktype and others. */
export interface StandardSchema<Output = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Checks that a request comes from the server. */
export interface RequestReceiver {
  /** @throws when the signature is not right. */
  verify(request: {
    readonly signature: string;
    readonly body: string;
    readonly upstashRegion?: string;
  }): Promise<boolean>;
}

/** How results reach the server: docs/fast-modes.md of the server. `auto` takes the fastest that both ends know. */
export type Mode = "auto" | "classic" | "answered" | "continued";

/** How a workflow is served. What is not given comes from the environment. */
export type ServeOptions<Payload = unknown, Result = unknown> = BaseOptions<Payload, Result> &
  PayloadOptions<Payload> &
  FailureOptions<Payload>;

/** What is used of a client: where its requests go. */
export interface HttpAddress {
  readonly baseUrl: string;
  readonly token?: string;
  /** `Bearer ` and the token. */
  readonly authorization?: string;
}

interface BaseOptions<Payload, Result> {
  /** Address and token of the server, or a client that has them; the environment's when not given. */
  readonly qstashClient?: { readonly http: HttpAddress } | HttpOptions | undefined;
  /** URL of this endpoint, when the one of the request is not the one that the server knows. */
  readonly url?: string | undefined;
  /** Scheme and host in place of those of the request; `UPSTASH_WORKFLOW_URL` when not given. */
  readonly baseUrl?: string | undefined;
  /** Made of the signing keys of the environment when not given; `undefined` given: nothing is checked. */
  readonly receiver?: RequestReceiver | undefined;
  /** In place of `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly middlewares?: readonly Middleware<Payload, Result>[] | undefined;
  /** Prints what happens; the SDK is silent without it. */
  readonly verbose?: boolean | undefined;
  /** Accepted for compatibility: the SDK sends no telemetry. */
  readonly disableTelemetry?: boolean | undefined;
  readonly mode?: Mode | undefined;
  /** Whether suspended functions are kept for the next delivery of their run. Default: where processes live longer than requests. */
  readonly warm?: boolean | undefined;
  /** Seconds after which `continued` begins no further step in one invocation. Default: 8 on serverless platforms, else 50. */
  readonly maxDuration?: number | undefined;
  /** Steps of a parallel group: each in an invocation of its own (`fanout`), or together in one. Default: `fanout`. */
  readonly parallel?: "fanout" | "invocation" | undefined;
}

type PayloadOptions<Payload> =
  | {
      readonly schema?: StandardSchema<Payload> | undefined;
      readonly initialPayloadParser?: undefined;
    }
  | {
      readonly schema?: undefined;
      /** Reads the payload from its text. */
      readonly initialPayloadParser?: ((text: string) => Payload) | undefined;
    };

type FailureOptions<Payload> =
  | {
      /** Called once a run has failed for good; what it returns is shown with the dead letter. */
      readonly failureFunction?: FailureFunction<Payload> | undefined;
      readonly failureUrl?: undefined;
    }
  | {
      readonly failureFunction?: undefined;
      /** Called in place of a failure function, also when this app cannot be reached. */
      readonly failureUrl?: string | undefined;
    };

/** Called once a run has failed for good; what it returns is shown with the dead letter. */
export type FailureFunction<Payload = unknown> = (
  failure: Failure<Payload>,
  // biome-ignore lint/suspicious/noConfusingVoidType: most of these functions return nothing
) => Promise<string | void> | string | void;

/** What is known of a failed run. */
export interface Failure<Payload = unknown> {
  readonly context: FailureContext<Payload>;
  /** Status of the last attempt; 0 when no answer arrived. */
  readonly failStatus: number;
  /** Message of the error. */
  readonly failResponse: string;
  readonly failHeaders: Record<string, string[]>;
  /** Stack of the error; empty when there is none. */
  readonly failStack: string;
  /** The dead letter, for `client.dlq`. */
  readonly dlqId: string | undefined;
  /** The step that failed; null when it is not known. */
  readonly failedStep: FailedStep | null;
  /** The attempts of the last delivery, oldest first; empty when the server does not say. */
  readonly attempts: readonly FailedAttempt[];
}

/** The step at which a run has failed. */
export interface FailedStep {
  readonly stepName: string;
  /** Null when nothing but the name is known. */
  readonly stepType: string | null;
  /** From 1, in the order in which the function calls its steps; 0 when it is not known. */
  readonly stepId: number;
}

/** One attempt of what has failed. */
export interface FailedAttempt {
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** 0 when no answer arrived. */
  readonly status: number;
  readonly error: string | null;
  readonly responseBody?: string;
}

/** A context without steps. */
export type FailureContext<Payload = unknown> = Pick<
  WorkflowContext<Payload>,
  | "workflowRunId"
  | "workflowRunCreatedAt"
  | "url"
  | "requestPayload"
  | "headers"
  | "env"
  | "labels"
  | "label"
  | "retried"
>;
