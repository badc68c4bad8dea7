import type { AnyWorkflow, RouteFunction, ServeOptions, WorkflowContext } from "@reprise/sdk";

/** A workflow that behaves the same in the testing kit and on a server. */
export interface Case {
  readonly name: string;
  readonly route: (world: CaseWorld) => RouteFunction<never>;
  readonly options?: (world: CaseWorld) => ServeOptions<never>;
  /** Workflows that are served beside it. */
  readonly siblings?: (world: CaseWorld) => Readonly<Record<string, AnyWorkflow>>;
  readonly payload?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly label?: string;
  readonly retries?: number;
  readonly retryDelay?: string;
  /** Names of steps that call the service. */
  readonly calls?: readonly string[];
  /** Sent to the run as soon as it has been started, and kept until it waits. */
  readonly events?: readonly { readonly eventId: string; readonly data: unknown }[];
  /** What is done with the run once it has failed; the new run is compared as well. */
  readonly revive?: "resume" | "restart";
}

/** What a case knows of its surroundings; each run of a case has one of its own. */
export interface CaseWorld {
  /** Counts what happens. @returns how often it has, from 1. */
  readonly count: (name: string) => number;
  /** Keeps something that both runs must agree on. */
  readonly note: (name: string, value: unknown) => void;
  readonly serviceUrl: string;
  /** False once a failed run has been revived. */
  readonly isBroken: () => boolean;
}

export interface OpenWorld extends CaseWorld {
  readonly counts: ReadonlyMap<string, number>;
  readonly notes: Readonly<Record<string, unknown>>;
  readonly service: (request: Request) => Promise<Response>;
  readonly heal: () => void;
}

export function openCaseWorld(serviceUrl: string): OpenWorld {
  const counts = new Map<string, number>();
  const notes: Record<string, unknown> = {};
  let isBroken = true;
  const count = (name: string) => {
    const next = (counts.get(name) ?? 0) + 1;
    counts.set(name, next);
    return next;
  };
  return {
    counts,
    notes,
    serviceUrl,
    count,
    note: (name, value) => {
      notes[name] = value;
    },
    isBroken: () => isBroken,
    heal: () => {
      isBroken = false;
    },
    service: (request) => answerService(request, count),
  };
}

/** The service that cases call: what it answers stands in the path. */
async function answerService(request: Request, count: (name: string) => number): Promise<Response> {
  const { pathname } = new URL(request.url);
  const nth = count(pathname);
  switch (pathname) {
    case "/json":
      return Response.json({ total: 3, nth });
    case "/text":
      return new Response("plain grüße", { headers: { "content-type": "text/plain" } });
    case "/missing":
      return Response.json({ error: "no such thing" }, { status: 404 });
    case "/broken":
      return new Response("out of order", { status: 503 });
    case "/flaky":
      return nth < 3 ? new Response("later", { status: 500 }) : Response.json({ nth });
    default: {
      const { method, headers } = request;
      const body = await request.text();
      return Response.json({ method, body, tenant: headers.get("x-tenant") });
    }
  }
}

export type Context<Payload = unknown> = WorkflowContext<Payload>;

/** Fails until the attempt of this number. */
export function untilAttempt(nth: number, world: CaseWorld, name: string): string {
  const attempt = world.count(name);
  if (attempt < nth) throw new Error(`${name} is not ready, attempt ${attempt}`);
  return `${name} after ${attempt}`;
}

/** Fails always. */
export function broken(world: CaseWorld, name: string): never {
  throw new Error(`${name} is broken, attempt ${world.count(name)}`);
}
