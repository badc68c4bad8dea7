import { WorkflowError } from "../errors.ts";
import type { HttpOptions } from "../wire/http.ts";
import { type Answer, jsonAnswer } from "../workflow/answer.ts";
import type { Socket } from "../workflow/carrier.ts";
import type { HeadersLike } from "../workflow/request.ts";
import { serve, type WebHandler } from "../workflow/serve.ts";
import { type AnyWorkflow, toWorkflow } from "../workflow/workflow.ts";

/** What a route leads to: a workflow, what `serve` makes of one, or any function that answers Web requests. */
export type RouteTarget = AnyWorkflow | WebHandler | RequestHandler;

/** A handler of Web requests. */
export type RequestHandler = (request: Request) => Promise<Response> | Response;

/** One delivery as it comes over the connection. */
export interface IncomingDelivery {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly socket: Socket;
}

export type Handle = (delivery: IncomingDelivery) => Promise<Answer>;

/** Routes by path without the slash in front. */
export class Routes {
  readonly #origin: string;
  readonly #handles = new Map<string, Handle>();

  /** @param http where workflows that name no client of their own send their requests. */
  constructor(
    targets: Readonly<Record<string, RouteTarget>>,
    { origin, http }: { readonly origin: string; readonly http: HttpOptions },
  ) {
    this.#origin = origin;
    for (const [name, target] of Object.entries(targets)) {
      const route = toRoute(name);
      if (this.#handles.has(route)) {
        throw new WorkflowError(`two workflows have the route ${JSON.stringify(route)}`);
      }
      this.#handles.set(route, toHandle(route, target, { origin, http }));
    }
    if (this.#handles.size === 0) {
      throw new WorkflowError("workflows is empty: name a route, as in { order: orderWorkflow }");
    }
  }

  /** @throws WorkflowError when nothing is served there. */
  url(route: string): string {
    const known = toRoute(route);
    if (this.#handles.has(known)) return `${this.#origin}/${known}`;
    throw new WorkflowError(this.#unknown(known));
  }

  /** Never throws: what goes wrong is an answer. */
  async handle(delivery: IncomingDelivery): Promise<Answer> {
    const route = delivery.path.replace(/[?#].*$/s, "").slice(1);
    const handle = this.#handles.get(route);
    if (handle === undefined) {
      return jsonAnswer(404, { error: "WorkflowNotFound", message: this.#unknown(route) });
    }
    try {
      return await handle(delivery);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const name = error instanceof Error ? error.name : "Error";
      return jsonAnswer(500, { error: name, message });
    }
  }

  #unknown(route: string): string {
    const known = [...this.#handles.keys()].join(", ");
    return `nothing is served at ${JSON.stringify(route)}; these routes are: ${known}`;
  }
}

function toRoute(name: string): string {
  const route = name.replace(/^\//, "");
  if (/^[\w./~%-]*$/.test(route)) return route;
  throw new WorkflowError(
    `${JSON.stringify(name)} cannot be a route: it is the path of a URL, of letters, digits and . / ~ % - _`,
  );
}

function toHandle(
  route: string,
  target: RouteTarget,
  { origin, http }: { readonly origin: string; readonly http: HttpOptions },
): Handle {
  if (typeof target === "function") {
    const own = "handleRequest" in target ? target.handleRequest : null;
    return own === null ? byRequest(target, origin) : byAnswer(own, origin);
  }
  const { routeFunction, options } = toWorkflow(target);
  // So that workflows which are served side by side can invoke each other.
  if (!route.includes("/")) target.workflowId ??= route;
  // The environment may name the address of this app's other, dialled endpoints.
  const address = { qstashClient: http, baseUrl: origin };
  return byAnswer(serve(routeFunction, { ...address, ...options }).handleRequest, origin);
}

function byAnswer(handleRequest: WebHandler["handleRequest"], origin: string): Handle {
  return ({ path, headers, body, socket }) => {
    const text = typeof body === "string" ? body : new TextDecoder().decode(body);
    const request = {
      url: origin + path,
      headers: new PlainHeaders(headers),
      text: async () => text,
    };
    return handleRequest(request, { socket });
  };
}

function byRequest(handler: RequestHandler, origin: string): Handle {
  return async ({ method, path, headers, body }) => {
    const hasBody = method !== "GET" && method !== "HEAD";
    const init = { method, headers, ...(hasBody ? { body } : {}) };
    const response = await handler(new Request(origin + path, init));
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: await response.text(),
    };
  };
}

/** As much of `Headers` as the SDK reads: to make one takes several times as long. */
class PlainHeaders implements HeadersLike {
  readonly #values: Readonly<Record<string, string>>;

  constructor(values: Readonly<Record<string, string>>) {
    this.#values = values;
  }

  get(name: string): string | null {
    const value = this.#values[name] ?? this.#values[name.toLowerCase()];
    return value ?? null;
  }

  forEach(callback: (value: string, name: string) => void): void {
    for (const name of Object.keys(this.#values)) callback(this.#values[name] ?? "", name);
  }
}
