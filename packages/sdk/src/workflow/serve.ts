import { WorkflowError } from "../errors.ts";
import { type Answer, jsonAnswer } from "./answer.ts";
import { type Around, Endpoint } from "./endpoint.ts";
import type { RequestLike } from "./request.ts";
import {
  type AnyWorkflow,
  type RouteFunction,
  type ServeOptions,
  toWorkflow,
  type Workflow,
} from "./workflow.ts";

/** A workflow, or several, as a function from request to response; `handler` is the function itself. */
export interface WebHandler {
  (request: Request): Promise<Response>;
  readonly handler: WebHandler;
  /** The same without the classes of the Web, for adapters: quicker, and never throws. */
  readonly handleRequest: (request: RequestLike, around?: Around) => Promise<Answer>;
}

/** Serves one workflow. */
export function serve<Payload = unknown, Result = unknown>(
  routeFunction: RouteFunction<Payload, Result>,
  options?: ServeOptions<Payload, Result>,
): WebHandler {
  const endpoint = new Endpoint(routeFunction, options);
  return toWebHandler((request, around) => endpoint.handle(request, around));
}

/** A workflow that others can invoke; `serveMany` serves it. */
export function createWorkflow<Payload = unknown, Result = unknown>(
  routeFunction: RouteFunction<Payload, Result>,
  options?: ServeOptions<Payload, Result>,
): Workflow<Payload, Result> {
  return { routeFunction, options, workflowId: undefined, useJSONContent: false };
}

/** Options that hold for every workflow of `serveMany`; those of the workflow itself go before them. */
export type ServeManyOptions = Pick<
  ServeOptions,
  | "qstashClient"
  | "url"
  | "baseUrl"
  | "receiver"
  | "env"
  | "verbose"
  | "disableTelemetry"
  | "mode"
  | "warm"
  | "maxDuration"
  | "parallel"
  | "middlewares"
>;

/** Serves workflows side by side: the last part of the path is the name. They can invoke each other. */
export function serveMany(
  workflows: Readonly<Record<string, AnyWorkflow>>,
  options?: ServeManyOptions,
): WebHandler {
  const endpoints = new Map<string, Endpoint<unknown, unknown>>();
  for (const [name, workflow] of Object.entries(workflows)) {
    if (name === "" || name.includes("/")) {
      throw new WorkflowError(
        `${JSON.stringify(name)} cannot be the name of a workflow: it is the last part of a path, and has no slash`,
      );
    }
    workflow.workflowId = name;
    const { routeFunction, options: own } = toWorkflow(workflow);
    endpoints.set(name, new Endpoint(routeFunction, { ...options, ...own }));
  }
  return toWebHandler(async (request, around) => {
    const name = lastSegment(request.url);
    const endpoint = endpoints.get(name);
    return endpoint === undefined
      ? notFound(name, [...endpoints.keys()])
      : endpoint.handle(request, around);
  });
}

/** The last part of a URL's path, decoded. */
export function lastSegment(url: string): string {
  const path = url.replace(/[?#].*$/s, "");
  const segment = path.slice(path.lastIndexOf("/") + 1);
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function notFound(name: string, known: readonly string[]): Answer {
  const message = `no workflow is called ${JSON.stringify(name)}; the last part of the path is the name, and these are served: ${known.join(", ")}`;
  return jsonAnswer(404, { error: "WorkflowNotFound", message });
}

/** Gives a function from request to answer the forms that callers need. */
export function toWebHandler(handleRequest: WebHandler["handleRequest"]): WebHandler {
  const handle = async (request: Request): Promise<Response> =>
    toResponse(await handleRequest(request));
  // The property that is still missing is the function itself.
  const handler = Object.assign(handle, { handleRequest }) as WebHandler;
  return Object.assign(handler, { handler });
}

export function toResponse({ status, headers, body }: Answer): Response {
  return new Response(body, { status, headers });
}
