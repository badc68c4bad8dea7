import type { SingleStep } from "./program.ts";
import type { WireStep } from "./step-list.ts";

/** What the route function gets for a recorded result, in the form that the app's programs return it in. Written without the SDK. */
export function routeValue(step: SingleStep, record: WireStep): unknown {
  const { out } = record;
  switch (step.kind) {
    case "run":
      return out === undefined ? undefined : JSON.parse(out);
    case "sleep":
    case "sleepUntil":
      return undefined;
    case "call":
      return callValue(out);
    case "waitForEvent": {
      const eventData = out === undefined ? undefined : fromJson(fromBase64(out));
      return { eventData, timeout: record.waitTimeout ?? false };
    }
    case "notify": {
      const { eventData, notifyResponse } = parseObject(out);
      return { eventData, notifyResponse };
    }
    case "createWebhook":
      return parseObject(out);
    case "waitForWebhook":
      return webhookValue(out);
    case "invoke": {
      const { body, isFailed, isCanceled } = parseObject(out);
      return { body: typeof body === "string" ? fromJson(body) : undefined, isFailed, isCanceled };
    }
  }
}

function callValue(out: string | undefined): unknown {
  const { status, body, header } = parseObject(out);
  const types = parseHeader(header)["content-type"] ?? parseHeader(header)["Content-Type"];
  const text = typeof body === "string" ? body : "";
  if (types === undefined) return { status, body: text };
  // The SDK has taken each byte of the answer for a character.
  return { status, body: fromJson(Buffer.from(text, "latin1").toString("utf8")) };
}

function webhookValue(out: string | undefined): unknown {
  if (out === undefined) return { timeout: true };
  const { method, proto, host, url, body } = parseObject(fromBase64(out));
  return {
    timeout: false,
    method,
    url: `${proto}://${host}${url}`,
    body: method === "GET" ? "" : fromBase64(typeof body === "string" ? body : ""),
  };
}

function parseObject(text: string | undefined): Readonly<Record<string, unknown>> {
  // Records of these steps hold objects; another value has no such fields and fails the comparison.
  return JSON.parse(text ?? "{}") as Readonly<Record<string, unknown>>;
}

function parseHeader(header: unknown): Readonly<Record<string, unknown>> {
  return typeof header === "object" && header !== null ? { ...header } : {};
}

function fromBase64(text: string): string {
  return Buffer.from(text, "base64").toString("utf8");
}

/** As it is, when it is no JSON. */
function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
