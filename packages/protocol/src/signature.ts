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
  /** base64url of the body's SHA-256, without padding. */
  readonly bodySha256: string;
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
    // The documentation shows this claim padded; 32 bytes always need one sign. The parts of the JWT have none.
    body: `${bodySha256}=`,
  };
}

/** base64url of `{"alg":"HS256","typ":"JWT"}`. */
const ENCODED_HEADER = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/**
 * The text to sign; the signature follows it after a dot.
 * @param toBase64Url encodes the UTF-8 bytes of a text without padding. From the caller, because every delivery is
 * signed and the runtime's own codec is several times faster than one in JavaScript.
 */
export function signingInput(
  claims: SignatureClaims,
  toBase64Url: (text: string) => string,
): string {
  return `${ENCODED_HEADER}.${toBase64Url(JSON.stringify(claims))}`;
}

/** Appends the signature, base64url without padding, to the signed text. */
export function compactJwt(input: string, signature: string): string {
  return `${input}.${signature}`;
}
