/** What the `verifySignature` of all adapters share: which requests are let through, and what the others are answered. */

import { Receiver } from "../messages/receiver.ts";
import { jsonOrText } from "../wire/json.ts";
import type { Answer } from "../workflow/answer.ts";
import { toResponse } from "../workflow/serve.ts";
import {
  type NodeHeaders,
  type NodeRequest,
  type RawBody,
  readBody,
  textOf,
  toRequestLike,
} from "./node-request.ts";
import { refuse, toRefusal } from "./refusal.ts";

/** How signatures are checked. */
export interface VerifySignatureConfig {
  /** `QSTASH_CURRENT_SIGNING_KEY` when not given. */
  readonly currentSigningKey?: string | undefined;
  /** `QSTASH_NEXT_SIGNING_KEY` when not given; it is taken as well, so that keys can be rotated. */
  readonly nextSigningKey?: string | undefined;
  /** The address that messages are sent to, to be compared with the signed one. It is not compared when not given. */
  readonly url?: string | undefined;
  /** Seconds by which clocks may differ. Default: 0. */
  readonly clockTolerance?: number | undefined;
  /** Whether to take the keys of a development server. Default: when `QSTASH_DEV` is set. */
  readonly devMode?: boolean | undefined;
}

/** What of a request is signed, and the signature. */
export interface SignedRequest {
  readonly get: (name: string) => string | null;
  readonly body: RawBody;
}

/** Gives the answer to a request that must not be let through, or null. */
export type Guard = (request: SignedRequest) => Promise<Answer | null>;

/** Keys are looked for when the first request comes, because some platforms have no environment before. */
export function toGuard(config: VerifySignatureConfig = {}): Guard {
  let receiver: Receiver | undefined;
  return async ({ get, body }) => {
    const signature = get("upstash-signature");
    if (signature === null) {
      return refuse(403, "SignatureError", "the request has no header Upstash-Signature");
    }
    try {
      receiver ??= new Receiver(config);
      const { url, clockTolerance } = config;
      await receiver.verify({ signature, body, url, clockTolerance });
      return null;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return refuse(403, error.name, error.message);
    }
  };
}

/** The answer to a Web request that must not be let through, or null; who comes next can still read its body. */
export async function guardWeb(guard: Guard, request: Request): Promise<Response | null> {
  const body = new Uint8Array(await request.clone().arrayBuffer());
  const refusal = await guard({ get: (name) => request.headers.get(name), body });
  return refusal === null ? null : toResponse(refusal);
}

/** A handler of events that hold a Web request, for signed ones alone; it reads the body as if nobody had. */
export function guardEvents<Event extends { readonly request: Request }, Result>(
  handler: (event: Event) => Result | Promise<Result>,
  config: VerifySignatureConfig | undefined,
): (event: Event) => Promise<Result | Response> {
  const guard = toGuard(config);
  return async (event) => (await guardWeb(guard, event.request)) ?? handler(event);
}

/** The answer to a request of Node that must not be let through, or null; then `rawBody` and `body` are set. */
export async function guardNode(guard: Guard, request: NodeRequest): Promise<Answer | null> {
  try {
    const body = await readBody(request);
    const refusal = await guard({ get: toRequestLike(request, body).headers.get, body });
    if (refusal === null) keepBody(request, body);
    return refusal;
  } catch (error) {
    return toRefusal(error);
  }
}

/** The stream has been read, so that who comes next finds the body where body parsers leave it. */
function keepBody(request: NodeRequest, rawBody: RawBody): void {
  const { body } = request;
  Object.assign(request, {
    rawBody,
    body: body ?? parse(rawBody, request.headers["content-type"]),
  });
}

/** JSON as what it says, everything else as text. */
export function parse(rawBody: RawBody, contentType: NodeHeaders[string]): unknown {
  const text = textOf(rawBody);
  // Where its sender lies about the type, what arrived is still worth having.
  return String(contentType).includes("json") ? jsonOrText(text) : text;
}
