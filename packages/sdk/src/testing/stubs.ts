import { WorkflowNonRetryableError } from "../errors.ts";
import type { WorkflowContext } from "../workflow/context.ts";
import { Endpoint } from "../workflow/endpoint.ts";
import { createWorkflow } from "../workflow/serve.ts";
import type { StepAttempt } from "../workflow/step-call.ts";
import { siblingUrl } from "../workflow/submission.ts";
import { type AnyWorkflow, type RouteFunction, toWorkflow } from "../workflow/workflow.ts";
import type { ModelServer } from "./model-server.ts";
import type { Deliver } from "./rows.ts";

/** What a test puts in the place of steps and of the world outside. */

export interface FailOptions {
  /** Attempts that fail; all of them when not given. */
  readonly times?: number | undefined;
  /** What is thrown: an error, or the message of one. */
  readonly error?: unknown;
}

/** @param request what the workflow has sent. */
export type CallAnswer = (request: Request, attempt: { readonly retried: number }) => unknown;

export interface WaitAnswer {
  readonly afterMs: number;
  readonly bytes: () => Promise<Uint8Array>;
}

type StepFunction<Result> = (attempt: StepAttempt) => Promise<Result> | Result;

interface Fault {
  left: number;
  readonly error: unknown;
}

export class Stubs {
  readonly #steps = new Map<string, (attempt: StepAttempt) => unknown>();
  readonly #faults = new Map<string, Fault>();
  readonly #calls = new Map<string, CallAnswer>();
  readonly #invokes = new Map<string, Deliver>();
  readonly #waits = new Map<string, WaitAnswer>();

  setStep(name: string, step: (attempt: StepAttempt) => unknown): void {
    this.#steps.set(name, step);
  }

  setFault(name: string, { times = Number.POSITIVE_INFINITY, error }: FailOptions): void {
    const thrown = error ?? `step ${JSON.stringify(name)} fails because the test says so`;
    const isText = typeof thrown === "string";
    this.#faults.set(name, { left: times, error: isText ? new Error(thrown) : thrown });
  }

  /** A resume finds the world healed. */
  clearFaults(): void {
    this.#faults.clear();
  }

  setCall(name: string, answer: CallAnswer): void {
    this.#calls.set(name, answer);
  }

  callAnswer(name: string): CallAnswer | null {
    return this.#calls.get(name) ?? null;
  }

  setInvoke(name: string, workflow: AnyWorkflow | ((payload: unknown) => unknown)): void {
    this.#invokes.set(
      name,
      typeof workflow === "function" ? answering(workflow) : toDeliver(workflow),
    );
  }

  invokeAnswer(name: string): Deliver | null {
    return this.#invokes.get(name) ?? null;
  }

  setWait(name: string, answer: WaitAnswer): void {
    this.#waits.set(name, answer);
  }

  /** By the name of the step, or by the event. */
  waitAnswer(name: string, eventId: string): WaitAnswer | null {
    return this.#waits.get(name) ?? this.#waits.get(eventId) ?? null;
  }

  /** Stands between the author's function and its context. */
  install(context: WorkflowContext, server: ModelServer): void {
    const run = context.run.bind(context);
    const invoke = context.invoke.bind(context);
    const call = context.call.bind(context);
    const stand = <Result>(name: string, step: StepFunction<Result>) => this.#standIn(name, step);
    const named = <Named extends AnyWorkflow>(name: string, workflow: Named): Named => {
      const known = { ...workflow, workflowId: workflow.workflowId ?? name };
      const url = siblingUrl(context.url, known.workflowId);
      if (!server.workflows.has(url)) server.workflows.set(url, toDeliver(known));
      return known;
    };
    // Methods with names, so that a stack shows them as the context's own.
    const own: Pick<WorkflowContext, "run" | "invoke" | "call"> = {
      run(name, step, limits) {
        return run(name, stand(name, step), limits);
      },
      invoke(name, settings) {
        return invoke(name, { ...settings, workflow: named(name, settings.workflow) });
      },
      call(name, settings) {
        if (!("workflow" in settings)) return call(name, settings);
        return call(name, { ...settings, workflow: named(name, settings.workflow) });
      },
    };
    Object.assign(context, own);
  }

  #standIn<Result>(name: string, step: StepFunction<Result>): StepFunction<Result> {
    return (attempt) => {
      const fault = this.#faults.get(name);
      if (fault !== undefined && fault.left > 0) {
        fault.left--;
        throw fault.error;
      }
      const stub = this.#steps.get(name);
      // The test says what the step gives.
      return stub === undefined ? step(attempt) : (stub(attempt) as Result);
    };
  }
}

export function toDeliver(workflow: AnyWorkflow): Deliver {
  const { routeFunction, options } = toWorkflow(workflow);
  const endpoint = new Endpoint(routeFunction, options);
  return (request, around) => endpoint.handle(request, around);
}

/** A workflow of one step: what the test answers for a whole workflow. */
function answering(answer: (payload: unknown) => unknown): Deliver {
  const routeFunction: RouteFunction<unknown> = (context) =>
    context.run("answer", async () => {
      try {
        return await answer(context.requestPayload);
      } catch (error) {
        throw new WorkflowNonRetryableError(String(error), { cause: error });
      }
    });
  return toDeliver(createWorkflow(routeFunction));
}
