import { isNamed, StepError, WorkflowError, WorkflowNonRetryableError } from "../errors.ts";
import { durationMs } from "../wire/duration.ts";
import type { Member } from "./execution.ts";
import type { LocalWork, StepLimits } from "./step-call.ts";

/** One attempt of a step that the app does itself. */

export type AttemptEnd =
  /** JSON of what the step gave; undefined for nothing. */
  | { readonly type: "done"; readonly out: string | undefined }
  /** It may be tried again. */
  | { readonly type: "failed"; readonly error: unknown; readonly retryAfterMs: number | undefined }
  /** It has failed for good. */
  | { readonly type: "exhausted"; readonly error: StepError };

export interface AttemptRoom {
  readonly retried: number;
  /** Retries that are allowed; null when nobody has said. */
  readonly retries: number | null;
}

/** Retries of a step: its own, else those of its message. */
export function retriesOf(limits: StepLimits | undefined, offered: number | null): number | null {
  return limits?.retries ?? offered;
}

export async function attemptStep(
  { call }: Member,
  work: LocalWork,
  room: AttemptRoom,
): Promise<AttemptEnd> {
  const { retried, retries } = room;
  try {
    const value = await withinTime(call.name, work, { retried, limits: call.limits });
    return { type: "done", out: toJson(call.name, value) };
  } catch (cause) {
    const isExhausted = retries !== null && retried >= retries;
    if (isExhausted || isNamed(cause, "WorkflowNonRetryableError")) {
      return { type: "exhausted", error: stepError(call.name, retried + 1, cause) };
    }
    return { type: "failed", error: cause, retryAfterMs: pauseOf(cause, retried, call.limits) };
  }
}

function stepError(stepName: string, attempts: number, cause: unknown): StepError {
  const error = cause instanceof Error ? cause : null;
  return new StepError(
    {
      stepName,
      attempts,
      errorName: error?.name ?? "Error",
      message: error?.message ?? String(cause),
      ...(error?.stack === undefined ? {} : { stack: error.stack }),
    },
    { cause },
  );
}

/** An attempt that nobody ends. Hardly any step asks for its signal, which takes longer to make than all the rest. */
class Untimed {
  readonly retried: number;
  #abort: AbortController | null = null;

  constructor(retried: number) {
    this.retried = retried;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }
}

async function withinTime(
  name: string,
  work: LocalWork,
  { retried, limits }: { readonly retried: number; readonly limits: StepLimits | undefined },
): Promise<unknown> {
  if (limits?.timeout === undefined) return work.run(new Untimed(retried));
  const abort = new AbortController();
  const attempt = { retried, signal: abort.signal };
  const timeoutMs = durationMs(limits.timeout, `timeout of step ${JSON.stringify(name)}`);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new WorkflowError(
        `step ${JSON.stringify(name)} took more than ${timeoutMs} ms`,
      );
      // First: a step that ends because of the abort must not be in time.
      reject(error);
      abort.abort(error);
    }, timeoutMs);
  });
  try {
    return await Promise.race([work.run(attempt), late]);
  } finally {
    clearTimeout(timer);
  }
}

function toJson(name: string, value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new WorkflowNonRetryableError(
      `the result of step ${JSON.stringify(name)} cannot be written as JSON: ${reason}`,
      { cause },
    );
  }
}

/** What the error asks for, else what the step does; undefined leaves it to the server. */
export function pauseOf(
  cause: unknown,
  retried: number,
  limits: StepLimits | undefined,
): number | undefined {
  if (isNamed(cause, "WorkflowRetryAfterError") && "retryAfter" in cause) {
    const { retryAfter } = cause;
    const isDuration = typeof retryAfter === "number" || typeof retryAfter === "string";
    if (isDuration) return durationMs(retryAfter, "retryAfter");
  }
  const delay = limits?.retryDelay;
  if (delay === undefined) return undefined;
  return typeof delay === "function" ? delay(retried) : durationMs(delay, "retryDelay");
}
