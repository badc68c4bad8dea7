import { isJsonObject } from "@reprise/protocol";
import type { Recorded } from "./recording-server.ts";

/** A request as a server understands it: what differs here is a difference for somebody. */
export interface Meaning {
  readonly method: string;
  readonly path: string;
  readonly query: readonly (readonly [string, string])[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** Headers of the transport, and what the official clients tell about themselves. */
const IGNORED =
  /^(host|connection|content-length|transfer-encoding|accept.*|sec-fetch-mode|user-agent|upstash-telemetry-.*)$/;

export function meaningOf({ method, path, query, headers, body }: Recorded): Meaning {
  return {
    method,
    path: decodeURIComponent(path),
    query: [...new URLSearchParams(query)].toSorted(byText),
    headers: meaningOfHeaders(headers),
    body: meaningOfBody(body),
  };
}

function byText(a: readonly [string, string], b: readonly [string, string]): number {
  return a.join("=").localeCompare(b.join("="));
}

function meaningOfHeaders(
  headers: Readonly<Record<string, unknown>>,
): Readonly<Record<string, string>> {
  const kept = Object.entries(headers).filter(([name]) => !IGNORED.test(name.toLowerCase()));
  const named = kept.map(([name, value]) => [name.toLowerCase(), withoutChance(String(value))]);
  return Object.fromEntries(named);
}

/** Random ids are all the same here. */
function withoutChance(text: string): string {
  return /^wfr_[\w-]{21}$/.test(text) ? "wfr_random" : text;
}

function meaningOfBody(body: string): unknown {
  const value = parse(body);
  // Only batches hold headers that are compared by their meaning; other bodies are compared as they are.
  if (!Array.isArray(value)) return body;
  return value.map((item: unknown) => {
    if (!isJsonObject(item) || !isJsonObject(item.headers)) return item;
    return { ...item, headers: meaningOfHeaders(item.headers) };
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // No JSON: the text itself is what the server gets.
  }
}
