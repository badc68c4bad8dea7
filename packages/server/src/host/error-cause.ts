import type { ErrorCause } from "../core/outcome.ts";
import { EGRESS_DENIED } from "./egress.ts";

/** What went wrong with a request, for machines and for people. */
export interface Failure {
  readonly cause: ErrorCause;
  readonly message: string;
}

const CAUSE_OF_CODE: ReadonlyMap<string, ErrorCause> = new Map([
  [EGRESS_DENIED, "egress_denied"],
  ["ENOTFOUND", "dns"],
  ["EAI_AGAIN", "dns"],
  ["EAI_FAIL", "dns"],
  ["EAI_NODATA", "dns"],
  ["EAI_NONAME", "dns"],
  ["ECONNREFUSED", "refused"],
  ["ECONNRESET", "reset"],
  ["ECONNABORTED", "reset"],
  ["EPIPE", "reset"],
  ["UND_ERR_SOCKET", "reset"],
  ["UND_ERR_ABORTED", "reset"],
  ["ETIMEDOUT", "timeout"],
  ["UND_ERR_CONNECT_TIMEOUT", "timeout"],
  ["UND_ERR_HEADERS_TIMEOUT", "timeout"],
  ["UND_ERR_BODY_TIMEOUT", "timeout"],
  ["EHOSTUNREACH", "unreachable"],
  ["EHOSTDOWN", "unreachable"],
  ["ENETUNREACH", "unreachable"],
  ["ENETDOWN", "unreachable"],
  ["EADDRNOTAVAIL", "unreachable"],
  ["UND_ERR_HEADERS_OVERFLOW", "protocol"],
  ["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "protocol"],
  ["UND_ERR_INVALID_ARG", "invalid_request"],
  ["UND_ERR_REQ_CONTENT_LENGTH_MISMATCH", "invalid_request"],
  ["UND_ERR_NOT_SUPPORTED", "invalid_request"],
  ["EPROTO", "tls"],
  ["CERT_HAS_EXPIRED", "tls"],
  ["CERT_NOT_YET_VALID", "tls"],
  ["CERT_REVOKED", "tls"],
  ["CERT_UNTRUSTED", "tls"],
  ["CERT_REJECTED", "tls"],
  ["CERT_SIGNATURE_FAILURE", "tls"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "tls"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "tls"],
  ["UNABLE_TO_GET_ISSUER_CERT", "tls"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "tls"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "tls"],
  ["HOSTNAME_MISMATCH", "tls"],
  ["INVALID_CA", "tls"],
]);

/** Families of codes of Node and OpenSSL. */
const CAUSE_OF_PREFIX: readonly (readonly [prefix: string, cause: ErrorCause])[] = [
  ["ERR_TLS_", "tls"],
  ["ERR_SSL_", "tls"],
];

/** Says why a request failed, from the error that the HTTP client gave. */
export function toFailure(error: Error): Failure {
  const reason = firstReason(error);
  const code = "code" in reason && typeof reason.code === "string" ? reason.code : "";
  return { cause: causeOf(reason, code), message: toText(reason, code) };
}

/** What undici says in its own words about an answer, for people who do not know them. */
const TEXT_OF_MESSAGE: ReadonlyMap<string, string> = new Map([
  ["bad response", "the answer is 100 Continue, which the request did not ask for"],
  ["bad upgrade", "the answer is 101 Switching Protocols, which the request did not ask for"],
  ["Headers Overflow Error", "the headers of the answer are longer than 16 KiB"],
  ["other side closed", "the connection was closed before the answer was complete"],
]);

function toText(reason: Error, code: string): string {
  if (code === "ERR_ASSERTION") return "the answer is not valid HTTP/1.1";
  // OpenSSL puts a file, a line and a thread around the few words that matter.
  if (code.startsWith("ERR_SSL_") && "reason" in reason) return `TLS failed: ${reason.reason}`;
  const text = TEXT_OF_MESSAGE.get(reason.message) ?? (reason.message || code || reason.name);
  // Node adds advice on how to start it.
  return text.replace(/; if the root CA is installed locally.*$/s, "");
}

function causeOf(reason: Error, code: string): ErrorCause {
  // Undici has one code for every trouble with a socket, but for these two the peer answered, only not as HTTP wants:
  // an unasked 100 and an unasked upgrade.
  if (reason.message === "bad response" || reason.message === "bad upgrade") return "protocol";
  // An answer that undici had ruled out, such as a status below 100.
  if (code === "ERR_ASSERTION") return "protocol";
  // The parser's errors carry a code only at times, but always this name.
  if (reason.name === "HTTPParserError") return "protocol";
  const cause = CAUSE_OF_CODE.get(code);
  if (cause !== undefined) return cause;
  return CAUSE_OF_PREFIX.find(([prefix]) => code.startsWith(prefix))?.[1] ?? "unknown";
}

/** A name with several addresses fails with one error for each; the first speaks for all. */
function firstReason(error: Error): Error {
  const inner = error instanceof AggregateError ? error.errors[0] : null;
  return inner instanceof Error ? inner : error;
}
