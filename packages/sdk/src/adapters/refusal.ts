/** Answers of the adapters themselves, when a request does not get as far as the workflow. */

import { type Answer, jsonAnswer } from "../workflow/answer.ts";

/** An answer with an error, in the form that workflows give their own. */
export function refuse(status: number, error: string, message: string): Answer {
  return jsonAnswer(status, { error, message });
}

/** The answer to a request that cannot be read. */
export function toRefusal(error: unknown): Answer {
  if (!(error instanceof Error)) return refuse(500, "Error", String(error));
  const status = "status" in error && typeof error.status === "number" ? error.status : 500;
  return refuse(status, error.name, error.message);
}
