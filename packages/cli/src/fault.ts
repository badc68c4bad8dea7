// Faults that a reader can repair are commander's errors, because commander makes most of them: a message for
// people and the exit code. A code that starts with `reprise.` is ours, and its message is not printed yet.

import { isRepriseError } from "@reprise/protocol";
import { CommanderError } from "commander";

export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/** The command was used wrongly. */
export function usageFault(message: string): CommanderError {
  return new CommanderError(EXIT_USAGE, "reprise.usage", message);
}

/** The command was right, but what it asks for did not happen. */
export function failure(message: string): CommanderError {
  return new CommanderError(EXIT_FAILED, "reprise.failed", message);
}

/** There was no answer, so nobody knows what has happened. */
export function unreachable(message: string): CommanderError {
  return new CommanderError(EXIT_FAILED, UNREACHABLE, message);
}

const UNREACHABLE = "reprise.unreachable";

/** No answer, or that of a server that is starting or stopping: the next question may be answered. */
export function isServerAway(error: unknown): boolean {
  if (isRepriseError(error)) return error.status === 503;
  return error instanceof CommanderError && error.code === UNREACHABLE;
}

/** The code of a system error such as `EADDRINUSE`, also when an error of `fetch` wraps it; null for other values. */
export function systemCode(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if ("code" in error && typeof error.code === "string") return error.code;
  return systemCode(error.cause);
}
