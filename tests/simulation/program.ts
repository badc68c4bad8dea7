/** A workflow that chance has written (write-program.ts), and what must come out of it. */
export interface Program {
  readonly index: number;
  readonly steps: readonly ProgramStep[];
  readonly failureFunction: "none" | "works" | "throwsFirst" | "throwsUntilHealed";
  /** How a client starts it; of a program that others invoke, only the settings of its runs count. */
  readonly trigger: TriggerPlan;
  readonly isChild: boolean;
}

export interface TriggerPlan {
  /** Milliseconds after the start of the world. */
  readonly afterMs: number;
  readonly runId: string | null;
  readonly retries: number | null;
  readonly retryDelay: string | null;
  readonly delaySeconds: number | null;
  readonly label: string | null;
  /** How often the client sends the same trigger, more or less at once. */
  readonly times: number;
}

export type ProgramStep = SingleStep | ParallelGroup | { readonly kind: "cancel" };

export type SingleStep =
  | RunStep
  | SleepStep
  | CallStep
  | EventStep
  | NotifyStep
  | CreateWebhookStep
  | WebhookStep
  | InvokeStep;

export interface RunStep {
  readonly kind: "run";
  readonly name: string;
  readonly value: unknown;
  /** How long the work takes. */
  readonly workMs: number;
  readonly trouble: Trouble;
}

/** A sleep; `until` counts from the instant that the payload names. */
export interface SleepStep {
  readonly kind: "sleep" | "sleepUntil";
  readonly name: string;
  readonly seconds: number;
}

/** A request to a service, which answers as `service` says. */
export interface CallStep {
  readonly kind: "call";
  readonly name: string;
  readonly method: "GET" | "POST" | "PUT";
  readonly body: string | null;
  readonly retries: number | null;
  readonly retryDelay: string | null;
  readonly timeoutSeconds: number | null;
  /** Calls with this key are made one after the other. */
  readonly flowKey: string | null;
  readonly service: ServiceBehaviour;
}

/** So many requests go wrong; the ones behind them are answered with a 2xx. */
export type ServiceBehaviour =
  | { readonly type: "answers"; readonly status: number; readonly times: number }
  | { readonly type: "hangs"; readonly times: number }
  | { readonly type: "refuses"; readonly times: number };

export interface EventStep {
  readonly kind: "waitForEvent";
  readonly name: string;
  readonly eventId: string;
  /** Null leaves it to the SDK. */
  readonly timeoutSeconds: number | null;
}

export interface NotifyStep {
  readonly kind: "notify";
  readonly name: string;
  readonly eventId: string;
  /** Everybody who waits, the run itself, or a run by its id. */
  readonly target: "everybody" | "itself" | { readonly runId: string };
}

export interface CreateWebhookStep {
  readonly kind: "createWebhook";
  readonly name: string;
}

export interface WebhookStep {
  readonly kind: "waitForWebhook";
  readonly name: string;
  /** Name of the step that has made the webhook. */
  readonly webhook: string;
  readonly timeoutSeconds: number;
}

export interface InvokeStep {
  readonly kind: "invoke";
  readonly name: string;
  /** Index of the program. */
  readonly program: number;
}

export interface ParallelGroup {
  readonly kind: "parallel";
  readonly branches: readonly SingleStep[];
}

export type Trouble =
  | { readonly type: "none" }
  | { readonly type: "throws"; readonly times: number }
  | { readonly type: "retryAfter"; readonly times: number; readonly seconds: number }
  | { readonly type: "throwsUntilHealed" }
  | { readonly type: "nonRetryableUntilHealed" };

/** What a wait may last when the app does not say: the SDK's own default. */
export const WAIT_SECONDS_DEFAULT = 7 * 86_400;

/** Single steps by their ids, from 1; those behind a cancel are never reached. */
export function stepsById(program: Program): ReadonlyMap<number, SingleStep> {
  const known = stepsOf.get(program);
  if (known !== undefined) return known;
  const steps = new Map<number, SingleStep>();
  for (const step of program.steps) {
    if (step.kind === "cancel") break;
    for (const branch of step.kind === "parallel" ? step.branches : [step]) {
      steps.set(steps.size + 1, branch);
    }
  }
  stepsOf.set(program, steps);
  return steps;
}

const stepsOf = new WeakMap<Program, ReadonlyMap<number, SingleStep>>();
