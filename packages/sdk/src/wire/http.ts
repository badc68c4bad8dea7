import { QstashDailyRatelimitError, QstashError, QstashRatelimitError } from "../errors.ts";

/** Requests to the server: base URL, token, retries of what never arrived, and errors with the server's own words. */

export interface HttpOptions {
  /** Base URL of the server; `QSTASH_URL` when not given, and `http://localhost:8080` without it. */
  readonly baseUrl?: string | undefined;
  /** `QSTASH_TOKEN` when not given. */
  readonly token?: string | undefined;
  /** How often a request is made again when no answer arrived; false for never. Default: 5 times. */
  readonly retry?: RetryOptions | false | undefined;
  /** Sent with every request. */
  readonly headers?: HeadersInit | undefined;
  /** In place of the global `fetch`. */
  readonly fetch?: typeof fetch | undefined;
}

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

export class Http {
  readonly baseUrl: string;
  readonly token: string;
  readonly #options: HttpOptions;

  constructor(options: HttpOptions) {
    this.#options = options;
    this.baseUrl = (options.baseUrl ?? BASE_URL_DEFAULT).replace(/\/+$/, "");
    this.token = (options.token ?? "").trim();
  }

  /** The JSON of the answer; undefined when it is empty. @throws QstashError for every status but 2xx. */
  async json<T>(request: HttpRequest): Promise<T> {
    const response = await this.send(request);
    const text = await response.text();
    // What the server answers has the shape that its page of the API promises.
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  /** The answer with a 2xx status. @throws QstashError for every other one, and when none arrives. */
  async send(request: HttpRequest): Promise<Response> {
    const url = `${this.baseUrl}/${request.path.map(encodeSegment).join("/")}${toQuery(request.query)}`;
    const init: RequestInit = {
      method: request.method,
      headers: this.#headers(request.headers),
      ...(request.body === undefined ? {} : { body: request.body }),
    };
    const response = await this.#fetch(url, init);
    if (!response.ok) throw await refusal(response);
    return response;
  }

  #headers(own: HeadersInit | undefined): Headers {
    const headers = new Headers(this.#options.headers);
    headers.set("authorization", `Bearer ${this.token}`);
    new Headers(own).forEach((value, name) => {
      headers.set(name, value);
    });
    return headers;
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    const { retry, fetch: ownFetch = fetch } = this.#options;
    const retries = retry === false ? 0 : (retry?.retries ?? RETRIES_DEFAULT);
    const backoff = (retry === false ? undefined : retry?.backoff) ?? backoffDefault;
    for (let retried = 0; ; retried++) {
      try {
        return await ownFetch(url, init);
      } catch (cause) {
        if (retried >= retries) throw unreachable(new URL(url), cause);
        await pause(backoff(retried));
      }
    }
  }
}

function backoffDefault(retried: number): number {
  return Math.exp(retried) * 50;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function unreachable({ origin }: URL, cause: unknown): QstashError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const hint = "is the server running, and is QSTASH_URL (or baseUrl) its address?";
  return new QstashError(`no answer from ${origin}: ${reason}; ${hint}`, undefined, { cause });
}

/** URL parsers take `.` and `..` for directions, also when they are encoded: as an id they are refused. */
export function encodeSegment(segment: string): string {
  if (segment !== "" && !/^\.{1,2}$/.test(segment)) return encodeURIComponent(segment);
  throw new QstashError(`${JSON.stringify(segment)} cannot be an id or a name in a path`);
}

function toQuery(query: HttpRequest["query"]): string {
  if (query === undefined) return "";
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const item of Array.isArray(value) ? value : [value]) pairs.append(name, String(item));
  }
  const text = pairs.toString();
  return text === "" ? "" : `?${text}`;
}

async function refusal(response: Response): Promise<QstashError> {
  const body = await response.text();
  const message = body === "" ? `the server answered ${response.status}` : body;
  if (response.status !== 429) return new QstashError(message, response.status);
  const { headers } = response;
  const daily = headers.get("ratelimit-limit");
  if (daily !== null) {
    return new QstashDailyRatelimitError(message, {
      limit: daily,
      remaining: headers.get("ratelimit-remaining"),
      reset: headers.get("ratelimit-reset"),
    });
  }
  return new QstashRatelimitError(message, {
    limit: headers.get("burst-ratelimit-limit"),
    remaining: headers.get("burst-ratelimit-remaining"),
    reset: headers.get("burst-ratelimit-reset"),
  });
}
