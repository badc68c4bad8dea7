import type { WorkflowContext } from "./context.ts";

/** What happens in a run, for logs, metrics and tests. */
export interface MiddlewareCallbacks<Payload = unknown, Result = unknown> {
  readonly runStarted?: (event: { readonly context: WorkflowContext<Payload> }) => Told;
  readonly beforeExecution?: (event: {
    readonly context: WorkflowContext<Payload>;
    readonly stepName: string;
  }) => Told;
  /** Once a result is recorded. */
  readonly afterExecution?: (event: {
    readonly context: WorkflowContext<Payload>;
    readonly stepName: string;
    readonly result: unknown;
  }) => Told;
  readonly runCompleted?: (event: {
    readonly context: WorkflowContext<Payload>;
    readonly result: Result;
  }) => Told;
  readonly onError?: (event: { readonly error: Error; readonly workflowRunId?: string }) => Told;
  readonly onWarning?: (event: {
    readonly warning: string;
    readonly workflowRunId?: string;
  }) => Told;
  readonly onInfo?: (event: { readonly info: string; readonly workflowRunId?: string }) => Told;
}

type Told = Promise<void> | void;

type Event = keyof MiddlewareCallbacks;
type Parameter<E extends Event> = Parameters<NonNullable<MiddlewareCallbacks[E]>>[0];

/** Watches runs; it changes nothing. */
export interface Middleware<Payload = unknown, Result = unknown> {
  readonly name: string;
  /** The callbacks, made when the first of them is needed. */
  ensureCallbacks(): Promise<MiddlewareCallbacks<Payload, Result>>;
}

/** Callbacks with a name, or how to make them. */
export type MiddlewareOptions<Payload = unknown, Result = unknown> = { readonly name: string } & (
  | { readonly callbacks: MiddlewareCallbacks<Payload, Result>; readonly init?: undefined }
  | {
      readonly callbacks?: undefined;
      readonly init: () =>
        | MiddlewareCallbacks<Payload, Result>
        | Promise<MiddlewareCallbacks<Payload, Result>>;
    }
);

/** A named set of callbacks. */
export class WorkflowMiddleware<Payload = unknown, Result = unknown>
  implements Middleware<Payload, Result>
{
  readonly name: string;
  readonly #options: MiddlewareOptions<Payload, Result>;
  #callbacks: Promise<MiddlewareCallbacks<Payload, Result>> | null = null;

  constructor(options: MiddlewareOptions<Payload, Result>) {
    this.name = options.name;
    this.#options = options;
  }

  /** The callbacks, made when the first of them is needed. */
  ensureCallbacks(): Promise<MiddlewareCallbacks<Payload, Result>> {
    const { callbacks, init } = this.#options;
    this.#callbacks ??= Promise.resolve(callbacks ?? init());
    return this.#callbacks;
  }
}

/** Tells every middleware in turn. One that throws does not end a run: it only watches. */
export class Watchers {
  readonly #middlewares: readonly Middleware[];

  constructor(middlewares: readonly Middleware[]) {
    this.#middlewares = middlewares;
  }

  async tell<E extends Event>(event: E, parameter: Parameter<E>): Promise<void> {
    for (const middleware of this.#middlewares) {
      try {
        const callbacks = await middleware.ensureCallbacks();
        // The callback of an event takes the parameter of that event; the compiler cannot follow the pair.
        await (callbacks[event] as ((parameter: Parameter<E>) => Told) | undefined)?.(parameter);
      } catch (cause) {
        if (event === "onError") continue;
        const error = new Error(`middleware ${middleware.name} failed in ${event}`, { cause });
        await this.tell("onError", { error });
      }
    }
  }
}

/** Prints everything: the option `verbose`. */
export const printing: Middleware = new WorkflowMiddleware({
  name: "verbose",
  callbacks: {
    runStarted: ({ context }) => print(context.workflowRunId, "run started"),
    beforeExecution: ({ context, stepName }) =>
      print(context.workflowRunId, `step ${JSON.stringify(stepName)} begins`),
    afterExecution: ({ context, stepName }) =>
      print(context.workflowRunId, `step ${JSON.stringify(stepName)} is recorded`),
    runCompleted: ({ context }) => print(context.workflowRunId, "run completed"),
    onError: ({ workflowRunId, error }) => print(workflowRunId, `error: ${error.stack ?? error}`),
    onWarning: ({ workflowRunId, warning }) => print(workflowRunId, `warning: ${warning}`),
    onInfo: ({ workflowRunId, info }) => print(workflowRunId, info),
  },
});

function print(runId: string | undefined, text: string): void {
  console.log(`[workflow${runId === undefined ? "" : ` ${runId}`}] ${text}`);
}
