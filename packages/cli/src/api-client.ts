import { DEV_IDENTITY, type ErrorCode, errorTable, RepriseError } from "@reprise/protocol";
import { failure, systemCode, unreachable, usageFault } from "./fault.ts";
import type { Terminal } from "./terminal.ts";

const DEV_URL = "http://127.0.0.1:8080";
const REQUEST_MS_MAX = 60_000;

/** Query parameters; a name may come more than once. */
export type Query = readonly (readonly [name: string, value: string])[];

/** One request of the public API. */
export interface ApiRequest {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly query?: Query;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes go as they are, anything else as JSON. */
  readonly body?: Uint8Array<ArrayBuffer> | object;
  /** Gives the request up. */
  readonly signal?: AbortSignal;
}

/**
 * Sends a request and gives the JSON of the answer.
 * @throws RepriseError when the server refuses, a CommanderError when there is none to ask.
 */
export type Api = (request: ApiRequest) => Promise<unknown>;

/** The API at `QSTASH_URL`; without settings the development server. */
export function connectApi(terminal: Terminal): Api {
  const baseUrl = readBaseUrl(terminal.env.QSTASH_URL || DEV_URL);
  const token = terminal.env.QSTASH_TOKEN || DEV_IDENTITY.token;
  return async ({ method = "GET", path, query = [], headers = {}, body, signal }) => {
    const search = new URLSearchParams(
      query.map(([name, value]): [string, string] => [name, value]),
    ).toString();
    const url = `${baseUrl}${path}${search === "" ? "" : `?${search}`}`;
    const timeout = AbortSignal.timeout(REQUEST_MS_MAX);
    const response = await send(url, baseUrl, {
      method,
      headers: { ...headers, authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: encodeBody(body) }),
      redirect: "error",
      signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
    });
    return readAnswer(response, baseUrl);
  };
}

/** `fetch` gives a text a content type; bytes get none that was not asked for. */
function encodeBody(body: Uint8Array<ArrayBuffer> | object): Uint8Array<ArrayBuffer> {
  return body instanceof Uint8Array ? body : new TextEncoder().encode(JSON.stringify(body));
}

/** Asks for something whose shape the protocol tells. */
export async function ask<T>(api: Api, request: ApiRequest): Promise<T> {
  // The server of this version answers this path with this shape, and with an error otherwise.
  return (await api(request)) as T;
}

/** Asks for a list that has no pages. */
export async function askList<T>(api: Api, request: ApiRequest): Promise<readonly T[]> {
  const answer = await ask<readonly T[]>(api, request);
  if (!Array.isArray(answer)) throw failure("the server's answer is not a list");
  return answer;
}

function readBaseUrl(text: string): string {
  const isHttp = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
  if (!isHttp) throw usageFault(`QSTASH_URL must be an http or https URL, got ${text}`);
  return text.replace(/\/+$/, "");
}

async function send(url: string, baseUrl: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (error instanceof Error && error.name === "TimeoutError") {
      throw unreachable(
        `the server at ${baseUrl} did not answer within ${REQUEST_MS_MAX / 1000} s`,
      );
    }
    const reason = systemCode(error) ?? (error instanceof Error ? error.message : String(error));
    throw unreachable(`no server answers at ${baseUrl} (${reason}); start one or set QSTASH_URL`);
  }
}

async function readAnswer(response: Response, baseUrl: string): Promise<unknown> {
  const text = await readText(response, baseUrl);
  const value = parseJson(text);
  if (response.ok) {
    if (text === "") return null;
    if (value !== undefined) return value;
    throw failure(`the server at ${baseUrl} does not speak the API: its answer is not JSON`);
  }
  throw readRefusal(response.status, value, text);
}

async function readText(response: Response, baseUrl: string): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    const reason = systemCode(error) ?? (error instanceof Error ? error.message : String(error));
    throw unreachable(`the answer of the server at ${baseUrl} broke off (${reason}); try again`);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // The caller says what this means for the answer at hand.
  }
}

function readRefusal(status: number, value: unknown, text: string): Error {
  const fields: { readonly error?: unknown; readonly code?: unknown } =
    typeof value === "object" && value !== null ? value : {};
  const message = typeof fields.error === "string" ? fields.error : text.slice(0, 500);
  const code = isErrorCode(fields.code) ? fields.code : null;
  if (code === null) return failure(`the server answered ${status}: ${message}`);
  return new RepriseError(code, { message, status });
}

function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(errorTable, value);
}
