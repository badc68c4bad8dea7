import { durationMs } from "../wire/duration.ts";
import { HEADER } from "../wire/headers.ts";
import type { Answer } from "../workflow/answer.ts";
import { defaultBackoffMs, expressionMs } from "./delay-expression.ts";
import type { ModelServer } from "./model-server.ts";
import type { Message } from "./rows.ts";

export function isSuccess({ status }: Answer): boolean {
  return status >= 200 && status < 300;
}

/** False when no attempt may follow. */
export function retryLater(
  {
    message,
    answer,
    retries,
  }: { readonly message: Message; readonly answer: Answer; readonly retries: number },
  server: ModelServer,
): boolean {
  if (answer.headers[HEADER.nonRetryable] === "true" || message.retried >= retries) return false;
  message.dueAt = server.now + pauseMs(message, answer);
  message.retried++;
  message.retries = retries;
  server.schedule(message);
  return true;
}

/** What the app asks for goes before the expression, that before the default. */
function pauseMs({ retried, retryDelay }: Message, { headers }: Answer): number {
  const asked = headers[HEADER.retryAfter];
  if (asked !== undefined) {
    return durationMs(/^\d+$/.test(asked) ? Number(asked) : asked, "Retry-After");
  }
  return retryDelay === null ? defaultBackoffMs(retried) : expressionMs(retryDelay, retried);
}
