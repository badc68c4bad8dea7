import { bytesFromBase64, textFromBase64, textFromBytesOfLatin1 } from "../wire/base64.ts";
import { jsonOrText } from "../wire/json.ts";
import type { StepRecord } from "./records.ts";
import type { CallResponse, InvokeResponse, WaitResponse, WebhookResponse } from "./step-types.ts";

/** The value that a function gets for the record of a step. */

export function readNothing(): void {}

/** What the step gave, after its way through JSON. */
export function readJson<T>({ out }: StepRecord): T {
  // The author's own type: what the step returned, as far as JSON carries it.
  return (out === undefined ? undefined : jsonOrText(out)) as T;
}

export function readCall<Body>({ out }: StepRecord): CallResponse<Body> {
  // Written by the SDK from what the server says of the answer.
  const { status, body, header } = JSON.parse(out ?? "{}") as CallResponse<string>;
  const text = textFromBytesOfLatin1(body ?? "");
  const contentType = header?.["Content-Type"]?.[0] ?? "";
  const isText =
    /^(?:text\/|application\/(?:json|xml|javascript|x-www-form-urlencoded|.*\+(?:json|xml)))|charset=/i.test(
      contentType,
    );
  // The author says what the service answers.
  return { status, body: jsonOrText(isText ? text : (body ?? "")) as Body, header };
}

export function readWait<Data>({ out, waitTimeout }: StepRecord): WaitResponse<Data> {
  if (waitTimeout === true) return { eventData: undefined, timeout: true };
  const text = out === undefined || out === "" ? undefined : textFromBase64(out);
  // The author says what the event brings.
  return { eventData: (text === undefined ? undefined : jsonOrText(text)) as Data, timeout: false };
}

/** The request as the server has kept it. */
interface KeptRequest {
  readonly method: string;
  readonly header: Readonly<Record<string, readonly string[]>>;
  /** base64. */
  readonly body: string;
  readonly proto: string;
  readonly host: string;
  readonly url: string;
}

export function readWebhook({ out, waitTimeout }: StepRecord): WebhookResponse {
  if (waitTimeout === true || out === undefined) return { timeout: true, request: undefined };
  // Written by the server.
  const kept = JSON.parse(textFromBase64(out)) as KeptRequest;
  const headers = new Headers();
  for (const [name, values] of Object.entries(kept.header)) {
    for (const value of values) headers.append(name, value);
  }
  const hasBody = kept.method !== "GET" && kept.method !== "HEAD";
  const request = new Request(`${kept.proto}://${kept.host}${kept.url}`, {
    method: kept.method,
    headers,
    ...(hasBody ? { body: bytesFromBase64(kept.body) } : {}),
  });
  return { timeout: false, request };
}

interface KeptEnd {
  readonly body?: string;
  readonly isFailed?: boolean;
  readonly isCanceled?: boolean;
}

export function readInvoke<Result>({ out }: StepRecord): InvokeResponse<Result> {
  // Written by the server when the invoked run ended.
  const { body, isFailed = false, isCanceled = false } = JSON.parse(out ?? "{}") as KeptEnd;
  // The invoked workflow says what it returns.
  const result = (body === undefined ? undefined : jsonOrText(body)) as Result;
  return { body: result, isFailed, isCanceled };
}
