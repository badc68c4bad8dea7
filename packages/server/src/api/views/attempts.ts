import {
  type AttemptResource,
  HEADER,
  type HeaderMap,
  type StepErrorResource,
} from "@reprise/protocol";
import type { AttemptRow } from "../../core/rows.ts";
import {
  type Lens,
  storedHeaders,
  viewBody,
  viewHeaders,
  viewText,
  withoutAbsent,
} from "./content.ts";

/** Finished tries to deliver a message. */

export function toAttempt(attempt: AttemptRow, lens: Lens): AttemptResource {
  const body = viewBody(attempt.responseBody, lens);
  return withoutAbsent<AttemptResource>({
    retried: attempt.number,
    startedAt: attempt.startedAt,
    endedAt: attempt.endedAt,
    requestHeader: viewHeaders(storedHeaders(attempt.requestHeaders), lens),
    responseStatus: attempt.status,
    responseHeader: responseHeaders(attempt, lens),
    responseBody: body.text ?? undefined,
    responseBodyBase64: body.base64 ?? undefined,
    isTruncated: attempt.isTruncated === 1,
    error: attempt.error ?? undefined,
    cause: attempt.cause ?? undefined,
    move: attempt.move,
  });
}

/** The failed ones, as logs list them; undefined when there is none. */
export function toErrors(
  attempts: readonly AttemptRow[],
  lens: Lens,
): readonly StepErrorResource[] | undefined {
  const failed = attempts.filter((attempt) => attempt.error !== null);
  return failed.length === 0 ? undefined : failed.map((attempt) => toError(attempt, lens));
}

function toError(attempt: AttemptRow, lens: Lens): StepErrorResource {
  return {
    error: attempt.error ?? "",
    body: viewText(attempt.responseBody, lens) ?? "",
    headers: responseHeaders(attempt, lens),
    status: attempt.status,
    time: attempt.endedAt,
    startedAt: attempt.startedAt,
    reason: attempt.move,
  };
}

export function responseHeaders(attempt: AttemptRow, lens: Lens): HeaderMap {
  return viewHeaders(storedHeaders(attempt.responseHeaders), lens);
}

/** The step that the SDK said it was in when it failed last. */
export function failedStepName(attempts: readonly AttemptRow[]): string | undefined {
  for (const attempt of attempts.toReversed()) {
    const name = storedHeaders(attempt.responseHeaders)[HEADER.errorStepName];
    const text = typeof name === "string" ? name : name?.[0];
    if (text !== undefined) return text;
  }
  return undefined;
}
