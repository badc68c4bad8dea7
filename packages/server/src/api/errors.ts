import { isRepriseError, RepriseError } from "@reprise/protocol";
import type { Host } from "../host/host.ts";

/** The answer to a refusal: one line of JSON, because clients show it to people as it is. */
export function errorResponse(error: unknown, host: Host): Response {
  const refusal = isRepriseError(error) ? error : fault(error, host);
  const headers = new Headers({ "content-type": "application/json" });
  if (refusal.status === 503) headers.set("retry-after", "1");
  if (refusal.status === 405) headers.set("allow", String(refusal.details.allow ?? ""));
  // Whoever sends too much goes on sending; the rest of it must not be taken for the next request.
  if (refusal.status === 413) headers.set("connection", "close");
  if (refusal.status === 429) setRateLimit(headers, refusal, host);
  const body = JSON.stringify({ error: shortened(refusal.message), code: refusal.code });
  return new Response(body, { status: refusal.status, headers });
}

/** What is refused may be as long as a request; whoever sent it need not get it back. */
const MESSAGE_CHARS_MAX = 1_000;

function shortened(message: string): string {
  return message.length > MESSAGE_CHARS_MAX
    ? `${message.slice(0, MESSAGE_CHARS_MAX - 3)}...`
    : message;
}

/** Clients tell the kinds of 429 apart by these names. */
function setRateLimit(headers: Headers, { details }: RepriseError, host: Host): void {
  const { limit, remaining, resetAt } = details;
  if (typeof resetAt !== "number") return;
  headers.set("burst-ratelimit-limit", String(limit));
  headers.set("burst-ratelimit-remaining", String(remaining));
  headers.set("burst-ratelimit-reset", String(Math.ceil(resetAt / 1000)));
  headers.set("retry-after", String(Math.max(1, Math.ceil((resetAt - host.now()) / 1000))));
}

/** A fault of ours. The caller learns nothing of its inside; the log does. */
export function fault(error: unknown, host: Host): RepriseError {
  const stack = error instanceof Error ? error.stack : String(error);
  host.log("error", "request_failed", { cause: stack });
  return new RepriseError("internal", {
    message: "the server has a fault; its log says more",
    cause: error,
  });
}
