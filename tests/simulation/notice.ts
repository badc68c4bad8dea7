import type { SentRequest } from "./facts.ts";
import type { WireStep } from "./step-list.ts";

/** An event that somebody sends, known by the number in its data. */
export interface Notice {
  readonly number: number;
  readonly eventId: string;
  /** The run that it is for; null for everybody who waits. */
  readonly runId: string | null;
  readonly source: "notify" | "webhook";
}

/** The event that a request brings, or null. */
export function readNotice({ method, target, body }: SentRequest): Notice | null {
  const path = target.replace(/\?.*/, "");
  const hook = /^\/v2\/workflows\/hooks\/[^/]+\/([^/]+)\/([^/]+)$/.exec(path);
  if (hook !== null) {
    const [, runId = "", eventId = ""] = hook;
    const number = numberInTarget(target);
    return { number, runId, eventId: decodeURIComponent(eventId), source: "webhook" };
  }
  if (method !== "POST" || !path.startsWith("/v2/notify/")) return null;
  const rest = decodeURIComponent(path.slice("/v2/notify/".length));
  const one = /^(wfr_[^/]+)\/(.+)$/.exec(rest);
  return {
    number: numberIn(body) ?? 0,
    runId: one?.[1] ?? null,
    eventId: one?.[2] ?? rest,
    source: "notify",
  };
}

/** The number of the event that a record brings; null when it brings none. */
export function noticeOf({ stepType, out }: WireStep): number | null {
  if (stepType !== "Wait" && stepType !== "WaitForWebhook") return null;
  return out === undefined ? null : noticeIn(Buffer.from(out, "base64"));
}

/** The number in the data of a notification, or in the request that a webhook got. */
export function noticeIn(data: Uint8Array): number | null {
  const text = Buffer.from(data).toString("utf8");
  const number = numberIn(text);
  if (number !== null) return number;
  // The server has written this text from an object.
  const { url } = JSON.parse(text) as { readonly url?: unknown };
  return typeof url === "string" ? numberInTarget(url) : null;
}

function numberIn(text: string): number | null {
  // Written by an actor of this test, or by the server from such a request.
  const { notice } = JSON.parse(text) as { readonly notice?: unknown };
  return typeof notice === "number" ? notice : null;
}

function numberInTarget(target: string): number {
  return Number(new URLSearchParams(target.replace(/^[^?]*/, "")).get("notice"));
}
