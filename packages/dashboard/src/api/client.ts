/** Values of a query; what is undefined, null or empty is left out, lists are repeated. */
export type Query = Readonly<
  Record<string, string | number | boolean | readonly string[] | null | undefined>
>;

/** What the server refuses, in its words. `status` is 0 when it could not be reached. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
  }
}

interface Asked {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly query?: Query;
  /** Sent as JSON; text and bytes are sent as they are. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** The server's address, told from where the page was loaded: a proxy may serve both below a prefix. */
export function serverUrl(): URL {
  const url = new URL(document.baseURI);
  url.hash = "";
  url.search = "";
  url.pathname = url.pathname.replace(/[^/]*$/, "");
  return url;
}

export function apiUrl(path: string, query: Query = {}): URL {
  const url = new URL(path.replace(/^\//, ""), serverUrl());
  url.search = toSearch(query);
  return url;
}

export function toSearch(query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const single of Array.isArray(value) ? value : [value]) {
      if (single !== undefined && single !== null && single !== "") {
        search.append(name, String(single));
      }
    }
  }
  return search.toString();
}

const SESSION_PATH = "/v2/session";
const ended = new Set<() => void>();

/** Calls `listener` when the server no longer knows the session: it was too long, or its token is gone. Gives the way to stop. */
export function onSessionEnd(listener: () => void): () => void {
  ended.add(listener);
  return () => ended.delete(listener);
}

/**
 * Asks the API with the session's cookie.
 * @param path from the server's address on, ids percent-encoded: `/v2/queues/mail`.
 * @throws ApiError
 */
export async function ask<T>(path: string, asked: Asked = {}): Promise<T> {
  const { method = "GET", query, body, headers, signal } = asked;
  const isRaw = typeof body === "string" || body instanceof Blob;
  const init: RequestInit = {
    method,
    credentials: "same-origin",
    headers: {
      ...(method === "GET" ? {} : { "Reprise-Dashboard": "1" }),
      ...(body === undefined || isRaw ? {} : { "Content-Type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isRaw ? body : JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  };
  const response = await send(toRequest(apiUrl(path, query), init));
  const text = await response.text();
  if (response.status === 401 && path !== SESSION_PATH) for (const listener of ended) listener();
  if (!response.ok) throw toError(response.status, text);
  // The types of the protocol say what each endpoint answers.
  return (text === "" ? null : parse(text)) as T;
}

function toRequest(url: URL, init: RequestInit): Request {
  try {
    return new Request(url, init);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^.*: /, "") : String(error);
    throw new ApiError(0, "invalid_request", `the browser cannot send this: ${reason}`);
  }
}

async function send(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "the server cannot be reached");
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function toError(status: number, text: string): ApiError {
  const body = parse(text);
  if (typeof body === "object" && body !== null) {
    const { error, code } = body as { readonly error?: unknown; readonly code?: unknown }; // Read below.
    const message = typeof error === "string" ? error : text;
    return new ApiError(status, typeof code === "string" ? code : "", message);
  }
  return new ApiError(status, "", text === "" ? `the server answered ${status}` : text);
}
