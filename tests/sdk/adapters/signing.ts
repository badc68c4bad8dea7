// Signatures as the server makes them, for requests that it would not make.

import { createHash, createHmac } from "node:crypto";

export interface SignedText {
  readonly body: string | Uint8Array;
  readonly key: string;
  /** Seconds from now at which the signature begins to hold. */
  readonly notBeforeS?: number;
}

/** The header of a signed request. */
export function signatureOf({ body, key, notBeforeS = 0 }: SignedText): string {
  const now = Math.floor(Date.now() / 1000) + notBeforeS;
  const claims = {
    iss: "Upstash",
    sub: "",
    exp: now + 300,
    nbf: now,
    iat: now,
    jti: "jwt_1",
    body: createHash("sha256").update(body).digest("base64url"),
  };
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
  const input = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
  return `${input}.${createHmac("sha256", key).update(input).digest("base64url")}`;
}
