import { createHmac, hash } from "node:crypto";
import {
  compactJwt,
  newJwtId,
  type RandomBytes,
  signatureClaims,
  signingInput,
} from "@reprise/protocol";

export interface SigningKeys {
  readonly current: string;
  readonly next: string;
}

/** base64url of the SHA-256 of a body, without padding. */
export function hashBody(body: Uint8Array | string): string {
  return hash("sha256", body, "base64url");
}

/** Signs one attempt with the current key: `Upstash-Signature`, a JWT over the exact URL and the hash of the body. */
export function signDelivery(
  delivery: { readonly url: string; readonly bodySha256: string; readonly now: number },
  signingKey: string,
  randomBytes: RandomBytes,
): string {
  const claims = signatureClaims({ ...delivery, jwtId: newJwtId(randomBytes) });
  const input = signingInput(claims, toBase64Url);
  return compactJwt(input, createHmac("sha256", signingKey).update(input).digest("base64url"));
}

function toBase64Url(text: string): string {
  return Buffer.from(text).toString("base64url");
}
