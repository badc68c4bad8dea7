import {
  QstashDailyRatelimitError,
  QstashEmptyArrayError,
  QstashError,
  QstashRatelimitError,
} from "../errors.ts";
import {
  DEVELOPMENT,
  developmentUrl,
  type Environment,
  isDevelopment,
  readEnvironment,
} from "./environment.ts";
import type { BodyInit, HeadersInit } from "./web-types.ts";

/** Requests to the server: base URL, token, retries of what never arrived, and errors with the server's own words. */

export interface HttpOptions {
  /** Base URL of the server; `QSTASH_URL` when not given, and `http://localhost:8080` without it. */
  readonly baseUrl?: string | undefined;
  /** `QSTASH_TOKEN` when not given. */
  readonly token?: string | undefined;
  /** How often a request is made again when no answer arrived; false for never. Default: 5 times. */
  readonly retry?: RetryOptions | false | undefined;
  /** Sent with every message, unless the message has the same header: settings, and headers for its destination. */
  readonly headers?: HeadersInit | undefined;
  /** A server of development is meant, such as `reprise dev`: its address and token in place of others. When `QSTASH_DEV` is set. */
  readonly devMode?: boolean | undefined;
  /** In place of the global `fetch`. */
  readonly fetch?: typeof fetch | undefined;
}

/** How requests are made again. */
export interface RetryOptions {
  readonly retries?: number;
  /** Pause before retry `retried + 1`, in milliseconds. */
  readonly backoff?: (retried: number) => number;
}

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Parts of the path; each is percent-encoded, so that `..`, `/` and `?` in an id mean nothing. */
  readonly path: readonly string[];
  /** Absent values are left out; a list repeats the name. */
  readonly query?: Readonly<Record<string, QueryValue>>;
  readonly headers?: HeadersInit | undefined;
  readonly body?: BodyInit | null | undefined;
}

export type QueryValue = string | number | boolean | readonly (string | number)[] | undefined;

const RETRIES_DEFAULT = 5;
export const BASE_URL_DEFAULT = "http://localhost:8080";

/** A server, and how requests reach it. */
export class Http {
  readonly baseUrl: string;
  readonly token: string;
  readonly #options: HttpOptions;

  /** @param environment variables to read in place of those of the process. */
  constructor(options: HttpOptions = {}, environment: Environment = readEnvironment()) {
    this.#options = options;
    const isDev = isDevelopment(environment, options.devMode);
    // A variable that is set to nothing is as good as none.
    const baseUrl = options.baseUrl || environment.QSTASH_URL || BASE_URL_DEFAULT;
    const token = options.token || environment.QSTASH_TOKEN || "";
    this.baseUrl = (isDev ? developmentUrl(environment) : baseUrl).trim().replace(/\/+$/, "");
    this.token = isDev ? DEVELOPMENT.token : token.trim();
  }

  /** Headers that every message has. */
  get headers(): HeadersInit | undefined {
    return this.#options.headers;
  }

  /** The JSON of the answer; undefined when it is empty. @throws QstashError for every status but 2xx. */
  async json<T>(request: HttpRequest): Promise<T> {
    const response = await this.send(request);
    const text = await response.text();
    try {
      // What the server answers has the shape that its page of the API promises.
      return (text === "" ? undefined : JSON.parse(text)) as T;
    } catch (cause) {
      const start = JSON.stringify(text.slice(0, 80));
      const hint = "is QSTASH_URL (or baseUrl) the address of the server?";
      const message = `${this.baseUrl} answered with something else than JSON: ${start}; ${hint}`;
      throw new QstashError(message, response.status, { cause });
    }
  }

  /** Sends a request whose answer says nothing but that it was done. @throws QstashError as {@link json}. */
  async done(request: HttpRequest): Promise<void> {
    const response = await this.send(request);
    // A body that nobody reads costs its connection.
    await response.text();
  }

  /** The answer with a 2xx status. @throws QstashError for every other one, and when none arrives. */
  async send(request: HttpRequest): Promise<Response> {
    const { method, body } = request;
    const url = `${this.baseUrl}/${request.path.map(encodeSegment).join("/")}${toQuery(request.query)}`;
    const headers = this.#withToken(request.headers);
    const response = await this.#fetch(url, { method, headers, ...bodyInit(body) });
    if (!response.ok) throw await refusal(response);
    return response;
  }

  #withToken(own: HeadersInit | undefined): Headers {
    const headers = new Headers(own);
    if (headers.has("authorization")) return headers;
    if (this.token === "") {
      throw new QstashError("there is no token: set QSTASH_TOKEN, or give the client a token");
    }
    headers.set("authorization", `Bearer ${this.token}`);
    return headers;
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    if (!URL.canParse(url)) throw unreachable(url, "that is no address");
    const { retry, fetch: ownFetch = fetch } = this.#options;
    // What has been read from a stream cannot be sent again.
    const isOnce = retry === false || init.body instanceof ReadableStream;
    const retries = isOnce ? 0 : (retry?.retries ?? RETRIES_DEFAULT);
    const backoff = (retry === false ? undefined : retry?.backoff) ?? backoffDefault;
    for (let retried = 0; ; retried++) {
      try {
        return await ownFetch(url, init);
      } catch (cause) {
        if (retried >= retries) throw unreachable(url, cause);
        await pause(backoff(retried));
      }
    }
  }
}

function bodyInit(body: HttpRequest["body"]): RequestInit & { duplex?: "half" } {
  if (body === undefined || body === null) return {};
  return body instanceof ReadableStream ? { body, duplex: "half" } : { body };
}

function backoffDefault(retried: number): number {
  return Math.exp(retried) * 50;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function unreachable(url: string, cause: unknown): QstashError {
  const hint = "is the server running, and is QSTASH_URL (or baseUrl) its address?";
  const where = URL.canParse(url) ? new URL(url).origin : url;
  return new QstashError(`no answer from ${where}: ${reasonOf(cause)}; ${hint}`, undefined, {
    cause,
  });
}

/** `fetch` says no more than that it failed, and keeps the reason in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, cause } = error;
  return cause instanceof Error && cause.message !== "" ? `${message} (${cause.message})` : message;
}

/** URL parsers take `.` and `..` for directions, also when they are encoded: as an id they are refused. */
export function encodeSegment(segment: string): string {
  if (typeof segment === "string" && segment !== "" && !/^\.{1,2}$/.test(segment)) {
    try {
      return encodeURIComponent(segment);
    } catch {
      // Half of a surrogate pair: no text, so no name either.
    }
  }
  throw new QstashError(`${JSON.stringify(segment)} cannot be an id or a name in a path`);
}

/** @throws QstashEmptyArrayError, because a list without values would ask for everything. */
export function toQuery(query: HttpRequest["query"]): string {
  if (query === undefined) return "";
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    const items = Array.isArray(value) ? value : [value];
    if (items.length === 0) throw new QstashEmptyArrayError(name);
    for (const item of items) pairs.append(name, String(item));
  }
  const text = pairs.toString();
  return text === "" ? "" : `?${text}`;
}

async function refusal(response: Response): Promise<QstashError> {
  const { headers, status } = response;
  const body = await response.text();
  const message = body === "" ? `the server answered ${status}` : body;
  if (status !== 429) return new QstashError(message, status);
  const isDaily = headers.has("ratelimit-limit");
  const prefix = isDaily ? "ratelimit" : "burst-ratelimit";
  const numbers = {
    limit: headers.get(`${prefix}-limit`),
    remaining: headers.get(`${prefix}-remaining`),
    reset: headers.get(`${prefix}-reset`),
  };
  return isDaily
    ? new QstashDailyRatelimitError(message, numbers)
    : new QstashRatelimitError(message, numbers);
}
