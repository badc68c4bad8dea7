import { FAILURE_CAUSES, type FailureCause, HEADER } from "@reprise/protocol";
import { nameAnswerer } from "./answerer.ts";
import { NOT_A_WORKFLOW, NOT_FROM_SDK, NOT_TRIGGERED, SDK_TOO_OLD } from "./delivery-faults.ts";
import { normalizeMessage, readError, type SaidError } from "./failure-text.ts";
import type { Context } from "./transition.ts";

/** Says of a dead letter what went wrong, in one word, and which others went wrong alike. */

export interface FailureFacts {
  readonly url: string;
  readonly isWorkflow: boolean;
  readonly stepName: string | null;
  /** 0 when no response arrived. */
  readonly status: number;
  /** JSON of names in lower case and their values; null when no response arrived. */
  readonly headers: string | null;
  readonly body: Uint8Array | null;
  /** Why the last attempt failed, as the engine says it. */
  readonly reason: string;
  /** Why no response arrived; null when that is not known. */
  readonly errorCause: string | null;
}

/** What a dead letter keeps of it. */
export interface FailureKind {
  readonly failureCause: FailureCause;
  readonly failureText: string;
  readonly stepName: string | null;
  readonly groupId: string;
}

export function kindOfFailure(facts: FailureFacts, sha256: Context["sha256"]): FailureKind {
  const said = readError(facts.status === 0 ? null : facts.body);
  const failureCause = causeOf(facts, said);
  const message = said.message ?? facts.reason;
  const failureText = normalizeMessage(said.name === null ? message : `${said.name}: ${message}`);
  const { url, stepName, status } = facts;
  const identity = JSON.stringify([url, stepName, failureCause, status, failureText]);
  const digest = sha256(new TextEncoder().encode(identity));
  return { failureCause, failureText, stepName, groupId: `grp_${digest.slice(0, 24)}` };
}

/** The columns hold one of these; what a later version has written is shown as unknown. */
export function readFailureCause(text: string | null): FailureCause | null {
  if (text === null) return null;
  return FAILURE_CAUSES.find((cause) => cause === text) ?? "unknown";
}

function causeOf(facts: FailureFacts, said: SaidError): FailureCause {
  if (facts.status === 0) return withoutResponse(facts);
  const headers = parseHeaders(facts.headers);
  const answer = { ...facts, headers };
  return fromAnswerer(answer, said) ?? fromSdk(answer, said) ?? fromStatus(answer, said);
}

function withoutResponse({ errorCause, reason }: FailureFacts): FailureCause {
  if (/^cancell?ed\b/.test(reason)) return "cancelled";
  if (errorCause === "timeout") return "timeout";
  if (errorCause === "corrupt_body" || errorCause === "invalid_request") return "unknown";
  if (errorCause === null && /timed? ?out|no answer within/i.test(reason)) return "timeout";
  return "unreachable";
}

interface Answer extends Omit<FailureFacts, "headers"> {
  readonly headers: Headers;
}

type Headers = Readonly<Record<string, readonly string[]>>;

function parseHeaders(json: string | null): Headers {
  // Written by `JSON.stringify` of an outcome's headers; a damaged column comes empty.
  return json === null || json === "" ? {} : (JSON.parse(json) as Headers);
}

function first(headers: Headers, name: string): string | null {
  return headers[name]?.[0] ?? null;
}

/** What tunnels say of themselves in their pages, when a header is missing. */
const TUNNEL_TEXT = /ERR_NGROK_\d+|\bTunnel Unavailable\b|\bcloudflared?\b.{0,80}\btunnel\b/i;

const LOGIN_PATH = /[/.?=_-](?:log-?in|sign-?in|sso|oauth2?|auth|authorize|saml)(?=[/.?=&_-]|$)/i;
const LOGIN_TEXT =
  /type=["']?password\b|<title[^<>]{0,99}>[^<]{0,99}\b(?:log in|login|sign in|authentication required)\b/i;

/** Somebody else has answered in the place of the app. */
function fromAnswerer({ status, headers }: Answer, { text, isPage }: SaidError) {
  if (nameAnswerer({ status, headers }) !== null || TUNNEL_TEXT.test(text)) return "tunnel_page";
  const location = first(headers, "location");
  if (status >= 300 && status < 400 && location !== null) {
    return LOGIN_PATH.test(location) ? "redirect_to_login" : null;
  }
  return isPage && LOGIN_TEXT.test(text) ? "redirect_to_login" : null;
}

const SIGNATURE_TEXT =
  /\bsignatures?\b.{0,80}\b(?:not valid|invalid|missing|mismatch|expired|fail|wrong|does not)|\b(?:invalid|missing|verify|no)\b.{0,40}\bsignature\b|Failed to verify that the Workflow request|\bno Upstash-Signature\b/i;

/** The names that validators give their errors. */
const VALIDATION_NAME = /^(?:Zod|Valibot|Schema|Validation|Type ?Box|Yup|Joi)\w*(?:Error|Failed)$/;

function fromSdk(answer: Answer, { text, name }: SaidError): FailureCause | null {
  const { reason, status, headers, isWorkflow } = answer;
  if (reason === SDK_TOO_OLD) return "old_sdk";
  if ([NOT_A_WORKFLOW, NOT_FROM_SDK, NOT_TRIGGERED].includes(reason)) return "not_a_workflow";
  if (status >= 400 && SIGNATURE_TEXT.test(text)) return "signature_mismatch";
  if (name !== null && VALIDATION_NAME.test(name)) return "payload_refused";
  if (first(headers, HEADER.nonRetryable) === "true") return "non_retryable";
  // A success that failed: what the answer submits is refused.
  if (status >= 200 && status < 300) return isWorkflow ? "payload_refused" : "unknown";
  const isOfSdk = first(headers, HEADER.workflowSdkVersion) !== null || name !== null;
  return isWorkflow && isOfSdk && status >= 500 ? "step_error" : null;
}

function fromStatus({ status, isWorkflow }: Answer, { isPage }: SaidError): FailureCause {
  // No workflow answers with a page, and none is missing where one is.
  if (isWorkflow && (status === 405 || (isPage && status === 404))) return "not_a_workflow";
  if (status === 408 || status === 504) return "timeout";
  if (status === 413 || status === 415 || status === 422) return "payload_refused";
  if (status >= 500) return "server_error";
  return status >= 400 ? "client_error" : "unknown";
}
