import { isRepriseError, RepriseError } from "@reprise/protocol";
import type { Host } from "./host/host.ts";
import type { Health } from "./observe/health.ts";

/** A start goes on when the storage is there: which faults pass by themselves, and which need somebody. */

/** The system's and PostgreSQL's codes for what passes without anybody changing the settings. docs/monitoring.md lists them. */
const PASSING_CODES: ReadonlySet<string> = new Set([
  // Nobody answers, or the name is not known yet.
  ...["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"],
  ...["ENOTFOUND", "EAI_AGAIN"],
  // The database starts or stops, or has no connection left.
  ...["57P01", "57P02", "57P03", "53300", "08000", "08001", "08003", "08004", "08006"],
  // A standby that may become the primary.
  "25006",
]);

/** What the driver says without a code when a connection ends, or nobody answers in time. */
const PASSING_TEXTS =
  /^(?:Connection terminated|timeout expired|Query read timeout|Client has encountered a connection error|Client was closed)/;

/** Causes of causes that are looked at. */
const DEPTH_MAX = 8;

/**
 * Whether waiting helps. A wrong password, a missing database, a newer schema, a directory of another process and everything
 * unknown do not pass by themselves: the process ends and says why.
 */
export function isPassing(error: unknown): boolean {
  let current = error;
  for (let depth = 0; depth < DEPTH_MAX && current instanceof Error; depth++) {
    if (isRepriseError(current) && current.details.isPassing === true) return true;
    if ("code" in current && PASSING_CODES.has(String(current.code))) return true;
    if (PASSING_TEXTS.test(current.message)) return true;
    // Several addresses were tried, and each failed.
    current = current instanceof AggregateError ? current.errors[0] : current.cause;
  }
  return false;
}

export interface AwaitOptions {
  readonly host: Host;
  readonly health: Health;
  /** Ends the wait. */
  readonly stopSignal?: AbortSignal;
}

const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 5_000;

/**
 * Opens what the server cannot be without, as often as it takes.
 * @throws RepriseError `shutting_down` when it was stopped meanwhile; what `open` throws when waiting is of no use.
 */
export async function awaitStorage<T>(open: () => Promise<T>, options: AwaitOptions): Promise<T> {
  const { host, health, stopSignal } = options;
  for (let retryMs = RETRY_MS_MIN; ; retryMs = Math.min(2 * retryMs, RETRY_MS_MAX)) {
    try {
      return await open();
    } catch (error) {
      if (!isPassing(error)) throw error;
      const cause = error instanceof Error ? error.message : String(error);
      health.wait(cause);
      host.log("warn", "storage_awaited", { cause, retryMs });
    }
    await pause(retryMs, host, stopSignal);
    if (stopSignal?.aborted === true) {
      throw new RepriseError("shutting_down", {
        message: "the server was stopped while it waited for its storage",
      });
    }
  }
}

function pause(ms: number, host: Host, stopSignal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = host.setTimer(host.now() + ms, end);
    function end(): void {
      timer.cancel();
      stopSignal?.removeEventListener("abort", end);
      resolve();
    }
    if (stopSignal?.aborted === true) end();
    else stopSignal?.addEventListener("abort", end);
  });
}
