import { sendRaw } from "./raw-http.ts";
import type { World } from "./world.ts";

/** Requests as the Python client puts them on the wire: letters, order and text of its headers, JSON with blanks, bodies on DELETE. */

export interface PythonCall {
  readonly method: string;
  readonly path: string;
  readonly params?: Readonly<Record<string, string | readonly string[]>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** False for the calls whose answer it does not read. */
  readonly isParsed?: boolean;
}

/** What the client raises when an answer is no success; its text is what users see. */
export class PythonError extends Error {
  readonly status: number;

  constructor(status: number, body: string) {
    super(`Request failed with status: ${status}, body: ${body}`);
    this.status = status;
  }
}

/** Sends one request and gives the JSON of the answer. */
export async function python(world: World, call: PythonCall): Promise<unknown> {
  const { method, path, params = {}, headers = {}, body, isParsed = true } = call;
  const { port } = world.server;
  const bytes = Buffer.from(body ?? "");
  const lines = [
    `${method} ${path}${queryOf(params)} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    "Accept: */*",
    "Accept-Encoding: gzip, deflate",
    "Connection: keep-alive",
    "User-Agent: python-httpx/0.28.1",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `Authorization: Bearer ${world.token}`,
    // Its HTTP library says so for every method that may have a body, and for DELETE with one.
    ...(method !== "GET" && (method !== "DELETE" || body !== undefined)
      ? [`Content-Length: ${bytes.byteLength}`]
      : []),
  ];
  const text = `${lines.join("\r\n")}\r\n\r\n${bytes.toString("latin1")}`;
  const answer = await sendRaw(port, text);
  if (answer.status < 200 || answer.status > 299) throw new PythonError(answer.status, answer.body);
  return isParsed ? JSON.parse(answer.body) : null;
}

function queryOf(params: NonNullable<PythonCall["params"]>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    for (const one of typeof value === "string" ? [value] : value) query.append(name, one);
  }
  return query.size === 0 ? "" : `?${query}`;
}

/** `json.dumps`: a blank behind every colon and comma, and nothing but ASCII. */
export function dumps(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(dumps).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).map(([name, field]) => `${dumps(name)}: ${dumps(field)}`);
    return `{${fields.join(", ")}}`;
  }
  return JSON.stringify(value).replaceAll(/[\u0080-\uffff]/g, (one) => {
    return `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

export const JSON_TYPE = { "Content-Type": "application/json" } as const;
