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

/** Signs one attempt with the current key: `Upstash-Signature`, a JWT over the exact URL and the hash of the body. */
export function signDelivery(
  delivery: { readonly url: string; readonly body: Uint8Array | string; readonly now: number },
  signingKey: string,
  randomBytes: RandomBytes,
): string {
  const bodySha256 = hash("sha256", delivery.body, "base64url");
  const jwtId = newJwtId(randomBytes);
  const claims = signatureClaims({ url: delivery.url, bodySha256, now: delivery.now, jwtId });
  const input = signingInput(claims, toBase64Url);
  return compactJwt(input, createHmac("sha256", signingKey).update(input).digest("base64url"));
}

function toBase64Url(text: string): string {
  return Buffer.from(text).toString("base64url");
}
