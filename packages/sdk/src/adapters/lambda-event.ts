/**
 * Events that AWS Lambda is called with over HTTP, and the answers to them: API Gateway (payload formats 1.0 and 2.0), function URLs (as
 * 2.0) and Application Load Balancers (as 1.0, with their own rules for headers).
 */

import { bytesFromBase64 } from "../wire/base64.ts";
import type { Answer } from "../workflow/answer.ts";
import type { RequestLike } from "../workflow/request.ts";
import { type RawBody, textReader, toHeadersLike } from "./node-request.ts";

/** What is read of an event of any of these kinds. */
export interface LambdaEvent {
  readonly body?: string | null;
  readonly isBase64Encoded?: boolean;
  readonly headers?: LambdaHeaders | null | undefined;
  /** Payload format 1.0, and load balancers that were told to send it instead of `headers`. */
  readonly multiValueHeaders?: Readonly<Record<string, string[] | undefined>> | null | undefined;
  /** Payload format 1.0 and load balancers. */
  readonly httpMethod?: string;
  readonly path?: string;
  readonly queryStringParameters?: LambdaHeaders | null | undefined;
  readonly multiValueQueryStringParameters?:
    | Readonly<Record<string, string[] | undefined>>
    | null
    | undefined;
  /** Payload format 2.0 and function URLs. */
  readonly rawPath?: string;
  readonly rawQueryString?: string;
  readonly requestContext?: LambdaRequestContext;
}

export type LambdaHeaders = Readonly<Record<string, string | undefined>>;

export interface LambdaRequestContext {
  readonly domainName?: string | undefined;
  /** With the stage, which `path` of the event leaves out. */
  readonly path?: string | undefined;
  readonly http?: { readonly method?: string; readonly path?: string };
  /** Load balancers alone have it. */
  readonly elb?: object | undefined;
}

/** What Lambda makes an HTTP answer of. */
export interface LambdaResult {
  readonly statusCode: number;
  readonly headers?: Record<string, string>;
  readonly multiValueHeaders?: Record<string, string[]>;
  readonly body: string;
  readonly isBase64Encoded: boolean;
}

/** The event as `serve` takes it. */
export function toLambdaRequest(event: LambdaEvent): RequestLike {
  const headers = headersOf(event);
  const body = bodyOf(event);
  return {
    url: urlOfEvent(event, headers),
    headers: toHeadersLike(headers),
    text: textReader(body),
  };
}

export function methodOf({ requestContext, httpMethod }: LambdaEvent): string {
  return requestContext?.http?.method ?? httpMethod ?? "GET";
}

/** The body as it was sent. */
export function bodyOf({ body, isBase64Encoded }: LambdaEvent): RawBody {
  if (body === undefined || body === null) return "";
  return isBase64Encoded === true ? bytesFromBase64(body) : body;
}

function headersOf({ headers, multiValueHeaders }: LambdaEvent): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (value !== undefined) result[name.toLowerCase()] = value;
  }
  for (const [name, values] of Object.entries(multiValueHeaders ?? {})) {
    if (values !== undefined) result[name.toLowerCase()] = values.join(", ");
  }
  return result;
}

function urlOfEvent(event: LambdaEvent, headers: LambdaHeaders): string {
  const { requestContext } = event;
  const host = headers["x-forwarded-host"] ?? headers.host ?? requestContext?.domainName;
  // All but a load balancer without a certificate are reached by TLS alone.
  const told = headers["x-forwarded-proto"]?.split(",", 1)[0]?.trim();
  const protocol = told === "http" ? "http" : "https";
  const path = event.rawPath ?? stagePath(event) ?? event.path ?? "/";
  return `${protocol}://${host ?? "localhost"}${path}${queryOf(event)}`;
}

/** The stage is part of the address as long as there is no domain of one's own, and then it is part of this path alone. */
function stagePath({ requestContext }: LambdaEvent): string | undefined {
  return requestContext?.elb === undefined ? requestContext?.path : undefined;
}

function queryOf(event: LambdaEvent): string {
  if (event.rawQueryString !== undefined) {
    return event.rawQueryString === "" ? "" : `?${event.rawQueryString}`;
  }
  // Load balancers hand over what was sent, still encoded; API Gateway decodes it.
  const encode = event.requestContext?.elb === undefined ? encodeURIComponent : String;
  const pairs: string[] = [];
  const many = event.multiValueQueryStringParameters ?? {};
  for (const [name, value] of Object.entries(event.queryStringParameters ?? {})) {
    for (const item of many[name] ?? [value ?? ""]) pairs.push(`${encode(name)}=${encode(item)}`);
  }
  for (const [name, values] of Object.entries(many)) {
    if (event.queryStringParameters?.[name] !== undefined) continue;
    for (const item of values ?? []) pairs.push(`${encode(name)}=${encode(item)}`);
  }
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

/** The answer in the form that the sender of the event expects. */
export function toLambdaResult(event: LambdaEvent, answer: Answer): LambdaResult {
  const { status, headers, body } = answer;
  const rest = { statusCode: status, body, isBase64Encoded: false };
  // A load balancer that sends many values per header reads no others.
  const isMany = event.requestContext?.elb !== undefined && event.headers === undefined;
  if (!isMany) return { ...rest, headers: { ...headers } };
  const multiValueHeaders: Record<string, string[]> = {};
  for (const [name, value] of Object.entries(headers)) multiValueHeaders[name] = [value];
  return { ...rest, multiValueHeaders };
}
