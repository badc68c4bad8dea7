import type { DeadEntry } from "./overrides.ts";

const TEXT_CHARS_MAX = 300;

/** What the answer says of itself, for a line of a list; null when it says nothing of its own. */
export function saidBy(entry: Pick<DeadEntry, "responseBody" | "reason">): string | null {
  const { responseBody: body, reason } = entry;
  if (body === undefined || /^\s*</.test(body)) return null;
  const text = messageIn(body) ?? body;
  const line = text.replace(/\s+/g, " ").trim();
  // Without an answer the body repeats the reason.
  if (line === "" || line === reason || /^[[{]/.test(line)) return null;
  return line.slice(0, TEXT_CHARS_MAX);
}

/** `message` of the errors that SDKs answer with, or `error` of others. */
function messageIn(body: string): string | null {
  const value = parse(body);
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return null;
  const { message, error } = value as { readonly message?: unknown; readonly error?: unknown }; // Read below.
  if (typeof message === "string" && message !== "") return message;
  return typeof error === "string" && error !== "" ? error : null;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
