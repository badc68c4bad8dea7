import { isJsonObject } from "@reprise/protocol";
import type { Reply, Silence } from "./wire-client.ts";

/** What no error may show: code, places in it, queries, tokens. */
const LEAKS = /\bat \S+ \(|node_modules|node:internal|\/src\/|\.ts:\d|SQLITE_|eyJVc2VySUQi/;

const ERROR_CHARS_MAX = 1_000;

/** Says what is wrong with an answer; null when nothing is. */
export function judge(method: string, reply: Reply | Silence): string | null {
  if (reply.status === null) return reply.fault;
  const { status, headers, body } = reply;
  if (!(status >= 200 && status < 500)) return `status ${status}`;
  if (status < 400 || method === "HEAD") return null;
  if (status === 405 && !headers.get("allow")) return "405 without Allow";
  if (!headers.get("content-type")?.startsWith("application/json"))
    return "an error that is no JSON";
  return judgeError(body);
}

function judgeError(body: string): string | null {
  if (/[\r\n]/.test(body)) return "an error of several lines";
  if (LEAKS.test(body)) return "an error that shows the inside";
  const parsed = parse(body);
  if (!isJsonObject(parsed)) return "an error that is no object";
  const { error, code, ...rest } = parsed;
  if (typeof error !== "string" || error === "" || typeof code !== "string") {
    return "an error without text or code";
  }
  if (error.length > ERROR_CHARS_MAX) return `an error of ${error.length} characters`;
  return Object.keys(rest).length === 0 ? null : "an error with more than text and code";
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // Judged as no object.
  }
}
