/** The pure pieces of a delivery's signature, a JWT with HS256; hashing and signing are the server's. */

import { SIGNATURE_LIFETIME_SECONDS } from "./limits.ts";

/** Claims of `Upstash-Signature`. Instants are whole seconds. */
export interface SignatureClaims {
  readonly iss: "Upstash";
  /** Exact text of the destination URL. */
  readonly sub: string;
  readonly exp: number;
  /** Always 0: verifiers have no tolerance for a clock that is ahead of theirs. */
  readonly nbf: 0;
  readonly iat: number;
  readonly jti: string;
  /** base64url of the SHA-256 of the body; present for an empty body as well. */
  readonly body: string;
}

export interface SignatureInput {
  readonly url: string;
  readonly bodySha256: Uint8Array;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly jwtId: string;
}

/** Builds the claims for one attempt; each attempt needs new ones, since they expire after five minutes. */
export function signatureClaims({ url, bodySha256, now, jwtId }: SignatureInput): SignatureClaims {
  // Rounded down: one verifier refuses an `iat` in the future.
  const iat = Math.floor(now / 1000);
  const exp = iat + SIGNATURE_LIFETIME_SECONDS;
  return {
    iss: "Upstash",
    sub: url,
    exp,
    nbf: 0,
    iat,
    jti: jwtId,
    body: toBase64UrlPadded(bodySha256),
  };
}

/** base64url of `{"alg":"HS256","typ":"JWT"}`. */
const ENCODED_HEADER = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
const encoder = new TextEncoder();

/** The text to sign; the signature follows it after a dot. */
export function signingInput(claims: SignatureClaims): string {
  return `${ENCODED_HEADER}.${toBase64Url(encoder.encode(JSON.stringify(claims)))}`;
}

/** Appends the signature to the signed text. */
export function compactJwt(input: string, signature: Uint8Array): string {
  return `${input}.${toBase64Url(signature)}`;
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Encodes bytes as base64url with padding, as the documentation shows the `body` claim; JWT parts drop it. */
export function toBase64UrlPadded(bytes: Uint8Array): string {
  const text = toBase64Url(bytes);
  return text + "=".repeat((4 - (text.length % 4)) % 4);
}

/** Encodes bytes as base64url without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  let text = "";
  for (let index = 0; index < bytes.length; index += 3) {
    const left = bytes.length - index;
    const bits =
      ((bytes[index] ?? 0) << 16) | ((bytes[index + 1] ?? 0) << 8) | (bytes[index + 2] ?? 0);
    text += ALPHABET.charAt(bits >> 18) + ALPHABET.charAt((bits >> 12) & 63);
    if (left > 1) text += ALPHABET.charAt((bits >> 6) & 63);
    if (left > 2) text += ALPHABET.charAt(bits & 63);
  }
  return text;
}
